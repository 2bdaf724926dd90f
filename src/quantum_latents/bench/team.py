"""Processes that make the rounds of one contender together.

Notation: a *team* is p processes with the same number of threads each, every process on cores
of its own. A round starts in all of them at once and each stops after its first whole step
beyond the asked time; their rates add up.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from quantum_latents.bench.guard import Timing
from quantum_latents.bench.iteration import Needed

__all__ = ["Contestant", "Team", "together"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Contestant:
    """One way to train.

    Attributes:
        name: as it is printed.
        kind: `plain`, `stacked`, or who multiplies, see `trainers.open_trainer`.
        num_processes: p.
        num_threads: of each process.
        stack: runs that each process trains.
        precision: of the matrix products, as a spec names it.
    """

    name: str
    kind: str
    num_processes: int
    num_threads: int
    stack: int = 1
    precision: Literal["float32", "bf16"] = "float32"


def together(timings: list[Timing]) -> Timing:
    """Return what processes did at once as one: all that was done, at the sum of the rates.

    >>> together([Timing(10, 1.0, 1.0), Timing(12, 1.9, 2.0)])
    Timing(done=22, cpu_seconds=2.9, wall_seconds=1.375)
    """
    done = sum(timing.done for timing in timings)
    rate = sum(timing.done / timing.wall_seconds for timing in timings)
    return Timing(done, sum(timing.cpu_seconds for timing in timings), done / rate)


class Team:
    """The processes of a contestant, started when it is made.

    Args:
        contestant: how it trains.
        network: what it trains, see `trainers.task_of`.
        cache: folder of banks.
    """

    def __init__(self, contestant: Contestant, network: str, cache: Path) -> None:
        self.contestant = contestant
        self._members: list[tuple[Any, Any]] = []
        context = multiprocessing.get_context("spawn")
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, str(contestant.num_threads)))
        try:
            for place in range(contestant.num_processes):
                ours, theirs = context.Pipe()
                arguments = (theirs, contestant, network, place, cache)
                process = context.Process(target=_serve, args=arguments, daemon=True)
                process.start()
                theirs.close()
                self._members.append((process, ours))
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    @property
    def num_threads(self) -> int:
        """Of all processes."""
        return self.contestant.num_processes * self.contestant.num_threads

    def ready(self) -> Needed:
        """Wait until all have compiled and warmed up; return what an iteration needs.

        Raises:
            RuntimeError: one failed.
        """
        return self._answers()[0]

    def round(self, seconds: float) -> Timing:
        """Train for some seconds.

        Raises:
            RuntimeError: a process failed.
        """
        self._ask(seconds)
        return together(self._answers())

    def memory(self) -> int | None:
        """Return the most bytes that the processes have held since they were ready, added up.

        Interpreter and libraries included; None where the system does not say.

        Raises:
            RuntimeError: a process failed.
        """
        self._ask(None)
        answers = self._answers()
        return None if None in answers else sum(answers)

    def stop(self) -> None:
        """End the processes."""
        for process, connection in self._members:
            process.kill()
            process.join()
            connection.close()
        self._members = []

    def _ask(self, what: float | None) -> None:
        for process, connection in self._members:
            try:
                connection.send(what)
            except OSError:
                raise RuntimeError(self._ended(process)) from None

    def _answers(self) -> list[Any]:
        answers = []
        for process, connection in self._members:
            try:
                kind, answer = connection.recv()
            except (EOFError, OSError):
                raise RuntimeError(self._ended(process)) from None
            if kind == "failed":
                raise RuntimeError(f"{self.contestant.name}: {answer}")
            answers.append(answer)
        return answers

    def _ended(self, process: Any) -> str:
        process.join(1.0)
        return f"{self.contestant.name}: a process ended with exit code {process.exitcode}"


def _serve(connection: Any, contestant: Contestant, network: str, place: int, cache: Path) -> None:
    threads = contestant.num_threads
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[place * threads : (place + 1) * threads]
        os.sched_setaffinity(0, cores)
    try:
        # In the processes alone: the command, and who tells old rows, load no torch.
        import torch

        from quantum_latents.bench.trainers import open_trainer
        from quantum_latents.execution.memory import forget_peak, peak_resident

        torch.set_num_threads(threads)
        seeds = tuple(range(place * contestant.stack, (place + 1) * contestant.stack))
        precision = contestant.precision
        train, needed = open_trainer(contestant.kind, network, seeds, cache, precision)
        train()
        forget_peak()  # compiling takes more than training
        connection.send(("done", needed))
        while True:
            seconds, done = connection.recv(), 0
            if seconds is None:
                connection.send(("done", peak_resident()))
                continue
            cpu, wall = time.process_time(), time.perf_counter()
            while time.perf_counter() - wall < seconds:
                done += train()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            connection.send(("done", Timing(done, cpu, wall)))
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as error:
        connection.send(("failed", f"{type(error).__name__}: {error}"))
