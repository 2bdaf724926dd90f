"""Latents: laws and banks as tensors z (num_samples, dim)."""

from quantum_latents.latents.build import build_latent, card_of, interferometer_of, quantum_latent
from quantum_latents.latents.copula import CopulaSource
from quantum_latents.latents.dirichlet_multinomial import DirichletMultinomialSource
from quantum_latents.latents.distribution import LatentDistribution, as_distribution
from quantum_latents.latents.independent import (
    IndependentCounts,
    dispersed,
    fitted_bernoulli,
    negative_binomial,
    shuffled,
)
from quantum_latents.latents.latent import Latent, Moments
from quantum_latents.latents.loader import as_data_loader, as_dataset
from quantum_latents.latents.merlin import as_merlin
from quantum_latents.latents.mode_laws import mode_laws
from quantum_latents.latents.other_light import OtherLightSource
from quantum_latents.latents.pairwise import PairwiseSource
from quantum_latents.latents.priors import PRIORS, prior_source
from quantum_latents.latents.rivals import RIVALS, rival_source
from quantum_latents.latents.rows import LatentRows, latent_of
from quantum_latents.latents.sharing import PROPERTIES, Extent, Sharing
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
    PriorSpec,
    RivalSpec,
    Scaling,
    noisy_name,
)
from quantum_latents.latents.stored import bank_spec

__all__ = [
    "PRIORS",
    "PROPERTIES",
    "RIVALS",
    "BankSpec",
    "BernoulliSource",
    "BernoulliSpec",
    "Card",
    "CopulaSource",
    "DirichletMultinomialSource",
    "Extent",
    "GaussianSource",
    "GaussianSpec",
    "IndependentCounts",
    "Latent",
    "LatentDistribution",
    "LatentRows",
    "LatentSpec",
    "Moments",
    "NoisyPhotonicSource",
    "NoisyPhotonicSpec",
    "OtherLightSource",
    "PairwiseSource",
    "PhotonicSource",
    "PhotonicSpec",
    "PriorSpec",
    "RivalSpec",
    "Scaling",
    "Sharing",
    "Source",
    "as_data_loader",
    "as_dataset",
    "as_distribution",
    "as_merlin",
    "bank_spec",
    "build_latent",
    "card_of",
    "dispersed",
    "fitted_bernoulli",
    "interferometer_of",
    "latent_of",
    "mode_laws",
    "negative_binomial",
    "noisy_name",
    "prior_source",
    "quantum_latent",
    "rival_source",
    "shuffled",
]
