"""Generators and critics: stacked networks that see only a tensor z and draw no noise."""

from quantum_latents.models.build import ModelSpec, build_critic, build_generator
from quantum_latents.models.gan import GANSpec
from quantum_latents.models.graph_gan import GraphGANSpec
from quantum_latents.models.molgan import (
    GraphModelSpec,
    MolGANSpec,
    RelationalCriticSpec,
    StackedRelationalCritic,
)
from quantum_latents.models.nn import MLPSpec, StackedMLP
from quantum_latents.models.spectral import project_

__all__ = [
    "GANSpec",
    "GraphGANSpec",
    "GraphModelSpec",
    "MLPSpec",
    "ModelSpec",
    "MolGANSpec",
    "RelationalCriticSpec",
    "StackedMLP",
    "StackedRelationalCritic",
    "build_critic",
    "build_generator",
    "project_",
]
