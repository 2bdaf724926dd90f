"""Counts of operations, against doing what is counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quantum_latents.circuits import haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import sample_boson
from quantum_latents.samplers.arithmetic import amplitude_flops, flops_per_shot, terms
from quantum_latents.samplers.progressive import schedule
from quantum_latents.theory.exact_algorithms import counts_of


def of(recipe, occupation, algorithm, **noise):
    counts = {one.algorithm: one for one in counts_of(recipe, occupation, **noise)}
    return counts[algorithm]


def haar_like(m):
    return {"kind": "haar", "num_modes": m}


def bins(m, delays):
    return {"kind": "time-bin", "num_modes": m, "delays": list(delays)}


@pytest.mark.parametrize(("m", "n"), [(4, 3), (6, 6), (10, 5)])
def test_clifford_clifford_by_following_drawn_prefixes(m, n):
    # The k - 1 photons before step k follow the boson law of k - 1 columns: count their terms.
    counted = 0.0
    for k in range(2, n + 1):
        means = []
        for seed in range(40):
            device = haar(m, stream(seed, "prefix", m, n))
            prefix = [1] * (k - 1) + [0] * (m - k + 1)
            counts = sample_boson(device, prefix, 200, stream(seed, "shots"))
            means.append(np.mean([terms(row) for row in counts.tolist()]))
        counted += np.mean(means) * (22 * k - 32)
    counted += sum(8 * k * m for k in range(1, n + 1))
    count = of(haar_like(m), (1,) * n + (0,) * (m - n), "clifford-clifford")
    assert count.operations == pytest.approx(counted, rel=0.03)
    assert count.operations == pytest.approx(flops_per_shot(m, n) + amplitude_flops(m, n))


def test_large_sizes_by_the_ratio_of_binomials_go_on_from_the_exact_ones():
    exact = flops_per_shot(40, 20)
    assert of(haar_like(40), (1, 0) * 20, "clifford-clifford").features[2] == pytest.approx(
        exact, rel=1e-4
    )
    # More photons than modes: no short cut is taken.
    count = of(haar_like(2), (10, 10), "clifford-clifford")
    assert count.features[2] == pytest.approx(flops_per_shot(2, 20))


def test_photons_that_interfere_with_a_probability_cost_the_mean_of_the_binomial():
    m, n, p = 10, 5, 0.3
    each = [flops_per_shot(m, k) + amplitude_flops(m, k) for k in range(n + 1)]
    law = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    count = of(haar_like(m), (1, 0) * 5, "clifford-clifford", interference=0.6, transmission=0.5)
    assert count.operations == pytest.approx(float(np.dot(law, each)))
    counts = counts_of(haar_like(m), (1, 0) * 5, interference=0.0)
    assert [(one.algorithm, one.operations) for one in counts] == [("independent", 5.0)]


def updated_amplitudes(m, delays, counts, occupation):
    """Amplitudes that couplers update in a shot: what was held follows from the counts."""
    held, updated = 0, 0
    for step in schedule(m, delays):
        if step.enters:
            held += occupation[step.mode]
        if step.coupler >= 0 and held:
            updated += math.comb(step.num_held + held - 1, held)
        if step.measures:
            held -= counts[step.mode]
    assert held == 0
    return updated


@pytest.mark.parametrize(
    ("m", "delays"), [(8, (1,)), (12, (1, 1)), (32, (1, 1)), (14, (1, 3)), (16, (2, 3))]
)
def test_progressive_by_following_drawn_shots(m, delays):
    occupation, means = (1, 0) * (m // 2), []
    for seed in range(30):
        device = time_bin(m, delays, stream=stream(seed, "loops"))
        drawn = sample_boson(device, occupation, 60, stream(0, "shots"), path="progressive")
        means.append(
            np.mean([updated_amplitudes(m, delays, row, occupation) for row in drawn.tolist()])
        )
    count = of(bins(m, delays), occupation, "progressive")
    # The count is of mean photon numbers: states with more photons make it low.
    assert 0.9 < np.mean(means) / count.operations < 2.5


def test_progressive_is_linear_in_the_bins_and_the_others_are_not():
    def ratio(algorithm, delays=(1, 2)):
        small, large = (
            of(bins(m, delays), (1, 0) * (m // 2), algorithm).operations for m in (60, 120)
        )
        return large / small

    assert ratio("progressive") == pytest.approx(2, rel=0.05)
    assert ratio("clifford-clifford") > 1e6


def test_every_count_grows_with_the_photons():
    sizes = [(1, 0) * n + (0,) * (40 - 2 * n) for n in range(1, 21)]
    for algorithm in ("enumeration", "clifford-clifford", "progressive"):
        counts = [of(bins(40, (1, 3)), occupation, algorithm) for occupation in sizes]
        grown = [one.once + one.operations for one in counts]
        assert grown == sorted(grown)
        assert grown[-1] > 10 * grown[0]


def test_what_the_library_refuses_is_named():
    assert "1.5e+12 outcomes" in of(haar_like(32), (1, 0) * 16, "enumeration").refusal
    assert of(haar_like(16), (1, 0) * 8, "enumeration").refusal == ""
    assert "at most 40" in of(haar_like(82), (1, 0) * 41, "clifford-clifford").refusal
    assert "GiB" in of(bins(64, (1, 3, 9)), (4, 0) * 32, "progressive").refusal
    assert [one.algorithm for one in counts_of(bins(1020, (1, 1)), (1, 0) * 510)] == ["progressive"]
    with pytest.raises(ValueError, match="500 at most"):
        counts_of(haar_like(1020), (1, 0) * 510)
