"""How many shots a post-selection keeps: bounds, and what keeps too few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, NoisySampler, noisy_law, sample_noisy
from quantum_latents.samplers.acceptance import (
    acceptance_bounds,
    check_acceptance,
    photon_number_law,
)
from quantum_latents.samplers.noise import MIN_ACCEPTANCE
from quantum_latents.samplers.noisy import PILOT_ATTEMPTS

NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
DEVICE = haar(4, NAME)
LOOPS = time_bin(4, (1, 2), stream=NAME)


def test_photon_numbers_are_those_of_the_exact_law():
    occupation = (1, 2, 0, 1)
    for noise in [
        Noise(emission=(0.9, 0.5, 1, 0.3), g2=0.3, input_transmission=0.8),
        Noise(input_photons=2, g2=0.2, input_transmission=(0.9, 0.2, 0.3, 0.8)),
        Noise(g2=0.5, extra_photon="indistinguishable"),
    ]:
        outcomes, probabilities = noisy_law(DEVICE, occupation, noise)
        expected = np.bincount(outcomes.sum(axis=1), weights=probabilities)
        found = photon_number_law(noise, occupation)
        assert np.allclose(found, expected[: len(found)], atol=1e-13)
        assert np.allclose(expected[len(found) :], 0, atol=1e-13)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.sampled_from(["at_least", "exactly"]),
    st.integers(0, 4),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.3]),
    st.booleans(),
)
def test_bounds_of_the_acceptance_hold(kind, wanted, threshold, uneven, dark, loops):
    settled = {
        "interference": 0.7,
        "input_transmission": 0.8,
        "output_transmission": (0.9, 0.5, 0.7, 0.8) if uneven else 0.9,
        "dark_counts": dark,
        "threshold": threshold,
        "loop_transmission": (0.9, 0.6) if loops else None,
    }
    outcomes, probabilities = noisy_law(LOOPS, (1, 1, 1, 0), Noise(**settled))
    noise = Noise(**settled, **{kind: wanted})
    exact = probabilities[noise.selected(outcomes.sum(axis=1))].sum()
    low, high = acceptance_bounds(LOOPS, (1, 1, 1, 0), noise)
    assert low - 1e-12 <= exact <= high + 1e-12
    if not (threshold or uneven or loops):
        assert low == pytest.approx(high, abs=1e-12)
    if high < MIN_ACCEPTANCE:
        with pytest.raises(ValueError, match="of the shots"):
            check_acceptance(LOOPS, (1, 1, 1, 0), noise)
    elif not threshold:
        low, high = check_acceptance(LOOPS, (1, 1, 1, 0), noise)
        assert low == pytest.approx(exact, abs=1e-12) or low >= MIN_ACCEPTANCE


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({"exactly": 4}, r"keeps exactly 0 of the shots, below 1e-06"),
        ({"at_least": 4}, "at least 4 counts"),
        ({"exactly": 3, "input_transmission": 1e-3}, "keeps exactly 1e-09"),
        ({"exactly": 3, "output_transmission": (1e-3, 1e-3, 1e-3, 0)}, "keeps at most 1e-09"),
        ({"at_least": 5, "threshold": True, "dark_counts": 1.0}, "at least 5 counts"),
        ({"exactly": 0, "output_transmission": (0.9999, 1, 1, 0.999)}, "0 counts keeps at most"),
        ({"exactly": 0, "output_transmission": (1, 1, 1, 0.98)}, "0 counts keeps exactly"),
        ({"exactly": 3, "threshold": True, "interference": 1.0}, f"none of {PILOT_ATTEMPTS}"),
    ],
)
def test_a_post_selection_that_keeps_nothing_is_refused_with_its_rate(noise, message):
    device, occupation = DEVICE, (1, 1, 1, 0)
    if noise.get("threshold") and "exactly" in noise:
        device, occupation = from_unitary(np.eye(4)), (3, 0, 0, 0)  # one click, never three
    with pytest.raises(ValueError, match=message):
        NoisySampler(device, occupation, Noise(**noise))


def test_a_rare_post_selection_is_drawn():
    noise = Noise(input_transmission=0.04, exactly=3, interference=0.5)
    low, high = acceptance_bounds(DEVICE, (1, 1, 1, 0), noise)
    assert low == high == pytest.approx(6.4e-5)
    assert low > MIN_ACCEPTANCE
    assert (sample_noisy(DEVICE, (1, 1, 1, 0), noise, 1, SHOTS).sum(axis=1) == 3).all()
