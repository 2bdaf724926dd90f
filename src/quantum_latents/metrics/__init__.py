"""METRICS: pure functions of samples, and a registry that finds them by name.

Samples are arrays (num_samples, dim), one row a sample, in the data's own units; molecules come
as a `MoleculeSet`. A metric knows nothing of latents or data sets: what it needs to know besides
samples are *facts*.
"""

from quantum_latents.metrics.discrete import l1_to_integer, outcome_distance, total_photon_error
from quantum_latents.metrics.features import (
    Manifolds,
    features_of,
    frechet_feature_distance,
    kernel_feature_distance,
    manifolds,
)
from quantum_latents.metrics.frechet import Moments, frechet_distance, moments
from quantum_latents.metrics.metric import Metric
from quantum_latents.metrics.modes import (
    mode_coverage,
    mode_shares,
    mode_weight_error,
    share_between,
    share_off_board,
    share_outside,
)
from quantum_latents.metrics.molecules import MOLECULE_METRICS, MoleculeSet, NotDefined
from quantum_latents.metrics.moment_errors import covariance_error, mean_error
from quantum_latents.metrics.registry import METRICS, compute, floor, lookup
from quantum_latents.metrics.transport import MAX_TRANSPORT, wasserstein_1
from quantum_latents.metrics.two_sample import (
    energy_distance,
    median_bandwidth,
    mmd_squared,
    sliced_wasserstein,
)

__all__ = [
    "MAX_TRANSPORT",
    "METRICS",
    "MOLECULE_METRICS",
    "Manifolds",
    "Metric",
    "MoleculeSet",
    "Moments",
    "NotDefined",
    "compute",
    "covariance_error",
    "energy_distance",
    "features_of",
    "floor",
    "frechet_distance",
    "frechet_feature_distance",
    "kernel_feature_distance",
    "l1_to_integer",
    "lookup",
    "manifolds",
    "mean_error",
    "median_bandwidth",
    "mmd_squared",
    "mode_coverage",
    "mode_shares",
    "mode_weight_error",
    "moments",
    "outcome_distance",
    "share_between",
    "share_off_board",
    "share_outside",
    "sliced_wasserstein",
    "total_photon_error",
    "wasserstein_1",
]
