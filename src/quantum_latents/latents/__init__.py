"""Latents: laws and banks as tensors z (num_samples, dim)."""

from quantum_latents.latents.build import build_latent, card_of, interferometer_of, quantum_latent
from quantum_latents.latents.latent import Latent, Moments
from quantum_latents.latents.sources import (
    BernoulliSource,
    Card,
    GaussianSource,
    NoisyPhotonicSource,
    PhotonicSource,
    Source,
)
from quantum_latents.latents.specs import (
    BankSpec,
    BernoulliSpec,
    GaussianSpec,
    LatentSpec,
    NoisyPhotonicSpec,
    PhotonicSpec,
    Scaling,
    noisy_name,
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
    "NoisyPhotonicSource",
    "NoisyPhotonicSpec",
    "PhotonicSource",
    "PhotonicSpec",
    "Scaling",
    "Source",
    "bank_spec",
    "build_latent",
    "card_of",
    "interferometer_of",
    "noisy_name",
    "quantum_latent",
]
