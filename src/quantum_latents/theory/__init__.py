"""THEORY: what the theorem's quantities are for networks and samples that exist."""

from quantum_latents.theory.distance import (
    BIASES,
    InducedDistance,
    InducedDistances,
    gan_induced_distance,
    gan_induced_distances,
)

__all__ = [
    "BIASES",
    "InducedDistance",
    "InducedDistances",
    "gan_induced_distance",
    "gan_induced_distances",
]
