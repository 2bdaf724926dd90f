"""Training one stack of runs from its specs to stored samples, with exact resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from quantum_latents.data import DataSet, Decoder, load
from quantum_latents.latents import LearnedSpec
from quantum_latents.random import stream
from quantum_latents.training.autoregressive import fit_latent, latent_of_run
from quantum_latents.training.checkpoint import write_checkpoint
from quantum_latents.training.kinds import Stack, build_stack
from quantum_latents.training.own_training import OwnRunSpec
from quantum_latents.training.resume import MILESTONE, Earlier, find_state
from quantum_latents.training.spec import RunSpec
from quantum_latents.training.wgan import BLOCK_STEPS, StackMember

__all__ = [
    "Outcome",
    "check_stackable",
    "data_of",
    "milestone_steps",
    "rehearse_stack",
    "train_stack",
]

_MAX_CURVE_POINTS = 100
_WORTH_KEEPING = 5.0
"""Seconds of training at its end that are kept, in case that what comes after it fails."""


@dataclass(frozen=True)
class Outcome:
    """What training leaves of one run.

    Attributes:
        spec: the run.
        samples: generated from held-out latents, float32 (num_samples, d_x) in data units;
            None if the run diverged.
        weights: the parameters of what generates by name, as `Stack.weights_of` names them.
        diverged_at: the step at which it was stopped, or None.
        curves: training losses, averaged over at most 100 windows of steps.
        milestones: the samples after so many steps, as `samples`; none if the run diverged.
        fit: what a learned latent learned (`FitReport`), as JSON values; None of any other.
        sampling: how the samples were made, where that is not one pass of a network: of a flow the
            `solver` and its `function_evaluations`.
        kernel: what made the steps, see `Stack`.
        seconds: wall-clock of the stack's training in this process, since the last resume.
        offset, scale: float64 (d_x,), from model units to data units; None if they are the same.
        decoder: what takes codes to data units after them; None where samples are none.
    """

    spec: RunSpec | OwnRunSpec
    samples: np.ndarray | None
    weights: dict[str, Tensor]
    diverged_at: int | None
    curves: dict[str, list[float | None]]
    kernel: str
    seconds: float
    offset: np.ndarray | None = None
    scale: np.ndarray | None = None
    decoder: Decoder | None = None
    milestones: dict[int, np.ndarray] = field(default_factory=dict)
    fit: dict[str, Any] | None = None
    sampling: dict[str, Any] | None = None


def milestone_steps(spec: RunSpec) -> tuple[int, ...]:
    """Return the steps after which a run's milestones are taken, ascending.

    Each is the end of the block of `BLOCK_STEPS` steps nearest to its share of the training, at
    least one block and before the end; shares that meet there are taken once. A share of 0 is
    step 0, before the training.
    """
    num_steps = spec.training.num_steps
    shares = spec.evaluation.milestones
    blocks = {share and max(1, int(share * num_steps / BLOCK_STEPS + 0.5)) for share in shares}
    return tuple(step for b in sorted(blocks) if (step := int(b) * BLOCK_STEPS) < num_steps)


def check_stackable(specs: Sequence[RunSpec]) -> None:
    """Refuse runs that cannot share a stack: other model, budget or widths.

    Raises:
        ValueError: they differ in model, training or evaluation, or in a width.
    """
    if len({(spec.model, spec.training, spec.evaluation, spec.latent.dim) for spec in specs}) != 1:
        raise ValueError("runs in a stack share model, training, evaluation and latent width")


def data_of(spec: RunSpec | OwnRunSpec, cache: Path) -> DataSet:
    """Return the data set of a run: a function of its data spec, its split and its seed alone.

    Raises:
        ValueError: see `load`; or there are too few rows to train on to set some aside.
    """
    of_data = stream(spec.seed, "data")
    data = load(spec.data, of_data, cache)
    if spec.evaluation.split == "test":
        return data
    return data.validation(of_data.child("validation"))


def train_stack(
    specs: Sequence[RunSpec],
    *,
    cache: Path,
    checkpoint: Path,
    device: str = "cpu",
    split_from: Sequence[Earlier] = (),
    seconds_between_checkpoints: float = 60.0,
    on_progress: Callable[[int], None] = lambda step: None,
    on_losses: Callable[[int, Tensor], None] = lambda step, losses: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Outcome] | None:
    """Train runs together; resume from `checkpoint` if it is there.

    Args:
        specs: the runs, see `check_stackable`.
        cache: folder of banks and of fits, see `latent_of_run`.
        checkpoint: file of the stack's state, rewritten while training.
        device: where to train.
        split_from: checkpoints of larger stacks that these runs were in, the latest first: what is
            resumed from where `checkpoint` is not there yet.
        seconds_between_checkpoints: wall-clock between two writes of the checkpoint.
        on_progress: called with the number of steps done.
        on_losses: called after every block of steps with the number of steps done and the block's
            losses, see `GANStack.losses`.
        should_stop: asked between blocks of steps; True stops cleanly with a checkpoint.

    Returns:
        One outcome a run, or None if it was stopped before the end.

    Raises:
        ValueError: the runs do not fit together, the data hold out too few samples, or the
            checkpoint is not theirs.
    """
    stack, sets, held_out = _prepared(specs, cache, device)
    facts = {"runs": [spec.digest for spec in specs]}
    at, kept = set(milestone_steps(specs[0])), {}
    earlier = Earlier(checkpoint, tuple(facts["runs"])), *split_from
    if (found := find_state(earlier, stack, milestones=at)) is not None:
        stack.restore(found.state)
        kept = found.milestones
    del found  # as large as the networks with their optimisers

    def keep_milestone() -> None:
        pairs = zip(stack.generate(held_out), specs, strict=True)
        made = [_stored(rows, sets[spec.data, spec.seed]) for rows, spec in pairs]
        kept[MILESTONE.format(stack.step)] = torch.from_numpy(np.stack(made))

    started = last_written = time.monotonic()
    if stack.step == 0 and 0 in at:
        keep_milestone()
    while stack.step < specs[0].training.num_steps:
        on_progress(stack.step)
        if should_stop():
            write_checkpoint(checkpoint, stack.state() | kept, facts)
            return None
        before = stack.step
        stack.train_block()
        on_losses(stack.step, stack.losses[before : stack.step])
        if stack.step in at:
            keep_milestone()
        if time.monotonic() - last_written > seconds_between_checkpoints:
            write_checkpoint(checkpoint, stack.state() | kept, facts)
            last_written = time.monotonic()
    if time.monotonic() - last_written > min(_WORTH_KEEPING, seconds_between_checkpoints):
        write_checkpoint(checkpoint, stack.state() | kept, facts)
    on_progress(stack.step)  # behind the checkpoint: a node sends what is there before it tells
    generated = stack.generate(held_out)
    outcomes = []
    for run, spec in enumerate(specs):
        data = sets[spec.data, spec.seed]
        diverged_at = stack.diverged_at[run]
        samples = None
        if diverged_at is None and data.layout is not None and not _all_finite(generated[run]):
            diverged_at = stack.step  # argmax would make a molecule of what is not a number
        if diverged_at is None:
            samples = _stored(generated[run], data)
        outcomes.append(
            Outcome(
                spec=spec,
                samples=samples,
                weights={name: w.cpu().clone() for name, w in stack.weights_of(run).items()},
                diverged_at=diverged_at,
                curves=_curves(stack.losses[:, run], stack.loss_names),
                kernel=stack.kernel,
                seconds=time.monotonic() - started,
                offset=None if data.layout is not None else data.offset,
                scale=None if data.layout is not None else data.scale,
                decoder=data.decoder,
                milestones=(
                    {
                        step: kept[MILESTONE.format(step)][run].numpy()
                        for step in milestone_steps(spec)
                    }
                    if diverged_at is None
                    else {}
                ),
                fit=_fit_of(spec, cache),
                sampling=None if diverged_at is not None else stack.sampling_of(run),
            )
        )
    return outcomes


def rehearse_stack(
    specs: Sequence[RunSpec], *, cache: Path, checkpoint: Path, device: str = "cpu"
) -> None:
    """Do once all that takes memory in a stack's training: build, train, keep, generate.

    The steps are those of the last period; where draws are made ahead, from the
    one before the last block on, so that two blocks' draws are held at once. What is trained is
    thrown away.

    Args:
        specs: the runs.
        cache: folder of banks and of fits.
        checkpoint: a file that is written and removed.
        device: where to train.

    Raises:
        ValueError: as `train_stack`.
    """
    stack, _, held_out = _prepared(specs, cache, device)
    last = specs[0].training.num_steps - 1
    period = specs[0].training.period
    first = last // period * period
    if device != "cpu":
        first = max(0, min(first, last // BLOCK_STEPS * BLOCK_STEPS - 1))
    stack.step = first
    stack.losses[:first] = 0  # no step before has failed
    while stack.step <= last:
        stack.train_block()
    try:
        write_checkpoint(checkpoint, stack.state(), {"runs": [spec.digest for spec in specs]})
    finally:
        checkpoint.unlink(missing_ok=True)
    stack.generate(held_out)


class _Prepared(NamedTuple):
    stack: Stack
    sets: dict[Any, DataSet]
    held_out: list[Tensor]


def _prepared(specs: Sequence[RunSpec], cache: Path, device: str) -> _Prepared:
    """Load data and latents, and build the stack."""
    check_stackable(specs)
    sets = {(spec.data, spec.seed): data_of(spec, cache) for spec in specs}
    for spec in specs:
        _check_enough_held_out(spec, sets[spec.data, spec.seed])
    # Runs of one data set share its memory; a read-only array cannot become a tensor.
    tensors = {id(data): torch.from_numpy(np.array(data.train)) for data in sets.values()}
    latents = {
        (spec.latent, spec.seed): latent_of_run(spec.latent, spec.seed, cache).to(device)
        for spec in specs
    }
    members = [
        StackMember(
            data=tensors[id(sets[spec.data, spec.seed])],
            latent=latents[spec.latent, spec.seed],
            stream=stream(spec.seed, "training"),
            restart=spec.restart,
            weights=None if spec.start == "random" else sets[spec.data, spec.seed].generator,
        )
        for spec in specs
    ]
    stack = build_stack(members, specs[0].model, specs[0].training, device)
    held_out = [
        latents[spec.latent, spec.seed].held_out(spec.num_held_out_latents) for spec in specs
    ]
    return _Prepared(stack, sets, held_out)


def _fit_of(spec: RunSpec, cache: Path) -> dict[str, Any] | None:
    if not isinstance(spec.latent, LearnedSpec):
        return None
    return asdict(fit_latent(spec.latent, spec.seed, cache))


def _all_finite(scores: Tensor) -> bool:
    return bool(scores.isfinite().all())


def _stored(generated: Tensor, data: DataSet) -> np.ndarray:
    """Return samples as they are stored: in data units, float32, or codes of graphs."""
    if data.layout is None:
        return data.to_data_units(generated.numpy().astype(np.float64)).astype(np.float32)
    return data.to_data_units(generated.numpy())


def _check_enough_held_out(spec: RunSpec, data: DataSet) -> None:
    """Refuse before training what would leave the metrics with an unequal sampling floor.

    Metrics of molecules have no floor where there are too few, and say so.
    """
    if data.layout is not None:
        return
    if (wanted := spec.evaluation.num_samples) > (there := len(data.floor_reference)):
        raise ValueError(
            f"evaluation.num_samples={wanted} needs as many held-out samples of {data.name!r}, "
            f"which has {there}: hold out more data or set evaluation.num_samples={there}"
        )


def _curves(losses: Tensor, names: Sequence[str]) -> dict[str, list[float | None]]:
    """Average losses (num_steps, num_names) over windows of steps; None where one is not finite."""
    num_windows = min(_MAX_CURVE_POINTS, len(losses))
    edges = np.linspace(0, len(losses), num_windows + 1).astype(int)
    curves: dict[str, list[float | None]] = {"step": [float(edge) for edge in edges[1:]]}
    means = np.array([losses[a:b].mean(0).numpy() for a, b in pairwise(edges)])
    for column, name in enumerate(names):
        curves[name] = [float(v) if np.isfinite(v) else None for v in means[:, column]]
    return curves
