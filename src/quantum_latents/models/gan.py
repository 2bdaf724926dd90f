"""Generative adversarial networks of two perceptrons (Goodfellow et al. 2014).

Notation: the generator g maps z (S, B, d_z) to x (S, B, d_x); the critic f maps x to one
number (S, B, 1) without an output activation, as a Wasserstein GAN needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantum_latents.models.perceptron import MLPSpec

__all__ = ["GANSpec", "check_critic"]


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
        check_critic(self.critic)


def check_critic(critic: MLPSpec) -> None:
    """Refuse what only a generator can have.

    Raises:
        ValueError: as said.
    """
    if critic.reinject_latent:
        raise ValueError("a critic sees no latent: set reinject_latent=False for it")
    if critic.non_decreasing:
        raise ValueError("a critic ends in one number: set non_decreasing=False for it")
    if critic.trainable_input_affine:
        raise ValueError("a critic sees no latent: set trainable_input_affine=False for it")
    if critic.spectral_bound:
        raise ValueError(
            "a critic is kept Lipschitz by its gradient penalty: set spectral_bound=0 for it"
        )
