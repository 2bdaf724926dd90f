"""The settings of a flow's training that its result depends on, and which runs can have them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from quantum_latents.latents import GaussianSpec, LatentSpec, LearnedPriorSpec
from quantum_latents.models import FlowSpec
from quantum_latents.training.paths import GAUSSIAN_PATHS, PATHS, PathName
from quantum_latents.training.settings import OptimiserSpec, falling_rates

__all__ = ["FlowMatchingSpec", "check_flow_run"]


@dataclass(frozen=True, kw_only=True)
class FlowMatchingSpec:
    """Training of a flow by conditional flow matching, see `training.flow_matching`.

    Attributes:
        num_steps: updates of the velocity.
        batch_size: B, pairs of a source and a data point in an update.
        path: from a source to a data point, see `training.paths`.
        coupling: which pairs: `independent`, or `optimal_transport` between the batch's sources
            and its data (Tong et al. 2024).
        sigma_min: standard deviation of noise about a `straight` path; 0 for none.
        optimiser: of the velocity.
        precision: `float32` or `float64`.
        divergence_threshold: a run whose loss exceeds this, or is not a number, has diverged and
            is stopped.
        averaging: beta of an exponential moving average of the weights, as of `WGANSpec`.
        decay: the last share of the steps over which the learning rate falls linearly to 0, as of
            `WGANSpec`.
    """

    name: ClassVar[str] = "flow_matching"
    period: ClassVar[int] = 1
    """After how many steps they repeat what they do."""

    num_steps: int
    batch_size: int
    path: PathName
    coupling: Literal["independent", "optimal_transport"]
    sigma_min: float
    optimiser: OptimiserSpec
    precision: Literal["float32", "float64"] = "float32"
    divergence_threshold: float = 1e8
    averaging: float = 0.0
    decay: float = 0.0

    def __post_init__(self):
        for name in ("num_steps", "batch_size"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.path not in PATHS:
            raise ValueError(f"path is one of {', '.join(PATHS)}, not {self.path!r}")
        if self.coupling not in ("independent", "optimal_transport"):
            raise ValueError(
                f"coupling is 'independent' or 'optimal_transport', not {self.coupling!r}"
            )
        if not 0 <= self.sigma_min < math.inf:
            raise ValueError(f"sigma_min is a finite number >= 0, not {self.sigma_min}")
        if self.path in GAUSSIAN_PATHS and self.sigma_min:
            raise ValueError(f"path {self.path!r} has its own noise: set sigma_min=0")
        if self.path in GAUSSIAN_PATHS and self.coupling != "independent":
            raise ValueError(
                f"path {self.path!r} needs, at every data point, a source that is Gaussian: set "
                "coupling='independent', or path='straight'"
            )
        if not 0 < self.divergence_threshold < math.inf:
            raise ValueError(
                f"divergence_threshold is a finite number > 0, not {self.divergence_threshold}"
            )
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging is in [0, 1), not {self.averaging}")
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the steps, in [0, 1], not {self.decay}")
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision is 'float32' or 'float64', not {self.precision!r}")

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of weights, activations and gradients."""
        return torch.float32 if self.precision == "float32" else torch.float64

    def learning_rates(self, start: int, stop: int) -> np.ndarray:
        """Return the learning rates of the steps [start, stop), float64."""
        return falling_rates(self.optimiser.learning_rate, self.num_steps, self.decay, start, stop)


def check_flow_run(
    data: Any, latent: LatentSpec, model: FlowSpec, training: FlowMatchingSpec, start: str
) -> None:
    """Refuse what no flow can be trained on, by name.

    Raises:
        ValueError: as said, with what to write instead.
    """
    if isinstance(latent, LearnedPriorSpec):
        raise ValueError(
            "a learned prior's means and scales are its generator's, and a flow has no generator: "
            "use the gaussian latent"
        )
    if start != "random":
        raise ValueError(f"a flow starts from random weights: use start='random', not {start!r}")
    if hasattr(data, "num_atoms"):
        raise ValueError(
            f"data {data.name!r} are graphs of molecules, and a flow makes vectors: train a MolGAN"
        )
    if training.path in GAUSSIAN_PATHS:
        _check_gaussian(latent, model, training)


def _check_gaussian(latent: LatentSpec, model: FlowSpec, training: FlowMatchingSpec) -> None:
    """Refuse a path that assumes standard normals on any other source."""
    why = ""
    if not isinstance(latent, GaussianSpec):
        why = f"latent {latent.name!r} is none"
    elif latent.scaling == "minus_half":
        why = "scaling 'minus_half' moves the mean to -1/2"
    elif model.dequantisation != "none":
        why = f"dequantisation {model.dequantisation!r} widens it"
    if why:
        raise ValueError(
            f"path {training.path!r} assumes a standard Gaussian source, and {why}: use "
            "path='straight', which takes any source"
        )
