import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_latents.metrics import l1_to_integer, total_photon_error
from quantum_latents.random import stream

SAMPLES = arrays(np.float64, (5, 3), elements=st.floats(-50, 50))


@given(SAMPLES)
def test_l1_is_the_mean_distance_to_floor_or_ceiling(x):
    by_definition = np.minimum(x - np.floor(x), np.ceil(x) - x).mean()
    assert l1_to_integer(x) == pytest.approx(by_definition, abs=1e-12)
    assert 0 <= l1_to_integer(x) <= 0.5


@given(SAMPLES)
def test_l1_is_invariant_under_integer_shifts_and_reflection(x):
    assert l1_to_integer(x + 7) == pytest.approx(l1_to_integer(x), abs=1e-12)
    assert l1_to_integer(-x) == l1_to_integer(x)


def test_l1_of_uniform_noise_is_a_quarter():
    x = stream(0, "test").generator().uniform(0, 10, size=(50_000, 4))
    # The distance is uniform on [0, 1/2], sd 0.144: five standard errors of 200,000 of them.
    assert l1_to_integer(x) == pytest.approx(0.25, abs=5 * 0.1444 / np.sqrt(200_000))


def test_a_constant_integer_wins_l1_and_a_constant_sum_wins_the_total():
    assert l1_to_integer(np.full((10, 4), 3.0)) == 0
    assert total_photon_error(np.full((10, 4), 0.5), total=2) == 0
    assert total_photon_error(np.full((10, 4), 0.4), total=2, rounded=True) == 2


@given(arrays(np.uint8, (5, 4), elements=st.integers(0, 9)), st.integers(-3, 3))
def test_a_shift_of_one_coordinate_shifts_the_total(x, shift):
    generated = x.astype(float)
    generated[:, 1] += 10 - generated.sum(axis=1) + shift
    assert total_photon_error(generated, total=10) == abs(shift)
    assert total_photon_error(generated, total=10, rounded=True) == abs(shift)


@pytest.mark.parametrize("total", [-1, np.nan, np.inf])
def test_an_impossible_total_is_refused(total):
    with pytest.raises(ValueError, match="a photon number >= 0"):
        total_photon_error(np.zeros((2, 2)), total)
