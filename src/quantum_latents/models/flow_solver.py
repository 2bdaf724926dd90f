"""Solving a flow's differential equation, and how often its velocity was evaluated.

The integrators are torchdiffeq's (Chen et al. 2018); this module only says on which grid, and
counts.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from quantum_latents.models.flow import SolverSpec

__all__ = ["Solution", "check_solver_installed", "solve"]


class Solution(NamedTuple):
    """Where a flow arrives.

    Attributes:
        x: the points at the end, shaped like those at the start.
        num_evaluations: how often the velocity was evaluated, each time at all points.
    """

    x: Tensor
    num_evaluations: int


def check_solver_installed() -> None:
    """Refuse to begin where nothing can solve the equation.

    Raises:
        ImportError: torchdiffeq is not installed, with what to install.
    """
    if importlib.util.find_spec("torchdiffeq") is None:
        raise ImportError(
            'flows are solved by torchdiffeq, which is not installed: pip install ".[flow]"'
        )


def solve(
    velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor, solver: SolverSpec, end: float = 1.0
) -> Solution:
    """Carry points from time 0 to `end`.

    Args:
        velocity: v(x, t), x shaped like the points and t one number ().
        x: the points at time 0. An adaptive solver takes the same steps for all of them.
        solver: which, and how finely.
        end: the last time.

    Raises:
        ImportError: torchdiffeq is not installed.
        RuntimeError: an adaptive solver's step became too small: the velocity is not finite, or
            nowhere near smooth.

    >>> spec = SolverSpec(name="euler", num_evaluations=4)
    >>> solve(lambda x, t: x, torch.ones(1), spec)
    Solution(x=tensor([2.4414]), num_evaluations=4)
    """
    check_solver_installed()
    from torchdiffeq import odeint

    num_evaluations = 0

    def counted(t: Tensor, x: Tensor) -> Tensor:
        nonlocal num_evaluations
        num_evaluations += 1
        return velocity(x, t)

    times = torch.tensor([0.0, end], dtype=x.dtype, device=x.device)
    settings: dict[str, Any]
    if (num_steps := solver.num_steps) is None:
        settings = {"rtol": solver.rtol, "atol": solver.atol}
    else:
        # Its own grid from a step's length may end in one more, tiny step: rounding.
        grid = torch.linspace(0.0, end, num_steps + 1, dtype=x.dtype, device=x.device)
        settings = {"options": {"grid_constructor": lambda func, y0, t: grid}}
    try:
        points = odeint(counted, x, times, method=solver.name, **settings)
    except AssertionError as error:  # torchdiffeq's way to say that a step underflows
        raise RuntimeError(f"{solver.name} cannot solve this flow: {error}") from error
    assert isinstance(points, Tensor)
    return Solution(points[-1], num_evaluations)
