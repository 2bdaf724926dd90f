"""Generative adversarial networks of two perceptrons (Goodfellow et al. 2014).

Notation: the generator g maps z (S, B, d_z) to x (S, B, d_x); the critic f maps x to one
number (S, B, 1) without an output activation, as a Wasserstein GAN needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from quantum_latents.models.nn import MLPSpec, StackedMLP

__all__ = ["GANSpec", "build_critic", "build_generator"]


@dataclass(frozen=True, kw_only=True)
class GANSpec:
    """A generator and a critic.

    Attributes:
        generator: hidden layers between z and x.
        critic: hidden layers between x and its score.
    """

    generator: MLPSpec
    critic: MLPSpec

    def __post_init__(self):
        if self.critic.reinject_latent:
            raise ValueError("a critic sees no latent: set reinject_latent=False for it")
        if self.critic.non_decreasing:
            raise ValueError("a critic ends in one number: set non_decreasing=False for it")


def build_generator(
    spec: GANSpec,
    latent_dim: int,
    data_dim: int,
    *,
    stack: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedMLP:
    """Return S untrained generators, all weights zero until `StackedMLP.initialise`."""
    return StackedMLP(spec.generator, latent_dim, data_dim, stack=stack, dtype=dtype, device=device)


def build_critic(
    spec: GANSpec,
    data_dim: int,
    *,
    stack: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedMLP:
    """Return S untrained critics, all weights zero until `StackedMLP.initialise`."""
    return StackedMLP(spec.critic, data_dim, 1, stack=stack, dtype=dtype, device=device)
