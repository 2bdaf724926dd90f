"""Generators, critics and velocities: stacked networks that see only tensors and draw no noise."""

from quantum_latents.models.build import (
    GANModelSpec,
    ModelSpec,
    build_critic,
    build_generator,
    latents_per_sample,
)
from quantum_latents.models.ddgan import DDGANSpec
from quantum_latents.models.diffusion import Diffusion
from quantum_latents.models.flow import (
    Embedding,
    FlowSpec,
    SolverSpec,
    StackedVelocity,
    VelocitySpec,
    dequantised,
)
from quantum_latents.models.flow_solver import check_solver_installed, solve
from quantum_latents.models.gan import GANSpec
from quantum_latents.models.graph_gan import GraphGANSpec
from quantum_latents.models.molgan import (
    GraphModelSpec,
    MolGANSpec,
    RelationalCriticSpec,
    StackedRelationalCritic,
)
from quantum_latents.models.nn import StackedMLP
from quantum_latents.models.perceptron import MLPSpec
from quantum_latents.models.spectral import project_
from quantum_latents.models.unet import TimeCritic, TimeCriticSpec, UNet, UNetSpec, initialise

__all__ = [
    "DDGANSpec",
    "Diffusion",
    "Embedding",
    "FlowSpec",
    "GANModelSpec",
    "GANSpec",
    "GraphGANSpec",
    "GraphModelSpec",
    "MLPSpec",
    "ModelSpec",
    "MolGANSpec",
    "RelationalCriticSpec",
    "SolverSpec",
    "StackedMLP",
    "StackedRelationalCritic",
    "StackedVelocity",
    "TimeCritic",
    "TimeCriticSpec",
    "UNet",
    "UNetSpec",
    "VelocitySpec",
    "build_critic",
    "build_generator",
    "check_solver_installed",
    "dequantised",
    "initialise",
    "latents_per_sample",
    "project_",
    "solve",
]
