"""Latents: laws and banks as tensors z (num_samples, dim)."""

from quantum_latents.latents.autoregressive import AutoregressiveSource
from quantum_latents.latents.build import build_latent, quantum_latent
from quantum_latents.latents.copula import CopulaSource
from quantum_latents.latents.correlated import (
    SampledSource,
    commuting_source,
    ising_source,
    squeezed_source,
)
from quantum_latents.latents.dirichlet_multinomial import DirichletMultinomialSource
from quantum_latents.latents.distribution import LatentDistribution, as_distribution
from quantum_latents.latents.fitted import DamagedFitError, FitReport, MissingFitError
from quantum_latents.latents.independent import (
    IndependentCounts,
    dispersed,
    fitted_bernoulli,
    negative_binomial,
    shuffled,
)
from quantum_latents.latents.kinds import latent_kinds, latent_names, named_latent
from quantum_latents.latents.kinds.bank import BankSpec, bank_spec
from quantum_latents.latents.kinds.bernoulli import BernoulliSpec
from quantum_latents.latents.kinds.commuting import CommutingSpec
from quantum_latents.latents.kinds.gaussian import GaussianSpec
from quantum_latents.latents.kinds.ising import IsingSpinsSpec
from quantum_latents.latents.kinds.learned import AutoregressiveFitSpec, LearnedSpec
from quantum_latents.latents.kinds.learned_prior import LearnedPriorSpec
from quantum_latents.latents.kinds.noisy_photonic import NoisyPhotonicSpec, noisy_name
from quantum_latents.latents.kinds.photonic import PhotonicSpec
from quantum_latents.latents.kinds.prior import PriorSpec
from quantum_latents.latents.kinds.rival import RivalSpec
from quantum_latents.latents.kinds.squeezed import SqueezedSpec
from quantum_latents.latents.latent import Latent, Moments
from quantum_latents.latents.loader import as_data_loader, as_dataset
from quantum_latents.latents.merlin import as_merlin
from quantum_latents.latents.mode_laws import mode_laws
from quantum_latents.latents.other_light import OtherLightSource
from quantum_latents.latents.pairwise import PairwiseSource
from quantum_latents.latents.priors import PRIORS, prior_source
from quantum_latents.latents.randn import LatentRandn, as_randn
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
from quantum_latents.latents.spec import InterferometerLatentSpec, LatentSpec, Scaling

__all__ = [
    "PRIORS",
    "PROPERTIES",
    "RIVALS",
    "AutoregressiveFitSpec",
    "AutoregressiveSource",
    "BankSpec",
    "BernoulliSource",
    "BernoulliSpec",
    "Card",
    "CommutingSpec",
    "CopulaSource",
    "DamagedFitError",
    "DirichletMultinomialSource",
    "Extent",
    "FitReport",
    "GaussianSource",
    "GaussianSpec",
    "IndependentCounts",
    "InterferometerLatentSpec",
    "IsingSpinsSpec",
    "Latent",
    "LatentDistribution",
    "LatentRandn",
    "LatentRows",
    "LatentSpec",
    "LearnedPriorSpec",
    "LearnedSpec",
    "MissingFitError",
    "Moments",
    "NoisyPhotonicSource",
    "NoisyPhotonicSpec",
    "OtherLightSource",
    "PairwiseSource",
    "PhotonicSource",
    "PhotonicSpec",
    "PriorSpec",
    "RivalSpec",
    "SampledSource",
    "Scaling",
    "Sharing",
    "Source",
    "SqueezedSpec",
    "as_data_loader",
    "as_dataset",
    "as_distribution",
    "as_merlin",
    "as_randn",
    "bank_spec",
    "build_latent",
    "commuting_source",
    "dispersed",
    "fitted_bernoulli",
    "ising_source",
    "latent_kinds",
    "latent_names",
    "latent_of",
    "mode_laws",
    "named_latent",
    "negative_binomial",
    "noisy_name",
    "prior_source",
    "quantum_latent",
    "rival_source",
    "shuffled",
    "squeezed_source",
]
