"""Flows: an ordinary differential equation that carries a source to data (Chen et al. 2018).

Notation: z (.., d_z) is a latent, x (.., d_x) a sample. Both live in R^D, D = max(d_z, d_x), where
the narrower one is *embedded*; x_0 is the embedded latent, and

    dx_t/dt = v(x_t, t),   t from 0 to 1,

carries it to x_1, of which the data's coordinates are the sample. The velocity v is a perceptron of
x_t and of time features. A stack of S runs is the leading axis, the batch B the next. Nothing here
draws a random number: the noise of a dequantisation is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from quantum_latents.models.weights import check_initialisation, draw_weights, views_of

__all__ = [
    "Embedding",
    "FlowSpec",
    "SolverSpec",
    "StackedVelocity",
    "VelocitySpec",
    "dequantised",
    "time_features",
]

_ACTIVATIONS = {
    "silu": nn.functional.silu,
    "selu": nn.functional.selu,
    "gelu": nn.functional.gelu,
    "relu": nn.functional.relu,
}

_EVALUATIONS_PER_STEP = {"euler": 1, "midpoint": 2}


@dataclass(frozen=True, kw_only=True)
class VelocitySpec:
    """The perceptron v(x, t); its ends follow from latent and data.

    Attributes:
        hidden: widths of the hidden layers.
        activation: `silu` (x sigmoid(x)), `selu` (Klambauer et al. 2017), `gelu` or `relu`.
        num_frequencies: K >= 0, see `time_features`: 0 gives v the time itself and nothing else.
        initialisation, gain: as of `MLPSpec`.
    """

    hidden: tuple[int, ...]
    activation: Literal["silu", "selu", "gelu", "relu"]
    num_frequencies: int
    initialisation: Literal["pytorch", "xavier_uniform", "orthogonal"]
    gain: float = 1.0

    def __post_init__(self):
        if not isinstance(self.hidden, tuple) or not all(type(w) is int for w in self.hidden):
            raise TypeError(f"hidden is a tuple of integers such as (64, 64), not {self.hidden!r}")
        if not self.hidden or any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden needs at least one positive width, not {self.hidden}")
        if self.activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation is one of {', '.join(_ACTIVATIONS)}, not {self.activation!r}"
            )
        if type(self.num_frequencies) is not int or self.num_frequencies < 0:
            raise ValueError(f"num_frequencies is an integer >= 0, not {self.num_frequencies!r}")
        check_initialisation(self.initialisation, self.gain)


@dataclass(frozen=True, kw_only=True)
class SolverSpec:
    """How the differential equation is solved when samples are generated.

    Attributes:
        name: `euler` or `midpoint`, in equal steps, or `dopri5`, whose steps adapt (Dormand and
            Prince 1980).
        num_evaluations: how often v is evaluated, an even number for `midpoint`; 0 for `dopri5`,
            which takes as many as its tolerances ask for.
        rtol, atol: relative and absolute tolerance of a step of `dopri5`; 0 for the others.
    """

    name: Literal["euler", "midpoint", "dopri5"]
    num_evaluations: int = 0
    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self):
        if type(self.num_evaluations) is not int:
            raise TypeError(f"num_evaluations is an integer, not {self.num_evaluations!r}")
        if self.name == "dopri5":
            if self.num_evaluations:
                raise ValueError(
                    "dopri5 takes as many evaluations as its tolerances ask for: leave "
                    f"num_evaluations at 0, not {self.num_evaluations}"
                )
            if not (0 < self.rtol < 1 and 0 < self.atol < 1):
                raise ValueError(
                    f"dopri5 needs rtol and atol in (0, 1), not {self.rtol} and {self.atol}"
                )
            return
        if self.name not in _EVALUATIONS_PER_STEP:
            raise ValueError(f"solver is 'euler', 'midpoint' or 'dopri5', not {self.name!r}")
        if self.rtol or self.atol:
            raise ValueError(f"{self.name} has no tolerances: leave rtol and atol at 0")
        each = _EVALUATIONS_PER_STEP[self.name]
        if self.num_evaluations < each or self.num_evaluations % each:
            raise ValueError(
                f"{self.name} evaluates v {each} times a step: num_evaluations is a positive "
                f"multiple of {each}, not {self.num_evaluations}"
            )

    @property
    def num_steps(self) -> int | None:
        """Steps of equal length; None where they adapt."""
        if self.name == "dopri5":
            return None
        return self.num_evaluations // _EVALUATIONS_PER_STEP[self.name]


@dataclass(frozen=True, kw_only=True)
class FlowSpec:
    """A flow from any latent to data of any width.

    Attributes:
        velocity: the network.
        embedding: what is done where latent and data have different widths, see `Embedding`;
            `none` asks for equal ones.
        dequantisation: noise that is added to every coordinate of z, in training and whenever
            samples are generated: `none`; `uniform` on [-jitter/2, jitter/2], so that 1 fills the
            gaps between whole numbers (Theis, van den Oord, Bethge 2016); or `gaussian` of standard
            deviation jitter.
        jitter: see `dequantisation`, in units of z; 0 with `none`.
        solver: of the differential equation.
    """

    name: ClassVar[str] = "flow"

    velocity: VelocitySpec
    embedding: Literal["none", "zero_padding", "orthonormal"]
    dequantisation: Literal["none", "uniform", "gaussian"]
    jitter: float
    solver: SolverSpec

    def __post_init__(self):
        if self.embedding not in ("none", "zero_padding", "orthonormal"):
            raise ValueError(
                f"embedding is 'none', 'zero_padding' or 'orthonormal', not {self.embedding!r}"
            )
        if self.dequantisation not in ("none", "uniform", "gaussian"):
            raise ValueError(
                f"dequantisation is 'none', 'uniform' or 'gaussian', not {self.dequantisation!r}"
            )
        if self.dequantisation == "none" and self.jitter:
            raise ValueError(f"dequantisation 'none' has jitter=0, not {self.jitter}")
        if self.dequantisation != "none" and not 0 < self.jitter < math.inf:
            raise ValueError(
                f"dequantisation {self.dequantisation!r} needs a finite jitter > 0, "
                f"not {self.jitter}"
            )


def dequantised(z: Tensor, spec: FlowSpec, noise: np.random.Generator | None) -> Tensor:
    """Return z (.., d_z) with the jitter of its dequantisation, drawn from `noise` on the CPU.

    Raises:
        ValueError: there is a dequantisation, and no noise is given.
    """
    if spec.dequantisation == "none":
        return z
    if noise is None:
        raise ValueError(
            f"the flow's source has {spec.dequantisation} dequantisation: give the stream that its "
            "noise is drawn from"
        )
    if spec.dequantisation == "uniform":
        drawn = noise.uniform(-0.5, 0.5, size=tuple(z.shape))
    else:
        drawn = noise.standard_normal(size=tuple(z.shape))
    return z + torch.from_numpy(spec.jitter * drawn).to(z)


class Embedding:
    """Puts latents and data into one space R^D, and takes samples out of it.

    With `zero_padding` the narrower of the two has its numbers followed by zeros; with
    `orthonormal` it is multiplied by a fixed random matrix E (D, d) with E^T E = 1, so that no
    coordinate is singled out. Both keep all distances. A source narrower than the data stays in a
    subspace of R^D, and a flow cannot fill what lies around it.

    Args:
        kind: see `FlowSpec`.
        latent_dim: d_z.
        data_dim: d_x.
        generator: what E is drawn from; not used for the other kinds.

    Raises:
        ValueError: the widths differ and nothing says how to embed, or they do not and it does.

    >>> import numpy as np
    >>> space = Embedding("orthonormal", 16, 2, np.random.default_rng(0))
    >>> x = torch.randn(5, 2)
    >>> bool(torch.allclose(space.sample(space.data(x)), x, atol=1e-6))
    True
    """

    def __init__(
        self, kind: str, latent_dim: int, data_dim: int, generator: np.random.Generator
    ) -> None:
        self.dim, small = max(latent_dim, data_dim), min(latent_dim, data_dim)
        self.latent_dim, self.data_dim = latent_dim, data_dim
        if kind == "none" and latent_dim != data_dim:
            raise ValueError(
                f"latents are {latent_dim} wide and data {data_dim}: name an embedding, "
                "'zero_padding' or 'orthonormal', or give both the same width"
            )
        if kind != "none" and latent_dim == data_dim:
            raise ValueError(
                f"latents and data are both {latent_dim} wide, nothing is embedded: set "
                f"embedding='none', not {kind!r}"
            )
        matrix = np.eye(self.dim, small)
        if kind == "orthonormal":
            # Of normals Q is uniform once its signs are those of R's diagonal (Mezzadri 2007).
            q, r = np.linalg.qr(generator.standard_normal((self.dim, small)))
            matrix = q * np.sign(np.diag(r))
        self._matrix = torch.from_numpy(np.ascontiguousarray(matrix))
        self._of_kind: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def latents(self, z: Tensor) -> Tensor:
        """Return x_0 (.., D) of latents (.., d_z)."""
        return z @ self._at(z).mT if self.latent_dim < self.dim else z

    def data(self, x: Tensor) -> Tensor:
        """Return x_1 (.., D) of samples (.., d_x)."""
        return x @ self._at(x).mT if self.data_dim < self.dim else x

    def sample(self, x: Tensor) -> Tensor:
        """Return the data's coordinates (.., d_x) of points (.., D)."""
        return x @ self._at(x) if self.data_dim < self.dim else x

    def _at(self, like: Tensor) -> Tensor:
        key = like.dtype, like.device
        if key not in self._of_kind:
            self._of_kind[key] = self._matrix.to(like)
        return self._of_kind[key]


def time_features(t: Tensor, num_frequencies: int) -> Tensor:
    """Return (.., 1 + 2 K) features of times (.., 1) in [0, 1]: t, sin(pi k t), cos(pi k t).

    k = 1..K. Half waves, so that no two times have the same features.

    >>> time_features(torch.tensor([[0.5]]), 1)
    tensor([[ 5.0000e-01,  1.0000e+00, -4.3711e-08]])
    """
    if not num_frequencies:
        return t
    k = torch.arange(1, num_frequencies + 1, device=t.device, dtype=t.dtype)
    angles = math.pi * k * t
    return torch.cat([t, angles.sin(), angles.cos()], dim=-1)


class _Parameter(NamedTuple):
    name: str
    rows: int
    columns: int


class StackedVelocity(nn.Module):
    """S independent velocities of one shape, one kernel launch a layer.

    All parameters lie in one flat `torch.nn.Parameter`, `flat`, as in `StackedMLP`.

    Args:
        spec: the network.
        dim: D.
        stack: S.
        dtype: as for any tensor.
        device: as for any tensor.

    >>> spec = VelocitySpec(hidden=(8,), activation="silu", num_frequencies=0,
    ...                     initialisation="pytorch")
    >>> velocity = StackedVelocity(spec, 2, stack=3)
    >>> velocity(torch.zeros(3, 5, 2), torch.zeros(3, 5, 1)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(
        self,
        spec: VelocitySpec,
        dim: int,
        *,
        stack: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        super().__init__()
        self.spec, self.dim, self.stack = spec, dim, stack
        self.widths = (dim + 1 + 2 * spec.num_frequencies, *spec.hidden, dim)
        self.blocks = [
            block
            for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths), start=1)
            for block in (
                _Parameter(f"weight{layer}", fan_out, fan_in),
                _Parameter(f"bias{layer}", 1, fan_out),
            )
        ]
        size = stack * sum(block.rows * block.columns for block in self.blocks)
        self.flat = nn.Parameter(torch.zeros(size, dtype=dtype, device=device))

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut a flat tensor like `self.flat` into named views of shape (S, rows, columns)."""
        return views_of(flat, self.stack, self.blocks)

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Draw the weights of run s from generators[s], the same numbers alone or stacked."""
        if len(generators) != self.stack:
            raise ValueError(f"{self.stack} runs need as many generators, not {len(generators)}")
        parameters = self.views(self.flat)
        for run, generator in enumerate(generators):
            for place, block in enumerate(self.blocks):
                fan_in = self.widths[place // 2]
                draw = draw_weights(
                    block.rows, block.columns, fan_in, place % 2, self.spec, generator
                )
                parameters[block.name][run] = draw.to(self.flat)

    def forward(self, x: Tensor, t: Tensor, parameters: dict[str, Tensor] | None = None) -> Tensor:
        """Return v (S, B, D) at points x (S, B, D) and times t (S, B, 1), or one time ().

        Args:
            x: the points.
            t: the times.
            parameters: others than those of `self.flat`, as `views` cuts them.
        """
        weights = self.views(self.flat) if parameters is None else parameters
        times = t.to(x).expand(*x.shape[:-1], 1)
        a = torch.cat([x, time_features(times, self.spec.num_frequencies)], dim=-1)
        activation, last = _ACTIVATIONS[self.spec.activation], len(self.widths) - 1
        for layer in range(1, last + 1):
            a = torch.baddbmm(weights[f"bias{layer}"], a, weights[f"weight{layer}"].mT)
            if layer < last:
                a = activation(a)
        return a
