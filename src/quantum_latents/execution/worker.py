"""What a worker does: trains the stacks it is handed and sends their rows back."""

from __future__ import annotations

import math
import os
import queue
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.execution.executor import Message
from quantum_latents.execution.machine import machine
from quantum_latents.execution.memory import is_out_of_memory
from quantum_latents.execution.plan import StackPlan
from quantum_latents.execution.processes import die_with_parent_in_background
from quantum_latents.training import Earlier, RunSpec

__all__ = ["failure_of", "train_planned", "work"]


def work(
    tasks: Any,
    messages: Any,
    stop: Any,
    study: str,
    specs: dict[str, Any],
    directory: str,
    cache: str,
    seconds_between_checkpoints: float,
    commit: str,
    evaluate_later: bool = False,
) -> None:
    """Train stacks until none is left; runs in a process of its own."""
    die_with_parent_in_background()
    while not stop.is_set():
        try:
            stack = tasks.get(timeout=0.2)
        except queue.Empty:
            continue
        if stack is None:
            return
        messages.put(("taken", stack, os.getpid()))
        try:
            rows = train_planned(
                stack,
                messages,
                stop,
                study,
                specs,
                Path(directory),
                Path(cache),
                seconds_between_checkpoints,
                commit,
                evaluate_later,
            )
        except Exception as error:
            messages.put(failure_of(stack, error))
            return
        if rows is not None:
            messages.put(("rows", stack, rows))


def failure_of(stack: StackPlan, error: Exception, where: str = "") -> Message:
    """Return what the parent is told of a stack that failed: ``memory`` or ``error``."""
    if is_out_of_memory(error):
        said = (str(error).strip().splitlines() or [""])[0][:200]
        return "memory", stack, f"{type(error).__name__}{where}: {said}".removesuffix(": ")
    detail = "".join(traceback.format_exception(error))
    return "error", stack, f"stack {stack.index} failed{where}: {error}\n{detail}"


def train_planned(
    stack: StackPlan,
    messages: Any,
    stop: Any,
    study: str,
    specs: dict[str, Any],
    directory: Path,
    cache: Path,
    seconds_between_checkpoints: float,
    commit: str,
    evaluate_later: bool = False,
) -> list[dict[str, Any]] | None:
    import torch

    from quantum_latents.evaluation import check_libraries, make_row, write_run
    from quantum_latents.training import data_of, is_fitted, prepare_steps, train_stack

    torch.set_num_threads(stack.num_threads)
    runs = [RunSpec.from_json(specs[digest]) for digest in stack.runs]
    last_sent = last_losses = 0.0

    def on_losses(step: int, losses: torch.Tensor) -> None:
        nonlocal last_losses
        if time.monotonic() - last_losses > 1.0 or step == runs[0].training.num_steps:
            means = losses.mean(0).tolist()
            known = [[v if math.isfinite(v) else None for v in of_run] for of_run in means]
            messages.put(("losses", stack, (step, known)))
            last_losses = time.monotonic()

    def on_progress(step: int) -> None:
        nonlocal last_sent
        if time.monotonic() - last_sent > 0.5 or step == runs[0].training.num_steps:
            messages.put(("step", stack, step))
            last_sent = time.monotonic()

    if stack.device == "cpu":
        note = ("note", stack, "compiling, once for each installation (up to a minute)")
        announce = threading.Timer(2.0, messages.put, [note])
        announce.start()
        prepare_steps(runs[0].model, runs[0].training)
        announce.cancel()
    if not all(is_fitted(run.latent, run.seed, cache) for run in runs):
        messages.put(("note", stack, "fitting learned latents"))
    before = time.process_time()
    outcomes = train_stack(
        runs,
        cache=cache,
        checkpoint=directory / stack.checkpoint_name,
        device=stack.device,
        split_from=[Earlier(directory / one.checkpoint, one.runs) for one in stack.split_from],
        seconds_between_checkpoints=seconds_between_checkpoints,
        on_progress=on_progress,
        on_losses=on_losses,
        should_stop=stop.is_set,
    )
    cpu_seconds = time.process_time() - before
    if outcomes is None:
        return None
    rows: list[dict[str, Any]] = []
    data, data_key = None, None  # latents and restarts of a seed follow each other and share it
    is_measured = not evaluate_later
    if is_measured:
        try:
            check_libraries(runs[0].evaluation.num_samples, data_of(runs[0], cache))
            messages.put(("note", stack, "computing metrics"))
        except (ImportError, ConnectionError, ValueError) as error:
            is_measured = False
            messages.put(("note", stack, f"metrics are left to qlat evaluate: {error}"))
    for place, outcome in enumerate(outcomes):
        write_run(directory, outcome)
        if data is None or data_key != (outcome.spec.data, outcome.spec.seed):
            data, data_key = data_of(outcome.spec, cache), (outcome.spec.data, outcome.spec.seed)
        rows.append(
            make_row(
                outcome,
                data,
                study=study,
                stack={
                    "size": len(runs),
                    "place": place,
                    "device": stack.device,
                    "kernel": outcome.kernel,
                    "num_threads": stack.num_threads,
                    **_replanned(stack, outcome.kernel),
                },
                provenance={
                    "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                    # The run's share of its stack, since the stack's last resume.
                    "seconds": round(outcome.seconds / len(runs), 3),
                    "stack_seconds": round(outcome.seconds, 3),
                    # Of all threads: what the wall clock cannot say where others use the machine.
                    "stack_cpu_seconds": round(cpu_seconds, 3),
                    "machine": machine(),
                    "torch": torch.__version__,
                    "version": quantum_latents.__version__,
                    "commit": commit,
                },
                directory=directory,
                is_measured=is_measured,
            )
        )
    return rows


def _replanned(stack: StackPlan, kernel: str) -> dict[str, Any]:
    """Return what rows of a split stack say of it: the sizes it had, why, and if bits changed."""
    if not stack.split_from:
        return {}
    earlier = [{"size": len(one.runs), "why": one.why} for one in reversed(stack.split_from)]
    return {"replanned": {"from": earlier, "same_bits": kernel == "numba"}}
