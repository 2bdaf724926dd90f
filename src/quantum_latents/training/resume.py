"""What a stack of runs goes on from: its own checkpoint, or its part of a larger stack's.

Notation: S runs in the stack, R in the stack that was written; `places` are those of the S among
the R. Every tensor of a checkpoint is separable by run: losses (steps, R, 3), samples on the way
(R, num_samples, ..), and parameters with their averages, flat, block after block of
(R, rows, columns).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from quantum_latents.models.nn import views_of
from quantum_latents.training.checkpoint import damaged, read_checkpoint
from quantum_latents.training.wgan import GANStack

__all__ = ["MILESTONE", "Earlier", "Found", "check_state", "find_state", "part_of_state"]

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


class Found(NamedTuple):
    """What was found: the stack's state, and the samples on the way by name."""

    state: dict[str, Tensor]
    milestones: dict[str, Tensor]


def find_state(
    earlier: Sequence[Earlier], stack: GANStack, *, milestones: Collection[int] = ()
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
            if runs != own:
                state = part_of_state(state, stack, places, len(runs))
            check_state(state, stack)
            due = {MILESTONE.format(at) for at in milestones if at <= int(state["step"])}
            if kept.keys() != due:
                raise ValueError(f"it has the milestones {sorted(kept)}, not {sorted(due)}")
            if wrong := [name for name, t in kept.items() if t.ndim < 2 or len(t) != len(runs)]:
                raise ValueError(f"it is not of {len(runs)} runs, in {wrong[0]}")
        except ValueError as error:
            raise damaged(path, error) from error
        return Found(state, {name: tensor[places] for name, tensor in kept.items()})
    return None


def check_state(state: Mapping[str, Tensor], stack: GANStack) -> None:
    """Refuse a state of other shapes than a stack's: compiled steps would read past its end.

    Raises:
        ValueError: as said, without the name of its file.
    """
    num_steps, num_runs = stack.training.num_steps, len(stack.members)
    step = int(state["step"]) if "step" in state and state["step"].numel() == 1 else -1
    if not 0 <= step <= num_steps:
        raise ValueError(f"it is not of a training of {num_steps} steps")
    wanted: dict[str, tuple[int, ...]] = {"step": (), "losses": (step, num_runs, 3)}
    wanted["diverged_at"] = (num_runs,)
    if stack.averaged is not None:
        wanted["averaged"] = tuple(stack.averaged.shape)
    is_adam = stack.training.optimiser.name == "adam"
    for name, network, _ in stack.parts():
        wanted[name] = tuple(network.flat.shape)
        if step:
            wanted[f"{name}.step"] = ()
            for average in ("exp_avg", "exp_avg_sq") if is_adam else ("square_avg",):
                wanted[f"{name}.{average}"] = wanted[name]
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if wrong := [n for n in sorted(wanted.keys() | found) if wanted.get(n) != found.get(n)]:
        raise ValueError(f"it does not fit these runs, in {', '.join(wrong)}")


def part_of_state(
    state: Mapping[str, Tensor], stack: GANStack, places: Sequence[int], size: int
) -> dict[str, Tensor]:
    """Return a stack's state out of that of a larger stack, which its runs were in.

    Args:
        state: of `size` runs that share model and training with the stack's.
        stack: whose state is wanted.
        places: of its runs in the larger stack, one each.
        size: R.

    Raises:
        ValueError: the state is not of `size` such runs, without the name of its file.
    """
    chosen, part = list(places), dict(state)
    networks = {name: network for name, network, _ in stack.parts()}
    try:
        part["losses"] = state["losses"][:, chosen]
        part["diverged_at"] = state["diverged_at"][chosen]
        for name, tensor in state.items():
            network = networks.get("generator" if name == "averaged" else name.split(".")[0])
            if network is None or tensor.numel() == 1:  # an optimiser's count is every run's
                continue
            views = views_of(tensor, size, network.blocks).values()
            part[name] = torch.cat([view[chosen].flatten() for view in views])
            if part[name].numel() * size != tensor.numel() * len(chosen):
                raise ValueError(f"it is not of {size} runs, in {name}")
    except (KeyError, IndexError, RuntimeError) as error:
        raise ValueError(f"it is not of {size} such runs ({error})") from error
    return part
