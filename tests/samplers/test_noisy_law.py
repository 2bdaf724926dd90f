"""Noisy laws against the definition and against Perceval's source, noise and detectors."""

import itertools

import numpy as np
import perceval
import pytest

from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, gram_law, noisy_law, reference
from quantum_latents.samplers.gram import internal_states

NAME = stream(0, "interferometer")


def random_gram(size, seed, rank=None):
    shape = (size, rank or size, 2)
    phi = stream(seed, "gram").generator().normal(size=shape) @ np.array([1, 1j])
    phi /= np.linalg.norm(phi, axis=1)[:, None]
    return phi.conj() @ phi.T


def as_dict(law):
    return {tuple(s): p for s, p in zip(law[0].tolist(), law[1].tolist(), strict=True)}


def assert_same(found, expected, tolerance=1e-12):
    for outcome in found.keys() | expected.keys():
        assert abs(found.get(outcome, 0.0) - expected.get(outcome, 0.0)) < tolerance, outcome


@pytest.mark.parametrize("occupation", [(1, 1), (2, 1), (1, 1, 1), (2, 0, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("rank", [1, 2, None])
def test_gram_laws_are_the_double_sums_by_definition(occupation, rank):
    device = haar(len(occupation), NAME)
    gram = random_gram(sum(occupation), 0, rank)
    found = as_dict(gram_law(device, occupation, gram))
    expected = {
        s: reference.gram_probability(device.unitary, occupation, s, gram)
        for s in reference.outcomes(len(occupation), sum(occupation))
    }
    assert_same(found, expected)


def test_internal_states_have_the_overlaps():
    for rank in (1, 3, None):
        gram = random_gram(4, 1, rank)
        phi = internal_states(gram)
        assert phi.shape[1] == (rank or 4)
        assert np.allclose(phi.conj() @ phi.T, gram, atol=1e-12)


@pytest.mark.parametrize("x", [0.0, 0.35, 0.9, 1.0])
def test_one_overlap_for_all_pairs_is_the_mixture(x):
    for occupation in [(1, 1, 0), (1, 1, 1), (1, 0, 1, 1, 1)]:
        device = haar(len(occupation), NAME)
        size = sum(occupation)
        gram = np.where(np.eye(size), 1, x)
        mixture = noisy_law(device, occupation, Noise(interference=x))
        assert_same(as_dict(noisy_law(device, occupation, Noise(gram=gram))), as_dict(mixture))
        assert_same(as_dict(gram_law(device, occupation, gram)), as_dict(mixture))


def perceval_law(device, occupation, **source):
    simulator = perceval.Simulator(perceval.BackendFactory.get_backend("SLOS"))
    simulator.set_circuit(perceval.Unitary(perceval.Matrix(device.unitary)))
    simulator.set_precision(1e-15)  # it drops rare states, at 1e-6 unless told
    state = perceval.BasicState(list(occupation))
    distribution = perceval.Source(**source).generate_distribution(state)
    results = simulator.probs_svd(distribution)["results"]
    law = {}
    for outcome, p in results.items():
        law[tuple(outcome)] = law.get(tuple(outcome), 0.0) + p
    return law


SOURCES = [
    {"indistinguishability": 0.64},
    {"indistinguishability": 0.0},
    {"losses": 0.4},
    {"multiphoton_component": 0.2},
    {"multiphoton_component": 0.2, "multiphoton_model": "indistinguishable"},
    {"emission_probability": 0.6, "multiphoton_component": 0.3, "losses": 0.2},
    {
        "emission_probability": 0.9,
        "indistinguishability": 0.5,
        "multiphoton_component": 0.1,
        "multiphoton_model": "indistinguishable",
        "losses": 0.3,
    },
    {"indistinguishability": 0.81, "multiphoton_component": 0.05, "losses": 0.1},
]


def our_noise(source):
    return Noise(
        interference=np.sqrt(source.get("indistinguishability", 1.0)),
        emission=source.get("emission_probability", 1.0),
        g2=source.get("multiphoton_component", 0.0),
        extra_photon=source.get("multiphoton_model", "distinguishable"),
        input_transmission=1 - source.get("losses", 0.0),
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: ",".join(s))
@pytest.mark.parametrize("occupation", [(1, 1, 1), (2, 0, 1), (1, 0, 1, 0)])
def test_noisy_laws_agree_with_perceval(source, occupation):
    for seed in range(2):
        device = haar(len(occupation), NAME.child(seed))
        found = as_dict(noisy_law(device, occupation, our_noise(source)))
        # Perceval drops states of a probability below 1e-16.
        assert_same(found, perceval_law(device, occupation, **source), 1e-10)


def test_detectors_lose_photons_and_click_as_they_should():
    # By hand: the law of the light, thinned mode by mode, then dark counts, then clipped.
    device, occupation = haar(2, NAME), (1, 1)
    light = as_dict(noisy_law(device, occupation, Noise(interference=0.5)))
    seen, dark = (0.6, 0.9), (0.2, 0.05)
    expected = {}
    for outcome, p in light.items():
        silent = [(1 - e) ** k * np.exp(-d) for k, e, d in zip(outcome, seen, dark, strict=True)]
        for clicks in itertools.product((0, 1), repeat=2):
            ways = [1 - s if c else s for c, s in zip(clicks, silent, strict=True)]
            expected[clicks] = expected.get(clicks, 0.0) + p * ways[0] * ways[1]
    noise = Noise(interference=0.5, detector_efficiency=seen, dark_counts=dark, threshold=True)
    assert_same(as_dict(noisy_law(device, occupation, noise)), expected)


def test_laws_sum_to_one_and_large_ones_are_refused():
    noise = Noise(g2=0.1, dark_counts=0.2, interference=0.9, output_transmission=0.7)
    assert noisy_law(haar(3, NAME), (1, 1, 1), noise)[1].sum() == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="closed forms"):
        noisy_law(haar(16, NAME), (1, 0) * 8, noise)
    with pytest.raises(ValueError, match="keeps no shot"):
        noisy_law(haar(3, NAME), (1, 1, 1), Noise(exactly=5))
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        gram_law(haar(3, NAME), (1, 1, 0), np.eye(3))
