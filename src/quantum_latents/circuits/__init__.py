"""Interferometers: frozen data, no sampling."""

from quantum_latents.circuits.haar import haar
from quantum_latents.circuits.interferometer import Interferometer, from_unitary
from quantum_latents.circuits.recipe import parse, rebuild
from quantum_latents.circuits.time_bin import time_bin

__all__ = ["Interferometer", "from_unitary", "haar", "parse", "rebuild", "time_bin"]
