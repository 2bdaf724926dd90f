"""The counts of operations, against counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import sample_boson
from quantum_latents.samplers.arithmetic import (
    GROWTH,
    amplitude_flops,
    enumeration_updates,
    expected_terms,
    flops_per_shot,
    flops_per_term,
    terms,
)


def minors_of_a_term(v: list[complex], weight: float) -> tuple[list[complex], int]:
    """Return weight prod_{j != l} v_j for every l by two chains, and the operations it took."""
    k, flops = len(v), 0
    left, right = [v[0] * weight], [v[-1]]
    flops += 2  # a real number times a complex one
    for j in range(1, k - 1):
        left.append(left[-1] * v[j])
        right.append(right[-1] * v[k - 1 - j])
        flops += 12
    minors = [right[k - 2] * weight]
    flops += 2 + 2  # the weight, and the addition to the sum
    for j in range(1, k - 1):
        minors.append(left[j - 1] * right[k - 2 - j])
        flops += 8
    minors.append(left[k - 2])
    flops += 2
    return minors, flops + 2 * k  # a real change of 2 k parts of v


@pytest.mark.parametrize("k", range(2, 9))
def test_operations_of_a_term_by_doing_them(k):
    rng = np.random.default_rng(k)
    v = list(rng.normal(size=k) + 1j * rng.normal(size=k))
    minors, flops = minors_of_a_term(v, 3.0)
    wanted = [3 * math.prod(v[:j] + v[j + 1 :]) for j in range(k)]
    assert np.allclose(minors, wanted)
    assert flops == flops_per_term(k)


def sign_patterns(counts) -> int:
    """Count the vectors g of Glynn's sum with one copy of a least occupied row fixed."""
    copies = sorted(count for count in counts if count)
    if not copies:
        return 1
    ranges = [range(copies[0]), *(range(count + 1) for count in copies[1:])]
    return sum(1 for _ in itertools.product(*ranges))


@pytest.mark.parametrize("counts", [(), (1,), (3,), (2, 2), (1, 0, 4, 1), (2, 3, 0, 2)])
def test_terms_by_going_through_them(counts):
    assert terms(counts) == sign_patterns(counts)


@pytest.mark.parametrize(("num_modes", "k"), [(1, 4), (2, 5), (3, 4), (4, 6), (5, 1)])
def test_expected_terms_by_enumeration(num_modes, k):
    drawn = itertools.combinations_with_replacement(range(num_modes), k - 1)
    counts = [[chosen.count(mode) for mode in range(num_modes)] for chosen in drawn]
    assert expected_terms(num_modes, k) == pytest.approx(np.mean([*map(terms, counts)]))


def test_expected_terms_of_drawn_prefixes():
    # The k - 1 photons before step k follow the law of k - 1 of the columns.
    num_modes, k = 8, 5
    means = []
    for seed in range(60):
        device = haar(num_modes, stream(seed, "terms"))
        counts = sample_boson(device, [1] * (k - 1) + [0] * 4, 500, stream(seed, "shots"))
        means.append(np.mean([terms(row) for row in counts.tolist()]))
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    assert abs(np.mean(means) - expected_terms(num_modes, k)) < 5 * error


def test_the_closed_form_is_near_and_the_reference_agrees():
    for photons, modes, wanted in [(8, 16, 9.9e3), (16, 32, 3.0e6), (20, 40, 4.1e7)]:
        assert flops_per_shot(modes, photons) == pytest.approx(wanted, rel=0.03)
        closed = 0.5 * math.comb(2 * modes + photons - 2, photons - 1)
        closed /= math.comb(modes + photons - 2, photons - 1)
        assert expected_terms(modes, photons) == pytest.approx(closed, rel=1e-2)


@pytest.mark.parametrize("filling", [1, 2])
def test_terms_grow_by_the_base_of_the_theory(filling):
    ratio = expected_terms(filling * 121, 121) / expected_terms(filling * 120, 120)
    assert ratio == pytest.approx(GROWTH[filling], abs=0.01)


def test_updates_of_the_recursion_by_writing_out_the_law():
    # Photon by photon: every occupied mode of every outcome takes one update.
    for num_modes, num_photons in [(1, 3), (3, 2), (4, 5), (6, 4)]:
        updates = 0
        for k in range(1, num_photons + 1):
            outcomes = itertools.combinations_with_replacement(range(num_modes), k)
            updates += sum(len(set(outcome)) for outcome in outcomes)
        assert updates == enumeration_updates(num_modes, num_photons)


@pytest.mark.parametrize(("num_modes", "num_photons"), [(1, 1), (5, 3), (8, 6)])
def test_operations_of_amplitudes_by_adding_them_up(num_modes, num_photons):
    # A complex product is 6 operations and a complex addition 2; the first addition is to 0.
    counted = sum((6 + 2) * k * num_modes for k in range(1, num_photons + 1))
    assert counted == amplitude_flops(num_modes, num_photons)
