"""Ising spins against enumeration, and against the exact partition function of finite tori.

Streams are fixed; thresholds are set for a false alarm of 1e-6 had they been drawn anew.
"""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from quantum_latents.random import stream
from quantum_latents.samplers import CRITICAL_TEMPERATURE, IsingSampler, ising_law
from quantum_latents.samplers.validation.laws import tallied_chi_square

ALPHA = 1e-6
SHOTS = stream(0, "shots")
TEMPERATURES = (0.5, 1.5, CRITICAL_TEMPERATURE, 4.0)


def kaufman_log_partition(side, temperature):
    """ln Z of the torus: Kaufman, Phys. Rev. 76 (1949) 1232."""
    K = 1 / temperature
    modes = np.arange(2 * side)
    cosh = np.cosh(2 * K) / np.tanh(2 * K) - np.cos(np.pi * modes / side)
    gamma = np.arccosh(np.maximum(cosh, 1))
    gamma[0] = 2 * K + math.log(math.tanh(K))
    half = side * gamma / 2
    odd, even = half[1::2], half[::2]
    products = sum(np.prod(2 * f(part)) for f in (np.cosh, np.sinh) for part in (odd, even))
    return math.log(products / 2) + side * side / 2 * math.log(2 * math.sinh(2 * K))


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("side", [3, 4, 8])
def test_the_partition_function_and_the_energy_are_kaufmans(side, temperature):
    sampler = IsingSampler(side, temperature)
    expected = kaufman_log_partition(side, temperature)
    assert sampler.log_partition == pytest.approx(expected, rel=1e-12)
    beta, step = 1 / temperature, 1e-5
    ends = [kaufman_log_partition(side, 1 / (beta + sign * step)) for sign in (1, -1)]
    energy = -(ends[0] - ends[1]) / (2 * step)
    assert sampler.energy == pytest.approx(energy, rel=1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("side", [2, 3, 4])
def test_moments_are_those_of_the_enumerated_law(side, temperature):
    law, sampler = ising_law(side, temperature), IsingSampler(side, temperature)
    bits = (np.arange(len(law))[:, None] >> np.arange(side * side)) & 1
    np.testing.assert_allclose(law @ bits, sampler.mean, atol=1e-12)
    second = (bits * law[:, None]).T @ bits
    np.testing.assert_allclose(second - 0.25, sampler.covariance, atol=1e-12)
    assert sampler.collision_probability == pytest.approx((law**2).sum())


def test_the_law_is_the_boltzmann_weight_by_definition():
    law = ising_law(3, 1.7)
    weights = []
    for state in range(512):
        bits = [1 - 2 * (state >> place & 1) for place in range(9)]
        spin = [bits[:3], bits[3:6], bits[6:]]
        bonds = sum(
            spin[row][column] * (spin[row][(column + 1) % 3] + spin[(row + 1) % 3][column])
            for row, column in itertools.product(range(3), repeat=2)
        )
        weights.append(math.exp(bonds / 1.7))
    np.testing.assert_allclose(law, np.array(weights) / sum(weights), rtol=1e-12)
    assert np.array_equal(law, law[::-1])  # flipping all spins


@pytest.mark.parametrize(("side", "temperature"), [(2, 3.0), (3, 2.5), (3, 6.0), (4, 4.0)])
def test_spins_follow_the_exact_law(side, temperature):
    sampler = IsingSampler(side, temperature)
    spins = sampler.sample(40_000, SHOTS)
    assert spins.dtype == np.uint8 and spins.max() == 1
    numbers = spins.astype(np.int64) @ (1 << np.arange(side * side))
    law = ising_law(side, temperature)
    observed = np.bincount(numbers, minlength=len(law))
    assert tallied_chi_square(observed, law).p_value > ALPHA
    assert tallied_chi_square(observed, ising_law(side, 1.3 * temperature)).p_value < 1e-10


def test_an_eight_by_eight_lattice_has_its_exact_correlations_and_no_magnetisation():
    sampler, num = IsingSampler(8), 20_000
    spins = 1 - 2.0 * sampler.sample(num, SHOTS).reshape(num, 8, 8)
    magnetisation = spins.mean(axis=(1, 2))
    bound = scipy.stats.norm.isf(ALPHA / 2 / 65)
    assert abs(magnetisation.mean()) < bound * magnetisation.std() / math.sqrt(num)
    assert abs(np.abs(magnetisation).mean() - 0.8) < 0.1  # ordered, in one direction or the other
    for down, right in itertools.product(range(8), repeat=2):
        products = (spins * np.roll(spins, (-down, -right), axis=(1, 2))).mean(axis=(1, 2))
        error = bound * products.std() / math.sqrt(num) + 1e-12
        assert abs(products.mean() - sampler.correlation[down, right]) < error
    np.testing.assert_allclose(sampler.correlation, sampler.correlation.T, atol=1e-12)


def test_cold_spins_are_all_alike():
    spins = IsingSampler(4, 0.01).sample(2000, SHOTS)
    assert set(spins.sum(axis=1).tolist()) == {0, 16}
    assert abs((spins[:, 0] == 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(2000)


def test_a_shot_depends_on_its_index_alone():
    sampler = IsingSampler(4)
    whole = sampler.sample(700, SHOTS, num_threads=1)
    assert np.array_equal(sampler.sample(700, SHOTS, num_threads=3), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (5, 5)]:
        part = sampler.sample(stop - start, SHOTS, start=start)
        assert np.array_equal(part, whole[start:stop])
    assert not np.array_equal(sampler.sample(700, SHOTS.child(1)), whole)


@pytest.mark.parametrize(
    ("side", "temperature", "error", "said"),
    [
        (11, 2.0, ValueError, "from 2 to 10 spins, not 11"),
        (1, 2.0, ValueError, "from 2 to 10 spins, not 1"),
        (4.0, 2.0, TypeError, "whole number of spins, not 4.0"),
        (4, 0.0, ValueError, "above 0"),
        (4, math.inf, ValueError, "finite"),
        (4, math.nan, ValueError, "finite"),
        (4, "cold", TypeError, "number, in units of J/k_B"),
    ],
)
def test_what_cannot_be_is_refused(side, temperature, error, said):
    with pytest.raises(error, match=said):
        IsingSampler(side, temperature)


def test_a_law_of_too_many_states_is_refused():
    with pytest.raises(ValueError, match="2\\*\\*25 states"):
        ising_law(5)
