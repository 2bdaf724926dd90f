"""Metrics in a network's features: against naive loops, closed forms, and what they are for."""

import numpy as np
import pytest

from quantum_latents.data import DigitsSpec, load
from quantum_latents.data.split import split_rows
from quantum_latents.metrics import (
    Manifolds,
    compute,
    features_of,
    floor,
    frechet_feature_distance,
    kernel_feature_distance,
    manifolds,
)
from quantum_latents.metrics import features as features_module
from quantum_latents.metrics.frechet import (
    frechet_distance,
    frechet_distance_of_few,
    moments,
)
from quantum_latents.random import stream


def normals(name, *shape):
    return stream(0, name).generator().standard_normal(shape)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return load(DigitsSpec(threshold=None), stream(0, "data"), tmp_path_factory.mktemp("cache"))


def value(name, samples, digits):
    return compute(name, samples, digits.held_out, digits.facts, stream(0, "metrics"))


def test_features_are_the_last_hidden_layer():
    weights = {"weight1": normals("a", 5, 3), "bias1": normals("b", 5)}
    weights |= {"weight2": normals("c", 2, 5), "bias2": normals("d", 2)}
    x = normals("x", 7, 3)
    found = features_of(x, weights)
    for row, of_row in zip(x, found, strict=True):
        hidden = [
            max(0.0, w @ row + b) for w, b in zip(weights["weight1"], weights["bias1"], strict=True)
        ]
        for place in range(2):
            wanted = max(0.0, weights["weight2"][place] @ hidden + weights["bias2"][place])
            assert of_row[place] == pytest.approx(wanted)
    with pytest.raises(ValueError, match=r"takes rows of 3 numbers, not \(7, 2\)"):
        features_of(x[:, :2], weights)


def test_the_frechet_distance_of_normal_laws_is_the_closed_form():
    x, y = 2 * normals("x", 200_000, 2), normals("y", 200_000, 2) + np.array([1.0, 0.0])
    assert frechet_feature_distance(x, y) == pytest.approx(1 + 2 * (2 - 1) ** 2, rel=0.02)


def test_the_kernel_distance_is_its_double_sums():
    x, y = normals("x", 6, 3), normals("y", 5, 3) + 1

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    within_x = np.mean([kernel(x[i], x[j]) for i in range(6) for j in range(6) if i != j])
    within_y = np.mean([kernel(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    between = np.mean([kernel(a, b) for a in x for b in y])
    assert kernel_feature_distance(x, y) == pytest.approx(within_x + within_y - 2 * between)


def test_the_kernel_distance_is_0_on_average_where_the_laws_agree():
    many = [
        kernel_feature_distance(normals(f"x{i}", 40, 3), normals(f"y{i}", 40, 3))
        for i in range(300)
    ]
    assert abs(np.mean(many)) < 4 * np.std(many) / np.sqrt(300)


def test_manifolds_are_their_definitions(monkeypatch):
    x, y, k = 2 * normals("x", 23, 2), normals("y", 17, 2) * 1.5 + 1, 3

    def apart(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    def radius(points, i):
        return sorted(apart(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]

    balls_y = [radius(y, j) for j in range(17)]
    balls_x = [radius(x, i) for i in range(23)]
    inside = [[apart(a, b) <= balls_y[j] for j, b in enumerate(y)] for a in x]
    wanted = Manifolds(
        precision=np.mean([any(row) for row in inside]),
        recall=np.mean([any(apart(a, b) <= balls_x[i] for i, a in enumerate(x)) for b in y]),
        density=np.sum(inside) / (k * 23),
        coverage=np.mean(np.any(inside, axis=0)),
    )
    assert 0 < wanted.precision < 1
    assert 0 < wanted.recall < 1
    assert vars(manifolds(x, y, k)) == pytest.approx(vars(wanted))
    monkeypatch.setattr(features_module, "_BLOCK_ROWS", 4)
    assert vars(manifolds(x, y, k)) == pytest.approx(vars(wanted))


def test_samples_of_the_law_itself_cover_it():
    found = manifolds(normals("x", 2000, 4), normals("y", 2000, 4))
    assert found.precision > 0.9
    assert found.recall > 0.9
    assert found.density == pytest.approx(1, abs=0.05)  # its mean is 1 (Naeem et al., section 3)
    # A reference point's ball misses all generated ones while the nearest 5 of all are its own
    # set's: with probability 1/2 each, to leading order.
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="a 5-th neighbour needs more than 5 samples, not 5"):
        manifolds(normals("x", 5, 2), normals("y", 9, 2))


def test_the_network_of_the_digits_tells_them_apart(digits):
    """Held-out digits lie nearest to the mean features of their own class."""
    images = pytest.importorskip("sklearn.datasets").load_digits()
    network = digits.facts["feature_network"]
    found = features_of(images.data / 16, network)
    rows = np.arange(len(found))[:, None]
    train, held_out, _ = (part[:, 0] for part in split_rows(rows, 400, 0))
    centres = np.array([found[train][images.target[train] == d].mean(0) for d in range(10)])
    nearest = ((found[held_out, None] - centres) ** 2).sum(2).argmin(1)
    assert (nearest == images.target[held_out]).mean() > 0.95


@pytest.mark.parametrize(
    "name",
    ["frechet_feature_distance", "kernel_feature_distance", "feature_recall", "feature_coverage"],
)
def test_a_class_that_is_left_out_shows(name, digits):
    """Images of the data in which one half never comes are worse than the data's own."""
    images = digits.floor_reference
    dark = images[np.argsort(images.sum(1))[:200]]
    least, found = value(name, images, digits), value(name, dark, digits)
    best = floor(name, images, digits.held_out, digits.facts, stream(0, "metrics"))
    assert least == best
    assert found > least if "distance" in name else found < least


def test_noise_is_no_digit(digits):
    noise = stream(0, "noise").generator().integers(0, 17, size=(400, 64)).astype(np.float32)
    assert value("feature_precision", noise, digits) < 0.1
    assert value("feature_density", noise, digits) < 0.1
    assert value("frechet_feature_distance", noise, digits) > 20 * value(
        "frechet_feature_distance", digits.floor_reference, digits
    )


def test_a_constant_wins_where_it_is_said_to(digits):
    constant = np.tile(digits.held_out[:1], (400, 1))
    assert value("feature_precision", constant, digits) == 1.0
    assert value("feature_coverage", constant, digits) < 0.1
    assert value("feature_recall", constant, digits) < 0.1


def test_distances_of_wide_features_are_those_of_narrow_ones(monkeypatch):
    """Matrix products in the place of differences, from 257 features on."""
    x, y = 3 + normals("x", 40, 400), 3 + normals("y", 30, 400)
    wide = manifolds(x, y)
    apart = features_module._distances(x, y)
    monkeypatch.setattr(features_module, "_MOST_NARROW", 400)
    assert np.allclose(apart, features_module._distances(x, y), rtol=1e-12)
    assert manifolds(x, y) == wide
    assert 0 < wide.precision < 1
    same = features_module._distances(x, x)
    assert same.diagonal().max() < 1e-5


def test_the_frechet_distance_of_few_is_that_of_their_moments():
    x, y = normals("x", 30, 60) + 1, 2 * normals("y", 20, 60)
    wanted = frechet_distance(moments(x), moments(y))
    assert frechet_feature_distance(x, y) == pytest.approx(wanted, rel=1e-10)
    assert frechet_distance_of_few(x[:, :10], y[:, :10]) == pytest.approx(
        frechet_feature_distance(x[:, :10], y[:, :10]), rel=1e-10
    )
    assert frechet_feature_distance(x, x) == pytest.approx(0, abs=1e-10)
    with pytest.raises(ValueError, match="2 samples or more, not 1"):
        frechet_feature_distance(x, y[:1])
