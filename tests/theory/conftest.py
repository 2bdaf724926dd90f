from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from quantum_latents.models import MLPSpec, StackedMLP
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator


def _stacked(
    latent_dim: int,
    hidden: tuple[int, ...],
    num_outputs: int,
    *,
    seed: int = 0,
    slope: float = 0.2,
    reinject_latent: bool = False,
    initialisation: str = "pytorch",
    dtype: torch.dtype = torch.float64,
) -> StackedMLP:
    spec = MLPSpec(
        hidden=hidden,
        activation="leaky_relu" if slope else "relu",
        negative_slope=slope,
        initialisation=initialisation,  # type: ignore[arg-type]
        reinject_latent=reinject_latent,
    )
    module = StackedMLP(spec, latent_dim, num_outputs, stack=1, dtype=dtype)
    module.initialise([torch_generator(stream(seed, "init"))])
    return module


@pytest.fixture(scope="session")
def stacked() -> Callable[..., StackedMLP]:
    """Makes a random perceptron, a stack of one; slope 0 is ReLU."""
    return _stacked


@pytest.fixture(scope="session")
def latents() -> Callable[..., np.ndarray]:
    """Draws standard normal latents (num_rows, dim), float64."""

    def draw(num_rows: int, dim: int, seed: int = 0) -> np.ndarray:
        return stream(seed, "latents").generator().normal(size=(num_rows, dim))

    return draw
