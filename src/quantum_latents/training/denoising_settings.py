"""The settings of a denoising diffusion GAN's training, and which runs can have them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from quantum_latents.latents import LatentSpec, LearnedPriorSpec
from quantum_latents.models import DDGANSpec
from quantum_latents.training.settings import OptimiserSpec

__all__ = ["DenoisingSpec", "check_denoising_run"]


@dataclass(frozen=True, kw_only=True)
class DenoisingSpec:
    """Training of a denoising diffusion GAN, see `training.denoising`.

    Attributes:
        num_steps: updates of the generator, and as many of the critic.
        batch_size: B, images in an update.
        optimiser: of the generator, and, with `critic_learning_rate`, of the critic.
        critic_learning_rate: of the critic.
        least_learning_rate: what both rates fall to, along half a cosine, at the end (Loshchilov
            and Hutter 2017); at most either.
        gradient_penalty: gamma of the critic's R1 penalty (Mescheder, Geiger, Nowozin 2018).
        penalty_every: the penalty is taken in every so manieth critic step alone, the first
            included, and not multiplied for it.
        averaging: beta of an exponential moving average of the generator's weights, taken every
            step, which generates in its place; 0 for none.
        precision: `float32` or `float64`.
        divergence_threshold: a run one of whose losses exceeds this in size, or is not a number,
            has diverged and is stopped.
    """

    name: ClassVar[str] = "denoising"

    num_steps: int
    batch_size: int
    optimiser: OptimiserSpec
    critic_learning_rate: float
    least_learning_rate: float
    gradient_penalty: float
    penalty_every: int
    averaging: float
    precision: Literal["float32", "float64"] = "float32"
    divergence_threshold: float = 1e6

    def __post_init__(self):
        for name in ("num_steps", "batch_size", "penalty_every"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if not 0 < self.critic_learning_rate < math.inf:
            raise ValueError(
                f"critic_learning_rate is a finite number > 0, not {self.critic_learning_rate}"
            )
        most = min(self.optimiser.learning_rate, self.critic_learning_rate)
        if not 0 <= self.least_learning_rate <= most:
            raise ValueError(
                f"least_learning_rate is from 0 to the smaller learning rate, {most}, "
                f"not {self.least_learning_rate}"
            )
        if not 0 <= self.gradient_penalty < math.inf:
            raise ValueError(
                f"gradient_penalty is a finite number >= 0, not {self.gradient_penalty}"
            )
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging is in [0, 1), not {self.averaging}")
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision is 'float32' or 'float64', not {self.precision!r}")
        if not 0 < self.divergence_threshold < math.inf:
            raise ValueError(
                f"divergence_threshold is a finite number > 0, not {self.divergence_threshold}"
            )

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of weights, activations and gradients."""
        return torch.float32 if self.precision == "float32" else torch.float64

    @property
    def period(self) -> int:
        """After how many steps they repeat what they do: the first of each takes the penalty."""
        return self.penalty_every

    def learning_rates(self, start: int, stop: int) -> np.ndarray:
        """Return the learning rates of generator and critic in steps [start, stop), (., 2).

        >>> adam = OptimiserSpec(name="adam", learning_rate=0.2, betas=(0.5, 0.9))
        >>> spec = DenoisingSpec(num_steps=4, batch_size=4, optimiser=adam,
        ...                      critic_learning_rate=0.1, least_learning_rate=0.0,
        ...                      gradient_penalty=0.0, penalty_every=1, averaging=0.0)
        >>> spec.learning_rates(0, 4).round(3).tolist()
        [[0.2, 0.1], [0.171, 0.085], [0.1, 0.05], [0.029, 0.015]]
        """
        done = np.arange(start, stop, dtype=np.float64) / self.num_steps
        most = np.array([self.optimiser.learning_rate, self.critic_learning_rate])
        falling = (1 + np.cos(np.pi * done)) / 2
        return self.least_learning_rate + (most - self.least_learning_rate) * falling[:, None]


def check_denoising_run(
    data: Any, latent: LatentSpec, model: DDGANSpec, training: DenoisingSpec, start: str
) -> None:
    """Refuse what no denoising diffusion GAN can be trained on, by name.

    Raises:
        ValueError: as said, with what to write instead.
    """
    shape = getattr(data, "image_shape", None)
    if shape is None:
        raise ValueError(f"a DDGAN makes images, and data {data.name!r} are none: use grey_digits")
    if tuple(shape) != model.image_shape:
        raise ValueError(
            f"data {data.name!r} are images of (channels, height, width) = {tuple(shape)}: set "
            f"model.image_shape to it, not {model.image_shape}"
        )
    if isinstance(latent, LearnedPriorSpec):
        raise ValueError(
            "a learned prior's means and scales are its generator's, and a DDGAN's generator has "
            "none: use the gaussian latent"
        )
    if start != "random":
        raise ValueError(f"a DDGAN starts from random weights: use start='random', not {start!r}")
    if training.batch_size % (group := model.critic.group):
        raise ValueError(
            f"batch_size is a multiple of the critic's group={group}, not {training.batch_size}"
        )
