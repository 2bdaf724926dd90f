"""Child processes that draw: one contender each, with its own imports and threads.

Notation: the parent sends one request and waits for one answer. `open` prepares a contender on
a system and finds out how many shots fill a round; `round` draws them. A child that spends
more CPU time than it was granted is stopped, and starts afresh for the next request.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.bench.contenders import Contender, Opened, System, open_contender
from quantum_latents.bench.guard import Timing

__all__ = ["Child", "Ready", "TooSlow", "checked_counts"]

_START_SECONDS = 120.0
"""Most that imports and compiling may take, and building the interferometer."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

_LEAST_SHOTS = 3

_MOST_SHOTS = 2**24

_STARVED = 10
"""Wall time over the CPU time that was granted, at which a child is given up."""


class TooSlow(Exception):
    """A contender did not draw one shot within the budget."""


@dataclass(frozen=True)
class Ready:
    """A contender's answer to `open`: shots of a round, seconds to prepare, its path."""

    shots: int
    setup_seconds: float
    path: str


class Child:
    """A process that draws for one contender.

    Args:
        contender: who.
        num_threads: cores that the process may use, and threads of this library's sampler.
    """

    def __init__(self, contender: Contender, num_threads: int = 1) -> None:
        self.contender, self.num_threads = contender, num_threads
        self._process: Any = None
        self._connection: Any = None

    def open(self, system: System, seconds: float, budget: float) -> Ready:
        """Prepare rounds of about `seconds` on a system.

        Raises:
            TooSlow: the first shot took more than `budget` CPU seconds.
            RuntimeError: the contender failed, or the machine had no time for it.
        """
        self._ask("prepare", (system,), _START_SECONDS)
        self._ask("shot", (), budget)
        return self._ask("pilot", (seconds,), 20 * seconds + _LEAST_SHOTS * budget)

    def round(self, seconds: float, budget: float) -> Timing:
        """Draw the shots of one round."""
        return self._ask("round", (), 20 * seconds + _LEAST_SHOTS * budget)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def _ask(self, request: str, arguments: tuple, patience: float) -> Any:
        if self._process is None:
            self._start()
        self._connection.send((request, arguments))
        self._wait(patience)
        try:
            kind, answer = self._connection.recv()
        except EOFError:
            self.stop()
            raise RuntimeError(f"{self.contender.name}: its process ended") from None
        if kind == "failed":
            self.stop()
            raise RuntimeError(f"{self.contender.name}: {answer}")
        return answer

    def _wait(self, patience: float) -> None:
        before, started = _cpu_seconds(self._process.pid), time.monotonic()
        while not self._connection.poll(0.2):
            used, waited = _cpu_seconds(self._process.pid), time.monotonic() - started
            # A busy machine makes no contender slow: what it computed counts, not the clock.
            if (used - before if used is not None and before is not None else waited) > patience:
                self.stop()
                raise TooSlow(f"no answer within {patience:g} CPU seconds")
            if waited > _STARVED * patience:
                self.stop()
                raise RuntimeError(f"the machine gave it no core for most of {waited:.0f} s")

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self.contender, self.num_threads)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, str(self.num_threads)))
        try:
            self._process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        theirs.close()


def checked_counts(opened: Opened, system: System, drawn: Any) -> None:
    """Refuse shots that are not n photons in m modes.

    Raises:
        ValueError: what they are instead.
    """
    counts = opened.counts(drawn)
    if counts.ndim != 2 or counts.shape[1] != system.num_modes:
        raise ValueError(f"shots of {system.num_modes} modes came as {counts.shape}")
    if (counts.sum(axis=1) != system.num_photons).any():
        raise ValueError(f"a shot does not hold {system.num_photons} photons")


def _cpu_seconds(process_id: int) -> float | None:
    """Return the CPU seconds of a process, None where the system does not tell."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(opened: Opened, num_samples: int) -> tuple[Timing, Any]:
    cpu, wall = time.process_time(), time.perf_counter()
    drawn = opened.draw(num_samples)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Timing(num_samples, cpu, wall), drawn


def _num_shots(opened: Opened, seconds: float) -> int:
    """Return how many shots take about `seconds` of CPU time, by ever larger trials."""
    shots = 1
    while True:
        used = max(_timed(opened, shots)[0].cpu_seconds, 1e-7)
        if used > seconds / 8 or shots >= _MOST_SHOTS:
            return max(_LEAST_SHOTS, min(_MOST_SHOTS, round(shots * seconds / used)))
        larger = min(16 * shots, round(shots * seconds / 4 / used))
        shots = min(_MOST_SHOTS, max(2 * shots, larger))


def _warm_up(contender: Contender, system: System, num_threads: int) -> None:
    small = replace(system, num_modes=6, num_photons=3)
    paths: tuple[str | None, ...] = (contender.path,)
    if not contender.is_peer and contender.path is None:
        from quantum_latents.samplers.boson import PATHS

        # It may choose another path for the real system than for a small one.
        paths = tuple(path for path in PATHS if path != "progressive" or _has_bins(system))
    for path in paths:
        open_contender(replace(contender, path=path), small, num_threads).draw(2)


def _has_bins(system: System) -> bool:
    return system.interferometer == "time-bin"


def _serve(connection, contender: Contender, num_threads: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        # A peer that counts cores by itself finds as many as it may have threads.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:num_threads])
    warnings.simplefilter("ignore", DeprecationWarning)  # a peer's, about itself
    system, opened, ready, warm = None, None, Ready(0, 0.0, ""), False
    while True:
        try:
            request, arguments = connection.recv()
        except EOFError:
            return
        try:
            if request == "prepare":
                (system,) = arguments
                if not warm:  # imports and compiling, outside of every clock
                    _warm_up(contender, system, num_threads)
                    warm = True
                started = time.perf_counter()
                opened = open_contender(contender, system, num_threads)
                ready = Ready(0, time.perf_counter() - started, opened.path)
                answer: Any = ready
            elif request == "shot":
                assert opened is not None
                opened.draw(1)
                answer = None
            elif request == "pilot":
                assert opened is not None and system is not None
                checked_counts(opened, system, opened.draw(2))
                answer = ready = replace(
                    ready, shots=_num_shots(opened, num_threads * arguments[0])
                )
            else:
                assert opened is not None
                answer, drawn = _timed(opened, ready.shots)
                # Turning all into counts would look like foreign load to the guard.
                if len(drawn) != ready.shots:
                    raise ValueError(f"{len(drawn)} shots came instead of {ready.shots}")
                del drawn
            connection.send(("done", answer))
        except Exception as error:
            connection.send(("failed", f"{type(error).__name__}: {error}"))
