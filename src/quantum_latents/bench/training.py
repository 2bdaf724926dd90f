"""Training side by side with plain PyTorch, in one run.

Notation: an *iteration* is c critic steps and one generator step of one run; a *row* is one
contender, a JSON object. Rates are iterations a second of the wall clock, summed over the runs
that a contender trains at once, for the whole machine: all contenders may use every core.

Contenders: the plain loop in one process with all threads, in one process with one thread, and
in a process a core with one thread each; this library's stacks in one process with all threads
and, as `qlat run` trains, in a process a core, with perceptrons once more in bfloat16 where the
processor has units for it. Beside them the same machine multiplies matrices, by torch and by
numpy, the faster of which bounds what anyone's iterations can take. Rounds alternate between the
contenders, and the best undisturbed round of each counts (`bench.guard`).

With `scaling` the contenders are this library's alone: stacks of 1, 2, 4, ... runs on one thread,
and a stack of `EACH` runs in each of 1, 2, 4, ... processes.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.bench.guard import Guard, Timing, best_of
from quantum_latents.bench.iteration import PRODUCT
from quantum_latents.bench.machine import facts, load_before, num_cores
from quantum_latents.bench.team import Contestant, Team

__all__ = [
    "EACH",
    "NETWORKS",
    "STACK",
    "TrainingSettings",
    "contestants",
    "measure_training",
    "scaling_contestants",
]

NETWORKS = ("table1", "mixture", "molgan")

STACK = 8
"""Runs of the stack that is held against a stack of one."""

EACH = 4
"""Runs in the stack of each process, where processes are counted."""

_LARGEST_STACK = 32

_SCHEMA = 1
_DISTRIBUTIONS = ("numba", "numpy", "torch")


@dataclass(frozen=True)
class TrainingSettings:
    """What is measured, and for how long.

    Attributes:
        network: `table1` or `mixture`, perceptrons of the paper's sizes, or `molgan`, the
            modified MolGAN at batch 256; 5 critic steps an iteration in all three.
        seconds: length of a round; a contender that has begun a step ends it.
        rounds: undisturbed rounds wanted of each contender, at most twice as many are tried.
        scaling: measure time against the size of a stack and the number of processes instead.
    """

    network: str = "molgan"
    seconds: float = 5.0
    rounds: int = 3
    scaling: bool = False

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(f"network is {', '.join(NETWORKS)}, not {self.network!r}")
        if not 0 < self.seconds < float("inf"):
            raise ValueError(f"seconds is a positive length of time, not {self.seconds}")
        if self.rounds < 1:
            raise ValueError(f"rounds is at least 1, not {self.rounds}")


def contestants(network: str, cores: int, bf16_units: Sequence[str] = ()) -> list[Contestant]:
    """Return who trains a network on a machine, the matrix products last.

    A stack of as many runs as cores is left out for molecules, where a step takes long, and
    bfloat16, whose gradients are then traced.

    Args:
        network: one of `NETWORKS`.
        cores: that all may use.
        bf16_units: what the processor multiplies bfloat16 with, `execution.machine.bf16_units`.

    >>> [contestant.name for contestant in contestants("molgan", 1)][:3]
    ['plain, 1 process, 1 thread', 'stack of 1', 'stack of 8']
    >>> [contestant.name for contestant in contestants("molgan", 1)][3:]
    ['matrix product, torch, 1 process', 'matrix product, numpy, 1 process']
    >>> [c.name for c in contestants("mixture", 2, ["amx_bf16"]) if c.precision == "bf16"]
    ['2 processes, stack of 4 each, bf16']
    """
    found = [Contestant("plain, 1 process, 1 thread", "plain", 1, 1)]
    if cores > 1:
        found.insert(0, Contestant("plain, 1 process, all threads", "plain", 1, cores))
        found.append(Contestant(f"plain, {cores} processes", "plain", cores, 1))
    # In order, without repetition: on 8 cores a stack of 8 is asked for twice.
    for stack in sorted({1, STACK} | ({cores} if network != "molgan" else set())):
        found.append(Contestant(f"stack of {stack}", "stacked", 1, cores, stack))
    if cores > 1:
        each = max(1, STACK // cores)
        name = f"{cores} processes, stack of {each} each"
        found.append(Contestant(name, "stacked", cores, 1, each))
    if bf16_units and network != "molgan":
        last = found[-1]
        found.append(replace(last, name=f"{last.name}, bf16", precision="bf16"))
    for library in ("torch", "numpy"):
        name, kind = f"matrix product, {library}", f"{library} product"
        found.append(Contestant(f"{name}, 1 process", kind, 1, cores))
        if cores > 1:
            found.append(Contestant(f"{name}, {cores} processes", kind, cores, 1))
    return found


def scaling_contestants(cores: int) -> list[Contestant]:
    """Return stacks of growing size on one thread, then ever more processes of that of `EACH`.

    >>> [contestant.name for contestant in scaling_contestants(2)][-3:]
    ['stack of 16', 'stack of 32', '2 processes, stack of 4 each']
    """
    found = [
        Contestant(f"stack of {stack}", "stacked", 1, 1, stack) for stack in _powers(_LARGEST_STACK)
    ]
    for processes in sorted({*_powers(cores), cores} - {1}):
        name = f"{processes} processes, stack of {EACH} each"
        found.append(Contestant(name, "stacked", processes, 1, EACH))
    return found


def _powers(most: int) -> list[int]:
    return [2**k for k in range(most.bit_length())]


def measure_training(
    settings: TrainingSettings,
    note: Callable[[str], None] = lambda _: None,
    *,
    guard: Guard | None = None,
    start: Callable[[Contestant, str, Path], Team] = Team,
    cores: int | None = None,
    bf16_units: Sequence[str] = (),
) -> dict[str, Any]:
    """Return all rows, with the machine that they were measured on.

    Args:
        settings: what is measured.
        note: is told what is going on, a line at a time.
        guard: says which rounds were disturbed; None makes one.
        start: makes the processes of a contender.
        cores: that the contenders use; None is all.
        bf16_units: what the processor multiplies bfloat16 with, as for `contestants`.
    """
    load = load_before()
    guard = guard or Guard()
    cores = cores or num_cores()
    wanted = (
        scaling_contestants(cores)
        if settings.scaling
        else contestants(settings.network, cores, bf16_units)
    )
    rows: dict[str, dict[str, Any]] = {}
    teams: dict[str, Team] = {}
    with tempfile.TemporaryDirectory(prefix="qlat-bench-") as folder:
        try:
            for contestant in wanted:
                note(f"{contestant.name}: compiling, warming up")
                rows[contestant.name] = row = _blank(contestant, settings.network)
                team = teams[contestant.name] = start(contestant, settings.network, Path(folder))
                try:
                    row["flops"], row["bytes"] = team.ready()
                except RuntimeError as error:
                    row |= {"status": "failed", "detail": str(error)}
                    teams.pop(contestant.name).stop()
            note(f"{len(teams)} contenders, {settings.rounds} undisturbed rounds each")
            works = {
                name: (_noted(team, settings.seconds, note), team.num_threads)
                for name, team in teams.items()
            }
            timings, stopped = guard.alternate(works, settings.rounds, (RuntimeError,))
            for name in teams.keys() - stopped.keys():
                with contextlib.suppress(RuntimeError):  # its timings stand all the same
                    rows[name]["memory_bytes"] = teams[name].memory()
        finally:
            for team in teams.values():
                team.stop()
    for name, error in stopped.items():
        rows[name] |= {"status": "failed", "detail": str(error)}
    for name, timed in timings.items():
        if name in stopped:
            continue
        timing, said = best_of(timed, lambda timing: timing.done / timing.wall_seconds)
        rows[name] |= {
            **said,
            "iterations": timing.done,
            "cpu_seconds": timing.cpu_seconds,
            "wall_seconds": timing.wall_seconds,
            "per_second": timing.done / timing.wall_seconds,
            "rounds_per_second": [t.done / t.wall_seconds for t, _ in timed],
        }
    return {
        "schema": _SCHEMA,
        "bench": "training",
        "settings": asdict(settings),
        "machine": facts(_DISTRIBUTIONS, load) | {"bf16_units": list(bf16_units)},
        "peak_gflops": guard.peak / 1e9,
        "rows": list(rows.values()),
    }


def _noted(team: Team, seconds: float, note: Callable[[str], None]) -> Callable[[], Timing]:
    def work() -> Timing:
        timing = team.round(seconds)
        note(f"{team.contestant.name}: {timing.done / timing.wall_seconds:.4g} a second")
        return timing

    return work


def _blank(contestant: Contestant, network: str) -> dict[str, Any]:
    multiplies = contestant.kind.endswith("product")
    return {
        "what": "product" if multiplies else "iteration",
        "network": "x".join(map(str, PRODUCT)) if multiplies else network,
        "contender": contestant.name,
        "peer": contestant.kind == "plain",
        "processes": contestant.num_processes,
        "threads": contestant.num_threads,
        "stack": contestant.stack,
        "precision": contestant.precision,
        "flops": None,
        "bytes": None,
        "memory_bytes": None,
        "status": "failed",
        "detail": "",
    }
