"""Exact Wasserstein-1: independent libraries, the axioms of a metric, its sampling floor."""

import math

import numpy as np
import ot
import pytest
import scipy.stats

from quantum_latents.metrics import MAX_TRANSPORT, compute, floor, wasserstein_1
from quantum_latents.random import stream


def normal(name, num_samples=60, dim=3, shift=0.0):
    return stream(0, "test", name).generator().normal(size=(num_samples, dim)) + shift


@pytest.mark.parametrize("kind", ["normal", "counts"])
@pytest.mark.parametrize("dim", [1, 2, 7])
def test_it_is_pots_network_simplex(kind, dim):
    x, y = normal("x", dim=dim), normal("y", dim=dim, shift=0.5)
    if kind == "counts":  # many ties
        x, y = np.abs(np.rint(x)), np.abs(np.rint(y))
    weights = np.full(60, 1 / 60)
    expected = ot.emd2(weights, weights, ot.dist(x, y, metric="euclidean"))
    assert wasserstein_1(x, y) == pytest.approx(expected, rel=1e-10)


def test_in_one_dimension_it_is_scipys_distance_of_quantile_functions():
    x, y = normal("x", dim=1), normal("y", dim=1, shift=2.0)
    expected = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert wasserstein_1(x, y) == pytest.approx(expected, rel=1e-12)


def test_in_more_it_is_scipys_linear_programme():
    x, y = normal("x", 15), normal("y", 15, shift=1.0)
    expected = scipy.stats.wasserstein_distance_nd(x, y)
    assert wasserstein_1(x, y) == pytest.approx(expected, rel=1e-6)


def test_it_is_a_metric_of_empirical_laws():
    x, y, z = normal("x"), normal("y", shift=1.0), 2 * normal("z")
    assert wasserstein_1(x, x[::-1]) == 0
    assert wasserstein_1(x, y) == pytest.approx(wasserstein_1(y, x), rel=1e-12)
    assert wasserstein_1(x, y) > 0.1
    assert wasserstein_1(x, z) <= wasserstein_1(x, y) + wasserstein_1(y, z)
    # A common shift of all points is the length of the shift.
    assert wasserstein_1(x, x + np.array([3.0, 4.0, 0.0])) == pytest.approx(5.0, rel=1e-12)


def test_a_lipschitz_map_stretches_it_by_at_most_its_constant():
    x, y = normal("x"), normal("y", shift=1.0)
    matrix = normal("map", 5, 3).T
    slope = np.linalg.norm(matrix, 2)
    assert wasserstein_1(x @ matrix, y @ matrix) <= slope * wasserstein_1(x, y) * (1 + 1e-12)


def test_its_floor_is_positive_and_falls_with_the_number_of_samples():
    floors = [
        wasserstein_1(normal("a", n, 4), normal("b", n, 4)) * n ** (1 / 4) for n in (50, 200, 800)
    ]
    # In four dimensions about n^(-1/4): the scaled values agree to a third, the bare ones do not.
    assert max(floors) < 1.33 * min(floors)
    assert floors[0] / 50 ** (1 / 4) > 1.5 * floors[2] / 800 ** (1 / 4)


def test_equally_many_first_rows_of_both_are_compared_and_never_too_many():
    x, y = normal("x", 40), normal("y", 25)
    assert wasserstein_1(x, y) == wasserstein_1(x[:25], y)
    many = normal("x", MAX_TRANSPORT + 50, 1)
    changed = many.copy()
    changed[MAX_TRANSPORT:] += 100
    assert wasserstein_1(many, changed) == 0


@pytest.mark.parametrize("name", ["wasserstein_1", "energy_distance", "mmd", "sliced_wasserstein"])
def test_rows_that_choose_are_not_reported(name):
    x, y, facts = normal("x"), normal("y"), {"selection_share": 0.5}
    directions = stream(0, "metrics")
    value = compute(name, x, y, facts, directions)
    assert value == compute(name, x[30:], y[30:], {}, directions)
    moved = x.copy()
    moved[:30] += 50.0
    assert compute(name, moved, y, facts, directions) == value
    assert compute("wasserstein_1_selection", moved, y, facts, directions) > 50


def test_rows_that_are_reported_do_not_choose():
    x, y, facts = normal("x"), normal("y"), {"selection_share": 0.5}
    value = compute("wasserstein_1_selection", x, y, facts, stream(0, "metrics"))
    assert value == wasserstein_1(x[:30], y[:30])
    moved = x.copy()
    moved[30:] += 50.0
    again = compute("wasserstein_1_selection", moved, y, facts, stream(0, "metrics"))
    assert again == value


def test_the_floor_is_of_the_reported_rows_too():
    x, y = normal("x"), normal("y")
    of_data = floor("wasserstein_1", x, y, {"selection_share": 0.5}, stream(0, "metrics"))
    assert of_data == wasserstein_1(x[30:], y[30:])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, math.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"selection_share is in \(0, 1\)"):
        compute("mmd", normal("x"), normal("y"), {"selection_share": share}, stream(0, "metrics"))


def test_bad_samples_are_named():
    with pytest.raises(ValueError, match="generated has 3 coordinates and reference has 2"):
        wasserstein_1(normal("x"), normal("y", dim=2))
