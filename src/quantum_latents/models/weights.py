"""The parameters of stacked networks: named views of one flat tensor, and how they start.

Notation: S runs are stacked; a parameter is (rows, columns), outputs by inputs, of each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["Shape", "check_initialisation", "draw_weights", "views_of"]


class Shape(Protocol):
    """A named parameter of a network, (rows, columns)."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...


def views_of(flat: Tensor, stack: int, blocks: Sequence[Shape]) -> dict[str, Tensor]:
    """Cut a flat tensor into named views (S, rows, columns), block after block."""
    views, offset = {}, 0
    for block in blocks:
        size = stack * block.rows * block.columns
        views[block.name] = flat[offset : offset + size].view(stack, block.rows, block.columns)
        offset += size
    return views


def check_initialisation(initialisation: str, gain: float) -> None:
    """Refuse an unknown initialisation, or a gain that it does not have.

    Raises:
        ValueError: as said.
    """
    if initialisation not in ("pytorch", "xavier_uniform", "orthogonal"):
        raise ValueError(
            f"initialisation is 'pytorch', 'xavier_uniform' or 'orthogonal', not {initialisation!r}"
        )
    if not 0 < gain < float("inf"):
        raise ValueError(f"gain is a finite number > 0, not {gain}")
    if initialisation == "pytorch" and gain != 1:
        raise ValueError(f"initialisation 'pytorch' has gain=1, not {gain}: use 'orthogonal'")


class _Initialised(Protocol):
    @property
    def initialisation(self) -> str: ...
    @property
    def gain(self) -> float: ...


def draw_weights(
    rows: int,
    columns: int,
    fan_in: int,
    is_bias: bool | int,
    spec: _Initialised,
    generator: torch.Generator,
) -> Tensor:
    """Return a weight or a bias (rows, columns), outputs by inputs, as its spec says.

    Drawn in float32 on the CPU whatever the run's own precision and device.
    """
    draw = torch.zeros(rows, columns)
    if spec.initialisation == "pytorch":
        draw.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
    elif not is_bias:
        if spec.initialisation == "xavier_uniform":
            nn.init.xavier_uniform_(draw, gain=spec.gain, generator=generator)
        else:
            nn.init.orthogonal_(draw, gain=spec.gain, generator=generator)
    return draw
