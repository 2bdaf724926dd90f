"""Timing the exact algorithms on this machine, in seconds.

Notation: a *round* draws shots for a fraction of a second on one thread; its figure is the CPU
time of that thread over the shots, which waiting for a busy core does not count. Other work
still shows (it shares caches and the clock), so rounds are repeated and all are kept.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from quantum_latents.circuits import Interferometer, haar, time_bin
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.random import stream
from quantum_latents.samplers import BosonSampler, DistinguishableSampler
from quantum_latents.samplers.boson import compile_path
from quantum_latents.samplers.shots import available_cores
from quantum_latents.theory.exact_algorithms import Count, counts_of
from quantum_latents.theory.speeds import Measurement, Speed, Speeds, fit_speed

__all__ = ["LONGEST_SHOT", "fit", "processor_name", "timed"]

ROUNDS = 5
ROUND_SECONDS = 0.03

LONGEST_SHOT = 0.1
"""Seconds of one core up to which a shot is measured rather than extrapolated."""

_FEWEST_SHOTS = 2
"""Of a round: some shots collide more or hold more photons than others, and cost accordingly."""

_LADDER_SHOT = 0.002
"""Seconds of one core, roughly, up to which a size is a rung of a ladder."""

_AMPLITUDES_LOW_BY = 2.2
"""What `samplers.progressive.estimated_cost` says of itself for delays 1-3-9."""

_WIDEST = 128
"""Most modes of a rung: a larger unitary takes longer to draw than its shots."""

_AMPLITUDES_PER_SECOND = 2e8
"""Roughly what one core updates; only chooses rungs."""


def fit(
    interferometer: Interferometer,
    occupation: tuple[int, ...],
    *,
    num_threads: int | None = None,
    interference: float = 1.0,
    note: Callable[[str], None] = lambda _: None,
) -> Speeds:
    """Measure the algorithms that sample this system, at small sizes of its family.

    Haar interferometers with as many modes a photon as the system (and wider ones), or time bins
    with its delays. It takes a few seconds; the first call of an installation also compiles the
    kernels. Timings differ from call to call: see `speeds` for what the intervals hold.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        num_threads: cores that will share the shots; None is all that this process may use.
        interference: 0 measures photons that are routed alone.
        note: is told what is going on, a line at a time.

    Raises:
        ValueError: fewer than one thread.
    """
    cores = available_cores() if num_threads is None else num_threads
    if isinstance(cores, bool) or not isinstance(cores, int) or cores < 1:
        raise ValueError(f"num_threads is a whole number from 1 on, not {cores!r}")
    recipe, photons = interferometer.recipe, max(1, sum(occupation))
    per_photon = len(occupation) / photons
    if interference == 0:
        note("measuring independent photons")
        speeds = [_fitted("independent", _routed(per_photon))]
        return Speeds(processor_name(), cores, tuple(speeds))
    note("measuring clifford-clifford")
    speeds = [_fitted("clifford-clifford", _clifford_clifford(per_photon))]
    if interference == 1:
        note("measuring enumeration")
        once, shots = zip(*(_timed_enumeration(n) for n in (4, 5, 6, 7)), strict=True)
        speeds += [fit_speed(shots), fit_speed(once)]
        if recipe["kind"] == "time-bin":
            note("measuring progressive")
            speed = _fitted("progressive", _progressive(recipe, occupation))
            speeds.append(replace(speed, count_low_by=_AMPLITUDES_LOW_BY))
    return Speeds(processor_name(), cores, tuple(speeds))


def timed(
    count: Count, interferometer: Interferometer, occupation: tuple[int, ...], rounds: int = ROUNDS
) -> Measurement:
    """Measure a shot of one algorithm on one system.

    Raises:
        ValueError: what the sampler refuses.
    """
    if count.algorithm == "independent":
        sampler = DistinguishableSampler(interferometer, occupation)
    else:
        sampler = BosonSampler(interferometer, occupation, path=count.algorithm)
    return _timed_shots(sampler, count, occupation, rounds)


def processor_name() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _fitted(what: str, systems: Iterator[tuple[Interferometer, tuple[int, ...]]]) -> Speed:
    measurements = []
    for device, occupation in systems:
        counts = counts_of(device.recipe, occupation, interference=float(what != "independent"))
        (count,) = (one for one in counts if one.algorithm == what)
        measurements.append(timed(count, device, occupation))
    return fit_speed(measurements)


def _timed_shots(sampler: Any, count: Count, occupation: tuple[int, ...], rounds: int):
    names = stream(0, "speed", "shots")
    done = 0

    def draw(number: int) -> float:
        nonlocal done
        started = time.thread_time()
        sampler.sample(number, names, start=done, num_threads=1)
        done += number
        return time.thread_time() - started

    if count.algorithm != "independent":
        compile_path(count.algorithm)
    number, spent = 1, draw(1)
    while spent < ROUND_SECONDS / 4 and number < 2**24:
        grown = 16.0 if spent <= 0 else min(16.0, max(2.0, ROUND_SECONDS / spent))
        number = math.ceil(number * grown)
        spent = draw(number)
    number = max(_FEWEST_SHOTS, number)
    # A clock that cannot tell two times apart shows at least its own tick.
    tick = time.get_clock_info("thread_time").resolution
    figures = tuple(max(tick, draw(number)) / number for _ in range(rounds))
    return Measurement(count.algorithm, sum(occupation), len(occupation), count.features, figures)


def _timed_enumeration(photons: int) -> tuple[Measurement, Measurement]:
    """What is done once, and a shot, at m = 2 n."""
    device = haar(2 * photons, stream(0, "speed", "interferometer", photons))
    occupation = evenly_spread(2 * photons, photons)
    count = counts_of(device.recipe, occupation)[0]
    compile_path("enumeration")
    rounds = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        sampler = BosonSampler(device, occupation, path="enumeration")
        rounds.append(max(1e-9, time.thread_time() - started))
    once = Measurement(
        "enumeration, once", photons, 2 * photons, count.once_features, tuple(rounds)
    )
    return once, _timed_shots(sampler, count, occupation, ROUNDS)


def _clifford_clifford(per_photon: float) -> Iterator[tuple[Interferometer, tuple[int, ...]]]:
    sizes = [(n, math.ceil(per_photon * n)) for n in (6, 8, 10, 12, 14, 16, 18, 20)]
    sizes += [(6, 16 * 6), (12, 10 * 12)]  # wide ones tell amplitudes from terms
    for n, m in sizes:
        m = min(_WIDEST, m)
        device = haar(m, stream(0, "speed", "interferometer", n, m))
        yield device, _spread(m, n)


def _routed(per_photon: float) -> Iterator[tuple[Interferometer, tuple[int, ...]]]:
    for n in (4, 8, 16, 32):
        m = min(_WIDEST, math.ceil(per_photon * n))
        yield haar(m, stream(0, "speed", "interferometer", n, m)), _spread(m, n)


def _progressive(
    recipe: dict[str, Any], occupation: tuple[int, ...]
) -> Iterator[tuple[Interferometer, tuple[int, ...]]]:
    """Time bins with the same delays: more bins at the same filling, and fewer photons."""
    delays = recipe["delays"]
    shortest = max(delays) + 1
    rungs = []
    for factor in (1, 1.5, 2, 3, 4, 6, 8):
        bins = math.ceil(factor * max(8, shortest))
        filled = tuple(occupation[i % len(occupation)] for i in range(bins))
        rungs += [filled] + [evenly_spread(bins, n) for n in (2, 3, 4, 6, 8) if n < bins]
    rungs = [rung for rung in dict.fromkeys(rungs) if sum(rung)]
    costs = {}
    for rung in rungs:
        counts = counts_of({**recipe, "num_modes": len(rung)}, rung)
        costs[rung] = next(one for one in counts if one.algorithm == "progressive")
    affordable = [
        rung
        for rung in rungs
        if not costs[rung].refusal
        and costs[rung].operations / _AMPLITUDES_PER_SECOND < _LADDER_SHOT
    ]
    # A few rungs from the cheapest to the dearest: those in between say the same.
    affordable.sort(key=lambda rung: costs[rung].operations)
    if len(affordable) < 3:
        affordable = sorted(rungs, key=lambda rung: costs[rung].operations)[:3]
    chosen = {round(i * (len(affordable) - 1) / 7) for i in range(8)}
    for index in sorted(chosen):
        rung = affordable[index]
        yield time_bin(len(rung), delays, stream=stream(0, "speed", "bins")), rung


def _spread(m: int, n: int) -> tuple[int, ...]:
    """Photons one a mode where modes suffice, else as evenly as they allow."""
    return tuple((n * (i + 1)) // m - (n * i) // m for i in range(m))
