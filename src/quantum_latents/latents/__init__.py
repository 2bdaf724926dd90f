"""Latents: laws and banks as tensors z (num_samples, dim)."""

from quantum_latents.latents.build import build_latent, card_of, interferometer_of, quantum_latent
from quantum_latents.latents.latent import Latent, Moments
from quantum_latents.latents.sources import (
    BernoulliSource,
    Card,
    GaussianSource,
    PhotonicSource,
    Source,
)
from quantum_latents.latents.specs import (
    BankSpec,
    BernoulliSpec,
    GaussianSpec,
    LatentSpec,
    PhotonicSpec,
    Scaling,
)
from quantum_latents.latents.stored import bank_spec

__all__ = [
    "BankSpec",
    "BernoulliSource",
    "BernoulliSpec",
    "Card",
    "GaussianSource",
    "GaussianSpec",
    "Latent",
    "LatentSpec",
    "Moments",
    "PhotonicSource",
    "PhotonicSpec",
    "Scaling",
    "Source",
    "bank_spec",
    "build_latent",
    "card_of",
    "interferometer_of",
    "quantum_latent",
]
