"""The plan of a study: which runs train together, frozen on disk when the study starts.

Checkpoints are a stack's, and on a GPU a run's rounding depends on the stack it shares a
product with, so a resumed study must repeat it: the plan is written once and only read after
that. Runs that a study is extended by get stacks of their own, behind those that are there, and a
stack that turns out not to fit into memory is split (`execution.replan`), which the plan and the
rows say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.disk import write_atomically
from quantum_latents.execution.machine import default_cache
from quantum_latents.execution.stack_memory import needs_of
from quantum_latents.samplers.shots import available_cores
from quantum_latents.training import RunSpec, flop_of

__all__ = [
    "Plan",
    "Split",
    "StackPlan",
    "available_cores",
    "load_or_make_plan",
    "planned_runs",
    "write_plan",
]

_FORMAT = 1
_CHECKPOINT = re.compile(r"stack-[0-9]{4,}\.safetensors")

MAX_STACK = 16
"""On a CPU a stack's runs take turns, so its size changes no result; it only spares processes."""

_STACK_FLOP = 2e13
"""Operations of a CPU stack, some five minutes of a core: its rows come when all are done."""


@dataclass(frozen=True)
class Split:
    """A stack that was split because it did not fit into memory.

    Attributes:
        checkpoint: name of the file of its state, which may be there.
        runs: its runs.
        why: what happened.
    """

    checkpoint: str
    runs: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class StackPlan:
    """Runs that train together.

    Attributes:
        index: its number, which no other stack of the plan has or had.
        runs: digests.
        device: `cpu` or `cuda`.
        num_threads: threads of its process.
        split_from: the larger stacks that these runs were in, the latest first.
    """

    index: int
    runs: tuple[str, ...]
    device: str
    num_threads: int
    split_from: tuple[Split, ...] = ()

    @property
    def checkpoint_name(self) -> str:
        """File of the stack's state inside the study's directory."""
        return f"stack-{self.index:04d}.safetensors"


@dataclass(frozen=True)
class Plan:
    """All stacks of a study, and how many processes train them.

    Attributes:
        stacks: in the order in which they are taken.
        num_workers: processes.
        memory: what was measured and assumed when stacks were planned (`stack_memory.Needs`), one
            entry a time.
        replanned: what was changed since for lack of memory, in words.
    """

    stacks: tuple[StackPlan, ...]
    num_workers: int
    memory: tuple[dict[str, Any], ...] = ()
    replanned: tuple[str, ...] = ()

    @property
    def next_index(self) -> int:
        """A number that no stack has or had."""
        return 1 + max((stack.index for stack in self.stacks), default=-1)

    @property
    def runs(self) -> frozenset[str]:
        """The digests of all runs."""
        return frozenset(digest for stack in self.stacks for digest in stack.runs)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; what is not there is left out."""
        stacks = []
        for place, s in enumerate(self.stacks):
            of = {"runs": list(s.runs), "device": s.device, "num_threads": s.num_threads}
            if s.index != place:
                of["index"] = s.index
            if s.split_from:
                of["split_from"] = [
                    {"checkpoint": one.checkpoint, "runs": list(one.runs), "why": one.why}
                    for one in s.split_from
                ]
            stacks.append(of)
        content = {"format": _FORMAT, "num_workers": self.num_workers, "stacks": stacks}
        for name in ("memory", "replanned"):
            if found := getattr(self, name):
                content[name] = list(found)
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Plan:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the format is newer than this version's, or a field has another form: a
                checkpoint's name leads nowhere but into the study's directory.
            KeyError, TypeError, AttributeError: a field is missing, or has a form that none has.
        """
        if content.get("format") != _FORMAT:
            raise ValueError(f"the plan has format {content.get('format')!r}, not {_FORMAT}")
        stacks = tuple(
            StackPlan(
                s.get("index", place),
                tuple(s["runs"]),
                s["device"],
                s["num_threads"],
                tuple(
                    Split(one["checkpoint"], tuple(one["runs"]), one["why"])
                    for one in s.get("split_from", ())
                ),
            )
            for place, s in enumerate(content["stacks"])
        )
        for stack in stacks:
            _check(stack)
        num_workers = content["num_workers"]
        if type(num_workers) is not int or num_workers < 1:
            raise ValueError(f"it has {num_workers!r:.40} workers")
        if len({stack.index for stack in stacks}) < len(stacks):
            raise ValueError("two stacks have one number")
        memory, replanned = content.get("memory", ()), content.get("replanned", ())
        return cls(stacks, num_workers, tuple(memory), tuple(replanned))


def _check(stack: StackPlan) -> None:
    """Refuse a stack of another form, such as one whose checkpoint is a path.

    Raises:
        ValueError: as said.
    """
    numbers = stack.index, stack.num_threads
    if not all(type(number) is int and number >= 0 for number in numbers) or not numbers[1]:
        raise ValueError(f"a stack has number {numbers[0]!r:.40} and {numbers[1]!r:.40} threads")
    if stack.device not in ("cpu", "cuda"):
        raise ValueError(f"a stack is for the device {stack.device!r:.40}")
    named = [run for part in (stack, *stack.split_from) for run in part.runs]
    if odd := [run for run in named if not isinstance(run, str)]:
        raise ValueError(f"a stack has the run {odd[0]!r:.40}")
    for one in stack.split_from:
        if not isinstance(one.checkpoint, str) or not _CHECKPOINT.fullmatch(one.checkpoint):
            raise ValueError(f"{one.checkpoint!r:.40} is no checkpoint of a stack")


def load_or_make_plan(
    path: Path,
    runs: Sequence[RunSpec],
    *,
    device: str = "cpu",
    num_workers: int | None = None,
    cores: Sequence[int] | None = None,
    cache: Path | None = None,
    seconds: float | None = None,
) -> Plan:
    """Return the plan frozen at `path`, or make one and freeze it; extend it by runs it lacks.

    Args:
        path: file of the plan.
        runs: the study's, in order.
        device: where to train, if the plan is yet to be made.
        num_workers: processes, if the plan is yet to be made; None is one a core, or one
            on a GPU.
        cores: of every machine that trains; None is this machine alone.
        cache: folder of banks, should a stack be measured; None is `default_cache`.
        seconds: the most that measuring may take; None is no limit.

    Raises:
        ValueError: the plan on disk is damaged, or for other runs; or fewer than one worker.
        MeasuringError: a run does not fit into memory alone, or measuring failed.
        TimeoutError: measuring took longer.
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
            made = _planned(further, device, plan.num_workers, cores, cache, seconds)
            behind = tuple(
                replace(stack, index=index)
                for index, stack in enumerate(made.stacks, plan.next_index)
            )
            plan = replace(
                plan, stacks=(*plan.stacks, *behind), memory=(*plan.memory, *made.memory)
            )
            write_plan(path, plan)
        return plan
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"a study needs at least 1 worker, not {num_workers}")
    plan = _planned(runs, device, num_workers, cores, cache, seconds)
    write_plan(path, plan)
    return plan


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, whole or not at all."""
    write_atomically(path, json.dumps(plan.to_json(), indent=1).encode())


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): choose another --out") from error


def _planned(
    runs: Sequence[RunSpec],
    device: str,
    num_workers: int | None,
    cores: Sequence[int] | None,
    cache: Path | None,
    seconds: float | None,
) -> Plan:
    """Plan stacks that fit beside each other into this machine's memory.

    Of a cluster's nodes nobody knows here what they have free.
    """
    groups: dict[Any, list[RunSpec]] = {}
    for run in runs:
        key = (run.model, run.training, run.evaluation, run.latent.dim, _data_dim(run))
        groups.setdefault(key, []).append(run)
    of = tuple(groups.values())
    most = [_most_runs(group, device) for group in of]
    is_here = cores is None
    cores = cores or (available_cores(),)
    workers = num_workers or (sum(cores) if device == "cpu" else 1)
    memory: tuple[dict[str, Any], ...] = ()
    if is_here:
        cache = cache or default_cache()
        # More workers than runs take no memory.
        wanted = min(workers, len(runs))
        largest = [
            -(-len(group) // _num_stacks(group, m, workers))
            for group, m in zip(of, most, strict=True)
        ]
        needs = needs_of(
            of, wanted=largest, device=device, num_workers=wanted, cache=cache, seconds=seconds
        )
        if needs is not None:
            if num_workers is None and (room := needs.num_workers(wanted)) < wanted:
                workers = wanted = room
            limit = needs.limit(wanted)
            most = [min(m, need.fits(limit)) for m, need in zip(most, needs.of, strict=True)]
            memory = (needs.to_json() | {"num_workers": wanted, "runs_in_a_stack": most},)
    return Plan(_stacks(of, most, device, workers, cores), workers, memory)


def _stacks(
    groups: Sequence[Sequence[RunSpec]],
    most_runs: Sequence[int],
    device: str,
    num_workers: int,
    cores: Sequence[int],
) -> tuple[StackPlan, ...]:
    stacks: list[tuple[str, ...]] = []
    for group, most in zip(groups, most_runs, strict=True):
        num_stacks = _num_stacks(group, most, num_workers)
        for part in range(num_stacks):
            first = part * len(group) // num_stacks
            last = (part + 1) * len(group) // num_stacks
            stacks.append(tuple(run.digest for run in group[first:last]))
    # Fewer stacks than workers leave cores to each: a single run has them all.
    num_threads = _threads_for(min(num_workers, len(stacks)), cores)
    return tuple(
        StackPlan(index, digests, device, num_threads) for index, digests in enumerate(stacks)
    )


def _num_stacks(group: Sequence[RunSpec], most: int, num_workers: int) -> int:
    """Return how many stacks of at most so many runs each a group becomes.

    Whole rounds over the workers: none waits while another trains a last large stack.
    """
    rounds = -(-len(group) // (most * num_workers))
    return min(len(group), rounds * num_workers)


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


def _most_runs(group: Sequence[RunSpec], device: str) -> int:
    """Return how many runs of a group a stack takes where memory is no question, at least 1."""
    if device != "cpu":
        return len(group)
    return max(1, min(MAX_STACK, int(_STACK_FLOP / flop_of(group[0]))))
