import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_latents.circuits.occupation import evenly_spread


@given(st.integers(1, 60), st.data())
def test_photons_enter_one_a_mode_with_equal_gaps_up_to_one(num_modes, data):
    num_photons = data.draw(st.integers(1, num_modes))
    occupation = evenly_spread(num_modes, num_photons)
    assert len(occupation) == num_modes
    assert sum(occupation) == num_photons
    assert set(occupation) <= {0, 1}
    assert occupation[0] == 1
    modes = [mode for mode, photons in enumerate(occupation) if photons] + [num_modes]
    gaps = [later - earlier for earlier, later in itertools.pairwise(modes)]
    assert max(gaps) - min(gaps) <= 1


def test_half_filling_is_the_papers_input():
    assert evenly_spread(16, 8) == (1, 0) * 8


@pytest.mark.parametrize(
    ("num_modes", "num_photons", "error", "message"),
    [
        (2, 3, ValueError, "num_photons=3 exceeds num_modes=2"),
        (2, 0, ValueError, "num_photons is at least 1, not 0"),
        (0, 1, ValueError, "num_modes is at least 1, not 0"),
        (2.0, 1, TypeError, "float"),
    ],
)
def test_bad_numbers_are_named(num_modes, num_photons, error, message):
    with pytest.raises(error, match=message):
        evenly_spread(num_modes, num_photons)
