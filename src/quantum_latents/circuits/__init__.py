"""Interferometers: frozen data, no sampling."""

from quantum_latents.circuits.haar import haar
from quantum_latents.circuits.interferometer import Interferometer, from_unitary
from quantum_latents.circuits.loss import dilation
from quantum_latents.circuits.recipe import parse, rebuild
from quantum_latents.circuits.seeded import interferometer_of_seed
from quantum_latents.circuits.time_bin import lossy_time_bin, time_bin

__all__ = [
    "Interferometer",
    "dilation",
    "from_unitary",
    "haar",
    "interferometer_of_seed",
    "lossy_time_bin",
    "parse",
    "rebuild",
    "time_bin",
]
