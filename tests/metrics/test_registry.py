import subprocess
import sys

import numpy as np
import pytest

from quantum_latents.metrics import METRICS, compute, energy_distance, floor, lookup
from quantum_latents.metrics.features import ComparedFeatures
from quantum_latents.random import stream

STREAM = stream(0, "metrics")
FACTS = {
    "mode_centres": np.array([[0.0, 0.0], [4.0, 4.0]]),
    "mode_sigma": 0.1,
    "mode_weights": np.array([0.5, 0.5]),
    "mode_minimum_share": 0.05,
    "photon_total": 8,
    "board_squares": 4,
    "board_half_width": 4.0,
    "selection_share": 0.5,
    "collision_probability": 0.5,
    "feature_network": {"weight1": np.eye(2), "bias1": np.full(2, 9.0)},
    "inception_features": lambda x, y: ComparedFeatures(x + 9.0, y + 9.0),
}

VECTORS = [name for name, metric in METRICS.items() if metric.domain == "vectors"]


def blobs(name, num_samples):
    generator = stream(0, "test", name).generator()
    return 4.0 * generator.integers(2, size=(num_samples, 1)) + generator.normal(
        scale=0.05, size=(num_samples, 2)
    )


@pytest.mark.parametrize("name", VECTORS)
def test_every_metric_is_named_directed_and_computed(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.direction in ("lower", "higher")
    assert metric.label
    value = compute(name, blobs("generated", 200), blobs("reference", 300), FACTS, STREAM)
    assert isinstance(value, float)
    assert np.isfinite(value)
    again = compute(name, blobs("generated", 200), blobs("reference", 300), FACTS, STREAM)
    assert value == again


@pytest.mark.parametrize("name", VECTORS)
def test_a_metric_that_a_constant_wins_names_who_must_agree_and_the_others_beat_it(name):
    """A constant at a mode with integer coordinates of the right sum, against the data.

    The mode is the corner of a dark square too; the constant that wins means is the mean, of the
    rows that are not set aside for a selection.
    """
    metric = METRICS[name]
    reference, other = blobs("reference", 300), blobs("other", 300)
    best = reference[150:].mean(axis=0) if name == "mean_error" else [4.0, 4.0]
    constant = np.tile(best, (300, 1))
    sign = 1 if metric.direction == "lower" else -1
    of_constant = sign * compute(name, constant, reference, FACTS, STREAM)
    of_data = sign * floor(name, other, reference, FACTS, STREAM)
    if metric.constant_wins:
        if metric.direction == "lower":
            assert of_constant == pytest.approx(0, abs=1e-12)
        assert of_constant <= of_data
        assert metric.corroborated_by
        assert not any(METRICS[other_name].constant_wins for other_name in metric.corroborated_by)
    else:
        assert of_constant > of_data


@pytest.mark.parametrize("name", [name for name in VECTORS if METRICS[name].needs])
def test_a_missing_fact_is_named(name):
    for fact in METRICS[name].needs:
        facts = {key: value for key, value in FACTS.items() if key != fact}
        with pytest.raises(ValueError, match=f"{name!r} needs the data set's {fact}"):
            compute(name, blobs("a", 10), blobs("b", 10), facts, STREAM)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mmd2", "did you mean 'mmd'"),
        ("share_outsied", "did you mean 'share_outside'"),
        ("fid", "there are l1_to_integer, "),
        (7, "no metric is called 7"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, hint):
    with pytest.raises(ValueError, match=hint):
        lookup(name)


@pytest.mark.parametrize("name", VECTORS)
def test_bad_samples_are_refused_by_name(name):
    with pytest.raises(ValueError, match="generated holds nan"):
        compute(name, np.full((4, 2), np.nan), blobs("b", 10), FACTS, STREAM)
    with pytest.raises(ValueError, match="reference has 3"):
        compute(name, blobs("a", 10), np.zeros((4, 3)), FACTS, STREAM)


@pytest.mark.parametrize("name", ["mmd", "energy_distance", "sliced_wasserstein", "wasserstein_1"])
def test_coordinate_scale_frees_two_sample_metrics_from_the_units_of_columns(name):
    x, y = blobs("a", 100), blobs("b", 100)
    unit = np.array([1000.0, 0.01])
    plain = compute(name, x, y, {"coordinate_scale": np.ones(2)}, STREAM)
    other_units = compute(name, x * unit, y * unit, {"coordinate_scale": unit}, STREAM)
    assert other_units == pytest.approx(plain)
    assert compute(name, x, y, {}, STREAM) == plain


@pytest.mark.parametrize("scale", [np.ones(3), np.array([1.0, 0.0]), np.array([1.0, np.nan])])
def test_a_bad_coordinate_scale_is_refused(scale):
    with pytest.raises(ValueError, match="coordinate_scale must be 2 numbers > 0"):
        compute("mmd", blobs("a", 9), blobs("b", 9), {"coordinate_scale": scale}, STREAM)


def test_the_floor_is_the_metric_of_the_data_themselves():
    x, y = blobs("a", 100), blobs("b", 100)
    assert floor("energy_distance", x, y, {}, STREAM) == energy_distance(x, y)


def test_the_room_needs_no_torch():
    code = "import sys, quantum_latents.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
