"""From a model's spec to its stacked networks."""

from __future__ import annotations

import torch

from quantum_latents.models.ddgan import DDGANSpec
from quantum_latents.models.flow import FlowSpec
from quantum_latents.models.gan import GANSpec
from quantum_latents.models.graph_gan import GraphGANSpec
from quantum_latents.models.molgan import GraphModelSpec, MolGANSpec, StackedRelationalCritic
from quantum_latents.models.nn import StackedMLP

__all__ = ["GANModelSpec", "ModelSpec", "build_critic", "build_generator", "latents_per_sample"]

GANModelSpec = GANSpec | MolGANSpec | GraphGANSpec
"""A model of a generator and a critic, each one pass."""

ModelSpec = GANModelSpec | FlowSpec | DDGANSpec
"""Any model's spec."""


def latents_per_sample(model: ModelSpec) -> int:
    """Return how many latents a sample is made of, consecutive rows."""
    return model.latents_per_sample if isinstance(model, DDGANSpec) else 1


def build_generator(
    spec: GANModelSpec,
    latent_dim: int,
    data_dim: int,
    *,
    stack: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedMLP:
    """Return S untrained generators, all weights zero until `StackedMLP.initialise`.

    Raises:
        ValueError: data of another width than the model's.
    """
    _check_width(spec, data_dim)
    return StackedMLP(spec.generator, latent_dim, data_dim, stack=stack, dtype=dtype, device=device)


def build_critic(
    spec: GANModelSpec,
    data_dim: int,
    *,
    stack: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedMLP | StackedRelationalCritic:
    """Return S untrained critics, all weights zero until they are initialised.

    Raises:
        ValueError: data of another width than the model's.
    """
    _check_width(spec, data_dim)
    if isinstance(spec, MolGANSpec):
        return StackedRelationalCritic(
            spec.critic,
            spec.num_atoms,
            spec.num_node_classes,
            stack=stack,
            dtype=dtype,
            device=device,
        )
    return StackedMLP(spec.critic, data_dim, 1, stack=stack, dtype=dtype, device=device)


def _check_width(spec: GANModelSpec, data_dim: int) -> None:
    if isinstance(spec, GraphModelSpec) and data_dim != spec.data_dim:
        raise ValueError(
            f"molecules of {spec.num_atoms} places and {spec.num_node_classes} node classes have "
            f"rows of {spec.data_dim} numbers, and the data have {data_dim}"
        )
