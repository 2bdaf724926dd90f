"""Fits of speeds: what was planted comes back, and intervals hold what was measured later."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.theory import fit, planted_speed
from quantum_latents.theory.exact_algorithms import counts_of
from quantum_latents.theory.speeds import Measurement, Speeds, fit_speed

RESULTS = Path(__file__).parents[2] / "results"


def features_of(m, n):
    counts = counts_of({"kind": "haar", "num_modes": m}, (1,) * n + (0,) * (m - n))
    return next(one.features for one in counts if one.algorithm == "clifford-clifford")


def test_planted_coefficients_come_back():
    planted = np.array([3e-7, 0.0, 4e-11, 1e-10])
    sizes = [(2 * n, n) for n in range(6, 18, 2)] + [(90, 6), (120, 12)]
    measurements = [
        Measurement("cc", n, m, features_of(m, n), (float(planted @ features_of(m, n)),) * 5)
        for m, n in sizes
    ]
    speed = fit_speed(measurements)
    for m, n in [(16, 8), (48, 24), (80, 40)]:
        estimate = speed.predict(features_of(m, n))
        assert estimate.seconds == pytest.approx(float(planted @ features_of(m, n)), rel=1e-3)
        assert estimate.low == pytest.approx(estimate.high, rel=1e-2)
    assert speed.reaches(features_of(32, 16)) and not speed.reaches(features_of(48, 24))


@pytest.mark.parametrize("filling", [1, 2])
@pytest.mark.parametrize("rows", ["bench-samplers-avx2.json", "bench-samplers.json"])
def test_fits_to_small_sizes_hold_the_committed_measurements_of_larger_ones(rows, filling):
    # Times of the bench, which was run on an otherwise idle machine: fitted up to 16 photons,
    # told up to 24.
    seconds: dict[tuple[int, int], list[float]] = {}
    for row in json.loads((RESULTS / rows).read_text())["rows"]:
        if row.get("path") != "clifford-clifford" or row["threads"] != 1:
            continue
        if row["modes"] == filling * row["photons"]:
            size = (row["modes"], row["photons"])
            seconds.setdefault(size, []).append(1 / row["per_cpu_second"])
    small = [
        Measurement("cc", n, m, features_of(m, n), tuple(times))
        for (m, n), times in sorted(seconds.items())
        if n <= 16
    ]
    speed = fit_speed(small)
    larger = [size for size in seconds if size[1] > 16]
    assert max(n for _, n in larger) >= 22
    for m, n in larger:
        estimate = speed.predict(features_of(m, n))
        assert estimate.low < np.median(seconds[m, n]) < estimate.high, (m, n)
        assert estimate.high / estimate.low < 6  # and it says something


def test_noise_and_a_wrong_formula_widen_the_interval():
    sizes = [(1.0, float(k)) for k in range(1, 9)]

    def width(times):
        measurements = [
            Measurement("x", 1, 1, f, tuple(rounds)) for f, rounds in zip(sizes, times, strict=True)
        ]
        estimate = fit_speed(measurements).predict((1.0, 100.0))
        return estimate.high / estimate.low

    exact = width([[f[1]] * 5 for f in sizes])
    noisy = width([[0.7 * f[1], 0.8 * f[1], f[1], 1.3 * f[1], 9.0 * f[1]] for f in sizes])
    wrong = width([[f[1] ** 1.5] * 5 for f in sizes])
    assert exact == pytest.approx(1, abs=1e-6)
    assert 1.6 < noisy < 1.8  # (1.3)^2: the accident of 9 is left out
    assert wrong > 1.5


def test_an_anchored_speed_predicts_its_anchor_and_keeps_its_shape():
    timed = [Measurement("x", 1, 1, (1.0, float(k)), (1 + 2.0 * k,) * 5) for k in range(1, 6)]
    speed = fit_speed(timed)
    anchor = Measurement("x", 9, 9, (1.0, 50.0), (202.0,) * 5)  # twice what the fit says
    anchored = speed.anchored(anchor)
    assert anchored.predict((1.0, 50.0)).seconds == pytest.approx(202)
    assert anchored.predict((1.0, 5000.0)).seconds == pytest.approx(2 * (1 + 2 * 5000))
    assert anchored.reaches((1.0, 50.0)) and not speed.reaches((1.0, 50.0))
    low = replace(speed, count_low_by=2.2).predict((1.0, 50.0))
    assert low.seconds == pytest.approx(101) and low.high == pytest.approx(2.2 * 101)
    other = planted_speed("y", (1.0,))
    speeds = Speeds("m", 1, (speed, other)).with_speed(anchored)
    assert speeds.of("x") is anchored and speeds.of("y") is other


def test_bad_speeds_are_refused():
    for coefficients in ((), (0.0, 0.0), (-1.0, 1.0), (float("nan"),)):
        with pytest.raises(ValueError, match="coefficients"):
            planted_speed("independent", coefficients)
    with pytest.raises(ValueError, match="three sizes"):
        fit_speed([Measurement("x", 1, 1, (1.0,), (1.0,))] * 2)
    with pytest.raises(ValueError, match="2 coefficients"):
        planted_speed("independent", (1.0, 1.0)).predict((1.0,))
    speeds = Speeds("a machine", 1, (planted_speed("independent", (1.0, 1.0)),))
    with pytest.raises(ValueError, match=r"no speed of 'progressive'.* independent"):
        speeds.of("progressive")


def test_a_fit_measures_what_the_system_needs():
    device, occupation = haar(6, stream(0, "interferometer")), (1, 0) * 3
    told: list[str] = []
    speeds = fit(device, occupation, num_threads=1, interference=0.0, note=told.append)
    (speed,) = speeds.speeds
    assert speed.what == "independent" and told == ["measuring independent photons"]
    assert speeds.num_threads == 1 and speeds.machine
    assert all(min(one.rounds) > 0 and len(one.rounds) == 5 for one in speed.measurements)
    with pytest.raises(ValueError, match="num_threads"):
        fit(device, occupation, num_threads=0)
