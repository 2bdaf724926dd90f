"""tanh and exp of kernels, against numpy in double precision."""

import numba
import numpy as np
import pytest

from quantum_latents.models.kernels.elementwise import exp, tanh


@numba.njit(error_model="numpy", fastmath={"contract"})
def _tanh(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = tanh(x[i])
    return y


@numba.njit(error_model="numpy", fastmath={"contract"})
def _exp(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = exp(x[i])
    return y


@pytest.mark.parametrize(
    ("function", "exact", "most"), [(_tanh, np.tanh, 20.0), (_exp, np.exp, 80.0)]
)
@pytest.mark.parametrize(("dtype", "units"), [(np.float32, 2.0), (np.float64, 2.0)])
def test_within_two_units_in_the_last_place(function, exact, most, dtype, units):
    small = np.geomspace(1e-30, 1.0, 2001)
    x = np.concatenate([np.linspace(-most, most, 200_001), small, -small]).astype(dtype)
    wanted = exact(x.astype(np.float64))
    error = np.abs(function(x) - wanted)
    assert (error <= units * np.finfo(dtype).eps * np.abs(wanted)).all()


def test_what_is_not_a_number_stays_so_and_ends_are_exact():
    x = np.array([np.nan, np.inf, -np.inf, 0.0], dtype=np.float32)
    np.testing.assert_array_equal(_tanh(x), np.array([np.nan, 1, -1, 0], dtype=np.float32))
    assert np.isnan(_exp(x[:1])).all() and _exp(x[3:])[0] == 1
