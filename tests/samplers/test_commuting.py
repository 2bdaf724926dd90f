"""Commuting circuits against their unitary by definition and closed-form parities.

Streams are fixed; thresholds are set for a false alarm of 1e-6 had they been drawn anew.
"""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from quantum_latents.circuits import CommutingCircuit, random_commuting_circuit
from quantum_latents.random import stream
from quantum_latents.samplers import CommutingSampler, commuting_law
from quantum_latents.samplers.commuting import walsh_hadamard

ALPHA = 1e-6
SHOTS = stream(0, "shots")


def circuit_of(num_qubits, name="circuit"):
    return random_commuting_circuit(num_qubits, stream(0, name))


def spins_of(num_qubits):
    """(2**n, n): spin i of state x is -1 where bit i of x is 1."""
    return 1 - 2 * ((np.arange(2**num_qubits)[:, None] >> np.arange(num_qubits)) & 1)


def test_the_transform_is_a_product_of_hadamards():
    values = stream(0, "values").generator().normal(size=32)
    np.testing.assert_allclose(walsh_hadamard(values), scipy.linalg.hadamard(32) @ values)
    with pytest.raises(ValueError, match="2\\*\\*n values, not 3"):
        walsh_hadamard(np.ones(3))


@pytest.mark.parametrize("num_qubits", [1, 2, 5])
def test_the_law_is_that_of_the_unitary(num_qubits):
    circuit = circuit_of(num_qubits)
    size = 2**num_qubits
    hadamards = np.ones((1, 1))
    for _ in range(num_qubits):
        hadamards = np.kron(hadamards, [[1, 1], [1, -1]]) / np.sqrt(2)
    diagonal = np.eye(size, dtype=complex)
    gates = [((i,), weight) for i, weight in enumerate(circuit.fields)]
    gates += zip(itertools.combinations(range(num_qubits), 2), circuit.couplings, strict=True)
    for qubits, weight in gates:  # gate by gate, each a Kronecker product, qubit 0 last
        operator = np.ones((1, 1))
        for qubit in reversed(range(num_qubits)):
            operator = np.kron(operator, np.diag([1, -1]) if qubit in qubits else np.eye(2))
        diagonal = scipy.linalg.expm(1j * np.pi / 8 * weight * operator) @ diagonal
    psi = (hadamards @ diagonal @ hadamards)[:, 0]
    np.testing.assert_allclose(commuting_law(circuit), np.abs(psi) ** 2, atol=1e-13)


def test_parities_of_single_qubits_are_products_of_cosines():
    # <Z_i> after the last Hadamards = cos(2 v_i pi/8) prod_j cos(2 w_ij pi/8).
    circuit = CommutingCircuit(
        fields=(1, 3, 0, 5, 7), couplings=(1, 3, 0, 1, 5, 7, 1, 0, 3, 1)
    )  # odd weights: no cosine is 0
    angles = np.pi / 4 * (circuit.coupling_matrix() + np.diag(circuit.fields))
    expected = np.cos(angles).prod(axis=1)
    assert np.abs(expected).min() > 1e-3
    sampler = CommutingSampler(circuit)
    np.testing.assert_allclose(1 - 2 * sampler.mean, expected, atol=1e-13)
    assert np.diag(sampler.covariance) == pytest.approx((1 - expected**2) / 4)


def test_moments_are_those_of_the_law():
    sampler = CommutingSampler(circuit_of(5))
    bits = (1 - spins_of(5)) / 2
    law = sampler.probabilities
    mean = law @ bits
    second = (bits * law[:, None]).T @ bits
    np.testing.assert_allclose(sampler.mean, mean, atol=1e-14)
    np.testing.assert_allclose(sampler.covariance, second - np.outer(mean, mean), atol=1e-14)
    assert sampler.collision_probability == pytest.approx((law**2).sum())


def test_whole_strings_of_16_qubits_are_irregular_and_few_bits_are_not():
    # Porter and Thomas: 2**n sum P**2 is about 2; fair bits have 1.
    sampler = CommutingSampler(circuit_of(16))
    assert 1.8 < 2**16 * sampler.collision_probability < 2.2
    pairs = sampler.covariance[np.triu_indices(16, 1)]
    assert (np.abs(pairs) < 1e-12).mean() > 0.9


def test_bits_follow_the_exact_law():
    sampler = CommutingSampler(circuit_of(6))
    bits = sampler.sample(30_000, SHOTS)
    assert bits.dtype == np.uint8 and bits.shape == (30_000, 6)
    numbers = bits.astype(int) @ (1 << np.arange(6))
    observed = np.bincount(numbers, minlength=64)
    possible = sampler.probabilities > 1e-12
    assert not observed[~possible].any()
    expected = 30_000 * sampler.probabilities[possible]
    assert expected.min() > 5
    assert scipy.stats.chisquare(observed[possible], expected).pvalue > ALPHA
    other = CommutingSampler(circuit_of(6, "other")).probabilities
    assert 0.5 * np.abs(observed / 30_000 - other).sum() > 0.2


def test_a_shot_depends_on_its_index_alone():
    sampler = CommutingSampler(circuit_of(6))
    whole = sampler.sample(700, SHOTS, num_threads=1)
    assert np.array_equal(sampler.sample(700, SHOTS, num_threads=3), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (5, 5)]:
        part = sampler.sample(stop - start, SHOTS, start=start)
        assert np.array_equal(part, whole[start:stop])
    assert not np.array_equal(sampler.sample(700, SHOTS.child(1)), whole)


def test_the_stream_names_the_circuit_and_its_weights_are_uniform():
    assert circuit_of(6) == circuit_of(6) != circuit_of(6, "other")
    circuit = circuit_of(60)
    observed = np.bincount([*circuit.fields, *circuit.couplings], minlength=8)
    assert len(observed) == 8
    assert scipy.stats.chisquare(observed).pvalue > ALPHA


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="1 to 20 qubits, not 21"):
        CommutingSampler(circuit_of(21))
    with pytest.raises(ValueError, match="2 qubits have 1 pairs, not 0"):
        CommutingCircuit(fields=(1, 2), couplings=())
    with pytest.raises(ValueError, match="from 0 to 15, not 16"):
        CommutingCircuit(fields=(16,), couplings=())
    with pytest.raises(ValueError, match="at least one qubit"):
        CommutingCircuit(fields=(), couplings=())
    with pytest.raises(ValueError, match="from 1 on, not 0"):
        random_commuting_circuit(0, stream(0))
