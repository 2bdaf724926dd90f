"""Speed, side by side with peers: what is measured, and how it is told."""

from quantum_latents.bench.samplers import Settings, measure
from quantum_latents.bench.summary import markdown, read_measurement, summary

__all__ = ["Settings", "markdown", "measure", "read_measurement", "summary"]
