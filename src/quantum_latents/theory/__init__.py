"""Theorem 1, measured: inverses, bounds and certificates, distances, and what a latent costs."""

from quantum_latents.theory.bounds import Bound, Slopes, chain_bound
from quantum_latents.theory.certificate import Certificate, MapCertificate, certify
from quantum_latents.theory.crossing import PT2, Crossing, ProcessorRate, crossing
from quantum_latents.theory.distance import (
    BIASES,
    InducedDistance,
    InducedDistances,
    gan_induced_distance,
    gan_induced_distances,
)
from quantum_latents.theory.family import FAMILIES, Family, Growth, grow
from quantum_latents.theory.inverse import Inverse, Route, inverse, routes
from quantum_latents.theory.latent_cost import (
    AlgorithmCost,
    CardCost,
    SimulationCost,
    cost_of_latent,
    simulation_cost,
)
from quantum_latents.theory.layers import LayerCertificate, examine_layers
from quantum_latents.theory.lipschitz import (
    LocalConstants,
    local_constants,
    search,
    upper_bound,
)
from quantum_latents.theory.network import Affine, Network, read_network
from quantum_latents.theory.reduction import Reduction, reduce_to_counts
from quantum_latents.theory.simulability import (
    Simulability,
    interfering_photons,
    simulabilities,
)
from quantum_latents.theory.speeds import Speeds, planted_speed
from quantum_latents.theory.statement import Hypothesis, Statement, state
from quantum_latents.theory.stopwatch import fit
from quantum_latents.theory.support import Support, on_support

__all__ = [
    "BIASES",
    "FAMILIES",
    "PT2",
    "Affine",
    "AlgorithmCost",
    "Bound",
    "CardCost",
    "Certificate",
    "Crossing",
    "Family",
    "Growth",
    "Hypothesis",
    "InducedDistance",
    "InducedDistances",
    "Inverse",
    "LayerCertificate",
    "LocalConstants",
    "MapCertificate",
    "Network",
    "ProcessorRate",
    "Reduction",
    "Route",
    "Simulability",
    "SimulationCost",
    "Slopes",
    "Speeds",
    "Statement",
    "Support",
    "certify",
    "chain_bound",
    "cost_of_latent",
    "crossing",
    "examine_layers",
    "fit",
    "gan_induced_distance",
    "gan_induced_distances",
    "grow",
    "interfering_photons",
    "inverse",
    "local_constants",
    "on_support",
    "planted_speed",
    "read_network",
    "reduce_to_counts",
    "routes",
    "search",
    "simulabilities",
    "simulation_cost",
    "state",
    "upper_bound",
]
