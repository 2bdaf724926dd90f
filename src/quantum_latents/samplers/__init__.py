"""Samplers: interferometer and input, circuit or lattice to counts, uint8 (num_samples, m)."""

from quantum_latents.samplers.boson import (
    SAMPLER_VERSION,
    BosonSampler,
    sample_boson,
    sampling_path,
)
from quantum_latents.samplers.commuting import CommutingSampler, commuting_law
from quantum_latents.samplers.distinguishable import (
    DistinguishableSampler,
    sample_distinguishable,
)
from quantum_latents.samplers.fermions import FermionSampler, fermion_law
from quantum_latents.samplers.gram import gram_law
from quantum_latents.samplers.ising import CRITICAL_TEMPERATURE, IsingSampler, ising_law
from quantum_latents.samplers.marginals import (
    binned_law,
    bunching_probability,
    marginal_law,
    noisy_outcome_probability,
    silence_probability,
)
from quantum_latents.samplers.mean_field import MeanFieldSampler, mean_field_law
from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.noise_paths import check_noise, noisy_path
from quantum_latents.samplers.noisy import NoisySampler, sample_noisy
from quantum_latents.samplers.noisy_law import noisy_law
from quantum_latents.samplers.noisy_moments import (
    noisy_covariance,
    noisy_mean,
    noisy_pair_correlators,
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
from quantum_latents.samplers.squeezed import SqueezedSampler, squeezed_law
from quantum_latents.samplers.thermal import ThermalSampler, thermal_probability

__all__ = [
    "CRITICAL_TEMPERATURE",
    "SAMPLER_VERSION",
    "BosonSampler",
    "CommutingSampler",
    "DistinguishableSampler",
    "FermionSampler",
    "IsingSampler",
    "MeanFieldSampler",
    "Noise",
    "NoisySampler",
    "SqueezedSampler",
    "ThermalSampler",
    "binned_law",
    "boson_law",
    "bunching_probability",
    "check_noise",
    "commuting_law",
    "covariance",
    "distinguishable_law",
    "fano_factors",
    "fermion_law",
    "gram_law",
    "ising_law",
    "marginal_law",
    "mean_field_law",
    "mean_occupancy",
    "noisy_covariance",
    "noisy_law",
    "noisy_mean",
    "noisy_outcome_probability",
    "noisy_pair_correlators",
    "noisy_path",
    "outcome_probability",
    "pair_correlators",
    "sample_boson",
    "sample_distinguishable",
    "sample_noisy",
    "sampling_path",
    "silence_probability",
    "squeezed_law",
    "thermal_probability",
]
