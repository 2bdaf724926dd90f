"""What the state of a stack consists of: how far it is, and its networks with their optimisers.

Notation: a *state* is tensors by name. A network's parameters, one flat tensor, stand under its
name, what its optimiser remembers of them under ``name.key``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from quantum_latents.training.kinds import Stack

__all__ = ["network_state", "progress_state", "restore_network", "restore_progress"]


def progress_state(stack: Stack) -> dict[str, Tensor]:
    """Return how far a stack is, as tensors of their own memory: step, losses, who diverged."""
    return {
        "step": torch.tensor(stack.step),
        "losses": stack.losses[: stack.step].clone(),
        "diverged_at": torch.tensor([-1 if at is None else at for at in stack.diverged_at]),
    }


def restore_progress(stack: Stack, state: Mapping[str, Tensor]) -> None:
    """Set a stack to where a state is."""
    stack.step = int(state["step"])
    stack.losses[: stack.step] = state["losses"]
    stack.diverged_at = [None if at < 0 else int(at) for at in state["diverged_at"]]


def network_state(
    name: str, flat: nn.Parameter, optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Return a network's parameters and its optimiser's memory, as tensors of their own memory."""
    state = {name: flat.detach().to("cpu", copy=True)}
    for key, value in optimiser.state[flat].items():
        state[f"{name}.{key}"] = value.to("cpu", copy=True)
    return state


@torch.no_grad()
def restore_network(
    name: str, flat: nn.Parameter, optimiser: torch.optim.Optimizer, state: Mapping[str, Tensor]
) -> None:
    """Set a network and its optimiser to what `network_state` returned, and leave that as it is."""
    flat.copy_(state[name])
    prefix = f"{name}."
    # Adam's fused step counter lives with the parameter, RMSProp's on the CPU: both
    # are float32 scalars that torch places itself through load_state_dict.
    loaded = {
        key.removeprefix(prefix): value.clone()  # torch would train in the state's own memory
        for key, value in state.items()
        if key.startswith(prefix)
    }
    whole = optimiser.state_dict()
    whole["state"] = {0: loaded} if loaded else {}
    optimiser.load_state_dict(whole)
