"""What memory the stacks of a study need, before they are planned.

A worker with a stack of S runs takes `fixed + S per_run` bytes. Two ways to know them:

    counted     on a CPU, where the arrays that a run is counted to hold, three times over, fit
                beside each other many times: nothing is started
    measured    otherwise, and always on a GPU: a process of its own builds a stack of one and a
                stack of two at the real sizes, makes their last steps (`rehearse_stack`), writes
                their checkpoint and generates; its peaks p_1 and p_2 give per_run = p_2 - p_1 (at
                least a quarter of what is counted) and fixed = p_1 - per_run

Of what is free, workers together may take `SHARE`. All of it stands in plan.json: a plan is made
once, and what was measured then decides for good.
"""

from __future__ import annotations

import gc
import multiprocessing
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from quantum_latents.execution.memory import (
    Free,
    forget_peak,
    free_memory,
    gib,
    is_out_of_memory,
    peak_resident,
)
from quantum_latents.execution.processes import (
    die_with_parent_in_background,
    hidden_main_module,
    interrupts_held_back,
)
from quantum_latents.training import RunSpec, bytes_of

__all__ = ["SHARE", "MeasuringError", "Need", "Needs", "needs_of"]

SHARE = 0.8
"""Of the free memory, what the workers of a study may take together; metrics take from the rest."""

_PROCESS = 3 * 2**28
"""Bytes assumed of a worker process without runs, where nothing is measured: 768 MiB."""

_SLACK = 3
"""How many times over the counted arrays must fit, where nothing is measured."""

_CONTEXT = 2**29
"""Bytes assumed of the CUDA context of every further worker on one GPU."""


class MeasuringError(RuntimeError):
    """A stack of one cannot be built, or the process that measures failed."""


@dataclass(frozen=True)
class Need:
    """What stacks of one kind of run need.

    Attributes:
        run: digest of the first.
        how: `counted` or `measured`.
        fixed, per_run: see the module's first lines.
        counted: `bytes_of` the first run.
        peaks: measured with one run and with two; None for two that did not fit.
    """

    run: str
    how: str
    fixed: int
    per_run: int
    counted: int
    peaks: tuple[int | None, ...] = ()

    def fits(self, limit: float) -> int:
        """Return how many runs a worker with so many bytes trains at once, at least 1."""
        if None in self.peaks:
            return 1
        return max(1, int((limit - self.fixed) / self.per_run))


@dataclass(frozen=True)
class Needs:
    """What the stacks of a study need, and what there is.

    Attributes:
        of: one a group of runs that share a model and a budget.
        free: what nobody used when the study was planned, and who says so.
        is_gpu: whether it is a GPU's memory.
    """

    of: tuple[Need, ...]
    free: Free
    is_gpu: bool

    def num_workers(self, wanted: int) -> int:
        """Return how many workers have room for a stack of one each, at most so many as wanted."""
        most = max(need.fixed + need.per_run for need in self.of)
        return next((w for w in range(wanted, 1, -1) if self.limit(w) >= most), 1)

    def limit(self, num_workers: int) -> float:
        """Return the bytes that one of so many workers may take."""
        contexts = _CONTEXT * (num_workers - 1) if self.is_gpu else 0
        return (SHARE * self.free.num_bytes - contexts) / num_workers

    def to_json(self) -> dict[str, Any]:
        """Return what the plan keeps of it."""
        of = [asdict(need) | {"peaks": list(need.peaks)} for need in self.of]
        return {"free": self.free.num_bytes, "source": self.free.source, "share": SHARE, "of": of}


def needs_of(
    groups: Sequence[Sequence[RunSpec]],
    *,
    wanted: Sequence[int],
    device: str,
    num_workers: int,
    cache: Path,
    seconds: float | None = None,
) -> Needs | None:
    """Return what the stacks of a study need; None where nothing says what memory is free.

    Args:
        groups: runs that share a model and a budget.
        wanted: the largest stack that would be planned, for each group.
        device: where to train.
        num_workers: processes that train at once.
        cache: folder of banks.
        seconds: the most that measuring may take; None is no limit.

    Raises:
        MeasuringError: a run does not fit alone, or the process that measures failed.
        TimeoutError: measuring took longer.
    """
    free = free_memory() if device == "cpu" else None
    if device == "cpu" and free is None:
        return None
    needs = []
    for group, most in zip(groups, wanted, strict=True):
        counted = bytes_of(group[0])
        need = Need(group[0].digest, "counted", _PROCESS, _SLACK * counted, counted)
        if free is not None:
            limit = Needs((need,), free, is_gpu=False).limit(num_workers)
            if need.fixed + most * need.per_run <= limit:
                needs.append(need)
                continue
        measured = measure(_two_of(group), device=device, cache=cache, seconds=seconds)
        # Before it trained anything: the stacks to be planned have the GPU for themselves.
        free = free or measured.free
        needs.append(_need(group[0], counted, measured.peaks))
    assert free is not None
    return Needs(tuple(needs), free, is_gpu=device != "cpu")


def _two_of(group: Sequence[RunSpec]) -> list[RunSpec]:
    """Return two runs that share as little as can be: the first, and the first of another seed."""
    first = group[0]
    others = [run for run in group[1:] if run.seed != first.seed] or list(group[1:])
    return [first, *others[:1]]


def _need(run: RunSpec, counted: int, peaks: tuple[int | None, ...]) -> Need:
    one, two = peaks[0], peaks[1] if len(peaks) > 1 else None
    assert one is not None
    # What an allocator had left over from the stack of one may hide what a small run takes.
    per_run = counted if two is None else max(two - one, counted // 4)
    return Need(run.digest, "measured", max(0, one - per_run), per_run, counted, peaks)


class Measured(NamedTuple):
    """What a process has seen: peaks with one run, and with two, and what was free before."""

    peaks: tuple[int | None, ...]
    free: Free | None


def measure(
    runs: Sequence[RunSpec], *, device: str, cache: Path, seconds: float | None = None
) -> Measured:
    """Measure, in a process that then ends, what a stack of one run and one of two take.

    Raises:
        MeasuringError, TimeoutError: see `needs_of`.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    specs = [run.to_json() for run in runs]
    process = context.Process(
        target=_measure, args=(theirs, specs, device, str(cache)), daemon=True
    )
    peaks: list[int | None] = []
    free: Free | None = None
    with hidden_main_module(), interrupts_held_back():
        process.start()
    theirs.close()
    try:
        while True:
            if not ours.poll(seconds):
                raise TimeoutError(f"measuring took longer than {seconds:.0f} s")
            try:
                kind, content = ours.recv()
            except EOFError:  # it is done, or it was killed
                break
            if kind == "peak":
                peaks.append(content)
            elif kind == "free":
                free = Free(*content)
            elif kind == "error":
                raise MeasuringError(f"measuring the memory of a run failed: {content}")
    finally:
        process.kill()
        process.join()
        ours.close()
    if not peaks:
        raise MeasuringError(
            f"run {runs[0].digest} does not fit into memory alone: its arrays are "
            f"{gib(bytes_of(runs[0]))} by count, and {_words(free or free_memory())} free; "
            "choose a smaller batch, bank or network"
        )
    peaks += [None] * (len(runs) - len(peaks))
    return Measured(tuple(peaks), free)


def _words(free: Free | None) -> str:
    return "nobody says how much is" if free is None else f"{gib(free.num_bytes)} were"


def _measure(connection: Connection, specs: list[Any], device: str, cache: str) -> None:
    """Send the peak with one run, then with two; what does not fit is not sent."""
    die_with_parent_in_background()
    try:
        for kind, content in _rehearsals(specs, device, Path(cache)):
            connection.send((kind, content))
    except Exception as error:
        if not is_out_of_memory(error):
            connection.send(("error", f"{type(error).__name__}: {error}"))
    connection.close()


def _rehearsals(specs: list[Any], device: str, cache: Path):
    import torch

    from quantum_latents.training import prepare_steps, rehearse_stack

    runs = [RunSpec.from_json(spec) for spec in specs]
    torch.set_num_threads(1)
    is_gpu = device != "cpu"
    if is_gpu:
        free, _ = torch.cuda.mem_get_info()
        yield "free", (free, "torch.cuda.mem_get_info")
    else:
        prepare_steps(runs[0].model, runs[0].training)
        forget_peak()  # compiling takes more than many a run
    for size in range(1, len(runs) + 1):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "stack.safetensors"
            rehearse_stack(runs[:size], cache=cache, checkpoint=checkpoint, device=device)
        peak = torch.cuda.max_memory_reserved() if is_gpu else peak_resident()
        yield "peak", peak
        gc.collect()
        if is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
