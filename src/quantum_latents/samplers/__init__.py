"""Samplers: interferometer and input to counts, uint8 (num_samples, num_modes)."""

from quantum_latents.samplers.boson import (
    SAMPLER_VERSION,
    BosonSampler,
    sample_boson,
    sampling_path,
)
from quantum_latents.samplers.distinguishable import (
    DistinguishableSampler,
    sample_distinguishable,
)
from quantum_latents.samplers.probabilities import (
    boson_law,
    covariance,
    distinguishable_law,
    fano_factors,
    mean_occupancy,
    outcome_probability,
    pair_correlators,
)

__all__ = [
    "SAMPLER_VERSION",
    "BosonSampler",
    "DistinguishableSampler",
    "boson_law",
    "covariance",
    "distinguishable_law",
    "fano_factors",
    "mean_occupancy",
    "outcome_probability",
    "pair_correlators",
    "sample_boson",
    "sample_distinguishable",
    "sampling_path",
]
