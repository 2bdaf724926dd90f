"""Kinds of training: what every stack of runs can do, and which stack a model is trained in.

A kind of training is its spec, its models' specs, a class that keeps the contract of `Stack`, and
one entry of `_KINDS`; what drives stacks, makes rows and plans studies asks nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from quantum_latents.models import ModelSpec
from quantum_latents.training.denoising import DenoisingStack
from quantum_latents.training.denoising_settings import DenoisingSpec
from quantum_latents.training.flow_matching import FlowStack, check_flow_requirements
from quantum_latents.training.flow_settings import FlowMatchingSpec
from quantum_latents.training.resume import Flat
from quantum_latents.training.settings import WGANSpec
from quantum_latents.training.spec import TrainingSpec
from quantum_latents.training.wgan import GANStack, StackMember, compile_steps

__all__ = ["Stack", "build_stack", "check_requirements", "loss_names_of", "prepare_steps"]


class Stack(Protocol):
    """S runs of one shape and one budget, trained together.

    Attributes:
        members: the runs.
        training: their budget, and what else their training needs.
        step: steps done.
        kernel: what makes the steps, for the row.
        loss_names: what `losses` holds, the names of the row's curves.
        losses: (num_steps, S, len(loss_names)) float64, NaN where a run made no step.
        diverged_at: for each run the step at which it was stopped, or None.
    """

    members: tuple[StackMember, ...]
    training: Any
    step: int
    kernel: str
    loss_names: ClassVar[tuple[str, ...]]
    losses: Tensor
    diverged_at: list[int | None]

    def train_block(self) -> None:
        """Train to the next multiple of `BLOCK_STEPS`, or to the end; stop what diverged."""
        ...

    def generate(self, latents: Sequence[Tensor]) -> list[Tensor]:
        """Return samples (M, d_x) of each run from its latents (M L, d_z), in model units.

        L is `models.latents_per_sample` of its model.
        """
        ...

    def weights_of(self, run: int) -> dict[str, Tensor]:
        """Return what `generate` uses of a run by name; all zeros if it diverged."""
        ...

    def sampling_of(self, run: int) -> dict[str, Any] | None:
        """Return what the row says of how the last samples were made; None for nothing."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs, as named tensors of their own memory."""
        ...

    def flats(self, num_runs: int) -> list[Flat]:
        """Return the networks in the state of a stack of so many runs of this shape."""
        ...

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`; the draws of the steps to come are the same."""
        ...


@dataclass(frozen=True)
class _Kind:
    """A kind of training.

    Attributes:
        build: its stack, of members, model, training and device.
        loss_names: of its stacks.
        prepare: makes what steps on a CPU need, once for an installation.
        check: refuses to begin where a library is missing.
    """

    build: Callable[..., Stack]
    loss_names: tuple[str, ...]
    prepare: Callable[[Any, Any], None]
    check: Callable[[Any], None]


def _nothing(*specs: Any) -> None:
    pass


_KINDS: dict[type, _Kind] = {
    WGANSpec: _Kind(GANStack, GANStack.loss_names, compile_steps, _nothing),
    DenoisingSpec: _Kind(DenoisingStack, DenoisingStack.loss_names, _nothing, _nothing),
    FlowMatchingSpec: _Kind(FlowStack, FlowStack.loss_names, _nothing, check_flow_requirements),
}


def build_stack(
    members: Sequence[StackMember],
    model: ModelSpec,
    training: TrainingSpec,
    device: torch.device | str = "cpu",
) -> Stack:
    """Return an untrained stack.

    Raises:
        ValueError: members do not fit together, or the model does not fit them.
        ImportError: a library is not installed.
    """
    return _KINDS[type(training)].build(members, model, training, device)


def prepare_steps(model: ModelSpec, training: TrainingSpec) -> None:
    """Compile what training on a CPU needs, or load it."""
    _KINDS[type(training)].prepare(model, training)


def check_requirements(training: TrainingSpec) -> None:
    """Refuse to begin what needs a library that is not installed.

    Raises:
        ImportError: as said, with what to install.
    """
    _KINDS[type(training)].check(training)


def loss_names_of(training: TrainingSpec) -> tuple[str, ...]:
    """Return what the losses of a run are called, in the order of `Stack.losses`."""
    return _KINDS[type(training)].loss_names
