"""Exact boson samplers side by side, in one run.

Notation: m modes, n photons, a *system* (n, m); a *contender* draws shots of it; a *row* is
one measurement, a JSON object. Rates are shots a second of the contender's CPU time.

Every contender has a process of its own, on one core (the rows for two threads: on two), and
draws from the same interferometer and input. Rounds alternate between the contenders and the
best undisturbed round of each counts; a disturbed round (`bench.guard`) is repeated up to a
limit. Where every round was disturbed the best of them is kept and the row says so. A
contender that does not draw one shot within the budget is stopped, and its row says slower.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantum_latents.bench.child import Child, Ready, TooSlow
from quantum_latents.bench.contenders import PEERS, Contender, System, ours
from quantum_latents.bench.guard import Guard, Timed, Timing, best_of
from quantum_latents.bench.machine import facts, load_before, num_cores
from quantum_latents.bench.peak import fma_burst
from quantum_latents.samplers.arithmetic import flops_per_shot

__all__ = ["SIZES", "Settings", "measure", "measure_rates"]

SIZES = ((8, 16), (12, 24), (16, 32), (20, 40), (24, 48))
"""(n, m) of the comparison with the peers."""

_SCHEMA = 1
_LONG_BURST = 300_000_000
"""Steps of the bursts on one core and on two: some half a second."""
_DISTRIBUTIONS = ("numba", "numpy", *(peer.distribution for peer in PEERS))


@dataclass(frozen=True)
class Settings:
    """What is measured, and for how long.

    Attributes:
        sizes: (n, m) where all contenders draw, from a Haar interferometer.
        thread_sizes: (n, m) where two threads are held against one.
        time_bin_sizes: (n, m) of the `1-1` interferometer.
        cost_photons: n of the cost curves, at m = 2 n and m = n.
        time_bin_photons: n of the `1-1` cost curve at m = 2 n; needs the progressive path.
        seconds: length of a round; a round of a cost curve is a quarter of it.
        rounds: undisturbed rounds wanted of each contender, at most twice as many are tried.
        budget: seconds that one shot may take.
        peers: other libraries.
        starts: whether to measure the start of a new process.
        seed: names the interferometers and the shots.
    """

    sizes: tuple[tuple[int, int], ...] = SIZES
    thread_sizes: tuple[tuple[int, int], ...] = ((16, 32), (20, 40))
    time_bin_sizes: tuple[tuple[int, int], ...] = ((8, 16), (16, 32))
    cost_photons: tuple[int, ...] = tuple(range(8, 23))
    time_bin_photons: tuple[int, ...] = (8, 12, 16, 20, 24, 32, 40)
    seconds: float = 2.0
    rounds: int = 3
    budget: float = 20.0
    peers: tuple[Contender, ...] = PEERS
    starts: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("seconds", self.seconds), ("budget", self.budget)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is a positive length of time, not {value}")
        if self.rounds < 1:
            raise ValueError(f"rounds is at least 1, not {self.rounds}")


def measure(settings: Settings, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return all rows, with the machine that they were measured on.

    Args:
        settings: what is measured.
        note: is told what is going on, a line at a time.
    """
    note("the core's peak of multiply-adds")
    guard, rows = Guard(), []
    load = load_before()
    if settings.thread_sizes and num_cores() >= 2:
        note("multiply-adds on one core and on two")
        rows += _cores(settings.rounds)
    rows += _comparison(settings, guard, note)
    rows += _time_bins(settings, guard, note)
    rows += _cost_curves(settings, guard, note)
    if settings.starts:
        note("start of a new process, cold and warm")
        rows += _starts()
    return {
        "schema": _SCHEMA,
        "settings": {k: v for k, v in asdict(settings).items() if k != "peers"},
        "machine": facts(_DISTRIBUTIONS, load),
        "peak_gflops": guard.peak / 1e9,
        "rows": rows,
    }


def measure_rates(
    system: System,
    children: Sequence[Child],
    guard: Guard,
    *,
    what: str,
    seconds: float,
    rounds: int,
    budget: float,
) -> list[dict[str, Any]]:
    """Return a row for each contender on one system; rounds alternate between them.

    Args:
        system: what is drawn from.
        children: one a contender; they are started if they are not, and stay.
        guard: says which rounds were disturbed.
        what: the kind of row.
        seconds: see `Settings`, as for the two below.
        rounds: undisturbed rounds wanted.
        budget: of one shot.
    """
    found: dict[Child, Ready] = {}
    rows = {child: _blank(child, system, what) for child in children}
    for child in children:
        missing = child.contender.missing()
        if missing is not None:
            rows[child] |= {"status": "absent", "detail": missing}
            continue
        try:
            found[child] = child.open(system, seconds, budget)
        except (TooSlow, RuntimeError) as error:
            rows[child] |= _gave_up(error, budget)
    timings, stopped = guard.alternate(
        {c: (lambda c=c: c.round(seconds, budget), c.num_threads) for c in found},
        rounds,
        (TooSlow, RuntimeError),
    )
    for child, error in stopped.items():
        rows[child] |= _gave_up(error, budget)
        del found[child]
    for child, ready in found.items():
        rows[child] |= _best(timings[child], child.num_threads)
        rows[child] |= {"setup_seconds": ready.setup_seconds, "path": ready.path}
    return list(rows.values())


def _blank(child: Child, system: System, what: str) -> dict[str, Any]:
    return {
        "what": what,
        "contender": child.contender.name,
        "peer": child.contender.is_peer,
        "path": "",
        "interferometer": system.interferometer,
        "photons": system.num_photons,
        "modes": system.num_modes,
        "threads": child.num_threads,
        "default": not child.contender.is_peer and child.contender.path is None,
        "flops_per_shot": flops_per_shot(system.num_modes, system.num_photons),
        "status": "absent",
        "detail": "",
    }


def _gave_up(error: Exception, budget: float) -> dict[str, Any]:
    if isinstance(error, TooSlow):
        # Less than this many: what is known of the rate.
        return {"status": "slower", "detail": str(error), "per_cpu_second": 1 / budget}
    return {"status": "failed", "detail": str(error)}


def _best(timings: list[Timed], num_threads: int) -> dict[str, Any]:
    def rate(timing: Timing) -> float:
        # With several threads the wall clock is the question.
        return timing.done / (timing.cpu_seconds if num_threads == 1 else timing.wall_seconds)

    timing, said = best_of(timings, rate)
    return {
        **said,
        "shots": timing.done,
        "cpu_seconds": timing.cpu_seconds,
        "wall_seconds": timing.wall_seconds,
        "per_cpu_second": timing.done / timing.cpu_seconds,
        "per_second": timing.done / timing.wall_seconds,
    }


def _cores(rounds: int) -> list[dict[str, Any]]:
    """Return rows of what one core and two make of multiply-adds in registers, in turn."""
    best = {1: 0.0, 2: 0.0}
    for _ in range(rounds):
        for num_threads in best:
            with ThreadPoolExecutor(num_threads) as pool:
                bursts = pool.map(fma_burst, [_LONG_BURST] * num_threads)
                rate = sum(burst.per_second for burst in bursts)
            best[num_threads] = max(best[num_threads], rate)
    return [{"what": "cores", "threads": n, "gflops": rate / 1e9} for n, rate in best.items()]


def _paths() -> tuple[str, ...]:
    from quantum_latents.samplers.boson import PATHS

    return PATHS


def _comparison(settings: Settings, guard: Guard, note) -> list[dict[str, Any]]:
    if not settings.sizes:
        return []
    from quantum_latents.samplers.boson import MAX_ENUMERATED_OUTCOMES
    from quantum_latents.samplers.enumeration import num_outcomes

    default, forced = Child(ours(None)), Child(ours("clifford-clifford"))
    enumeration = Child(ours("enumeration"))
    peers = [Child(peer) for peer in settings.peers]
    two = Child(ours(None), 2) if num_cores() >= 2 else None
    rows = []
    try:
        for photons, modes in settings.sizes:
            note(f"{photons} photons in {modes} modes")
            children = [*peers, default, forced]
            if num_outcomes(modes, photons) <= MAX_ENUMERATED_OUTCOMES:
                children.append(enumeration)
            if two is not None and (photons, modes) in settings.thread_sizes:
                children.append(two)
            rows += measure_rates(
                System("haar", modes, photons, settings.seed),
                children,
                guard,
                what="rate",
                seconds=settings.seconds,
                rounds=settings.rounds,
                budget=settings.budget,
            )
    finally:
        for child in (default, forced, enumeration, two, *peers):
            if child is not None:
                child.stop()
    return rows


def _time_bins(settings: Settings, guard: Guard, note) -> list[dict[str, Any]]:
    child = Child(ours("progressive" if "progressive" in _paths() else None))
    rows = []
    try:
        for photons, modes in settings.time_bin_sizes:
            note(f"time bins 1-1, {photons} photons in {modes} modes")
            rows += measure_rates(
                System("time-bin", modes, photons, settings.seed),
                [child],
                guard,
                what="rate",
                seconds=settings.seconds,
                rounds=settings.rounds,
                budget=settings.budget,
            )
    finally:
        child.stop()
    return rows


def _cost_curves(settings: Settings, guard: Guard, note) -> list[dict[str, Any]]:
    systems = [
        (System("haar", filling * photons, photons, settings.seed), "clifford-clifford")
        for filling in (2, 1)
        for photons in settings.cost_photons
    ]
    if "progressive" in _paths():
        systems += [
            (System("time-bin", 2 * photons, photons, settings.seed), "progressive")
            for photons in settings.time_bin_photons
        ]
    children = {path: Child(ours(path)) for path in {path for _, path in systems}}
    rows = []
    try:
        for system, path in systems:
            note(f"cost, {system.num_photons} photons in {system.num_modes} modes, {path}")
            rows += measure_rates(
                system,
                [children[path]],
                guard,
                what="cost",
                seconds=settings.seconds / 4,
                rounds=min(2, settings.rounds),
                budget=settings.budget,
            )
    finally:
        for child in children.values():
            child.stop()
    return rows


_FIRST_SHOT = """
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import sample_boson
device = haar(32, stream(0, "bench", "interferometer"))
sample_boson(device, [1, 0] * 16, 1, stream(0, "bench", "shots"), num_threads=1)
"""


def _starts(repetitions: int = 3) -> list[dict[str, Any]]:
    """Return rows for import and first shot, (16, 32), in a new process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder) / "cache")}
        cold = _start_seconds(environment)
        warm = min(_start_seconds(environment) for _ in range(repetitions))
    for cache, seconds in (("cold", cold), ("warm", warm)):
        rows.append({"what": "start", "cache": cache, "wall_seconds": seconds})
    return rows


def _start_seconds(environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", _FIRST_SHOT], env=environment, check=True)
    return time.perf_counter() - started
