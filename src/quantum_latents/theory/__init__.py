"""Certificates: what of Theorem 1 holds for networks and latents as they are."""

from quantum_latents.theory.crossing import PT2, Crossing, ProcessorRate, crossing
from quantum_latents.theory.latent_cost import (
    AlgorithmCost,
    CardCost,
    SimulationCost,
    cost_of_latent,
    simulation_cost,
)
from quantum_latents.theory.simulability import (
    Simulability,
    interfering_photons,
    simulabilities,
)
from quantum_latents.theory.speeds import Speeds, planted_speed
from quantum_latents.theory.stopwatch import fit

__all__ = [
    "PT2",
    "AlgorithmCost",
    "CardCost",
    "Crossing",
    "ProcessorRate",
    "Simulability",
    "SimulationCost",
    "Speeds",
    "cost_of_latent",
    "crossing",
    "fit",
    "interfering_photons",
    "planted_speed",
    "simulabilities",
    "simulation_cost",
]
