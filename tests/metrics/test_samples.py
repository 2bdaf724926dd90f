import numpy as np
import pytest

from quantum_latents.metrics import energy_distance, l1_to_integer, mmd_squared
from quantum_latents.metrics.samples import as_samples, as_samples_pair

GOOD = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (np.zeros(3), ValueError, r"not \(3,\); write generated\[:, None\]"),
        (np.zeros((2, 2, 2)), ValueError, r"not \(2, 2, 2\)"),
        (np.zeros((1, 2)), ValueError, "has 1 samples; a metric needs at least 2"),
        (np.zeros((0, 2)), ValueError, "has 0 samples"),
        (np.zeros((2, 0)), ValueError, "no coordinates"),
        ([[0, 1], [2, np.nan]], ValueError, "holds nan at row 1, coordinate 1"),
        ([[0, 1], [-np.inf, 1]], ValueError, "holds -inf at row 1, coordinate 0"),
        ([[0, 1], [1e200, 1]], ValueError, r"holds 1e\+200 at row 1"),
        (np.zeros((2, 2), complex), TypeError, "real numbers, not complex128"),
        (np.array([["a"], ["b"]]), TypeError, "real numbers, not <U1"),
        (np.array([[None], [1]]), TypeError, "real numbers, not object"),
    ],
)
def test_bad_samples_are_refused_by_every_kind_of_metric(samples, error, message):
    with pytest.raises(error, match=message):
        as_samples(samples, "generated")
    with pytest.raises(error, match=message):
        l1_to_integer(samples)
    for metric in (mmd_squared, energy_distance):
        with pytest.raises(error, match=message):
            metric(samples, GOOD)
        with pytest.raises(error):
            metric(GOOD, samples)


def test_sets_of_different_dimension_are_refused():
    with pytest.raises(ValueError, match="generated has 2 coordinates and reference has 3"):
        as_samples_pair(np.zeros((4, 2)), np.zeros((4, 3)))


def test_the_samples_given_are_not_changed():
    counts = np.arange(12, dtype=np.uint8).reshape(6, 2)
    before = counts.copy()
    mmd_squared(counts, counts + 1)
    energy_distance(counts, counts + 1)
    assert (counts == before).all()
