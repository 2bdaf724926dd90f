"""Do counts follow the law they should? Statistical tests of counts against an interferometer."""

from quantum_latents.samplers.validation.findings import Finding, Verdict
from quantum_latents.samplers.validation.laws import (
    ChiSquareTest,
    MeanOccupancyTest,
    chi_square,
    mean_occupancy_test,
    tallied_chi_square,
    total_variation,
)
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.suite import TITLES, Validation, validate_counts

__all__ = [
    "TITLES",
    "ChiSquareTest",
    "Finding",
    "MeanOccupancyTest",
    "Promise",
    "Validation",
    "Verdict",
    "chi_square",
    "mean_occupancy_test",
    "tallied_chi_square",
    "total_variation",
    "validate_counts",
]
