"""The multiply-adds, against adding; what follows from rows."""

from __future__ import annotations

import numpy as np
import pytest

from quantum_latents.bench.peak import NUM_CHAINS, fma_burst, fma_chains
from quantum_latents.bench.summary import fitted_base, summary
from quantum_latents.simd import VECTOR_BYTES


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
    assert told["cores"] is None
    rows += [{"what": "cores", "threads": n, "gflops": g} for n, g in ((1, 16.0), (2, 28.0))]
    assert summary({"rows": rows, "peak_gflops": 16.0})["cores"] == 1.75
