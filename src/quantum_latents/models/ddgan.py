"""Denoising diffusion GANs (Xiao, Kreis, Vahdat 2022, arXiv 2112.07804).

A diffusion of T large steps is undone by a conditional GAN: the generator guesses x_0 from x_t and
a latent z, and x_{t-1} is drawn of q(x_{t-1} | x_t, x_0) (`models.diffusion`). A sample needs T
latents, one a step, and normal noise beside them. Images are rows of pixels, channel by channel,
in [0, 1] in model units, and in [-1, 1] inside the networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantum_latents.models.diffusion import Diffusion
from quantum_latents.models.unet import TimeCriticSpec, UNetSpec, check_halvings

__all__ = ["DDGANSpec"]


@dataclass(frozen=True, kw_only=True)
class DDGANSpec:
    """A diffusion, and the two networks that undo it.

    Attributes:
        image_shape: (channels, height, width).
        diffusion: the process.
        generator, critic: the networks.
    """

    name: ClassVar[str] = "ddgan"

    image_shape: tuple[int, ...]
    diffusion: Diffusion
    generator: UNetSpec
    critic: TimeCriticSpec

    def __post_init__(self):
        shape = self.image_shape
        if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
            raise TypeError(f"image_shape is a tuple such as (1, 8, 8), not {shape!r}")
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"image_shape is (channels, height, width), not {shape}")
        for network in (self.generator, self.critic):
            check_halvings(self.shape, len(network.multipliers) - 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """`image_shape`, as three numbers."""
        channels, height, width = self.image_shape
        return channels, height, width

    @property
    def data_dim(self) -> int:
        """Pixels times channels."""
        channels, height, width = self.shape
        return channels * height * width

    @property
    def latents_per_sample(self) -> int:
        """T: every step back has a latent of its own."""
        return self.diffusion.num_timesteps
