"""The exact laws and moments against permanents by definition, thewalrus and Perceval."""

import math

import numpy as np
import perceval
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thewalrus._permanent import perm_bbfg

from quantum_latents.circuits import from_unitary, haar
from quantum_latents.random import stream
from quantum_latents.samplers import (
    boson_law,
    covariance,
    distinguishable_law,
    fano_factors,
    mean_occupancy,
    outcome_probability,
    pair_correlators,
    reference,
)
from quantum_latents.samplers.enumeration import num_outcomes, outcome_table

perm = perm_bbfg.py_func  # not compiled: that takes longer than all its sums

NAME = stream(0, "interferometer")
OCCUPATIONS = [
    (0, 0, 0),
    (1,),
    (5,),
    (1, 1),
    (3, 2),
    (0, 3, 0),
    (2, 0, 1, 1),
    (1, 1, 1, 0),
    (4, 0, 1),
    (1, 0, 1, 0, 1, 0),
]
LAWS = {
    "boson": (boson_law, reference.boson_probability),
    "distinguishable": (distinguishable_law, reference.distinguishable_probability),
}


@pytest.mark.parametrize("occupation", OCCUPATIONS)
@pytest.mark.parametrize("statistics", LAWS)
def test_laws_are_the_permanents_by_definition(statistics, occupation):
    device = haar(len(occupation), NAME)
    law, definition = LAWS[statistics]
    outcomes, probabilities = law(device, occupation)
    listed = [tuple(outcome) for outcome in outcomes.tolist()]
    assert sorted(listed) == sorted(reference.outcomes(len(occupation), sum(occupation)))
    expected = [definition(device.unitary, occupation, s) for s in listed]
    assert np.allclose(probabilities, expected, rtol=0, atol=1e-13)
    assert abs(probabilities.sum() - 1) < 1e-13
    single = [outcome_probability(device, occupation, s, statistics) for s in listed]
    assert np.allclose(single, expected, rtol=0, atol=1e-13)


def test_the_reference_permanent_agrees_with_thewalrus():
    generator = stream(0, "matrices").generator()
    for size in range(1, 7):
        matrix = generator.normal(size=(size, size, 2)) @ np.array([1, 1j])
        assert np.isclose(reference.permanent(matrix), perm(matrix), rtol=1e-12)
    assert reference.permanent(np.zeros((0, 0))) == 1


def test_probabilities_of_many_photons_agree_with_thewalrus():
    device = haar(14, NAME)
    outcome = [2, 0, 1, 0, 0, 3, 1, 0, 1, 0, 0, 2, 0, 0]
    occupation = [1, 2, 1, 0, 0, 0, 1, 1, 0, 1, 0, 3, 0, 0]
    rows, columns = (np.repeat(np.arange(14), counts) for counts in (outcome, occupation))
    matrix = device.unitary[np.ix_(rows, columns)]
    bunching = math.prod(math.factorial(k) for k in outcome)
    norm = bunching * math.prod(math.factorial(k) for k in occupation)
    expected = abs(perm(matrix)) ** 2 / norm
    assert np.isclose(outcome_probability(device, occupation, outcome), expected, rtol=1e-9)
    classical = perm(np.abs(matrix) ** 2) / bunching
    found = outcome_probability(device, occupation, outcome, "distinguishable")
    assert np.isclose(found, classical, rtol=1e-9)


@pytest.mark.parametrize("occupation", [(1, 1, 1, 0, 0), (2, 0, 3), (1, 0, 2, 0, 1)])
def test_boson_laws_agree_with_perceval(occupation):
    device = haar(len(occupation), NAME)
    backend = perceval.BackendFactory.get_backend("SLOS")
    backend.set_circuit(perceval.Unitary(perceval.Matrix(device.unitary)))
    backend.set_input_state(perceval.BasicState(list(occupation)))
    theirs = {tuple(state): p for state, p in backend.prob_distribution().items()}
    outcomes, probabilities = boson_law(device, occupation)
    expected = [theirs.get(tuple(outcome), 0.0) for outcome in outcomes.tolist()]
    assert np.allclose(probabilities, expected, rtol=0, atol=1e-10)


def test_the_law_of_eight_photons_in_sixteen_modes():
    device = haar(16, NAME)
    occupation = (1, 0) * 8
    outcomes, probabilities = boson_law(device, occupation)
    assert outcomes.shape == (490_314, 16)
    assert abs(probabilities.sum() - 1) < 1e-12
    for rank in (0, 1000, 123_456, 490_313):
        expected = outcome_probability(device, occupation, outcomes[rank])
        assert np.isclose(probabilities[rank], expected, rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("occupation", [(20, 20), (13, 0, 27)])
def test_laws_of_many_photons_keep_their_accuracy(occupation):
    # The closed-form moments are sums of a few products: an independent way to the same law.
    device = haar(len(occupation), NAME)
    outcomes, probabilities = boson_law(device, occupation)
    mean = probabilities @ outcomes
    assert np.allclose(mean, mean_occupancy(device, occupation), rtol=0, atol=1e-10)
    second = (outcomes.T * probabilities) @ outcomes.astype(float)
    assert np.allclose(second, pair_correlators(device, occupation), rtol=0, atol=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.sampled_from(sorted(LAWS)))
def test_moments_are_those_of_the_enumerated_law(occupation, statistics):
    device = haar(len(occupation), NAME)
    outcomes, probabilities = LAWS[statistics][0](device, occupation)
    mean = probabilities @ outcomes
    second = (outcomes.T * probabilities) @ outcomes.astype(float)
    assert np.allclose(mean_occupancy(device, occupation), mean, atol=1e-11)
    assert np.allclose(pair_correlators(device, occupation, statistics), second, atol=1e-10)
    cov = covariance(device, occupation, statistics)
    assert np.allclose(cov, second - np.outer(mean, mean), atol=1e-10)
    assert np.allclose(cov.sum(axis=1), 0, atol=1e-11)  # photons are conserved
    if sum(occupation):
        fano = fano_factors(device, occupation, statistics)
        assert np.allclose(fano, np.diag(cov) / mean)


def test_fano_factors_at_half_filling_are_the_published_ones():
    occupation = (1, 0) * 8
    devices = [haar(16, NAME.child(seed)) for seed in range(50)]
    for statistics, published in [("boson", 1.28), ("distinguishable", 0.89)]:
        factors = [fano_factors(device, occupation, statistics).mean() for device in devices]
        assert abs(np.mean(factors) - published) < 0.01


def test_a_mode_without_photons_has_no_fano_factor():
    device = from_unitary(np.eye(3))
    assert np.isnan(fano_factors(device, [1, 0, 2])[1])
    assert fano_factors(device, [1, 0, 2])[[0, 2]].tolist() == [0, 0]


def test_outcomes_are_listed_once_each():
    table = outcome_table(5, 4)
    assert len(table) == num_outcomes(5, 4) == len(np.unique(table, axis=0))
    assert (table.sum(axis=1) == 4).all()


def test_probability_of_another_photon_number_is_zero():
    assert outcome_probability(haar(2, NAME), [1, 1], [1, 0]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: boson_law(d, [1, 0]), r"\(3,\)"),
        (lambda d: boson_law(d, [20, 20, 1]), "41 photons"),
        (lambda d: boson_law(haar(64, NAME), [1] * 32 + [0] * 32), "outcomes"),
        (lambda d: outcome_probability(d, [1, 0, 0], [1, 0, 0], "fermion"), "fermion"),
        (lambda d: outcome_probability(d, [31, 0, 0], [31, 0, 0]), "31"),
        (lambda d: covariance(d, [1, 0, 0], "classical"), "classical"),
    ],
)
def test_bad_calls_name_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call(haar(3, NAME))
