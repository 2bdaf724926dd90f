"""Paths from a source to a data point, and the velocities along them.

Notation: x_0 is a source point, x_1 a data point, e standard normal, all (.., D); t in [0, end]
(.., 1). A path gives x_t and the velocity u_t that a flow learns as the mean of u_t given x_t
(Lipman et al. 2023, Theorem 2; for any source and any coupling of x_0 and x_1 Tong et al. 2024).

`straight`: x_t = (1 - t) x_0 + t x_1 + s e and u_t = x_1 - x_0, with s = `sigma_min` (Liu, Gong,
Liu 2023 without noise; Tong et al. 2024 with it). Any source.

`variance_preserving`: the diffusion path of Lipman et al. 2023, section 4.1, from noise to data,

    x_t = a x_1 + sqrt(1 - a^2) x_0,   a = exp(-T(1 - t) / 2),   T(s) = s b_0 + s^2 (b_1 - b_0) / 2,

with b_0 = 0.1 and b_1 = 20 as there, and u_t = dx_t/dt. The mean of u_t is the velocity of a
diffusion's probability flow only where x_0 is standard normal, so no other source is taken. u_t has
no bound at t = 1: times end at 1 - 1e-5, as there.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor

__all__ = ["GAUSSIAN_PATHS", "PATHS", "PathName", "PathPoint", "end_of", "point_on"]

PathName = Literal["straight", "variance_preserving"]

PATHS: tuple[PathName, ...] = ("straight", "variance_preserving")
"""Every path by name."""

GAUSSIAN_PATHS: tuple[PathName, ...] = ("variance_preserving",)
"""Those that assume a standard Gaussian source."""

_B0, _B1 = 0.1, 20.0


class PathPoint(NamedTuple):
    """x_t and u_t, each (.., D)."""

    x: Tensor
    velocity: Tensor


def end_of(path: PathName) -> float:
    """Return the last time of a path."""
    return 1.0 - 1e-5 if path in GAUSSIAN_PATHS else 1.0


def point_on(path: PathName, x0: Tensor, x1: Tensor, t: Tensor, noise: Tensor | None) -> PathPoint:
    """Return a point of a path and the velocity there.

    Args:
        path: which.
        x0: the source (.., D).
        x1: the data point (.., D).
        t: times in [0, `end_of(path)`], (.., 1).
        noise: s e about a straight path, (.., D); None for none.

    >>> import torch
    >>> x0, x1 = torch.zeros(1, 2), torch.ones(1, 2)
    >>> point_on("straight", x0, x1, torch.tensor([[0.25]]), None)
    PathPoint(x=tensor([[0.2500, 0.2500]]), velocity=tensor([[1., 1.]]))
    """
    if path == "straight":
        x = (1 - t) * x0 + t * x1
        return PathPoint(x if noise is None else x + noise, x1 - x0)
    s = 1 - t
    alpha = (-0.5 * (s * _B0 + 0.5 * s**2 * (_B1 - _B0))).exp()
    beta = _B0 + s * (_B1 - _B0)
    # 1 - alpha^2, which cancels near t = 1.
    deviation = (-(-(s * _B0 + 0.5 * s**2 * (_B1 - _B0))).expm1()).sqrt()
    alpha_slope = 0.5 * beta * alpha
    deviation_slope = -alpha * alpha_slope / deviation
    return PathPoint(alpha * x1 + deviation * x0, alpha_slope * x1 + deviation_slope * x0)
