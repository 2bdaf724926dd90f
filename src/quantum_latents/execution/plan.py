"""The plan of a study: which runs train together, frozen on disk when the study starts.

Checkpoints are a stack's, and on a GPU a run's rounding depends on the stack it shares a
product with, so a resumed study must repeat it: the plan is written once and only read after
that. Runs that a study is extended by get stacks of their own, behind those that are there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.samplers.shots import available_cores
from quantum_latents.training import RunSpec, flop_of
from quantum_latents.training.checkpoint import write_atomically

__all__ = ["Plan", "StackPlan", "available_cores", "load_or_make_plan", "planned_runs"]

_FORMAT = 1

MAX_STACK = 16
"""On a CPU a stack's runs take turns, so its size changes no result; it only spares processes."""

_STACK_FLOP = 2e13
"""Operations of a CPU stack, some five minutes of a core: its rows come when all are done."""


@dataclass(frozen=True)
class StackPlan:
    """Runs that train together.

    Attributes:
        index: place in the plan.
        runs: digests.
        device: `cpu` or `cuda`.
        num_threads: threads of its process.
    """

    index: int
    runs: tuple[str, ...]
    device: str
    num_threads: int

    @property
    def checkpoint_name(self) -> str:
        """File of the stack's state inside the study's directory."""
        return f"stack-{self.index:04d}.safetensors"


@dataclass(frozen=True)
class Plan:
    """All stacks of a study, and how many processes train them."""

    stacks: tuple[StackPlan, ...]
    num_workers: int

    @property
    def runs(self) -> frozenset[str]:
        """The digests of all runs."""
        return frozenset(digest for stack in self.stacks for digest in stack.runs)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        stacks = [
            {"runs": list(s.runs), "device": s.device, "num_threads": s.num_threads}
            for s in self.stacks
        ]
        return {"format": _FORMAT, "num_workers": self.num_workers, "stacks": stacks}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Plan:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the format is newer than this version's, or a field is missing.
        """
        if content.get("format") != _FORMAT:
            raise ValueError(f"the plan has format {content.get('format')!r}, not {_FORMAT}")
        stacks = tuple(
            StackPlan(index, tuple(s["runs"]), s["device"], s["num_threads"])
            for index, s in enumerate(content["stacks"])
        )
        return cls(stacks, content["num_workers"])


def load_or_make_plan(
    path: Path,
    runs: Sequence[RunSpec],
    *,
    device: str = "cpu",
    num_workers: int | None = None,
    cores: Sequence[int] | None = None,
) -> Plan:
    """Return the plan frozen at `path`, or make one and freeze it; extend it by runs it lacks.

    Args:
        path: file of the plan.
        runs: the study's, in order.
        device: where to train, if the plan is yet to be made.
        num_workers: processes, if the plan is yet to be made; None is one a core, or one
            on a GPU.
        cores: of every machine that trains; None is this machine alone.

    Raises:
        ValueError: the plan on disk is damaged, or for other runs; or fewer than one worker.
    """
    if (plan := _read_plan(path)) is not None:
        planned = plan.runs
        if not planned <= {run.digest for run in runs}:
            raise ValueError(f"{path.parent} holds a study of other runs: choose another --out")
        if device not in (planned_on := {stack.device for stack in plan.stacks}):
            raise ValueError(
                f"the study in {path.parent} was planned for {', '.join(sorted(planned_on))}: "
                f"go on with --device {min(planned_on)}, or choose another --out"
            )
        if further := [run for run in runs if run.digest not in planned]:
            stacks = _stacks(further, device, plan.num_workers, cores or (available_cores(),))
            behind = (
                replace(stack, index=place) for place, stack in enumerate(stacks, len(plan.stacks))
            )
            plan = Plan((*plan.stacks, *behind), plan.num_workers)
            write_atomically(path, json.dumps(plan.to_json(), indent=1).encode())
        return plan
    cores = cores or (available_cores(),)
    default = sum(cores) if device == "cpu" else 1
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"a study needs at least 1 worker, not {num_workers}")
    workers = default if num_workers is None else num_workers
    plan = Plan(_stacks(runs, device, workers, cores), workers)
    write_atomically(path, json.dumps(plan.to_json(), indent=1).encode())
    return plan


def planned_runs(path: Path) -> frozenset[str]:
    """Return the digests of the runs that the plan at `path` holds; none where there is no plan.

    Raises:
        ValueError: the plan is damaged.
    """
    plan = _read_plan(path)
    return frozenset() if plan is None else plan.runs


def _read_plan(path: Path) -> Plan | None:
    if not path.exists():
        return None
    try:
        return Plan.from_json(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): choose another --out") from error


def _stacks(
    runs: Sequence[RunSpec], device: str, num_workers: int, cores: Sequence[int]
) -> tuple[StackPlan, ...]:
    groups: dict[Any, list[RunSpec]] = {}
    for run in runs:
        key = (run.model, run.training, run.evaluation, run.latent.dim, _data_dim(run))
        groups.setdefault(key, []).append(run)
    stacks: list[tuple[str, ...]] = []
    for group in groups.values():
        most = _runs_that_fit(group[0]) if device == "cpu" else len(group)
        # Whole rounds over the workers: none waits while another trains a last large stack.
        rounds = -(-len(group) // (most * num_workers))
        num_stacks = min(len(group), rounds * num_workers)
        for part in range(num_stacks):
            first = part * len(group) // num_stacks
            last = (part + 1) * len(group) // num_stacks
            stacks.append(tuple(run.digest for run in group[first:last]))
    # Fewer stacks than workers leave cores to each: a single run has them all.
    num_threads = _threads_for(min(num_workers, len(stacks)), cores)
    return tuple(
        StackPlan(index, digests, device, num_threads) for index, digests in enumerate(stacks)
    )


def _threads_for(num_stacks: int, cores: Sequence[int]) -> int:
    """Return the most threads with which so many stacks have a place at once, at least 1.

    >>> _threads_for(2, [7]), _threads_for(9, [7]), _threads_for(3, [8, 4])
    (3, 1, 4)
    """
    fitting = (t for t in range(max(cores), 1, -1) if sum(c // t for c in cores) >= num_stacks)
    return next(fitting, 1)


def _data_dim(run: RunSpec) -> Any:
    """Return what tells apart runs whose data have different widths."""
    for name in ("dim", "num_modes", "num_bits"):
        if run.data.name != "mixture" and hasattr(run.data, name):
            return getattr(run.data, name)
    return run.data


def _runs_that_fit(run: RunSpec) -> int:
    """Return how many runs like this one a CPU stack takes, 1 to `MAX_STACK`."""
    return max(1, min(MAX_STACK, int(_STACK_FLOP / flop_of(run))))
