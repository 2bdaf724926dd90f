"""Interferometers and commuting circuits: frozen data, no sampling."""

from quantum_latents.circuits.commuting import CommutingCircuit, random_commuting_circuit
from quantum_latents.circuits.haar import haar
from quantum_latents.circuits.interferometer import Interferometer, from_unitary
from quantum_latents.circuits.loss import dilation
from quantum_latents.circuits.recipe import parse, rebuild
from quantum_latents.circuits.seeded import interferometer_of_seed
from quantum_latents.circuits.time_bin import lossy_time_bin, time_bin

__all__ = [
    "CommutingCircuit",
    "Interferometer",
    "dilation",
    "from_unitary",
    "haar",
    "interferometer_of_seed",
    "lossy_time_bin",
    "parse",
    "random_commuting_circuit",
    "rebuild",
    "time_bin",
]
