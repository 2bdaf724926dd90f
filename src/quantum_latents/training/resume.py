"""What a stack of runs goes on from: its own checkpoint, or its part of a larger stack's.

Notation: S runs in the stack, R in the stack that was written; `places` are those of the S among
the R. Every tensor of a checkpoint is separable by run: losses (steps, R, ..), samples on the way
(R, num_samples, ..), and parameters with their averages, flat, of one run or of several: block
after block of (runs, rows, columns). Which networks there are, a stack says in `flats`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from quantum_latents.models.weights import Shape, views_of
from quantum_latents.training.checkpoint import damaged, read_checkpoint

if TYPE_CHECKING:
    from quantum_latents.training.kinds import Stack

__all__ = ["MILESTONE", "Earlier", "Flat", "Found", "check_state", "find_state", "part_of_state"]

MILESTONE = "milestone.{}"
"""Name in a checkpoint of the samples (S, num_samples, ..) after so many steps."""


class Earlier(NamedTuple):
    """A checkpoint that may be there, of these runs or of a larger stack that was split.

    Attributes:
        checkpoint: its file.
        runs: digests of the runs it is of, in order.
    """

    checkpoint: Path
    runs: tuple[str, ...]


class Flat(NamedTuple):
    """Networks of one shape in one flat tensor of a stack's state.

    Attributes:
        name: in the state.
        network: which of a run's.
        runs: whose, as places in the stack.
        blocks: of one network.
        is_trained: an optimiser keeps its averages of it, as ``name.average``.
    """

    name: str
    network: str
    runs: tuple[int, ...]
    blocks: Sequence[Shape]
    is_trained: bool = True

    @property
    def size(self) -> int:
        """Numbers in the tensor."""
        return len(self.runs) * sum(block.rows * block.columns for block in self.blocks)

    def same_in(self, others: Sequence[Flat], run: int) -> Flat:
        """Return which of another stack's tensors holds this network of that stack's run."""
        return next(o for o in others if o.network == self.network and run in o.runs)


class Found(NamedTuple):
    """What was found: the stack's state, and the samples on the way by name."""

    state: dict[str, Tensor]
    milestones: dict[str, Tensor]


def find_state(
    earlier: Sequence[Earlier], stack: Stack, *, milestones: Collection[int] = ()
) -> Found | None:
    """Return what the first of these checkpoints that is there holds of a stack's runs.

    Args:
        earlier: the stack's own, then others that hold its runs, the latest first.
        stack: what goes on.
        milestones: steps after which samples are kept on the way.

    Raises:
        ValueError: that checkpoint is damaged, of other runs, or does not fit the stack.
    """
    own = earlier[0].runs
    for path, runs in earlier:
        if not path.exists():
            continue
        tensors = read_checkpoint(path, {"runs": list(runs)})
        places = [runs.index(run) for run in own]
        kept = {name: t for name, t in tensors.items() if name.startswith(MILESTONE.format(""))}
        state = {name: t for name, t in tensors.items() if name not in kept}
        try:
            check_state(state, stack, len(runs))
            if runs != own:
                state = part_of_state(state, stack, places, len(runs))
            due = {MILESTONE.format(at) for at in milestones if at <= int(state["step"])}
            if kept.keys() != due:
                raise ValueError(f"it has the milestones {sorted(kept)}, not {sorted(due)}")
            if wrong := [name for name, t in kept.items() if t.ndim < 2 or len(t) != len(runs)]:
                raise ValueError(f"it is not of {len(runs)} runs, in {wrong[0]}")
        except ValueError as error:
            raise damaged(path, error) from error
        return Found(state, {name: tensor[places] for name, tensor in kept.items()})
    return None


def check_state(state: Mapping[str, Tensor], stack: Stack, num_runs: int) -> None:
    """Refuse a state of other shapes than this: compiled steps would read past its end.

    Args:
        state: without samples on the way.
        stack: whose model and training it is of.
        num_runs: whose state it is said to be.

    Raises:
        ValueError: as said, without the name of its file.
    """
    num_steps = stack.training.num_steps
    step = int(state["step"]) if "step" in state and state["step"].numel() == 1 else -1
    if not 0 <= step <= num_steps:
        raise ValueError(f"it is not of a training of {num_steps} steps")
    wanted: dict[str, tuple[int, ...]] = {"step": (), "diverged_at": (num_runs,)}
    wanted["losses"] = step, num_runs, len(stack.loss_names)
    for flat in stack.flats(num_runs):
        wanted[flat.name] = (flat.size,)
        if flat.is_trained and step:
            wanted[f"{flat.name}.step"] = ()
            for average in stack.training.optimiser.averages:
                wanted[f"{flat.name}.{average}"] = (flat.size,)
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if wrong := [n for n in sorted(wanted.keys() | found) if wanted.get(n) != found.get(n)]:
        raise ValueError(f"it does not fit these runs, in {', '.join(wrong)}")


def part_of_state(
    state: Mapping[str, Tensor], stack: Stack, places: Sequence[int], size: int
) -> dict[str, Tensor]:
    """Return a stack's state out of that of a larger stack, which its runs were in.

    Args:
        state: of `size` runs that share model and training with the stack's, see `check_state`.
        stack: whose state is wanted.
        places: of its runs in the larger stack, one each.
        size: R.
    """
    chosen, larger = list(places), stack.flats(size)
    part = {
        "step": state["step"],
        "losses": state["losses"][:, chosen],
        "diverged_at": state["diverged_at"][chosen],
    }
    for flat in stack.flats(len(chosen)):
        origins = [(flat.same_in(larger, chosen[run]), chosen[run]) for run in flat.runs]
        first, _ = origins[0]
        has_averages = flat.is_trained and int(state["step"])
        averages = stack.training.optimiser.averages if has_averages else ()
        for suffix in ("", *(f".{average}" for average in averages)):
            views = [_views_of_run(state[o.name + suffix], o, run) for o, run in origins]
            blocks = zip(*views, strict=True)
            part[flat.name + suffix] = torch.cat([torch.cat(block).flatten() for block in blocks])
        if averages:
            part[f"{flat.name}.step"] = state[f"{first.name}.step"]  # every run's
    return part


def _views_of_run(tensor: Tensor, flat: Flat, run: int) -> list[Tensor]:
    """Return a run's blocks, each (1, rows, columns), of a tensor that holds a flat's runs."""
    place = flat.runs.index(run)
    views = views_of(tensor, len(flat.runs), flat.blocks).values()
    return [view[place : place + 1] for view in views]
