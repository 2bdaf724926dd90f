"""Speed, side by side with peers: what is measured, and how it is told."""

from quantum_latents.bench.samplers import Settings, measure
from quantum_latents.bench.summary import markdown, read_measurement, summary
from quantum_latents.bench.training import TrainingSettings, measure_training

__all__ = [
    "Settings",
    "TrainingSettings",
    "markdown",
    "measure",
    "measure_training",
    "read_measurement",
    "summary",
]
