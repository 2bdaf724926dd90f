"""Generators and critics: stacked networks that see only a tensor z and draw no noise."""

from quantum_latents.models.gan import GANSpec, build_critic, build_generator
from quantum_latents.models.nn import MLPSpec, StackedMLP

__all__ = ["GANSpec", "MLPSpec", "StackedMLP", "build_critic", "build_generator"]
