"""Closed forms against the written-out noisy law, thewalrus, and counts of larger devices."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thewalrus._permanent import perm_bbfg

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import (
    Noise,
    binned_law,
    boson_law,
    bunching_probability,
    covariance,
    distinguishable_law,
    gram_law,
    marginal_law,
    mean_occupancy,
    noisy_covariance,
    noisy_law,
    noisy_mean,
    noisy_outcome_probability,
    noisy_pair_correlators,
    outcome_probability,
    sample_noisy,
    silence_probability,
)
from quantum_latents.samplers.validation import chi_square

perm = perm_bbfg.py_func  # not compiled: that takes longer than all its sums

NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
LOOPS = time_bin(4, (1, 2), stream=NAME)
PHI = stream(0, "gram").generator().normal(size=(3, 3, 2)) @ np.array([1, 1j])
PHI /= np.linalg.norm(PHI, axis=1)[:, None]
GRAM = PHI.conj() @ PHI.T

probability = st.floats(0, 1)
some_loss = st.one_of(st.just(1.0), probability, st.tuples(*[probability] * 4))
detectors = {
    "output_transmission": some_loss,
    "detector_efficiency": some_loss,
    "input_transmission": some_loss,
    "loop_transmission": st.one_of(st.none(), st.tuples(probability, probability)),
    "dark_counts": st.one_of(st.just(0.0), st.tuples(*[st.floats(0, 0.5)] * 4)),
}
sources = {
    "interference": st.one_of(st.just(1.0), probability),
    "emission": some_loss,
    "g2": st.one_of(st.just(0.0), st.floats(0, 0.5)),
    "input_photons": st.one_of(st.none(), st.integers(0, 3)),
}
NOISES = st.one_of(
    st.builds(Noise, **sources, **detectors), st.builds(Noise, gram=st.just(GRAM), **detectors)
)
SINGLE = (1, 1, 1, 0)


def moments(law):
    outcomes = law[0].astype(float)
    mean = law[1] @ outcomes
    return mean, (outcomes.T * law[1]) @ outcomes - np.outer(mean, mean)


def binned(law, bins):
    totals = np.stack([law[0][:, modes].sum(axis=1, dtype=int) for modes in bins], axis=1)
    array = np.zeros(totals.max(axis=0) + 1)
    np.add.at(array, tuple(totals.T), law[1])
    return array


def assert_same_array(found, expected, tolerance=1e-11):
    shape = np.maximum(found.shape, expected.shape)
    padded = [
        np.pad(array, [(0, int(n - k)) for n, k in zip(shape, array.shape, strict=True)])
        for array in (found, expected)
    ]
    assert np.allclose(*padded, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(NOISES, st.booleans())
def test_moments_are_those_of_the_written_out_law(noise, threshold):
    noise = Noise(**{**noise.__dict__, "threshold": threshold})
    mean, cov = moments(noisy_law(LOOPS, SINGLE, noise))
    assert np.allclose(noisy_mean(LOOPS, SINGLE, noise), mean, rtol=0, atol=1e-11)
    assert np.allclose(noisy_covariance(LOOPS, SINGLE, noise), cov, rtol=0, atol=1e-10)
    pairs = noisy_pair_correlators(LOOPS, SINGLE, noise)
    assert np.allclose(pairs, cov + np.outer(mean, mean), rtol=0, atol=1e-10)


@pytest.mark.parametrize("occupation", [(2, 1, 0, 0), (0, 3, 0, 1), (1, 1, 2, 0)])
@pytest.mark.parametrize(
    "noise",
    [
        {"interference": 0.6},
        {"g2": 0.2, "interference": 0.8, "emission": 0.7},
        {"g2": 0.2, "extra_photon": "indistinguishable", "interference": 0.8},
        {"input_photons": 2, "input_transmission": (0.5, 0.6, 0.7, 0.8)},
        {"loop_transmission": (0.5, 0.7), "output_transmission": (0.5, 0.6, 0.7, 0.8)},
    ],
    ids=str,
)
def test_moments_of_bunched_inputs_are_those_of_the_mixture(occupation, noise):
    mean, cov = moments(noisy_law(LOOPS, occupation, Noise(**noise)))
    assert np.allclose(noisy_mean(LOOPS, occupation, Noise(**noise)), mean, rtol=0, atol=1e-12)
    found = noisy_covariance(LOOPS, occupation, Noise(**noise))
    assert np.allclose(found, cov, rtol=0, atol=1e-11)


def test_moments_of_the_ideal_device_are_the_known_ones():
    device, occupation = haar(20, NAME), (1, 0) * 10
    mean = mean_occupancy(device, occupation)
    assert np.allclose(noisy_mean(device, occupation, Noise()), mean, rtol=0, atol=1e-13)
    for x, statistics in [(1.0, "boson"), (0.0, "distinguishable")]:
        found = noisy_covariance(device, occupation, Noise(interference=x))
        expected = covariance(device, occupation, statistics)
        assert np.allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    NOISES,
    st.sampled_from([[[0]], [[0, 1, 2, 3]], [[3, 0], [1]], [[2], [0], [1]], [[1], [0, 2, 3]]]),
    st.sampled_from([{}, {"at_least": 1}]),
)
def test_binned_laws_are_sums_of_the_written_out_law(noise, bins, selection):
    outcomes, probabilities = noisy_law(LOOPS, SINGLE, noise)
    noise = Noise(**{**noise.__dict__, **selection})
    kept = noise.selected(outcomes.sum(axis=1))
    if probabilities[kept].sum() < 1e-4:
        return  # of so few shots rounding errors are seen
    law = (outcomes[kept], probabilities[kept] / probabilities[kept].sum())
    assert_same_array(binned_law(LOOPS, SINGLE, noise, bins), binned(law, bins))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(NOISES, st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True), st.booleans())
def test_marginals_silence_and_bunching_are_those_of_the_law(noise, modes, threshold):
    noise = Noise(**{**noise.__dict__, "threshold": threshold})
    law = noisy_law(LOOPS, SINGLE, noise)
    outcomes, probabilities = marginal_law(LOOPS, SINGLE, noise, modes)
    listed = np.zeros(outcomes.max(axis=0) + 1)
    listed[tuple(outcomes.T.astype(int))] = probabilities
    assert_same_array(listed, binned(law, [[mode] for mode in modes]))
    counts = law[0][:, modes].sum(axis=1)
    silent = law[1][counts == 0].sum()
    assert silence_probability(LOOPS, SINGLE, noise, modes) == pytest.approx(silent, abs=1e-11)
    only = law[1][counts == law[0].sum(axis=1)].sum()
    assert bunching_probability(LOOPS, SINGLE, modes, noise) == pytest.approx(only, abs=1e-11)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(NOISES, st.booleans())
def test_single_outcomes_have_the_probabilities_of_the_law(noise, threshold):
    changes = {"threshold": threshold}
    if not threshold:
        changes |= {"dark_counts": 0.0, "g2": 0.0, "input_photons": None}
    noise = Noise(**{**noise.__dict__, **changes})
    law = noisy_law(LOOPS, SINGLE, noise)
    listed = {tuple(s): p for s, p in zip(law[0].tolist(), law[1].tolist(), strict=True)}
    for outcome in itertools.product(range(2 if threshold else 4), repeat=4):
        if sum(outcome) <= 4:
            found = noisy_outcome_probability(LOOPS, SINGLE, outcome, noise)
            assert found == pytest.approx(listed.get(outcome, 0.0), abs=1e-11)


@pytest.mark.parametrize("occupation", [(2, 1, 0, 0), (0, 3, 0, 1)])
def test_bunched_inputs_have_the_closed_forms(occupation):
    for changes in (
        {"interference": 1.0},
        {"interference": 0.0},
        {"gram": np.kron(np.eye(1), GRAM) if sum(occupation) == 3 else np.full((4, 4), 1.0)},
        {"loop_transmission": (0.5, 0.7), "emission": 0.8},
        {"g2": 0.2},
        {"g2": 0.2, "emission": 0.5, "input_photons": 2, "interference": 0.0},
    ):
        noise = Noise(**changes)
        law = noisy_law(LOOPS, occupation, noise)
        found = binned_law(LOOPS, occupation, noise, [[0, 2], [1]])
        assert_same_array(found, binned(law, [[0, 2], [1]]))
        if not noise.g2:
            for outcome, p in zip(law[0].tolist()[:20], law[1].tolist()[:20], strict=True):
                single = noisy_outcome_probability(LOOPS, occupation, outcome, noise)
                assert single == pytest.approx(p, abs=1e-11)


def test_generalised_bunching_is_a_permanent():
    device, occupation, modes = haar(8, NAME), (1, 1, 0, 1, 1, 0, 0, 1), [0, 2, 3, 5]
    A = device.unitary[np.ix_(modes, np.flatnonzero(occupation))]
    H = A.conj().T @ A
    for x in (0.0, 0.4, 1.0):
        S = np.where(np.eye(5), 1, x)
        found = bunching_probability(device, occupation, modes, Noise(interference=x))
        assert found == pytest.approx(perm(H * S).real, rel=1e-9)
    with_bosons = bunching_probability(device, occupation, modes)
    assert with_bosons > 2 * bunching_probability(device, occupation, modes, Noise(interference=0))


def test_one_overlap_gives_the_known_probabilities_of_larger_systems():
    device, occupation = haar(10, NAME), (1,) * 5 + (0,) * 5
    outcome = (0, 2, 0, 1, 0, 0, 1, 0, 1, 0)
    for x, statistics in [(1.0, "boson"), (0.0, "distinguishable")]:
        found = noisy_outcome_probability(device, occupation, outcome, Noise(interference=x))
        expected = outcome_probability(device, occupation, outcome, statistics)
        assert found == pytest.approx(expected, rel=1e-6)
    outcomes, probabilities = gram_law(haar(4, NAME), SINGLE, GRAM)
    for s, p in zip(outcomes.tolist(), probabilities, strict=True):
        single = noisy_outcome_probability(haar(4, NAME), SINGLE, s, Noise(gram=GRAM))
        assert single == pytest.approx(p, abs=1e-13)


@pytest.mark.parametrize("x", [0.0, 0.7, 1.0])
def test_counts_of_larger_devices_have_the_binned_laws_and_moments(x):
    device, occupation = haar(20, NAME), (1, 0) * 10
    noise = Noise(
        interference=x, output_transmission=tuple(np.linspace(0.4, 1, 20)), dark_counts=0.01
    )
    counts = sample_noisy(device, occupation, noise, 8000, SHOTS)
    bins = [list(range(10)), [15]]
    law = binned_law(device, occupation, noise, bins)
    outcomes = np.indices(law.shape).reshape(2, -1).T
    totals = np.stack([counts[:, modes].sum(axis=1, dtype=int) for modes in bins], axis=1)
    assert chi_square(totals, (outcomes, law.reshape(-1))).p_value > 1e-6
    error = np.sqrt(np.diag(noisy_covariance(device, occupation, noise)) / 8000)
    off = (counts.mean(axis=0) - noisy_mean(device, occupation, noise)) / error
    assert np.abs(off).max() < 5.5
    other = Noise(interference=1 - x, output_transmission=noise.output_transmission)
    wrong = binned_law(device, occupation, other, bins)
    wrong = np.pad(wrong, [(0, n - k) for n, k in zip(law.shape, wrong.shape, strict=True)])
    if x != 0.7:
        assert chi_square(totals, (outcomes, wrong.reshape(-1))).p_value < 1e-9


def test_full_marginals_are_the_full_laws():
    device = haar(3, NAME)
    for x, law in [(1.0, boson_law), (0.0, distinguishable_law)]:
        outcomes, probabilities = marginal_law(device, (1, 1, 0), Noise(interference=x), range(3))
        listed = {tuple(s): p for s, p in zip(outcomes.tolist(), probabilities, strict=True)}
        for s, p in zip(*law(device, (1, 1, 0)), strict=True):
            assert listed[tuple(s.tolist())] == pytest.approx(p, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: binned_law(d, SINGLE, Noise(), [[0], [0, 1]]), "named twice"),
        (lambda d: binned_law(d, SINGLE, Noise(), [[4]]), "no mode 4"),
        (lambda d: binned_law(d, SINGLE, Noise(), []), "at least one bin"),
        (lambda d: binned_law(d, SINGLE, Noise(threshold=True), [[0, 1]]), "threshold"),
        (lambda d: binned_law(d, SINGLE, Noise(threshold=True, at_least=1), [[0]]), "threshold"),
        (lambda d: binned_law(d, SINGLE, Noise(exactly=4), [[0]]), "of the shots of this"),
        (lambda d: binned_law(haar(32, NAME), (1,) * 31 + (0,), Noise(), [[0]]), "31 photons"),
        (
            lambda d: binned_law(haar(32, NAME), (1, 0) * 16, Noise(), [[i] for i in range(8)]),
            "take too long",
        ),
        (lambda d: marginal_law(d, (2, 1, 0, 0), Noise(interference=0.5), [0]), "bunched"),
        (lambda d: marginal_law(d, (2, 1, 0, 0), Noise(input_photons=1), [0]), "bunched"),
        (
            lambda d: marginal_law(d, SINGLE, Noise(g2=0.1, extra_photon="indistinguishable"), [0]),
            "extra photons",
        ),
        (lambda d: silence_probability(d, SINGLE, Noise(exactly=1), [0]), "post-selection"),
        (lambda d: noisy_outcome_probability(d, SINGLE, SINGLE, Noise(g2=0.1)), "g2"),
        (lambda d: noisy_outcome_probability(d, SINGLE, SINGLE, Noise(dark_counts=0.1)), "dark"),
        (lambda d: noisy_mean(d, SINGLE, Noise(at_least=1)), "post-selection"),
        (lambda d: noisy_covariance(d, (2, 1, 0, 0), Noise(gram=GRAM)), "bunched"),
    ],
)
def test_what_has_no_closed_form_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(haar(4, NAME))


def test_a_bin_is_a_group_of_modes():
    with pytest.raises(TypeError, match=r"\[0\]"):
        binned_law(from_unitary(np.eye(2)), (1, 0), Noise(), [0, 1])  # type: ignore[list-item]
