"""What a training's matrix products are computed in, set for its steps and nothing else.

`tf32` lets CUDA round the factors of a float32 product to TensorFloat-32, 10 stored bits of the
mantissa. `bf16` rounds factors and results to bfloat16, 7 stored bits, and sums in float32; the
weights that are trained, the gradients the optimiser takes and its state stay float32 (mixed
precision with master weights: Micikevicius et al., ICLR 2018; Kalamkar et al., arXiv:1905.12322).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from quantum_latents.models.nn import StackedMLP
from quantum_latents.training.settings import Precision

__all__ = ["TrainedNetwork", "products"]


@contextlib.contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Let torch multiply as the spec says, and as before afterwards.

    A process's own settings do not reach a training: its precision is the spec's alone.

    >>> with products("tf32"):
    ...     torch.get_float32_matmul_precision()
    'high'
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    matmul = torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), matmul.allow_bf16_reduced_precision_reduction
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    matmul.allow_bf16_reduced_precision_reduction = False  # sums stay float32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        matmul.allow_bf16_reduced_precision_reduction = before[1]


class TrainedNetwork:
    """A stack of perceptrons with its optimiser, and what its sweeps are made on.

    Args:
        weights: the networks that are trained, with a gradient in place.
        optimiser: of their flat parameter.
        precision: with `bf16` sweeps are made on a copy in bfloat16, else on the networks.
        divisor: what a rounded gradient is divided by in float32, so that 1 / B never meets
            bfloat16.

    Attributes:
        network: what sweeps are made on; its `flat.grad` takes the gradient.
    """

    def __init__(
        self,
        weights: StackedMLP,
        optimiser: torch.optim.Optimizer,
        precision: Precision,
        divisor: float,
    ):
        self.weights, self.optimiser, self._divisor = weights, optimiser, divisor
        self.network = weights
        self._is_rounded = precision == "bf16"
        if self._is_rounded:
            ends = weights.widths[0], weights.widths[-1]
            where = {"dtype": torch.bfloat16, "device": weights.flat.device}
            self.network = StackedMLP(weights.spec, *ends, stack=weights.stack, **where)
            self.network.flat.grad = torch.zeros_like(self.network.flat)

    def read(self) -> None:
        """Take over weights that somebody else has changed."""
        if self._is_rounded:
            self.network.flat.copy_(self.weights.flat)

    def update(self) -> None:
        """Make a step of the optimiser with the gradient of the sweeps."""
        if self._is_rounded:
            assert self.weights.flat.grad is not None
            assert self.network.flat.grad is not None
            self.weights.flat.grad.copy_(self.network.flat.grad).div_(self._divisor)
        self.optimiser.step()
        self.read()
