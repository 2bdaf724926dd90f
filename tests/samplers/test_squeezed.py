"""Gaussian boson sampling against hafnians, Gaussian states and its own closed forms.

Streams are fixed, so statistical tests are deterministic; thresholds are set for a false alarm of
1e-6 had the stream been drawn anew.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from thewalrus.quantum import photon_number_covmat, photon_number_mean_vector
from thewalrus.quantum import probabilities as gaussian_probabilities
from thewalrus.reference import hafnian

from quantum_latents.circuits import from_unitary, haar
from quantum_latents.random import stream
from quantum_latents.samplers import SqueezedSampler, mean_occupancy, squeezed_law
from quantum_latents.samplers.squeezed import (
    check_squeezed,
    equal_squeezing,
    squeezed_total_law,
)
from quantum_latents.samplers.validation import chi_square

ALPHA = 1e-6
NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
UNEQUAL = [0.7, 0.0, 0.4]


def quadratures(device, squeezing):
    """Covariance of the output's quadratures x_1..x_m, p_1..p_m, at hbar = 2."""
    real, imaginary = device.unitary.real, device.unitary.imag
    rotation = np.block([[real, -imaginary], [imaginary, real]])
    r = np.asarray(squeezing)
    return rotation @ np.diag(np.exp(np.concatenate([2 * r, -2 * r]))) @ rotation.T


# The law against definitions and another library.


@pytest.mark.parametrize("squeezing", [UNEQUAL, [0.5] * 3])
def test_the_law_is_that_of_hafnians(squeezing):
    device = haar(3, NAME)
    outcomes, probabilities = squeezed_law(device, squeezing, max_photons=6)
    t = np.tanh(squeezing)
    B = device.unitary @ np.diag(t) @ device.unitary.T
    norm = np.prod(np.cosh(squeezing))
    expected = []
    for outcome in outcomes:
        modes = np.repeat(np.arange(3), outcome)
        # The plain hafnian: thewalrus' compiled ones take a minute to compile.
        is_even = len(modes) % 2 == 0
        pairs = (hafnian(B[np.ix_(modes, modes)]) if len(modes) else 1) if is_even else 0
        factorials = math.prod(math.factorial(int(s)) for s in outcome)
        expected.append(abs(pairs) ** 2 / factorials / norm)
    acceptance = SqueezedSampler(device, squeezing, max_photons=6).acceptance
    np.testing.assert_allclose(probabilities * acceptance, expected, atol=1e-13)
    assert acceptance == pytest.approx(sum(expected), abs=1e-12)
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)


def test_the_law_is_that_of_a_gaussian_state():
    device = haar(3, NAME)
    theirs = gaussian_probabilities(np.zeros(6), quadratures(device, UNEQUAL), 5, hbar=2)
    outcomes, probabilities = squeezed_law(device, UNEQUAL, max_photons=4)
    found = theirs[tuple(outcomes.T.astype(int))]
    np.testing.assert_allclose(probabilities, found / found.sum(), atol=1e-12)


def test_totals_of_equal_squeezing_are_negative_binomial():
    squeezing = equal_squeezing([1, 1, 0, 1, 0], 2.5)
    assert (np.sinh(squeezing) ** 2).sum() == pytest.approx(2.5)
    law = squeezed_total_law(squeezing, 40)
    square = np.tanh(squeezing.max()) ** 2
    np.testing.assert_allclose(law[::2], stats.nbinom.pmf(np.arange(21), 1.5, 1 - square))
    assert not law[1::2].any()
    assert np.arange(41) @ law == pytest.approx(2.5, rel=1e-4)


def test_totals_of_unequal_squeezing_are_those_of_the_modes_alone():
    singles = [squeezed_total_law([r], 20) for r in (0.7, 0.4)]
    expected = np.convolve(*singles)[:21]
    np.testing.assert_allclose(squeezed_total_law(UNEQUAL, 20), expected, atol=1e-15)


def test_two_squeezed_modes_on_a_splitter_make_equal_numbers():
    # Opposite phases of squeezing on a balanced splitter: photons in twins, none alone.
    splitter = from_unitary(np.array([[1, 1j], [1, -1j]]) / np.sqrt(2))
    outcomes, probabilities = squeezed_law(splitter, [0.8, 0.8], max_photons=8)
    apart = outcomes[:, 0] != outcomes[:, 1]
    assert probabilities[apart].max() < 1e-30
    assert probabilities[~apart] == pytest.approx(np.tanh(0.8) ** np.arange(0, 10, 2) * (
        (1 - np.tanh(0.8) ** 2) / (1 - np.tanh(0.8) ** 10)
    ))  # fmt: skip


# Moments.


@pytest.mark.parametrize("least", [0, 3, 6])
def test_kept_moments_are_those_of_the_law(least):
    device, squeezing = haar(4, NAME), [0.9, 0.0, 0.5, 0.2]
    kept = {"min_photons": least, "max_photons": 7}
    sampler = SqueezedSampler(device, squeezing, **kept)
    outcomes, probabilities = squeezed_law(device, squeezing, **kept)
    outcomes = outcomes.astype(float)
    mean = probabilities @ outcomes
    second = (outcomes * probabilities[:, None]).T @ outcomes
    np.testing.assert_allclose(sampler.mean, mean, atol=1e-13)
    np.testing.assert_allclose(sampler.covariance, second - np.outer(mean, mean), atol=1e-13)
    assert sampler.collision_probability == pytest.approx((probabilities**2).sum())


def test_moments_before_post_selection_are_those_of_the_gaussian_state():
    device, squeezing = haar(2, NAME), [0.5, 0.3]
    sampler = SqueezedSampler(device, squeezing, max_photons=60)
    assert sampler.acceptance == pytest.approx(1, abs=1e-12)
    state = quadratures(device, squeezing)
    theirs = photon_number_mean_vector(np.zeros(4), state, hbar=2)
    np.testing.assert_allclose(sampler.mean, theirs, atol=1e-10)
    matrix = photon_number_covmat(np.zeros(4), state, hbar=2)
    np.testing.assert_allclose(sampler.covariance, matrix, atol=1e-9)


@pytest.mark.parametrize("kept", [(4, 4), (0, 6)])
def test_equal_squeezing_has_the_occupancy_of_single_photons_in_the_same_modes(kept):
    device, occupation = haar(6, NAME), [1, 0, 1, 1, 0, 1]
    least, most = kept
    sampler = SqueezedSampler(
        device, equal_squeezing(occupation, 3.0), min_photons=least, max_photons=most
    )
    expected = mean_occupancy(device, occupation) * (sampler.total_law @ sampler.totals) / 4
    np.testing.assert_allclose(sampler.mean, expected, atol=1e-13)


# Samples.


@pytest.mark.parametrize("squeezing", [UNEQUAL, [0.5] * 3])
def test_counts_follow_the_exact_law(squeezing):
    device = haar(3, NAME)
    counts = SqueezedSampler(device, squeezing, max_photons=6).sample(30_000, SHOTS)
    assert counts.dtype == np.uint8
    assert set(counts.sum(axis=1).tolist()) <= {0, 2, 4, 6}
    assert chi_square(counts, squeezed_law(device, squeezing, max_photons=6)).p_value > ALPHA
    other = haar(3, NAME.child("other"))
    assert chi_square(counts, squeezed_law(other, squeezing, max_photons=6)).p_value < 1e-30


def test_sixteen_modes_have_their_exact_moments():
    device = haar(16, NAME)
    sampler = SqueezedSampler(device, equal_squeezing([1] * 16, 4.0), max_photons=8)
    num = 40_000
    counts = sampler.sample(num, SHOTS).astype(float)
    centred = counts - sampler.mean
    bound = stats.norm.isf(ALPHA / 2 / 152)
    errors = np.sqrt(np.diag(sampler.covariance) / num)
    assert (np.abs(centred.mean(axis=0)) < bound * errors).all()
    for i, j in itertools.combinations_with_replacement(range(16), 2):
        product = centred[:, i] * centred[:, j]
        error = product.std() / math.sqrt(num)
        assert abs(product.mean() - sampler.covariance[i, j]) < bound * error


def test_a_shot_depends_on_its_index_alone():
    sampler = SqueezedSampler(haar(4, NAME), [0.5] * 4, max_photons=6)
    whole = sampler.sample(700, SHOTS, num_threads=1)
    assert np.array_equal(sampler.sample(700, SHOTS, num_threads=3), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (5, 5)]:
        part = sampler.sample(stop - start, SHOTS, start=start)
        assert np.array_equal(part, whole[start:stop])
    assert not np.array_equal(sampler.sample(700, SHOTS.child(1)), whole)


# What is refused.


@pytest.mark.parametrize(
    ("squeezing", "kept", "error", "said"),
    [
        ([0.5] * 4, {"max_photons": 12}, None, None),
        ([0.5] * 3, {"max_photons": 4}, ValueError, r"shape \(4,\), not \(3,\)"),
        ([-0.5] * 4, {"max_photons": 4}, ValueError, "not negative"),
        ([0.0] * 4, {"max_photons": 4}, ValueError, "above 0 in at least one mode"),
        ([np.nan] * 4, {"max_photons": 4}, ValueError, "finite"),
        ([20.0] * 4, {"max_photons": 4}, ValueError, "double precision"),
        (["a"] * 4, {"max_photons": 4}, TypeError, "numbers"),
        ([0.5] * 4, {"max_photons": 4.0}, TypeError, "whole number of photons, not 4.0"),
        ([0.5] * 4, {"max_photons": 3, "min_photons": 3}, ValueError, "in pairs"),
        ([0.5] * 4, {"max_photons": 2, "min_photons": 4}, ValueError, "min_photons <= max"),
        ([3.0] * 4, {"max_photons": 2}, ValueError, "of the shots"),
    ],
)
def test_what_cannot_be_is_refused(squeezing, kept, error, said):
    if error is None:
        SqueezedSampler(haar(4, NAME), squeezing, **kept)
        return
    with pytest.raises(error, match=said):
        SqueezedSampler(haar(4, NAME), squeezing, **kept)


def test_too_many_outcomes_are_refused_before_anything_is_computed():
    with pytest.raises(ValueError, match="21,201,211 outcomes; the law is written out up to 4,0"):
        check_squeezed(16, 12)
    with pytest.raises(ValueError, match="mean_photons is a finite number above 0"):
        equal_squeezing([1, 0], math.inf)
    with pytest.raises(ValueError, match="at least one of them 1"):
        equal_squeezing([0, 2], 1.0)
