"""The count of operations, against counting; the multiply-adds, against adding."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from quantum_latents.bench.arithmetic import (
    GROWTH,
    expected_terms,
    flops_per_shot,
    flops_per_term,
    terms,
)
from quantum_latents.bench.peak import NUM_CHAINS, fma_burst, fma_chains
from quantum_latents.bench.summary import fitted_base, summary
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import sample_boson
from quantum_latents.simd import VECTOR_BYTES


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


def test_the_fit_needs_three_points_in_the_upper_half():
    assert fitted_base([1, 2, 3, 4], [1.0, 2.0, 4.0, 8.0]) is None
    assert fitted_base(range(6), [9.0, 9.0, 9.0, 8.0, 16.0, 32.0]) == pytest.approx(2.0)


def test_chains_add_what_they_should():
    lanes = VECTOR_BYTES // 8
    start = np.arange(NUM_CHAINS * lanes, dtype=float)
    wanted = start.copy()
    for _ in range(7):
        wanted = wanted * 0.5 + 3.0
    assert np.array_equal(fma_chains(start, 0.5, 3.0, 7), wanted)
    assert fma_burst(1000).per_cpu_second > 0
    with pytest.raises(ValueError, match="chains"):
        fma_chains(start[1:], 0.5, 3.0, 7)


def row(contender, rate, *, peer=False, threads=1, size=(16, 32), **more):
    return {
        "what": "rate",
        "contender": contender,
        "peer": peer,
        "interferometer": "haar",
        "path": "clifford-clifford",
        "photons": size[0],
        "modes": size[1],
        "threads": threads,
        "default": contender == "default",
        "flops_per_shot": 1e6,
        "status": "measured",
        "per_cpu_second": rate,
        "per_second": rate * threads,
        **more,
    }


def test_ratios_shares_and_threads_follow_from_rows():
    rows = [
        row("A", 100.0, peer=True),
        row("B", 200.0, peer=True, status="disturbed"),
        row("default", 9000.0),
        row("clifford-clifford", 8000.0),
        row("default", 8500.0, threads=2),
        row("A", 0.05, peer=True, size=(20, 40), status="slower"),
        row("default", 50.0, size=(20, 40)),
    ]
    told = summary({"rows": rows, "peak_gflops": 16.0})
    first, second = told["ratios"]
    assert (first["faster_peer"], first["ratio"], first["goal"]) == ("B", 45.0, 40)
    assert first["disturbed"] and not second["disturbed"]
    assert first["peak_share"] == pytest.approx(0.5)
    assert second["at_least"] and second["ratio"] == pytest.approx(1000)
    (threads,) = told["threads"]
    assert threads["ratio"] == pytest.approx(17 / 9) and threads["goal"] == 1.9
