"""Warnings for the right families, and the error that weak interference claims."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, boson_law, distinguishable_law, noisy_law
from quantum_latents.theory import interfering_photons, simulabilities


def haar_like(m):
    return {"kind": "haar", "num_modes": m}


def bins(m, *delays):
    return {"kind": "time-bin", "num_modes": m, "delays": list(delays)}


def reasons(recipe, occupation, **noise):
    return [(one.reason, one.scope) for one in simulabilities(recipe, occupation, **noise)]


def test_each_family_has_its_warnings():
    half = (1, 0) * 16
    assert reasons(haar_like(32), half) == []
    assert reasons({"kind": "unitary", "num_modes": 32}, half) == []
    assert reasons(bins(32, 1, 1), half) == [("short loops", "family")]
    assert reasons(bins(32, 1, 3, 9), half) == [("fixed loops", "family")]
    assert reasons(bins(60, 1, 3, 9), (1, 0) * 30) == [("short loops", "family")]
    assert reasons(bins(64, 1, 3, 9, 27), (1,) * 64) == [("fixed loops", "family")]
    assert reasons(haar_like(16), (1, 0) * 8) == [("few photons", "size")]
    assert reasons(haar_like(1000), (1, 1) + (0,) * 998) == [("few photons", "size")]
    assert reasons(bins(16, 1), (1, 0) * 8) == [("short loops", "family"), ("few photons", "size")]
    assert reasons(haar_like(32), half, interference=0.0) == [("no interference", "family")]
    assert reasons(haar_like(32), (1,) + (0,) * 31) == [("no interference", "family")]
    assert reasons(haar_like(32), half, interference=0.5) == [("weak interference", "approximate")]
    assert reasons(haar_like(32), half, interference=0.999999, error=1e-6) == []


def test_loops_as_long_as_the_train_hold_all_of_it():
    assert reasons(bins(32, 31), (1, 0) * 16) == []
    # A long loop that couples two pairs of bins is as easily followed as a short one.
    assert reasons(bins(32, 30), (1, 0) * 16) == [("short loops", "family")]
    assert reasons(bins(32, 16, 15), (1, 0) * 16) == []


def test_the_amplitudes_that_are_claimed_are_those_of_the_bins_held():
    (one,) = simulabilities(bins(32, 1, 1), (1, 0) * 16)
    assert "at most 3 of the 32 bins" in one.claim and "= 153 amplitudes" in one.claim
    (huge,) = simulabilities(bins(4000, 1500), (1, 0) * 2000)
    assert "10^" in huge.claim


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("error", [1e-6, 0.01, 0.3])
def test_so_many_photons_interfere_at_most(probability, error):
    for n in (1, 7, 40):
        k = interfering_photons(n, probability, error)
        assert stats.binom.sf(k, n, probability) <= error
        assert k == 0 or stats.binom.sf(k - 1, n, probability) > error
    assert interfering_photons(5, 0.0, 0.01) == 0
    assert interfering_photons(5, 1.0, 0.01) == 5


@pytest.mark.parametrize("x", [0.3, 0.7])
def test_sampling_fewer_interfering_photons_is_within_the_error(x):
    # Three photons: the exact law against the mixture in which three never interfere.
    device, occupation = haar(5, stream(2, "interferometer")), (1, 0, 1, 0, 1)
    exact = noisy_law(device, occupation, Noise(interference=x))
    outcomes, classical = distinguishable_law(device, occupation)
    place = {tuple(outcome): i for i, outcome in enumerate(exact[0].tolist())}
    probabilities = exact[1][[place[tuple(outcome)] for outcome in outcomes.tolist()]]
    error = x**3
    assert interfering_photons(3, x, error * 1.0001) == 2
    # With probability x^3 all three are in the common state: those shots are drawn classically.
    truncated = probabilities - x**3 * boson_law(device, occupation)[1] + x**3 * classical
    distance = 0.5 * np.abs(truncated - probabilities).sum()
    assert truncated.min() > -1e-12 and truncated.sum() == pytest.approx(1)
    assert 0 < distance <= error


def test_bad_numbers_are_refused():
    for n, p, error in [(-1, 0.5, 0.1), (3, 1.5, 0.1), (3, 0.5, 0.0), (3, 0.5, 1.0)]:
        with pytest.raises(ValueError, match="between 0 and 1"):
            interfering_photons(n, p, error)
