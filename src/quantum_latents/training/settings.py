"""The settings of a training run that its result depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

__all__ = ["OptimiserSpec", "Precision", "WGANSpec", "falling_rates"]

Precision = Literal["float32", "float64", "tf32", "bf16"]
"""What a training may be computed in, see `WGANSpec`."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSpec:
    """An optimiser as `torch.optim` defines it, without weight decay.

    Attributes:
        name: `adam` or `rmsprop` (without momentum, not centred).
        learning_rate: step size.
        betas: decay of Adam's two moments; () with RMSProp.
        alpha: decay of RMSProp's squared average; 0 with Adam.
        epsilon: added to the denominator.
    """

    name: Literal["adam", "rmsprop"]
    learning_rate: float
    betas: tuple[float, ...] = ()
    alpha: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self):
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is a finite number > 0, not {getattr(self, name)}")
        if not isinstance(self.betas, tuple):
            raise TypeError(f"betas is a tuple such as (0.0, 0.9), not {self.betas!r}")
        if self.name == "adam":
            if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
                raise ValueError(f"adam needs betas=(b1, b2) in [0, 1), not {self.betas}")
            if self.alpha:
                raise ValueError(f"adam has no alpha: leave it at 0, not {self.alpha}")
        elif self.name == "rmsprop":
            if not 0 < self.alpha < 1:
                raise ValueError(f"rmsprop needs 0 < alpha < 1, not {self.alpha}")
            if self.betas:
                raise ValueError(f"rmsprop has no betas: leave them at (), not {self.betas}")
        else:
            raise ValueError(f"optimiser is 'adam' or 'rmsprop', not {self.name!r}")

    @property
    def averages(self) -> tuple[str, ...]:
        """Names of the averages that the torch optimiser keeps, each of the parameter's shape."""
        return ("exp_avg", "exp_avg_sq") if self.name == "adam" else ("square_avg",)

    def build(self, parameter: Tensor) -> torch.optim.Optimizer:
        """Return the torch optimiser of one flat parameter."""
        if self.name == "adam":
            return torch.optim.Adam(
                [parameter],
                lr=self.learning_rate,
                betas=(float(self.betas[0]), float(self.betas[1])),
                eps=self.epsilon,
                fused=True,
            )
        return torch.optim.RMSprop(
            [parameter], lr=self.learning_rate, alpha=self.alpha, eps=self.epsilon
        )


@dataclass(frozen=True, kw_only=True)
class WGANSpec:
    """Training of a Wasserstein GAN with gradient penalty.

    Attributes:
        num_steps: generator steps.
        batch_size: B.
        critic_steps: c, critic steps before each generator step.
        gradient_penalty: lambda.
        optimiser: of the generator and of the critic, each with its own state.
        precision: `float32` or `float64`, of everything. `tf32`: float32 whose matrix products
            round their factors to 11 bits, on CUDA alone. `bf16`: activations and the factors of
            products in bfloat16, their sums in float32; weights, the gradients that the optimiser
            takes, and its state stay float32.
        divergence_threshold: a run whose critic loss exceeds this in size, or is not a
            number, has diverged and is stopped.
        averaging: beta of an exponential moving average of the generator's weights, in [0, 1),
            which then generates in its place (Yazici et al. 2019); 0 for none. Taken every
            `BLOCK_STEPS` steps, a <- beta^k a + (1 - beta^k) w after k of them.
        decay: the last share of the steps, in [0, 1], over which the learning rate of both
            networks falls linearly to 0: with N steps and d = decay, that of step t = 0, 1, ...
            is the optimiser's times min(1, (N - t) / (d N)). 0 keeps it as it is.
    """

    period: ClassVar[int] = 1
    """After how many steps they repeat what they do."""

    num_steps: int
    batch_size: int
    critic_steps: int
    gradient_penalty: float
    optimiser: OptimiserSpec
    precision: Precision = "float32"
    divergence_threshold: float = 1e8
    # Left out of a run's name where they are 0: runs named before keep their names.
    averaging: float = field(default=0.0, metadata={"omit_default": True})
    decay: float = field(default=0.0, metadata={"omit_default": True})

    def __post_init__(self):
        for name in ("num_steps", "batch_size", "critic_steps"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.gradient_penalty < math.inf:
            raise ValueError(
                f"gradient_penalty is a finite number >= 0, not {self.gradient_penalty}"
            )
        if not 0 < self.divergence_threshold < math.inf:
            raise ValueError(
                f"divergence_threshold is a finite number > 0, not {self.divergence_threshold}"
            )
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging is in [0, 1), not {self.averaging}")
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the steps, in [0, 1], not {self.decay}")
        if self.precision not in get_args(Precision):
            names = ", ".join(map(repr, get_args(Precision)))
            raise ValueError(f"precision is one of {names}, not {self.precision!r}")

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of the weights that are trained and of the optimiser's state."""
        return torch.float64 if self.precision == "float64" else torch.float32

    def learning_rates(self, start: int, stop: int) -> np.ndarray:
        """Return the learning rates of the generator steps [start, stop), float64.

        >>> spec = WGANSpec(num_steps=4, batch_size=1, critic_steps=1, gradient_penalty=10.0,
        ...                 optimiser=OptimiserSpec(name="rmsprop", learning_rate=0.2, alpha=0.9),
        ...                 decay=0.5)
        >>> spec.learning_rates(0, 4)
        array([0.2, 0.2, 0.2, 0.1])
        """
        return falling_rates(self.optimiser.learning_rate, self.num_steps, self.decay, start, stop)


def falling_rates(rate: float, num_steps: int, decay: float, start: int, stop: int) -> np.ndarray:
    """Return the learning rates of the steps [start, stop), float64, see `WGANSpec.decay`."""
    left = num_steps - np.arange(start, stop, dtype=np.float64)
    falling = max(decay * num_steps, 1.0)
    return rate * np.minimum(1.0, left / falling)
