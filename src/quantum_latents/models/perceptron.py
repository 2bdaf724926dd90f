"""What a multi-layer perceptron is made of, as a spec.

Notation: d_0 is the input's width, L the number of hidden layers, d_{L+1} the output's width; its
formula stands in `quantum_latents.models.nn`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from quantum_latents.models.weights import check_initialisation

__all__ = ["MLPSpec"]


@dataclass(frozen=True, kw_only=True)
class MLPSpec:
    """Hidden layers of a multi-layer perceptron; the ends follow from latent and data.

    Attributes:
        hidden: widths of the hidden layers.
        activation: `relu`, or `leaky_relu` with `negative_slope`.
        negative_slope: slope of LeakyReLU below zero, in (0, 1); 0 with `relu`.
        initialisation: `pytorch` (weights and biases uniform on +-1/sqrt(fan_in), the default
            of `torch.nn.Linear`), `xavier_uniform` (Glorot and Bengio 2010, zero bias) or
            `orthogonal` (Saxe et al. 2014, zero bias).
        gain: factor of the weights of `xavier_uniform` and `orthogonal`; 1 with `pytorch`.
        reinject_latent: add an affine map of z to every hidden layer after the first
            (generators only).
        non_decreasing: require that no layer, the output included, is narrower than the one
            before it, as a layer-wise certificate of invertibility needs. With
            re-injection a layer must be as wide as the one before it plus z.
        spectral_bound: the largest singular value that any matrix may have, re-injection's
            included; 0 for no bound (generators only, see `quantum_latents.models.spectral`).
        trainable_input_affine: begin with x -> sigma x + mu, a trainable scale and shift of every
            input, 1 and 0 at the start: 2 d_0 further parameters (generators only).
    """

    hidden: tuple[int, ...]
    activation: Literal["relu", "leaky_relu"]
    negative_slope: float
    initialisation: Literal["pytorch", "xavier_uniform", "orthogonal"]
    reinject_latent: bool = False
    non_decreasing: bool = False
    # Left out of a run's name at their defaults: runs named before they existed keep their names.
    gain: float = field(default=1.0, metadata={"omit_default": True})
    spectral_bound: float = field(default=0.0, metadata={"omit_default": True})
    trainable_input_affine: bool = field(default=False, metadata={"omit_default": True})

    def __post_init__(self):
        if not isinstance(self.hidden, tuple) or not all(type(w) is int for w in self.hidden):
            raise TypeError(f"hidden is a tuple of integers such as (64, 64), not {self.hidden!r}")
        if not self.hidden or any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden needs at least one positive width, not {self.hidden}")
        if self.activation not in ("relu", "leaky_relu"):
            raise ValueError(f"activation is 'relu' or 'leaky_relu', not {self.activation!r}")
        if self.activation == "relu" and self.negative_slope != 0:
            raise ValueError(f"relu has negative_slope=0, not {self.negative_slope}")
        if self.activation == "leaky_relu" and not 0 < self.negative_slope < 1:
            raise ValueError(f"leaky_relu needs 0 < negative_slope < 1, not {self.negative_slope}")
        if self.non_decreasing and self.activation == "relu":
            raise ValueError(
                "non_decreasing asks for layers that can be inverted, and relu cannot: "
                "use activation='leaky_relu', or set non_decreasing=False"
            )
        check_initialisation(self.initialisation, self.gain)
        if not 0 <= self.spectral_bound < float("inf"):
            raise ValueError(
                "spectral_bound is a finite number > 0, or 0 for no bound, "
                f"not {self.spectral_bound}"
            )
        if not isinstance(self.trainable_input_affine, bool):
            raise TypeError(
                f"trainable_input_affine is True or False, not {self.trainable_input_affine!r}"
            )
        if self.reinject_latent and len(self.hidden) < 2:
            raise ValueError(
                "reinject_latent adds z to the hidden layers after the first, and "
                f"hidden={self.hidden} has none: add a layer or set reinject_latent=False"
            )

    def widths(self, num_inputs: int, num_outputs: int) -> tuple[int, ...]:
        """Return (d_0, ..., d_{L+1}).

        Raises:
            ValueError: `non_decreasing` is asked for and a layer narrows.

        >>> spec = MLPSpec(hidden=(8, 8), activation="leaky_relu", negative_slope=0.1,
        ...                initialisation="pytorch", non_decreasing=True)
        >>> spec.widths(4, 2)
        Traceback (most recent call last):
        ...
        ValueError: non_decreasing: layer 3 is 2 wide and needs at least 8
        """
        widths = (num_inputs, *self.hidden, num_outputs)
        if self.non_decreasing:
            for layer, (before, width) in enumerate(pairwise(widths), start=1):
                injected = num_inputs if self.reinject_latent and 1 < layer < len(widths) - 1 else 0
                if width < before + injected:
                    raise ValueError(
                        f"non_decreasing: layer {layer} is {width} wide "
                        f"and needs at least {before + injected}"
                    )
        return widths
