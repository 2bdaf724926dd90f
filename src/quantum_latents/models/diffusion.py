"""A diffusion of few large steps (Ho, Jain, Abbeel 2020; Xiao, Kreis, Vahdat 2022).

Notation: x_0 (B, C, H, W) are data, T the number of steps, e standard normal noise, abar_t the
share of the data's variance that is left after step t, abar_0 = 1. A variance-preserving process
dx = -beta(s) x ds / 2 + sqrt(beta(s)) dw, with beta(s) rising linearly from beta_min to beta_max
over s in [0, 1], is read off at s = t / T (Song et al. 2021, appendix C):

    abar_t = exp(-beta_min s - (beta_max - beta_min) s^2 / 2),    beta_t = 1 - abar_t / abar_{t-1}

    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e,    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) e

and, given where it began, the way back is normal, q(x_{t-1} | x_t, x_0) = N(m, v) with

    m = (sqrt(abar_{t-1}) beta_t x_0 + sqrt(1 - beta_t) (1 - abar_{t-1}) x_t) / (1 - abar_t),
    v = beta_t (1 - abar_{t-1}) / (1 - abar_t);    at t = 1 it is x_0 itself.

Nothing here draws a random number.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Diffusion"]


@dataclass(frozen=True, kw_only=True)
class Diffusion:
    """The process.

    Attributes:
        num_timesteps: T >= 1. With few, a step back is far from normal and needs a model of many
            modes, such as a GAN's generator.
        beta_min, beta_max: 0 < beta_min < beta_max.

    >>> process = Diffusion(num_timesteps=4, beta_min=0.1, beta_max=20.0)
    >>> [round(share, 4) for share in process.alpha_bars.tolist()]
    [1.0, 0.5237, 0.0791, 0.0034, 0.0]
    """

    num_timesteps: int
    beta_min: float
    beta_max: float

    def __post_init__(self):
        if type(self.num_timesteps) is not int:
            raise TypeError(f"num_timesteps is an integer, not {self.num_timesteps!r}")
        if self.num_timesteps < 1:
            raise ValueError(f"num_timesteps must be at least 1, not {self.num_timesteps}")
        if not 0 < self.beta_min < self.beta_max < math.inf:
            raise ValueError(
                f"0 < beta_min < beta_max are finite, not {self.beta_min} and {self.beta_max}"
            )

    @property
    def alpha_bars(self) -> Tensor:
        """abar_0, ..., abar_T, float64 (T + 1,)."""
        s = torch.arange(self.num_timesteps + 1, dtype=torch.float64) / self.num_timesteps
        return torch.exp(-self.beta_min * s - (self.beta_max - self.beta_min) * s.square() / 2)

    def pair(self, x: Tensor, t: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_{t-1} and x_t of data x (B, C, H, W).

        Args:
            x: x_0.
            t: steps (B,), from 1 to T, where x is.
            first: standard normal, as x: the noise up to t - 1.
            second: as `first`, of step t.
        """
        bars = _bars_on(self, t.device)
        left, beta = bars[t - 1], 1 - bars[t] / bars[t - 1]
        before = _times(left.sqrt(), x) + _times((1 - left).sqrt(), first)
        return before, _times((1 - beta).sqrt(), before) + _times(beta.sqrt(), second)

    def back(self, x: Tensor, at: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return x_{t-1} of q(x_{t-1} | x_t, x_0).

        Args:
            x: x_0, or what stands for it (B, C, H, W).
            at: x_t.
            t: steps (B,), from 1 to T, where x is.
            noise: standard normal, as x.
        """
        bars = _bars_on(self, t.device)
        now, left = bars[t], bars[t - 1]
        beta = 1 - now / left
        of_x = left.sqrt() * beta / (1 - now)
        of_at = (1 - beta).sqrt() * (1 - left) / (1 - now)
        variance = beta * (1 - left) / (1 - now)
        return _times(of_x, x) + _times(of_at, at) + _times(variance.sqrt(), noise)


@functools.cache
def _bars_on(process: Diffusion, device: torch.device) -> Tensor:
    """Return a process's shares where they are looked up: moved there once, not in every step."""
    return process.alpha_bars.to(device)


def _times(factors: Tensor, images: Tensor) -> Tensor:
    """Return images (B, C, H, W), each times its factor (B,)."""
    return factors.to(images)[:, None, None, None] * images
