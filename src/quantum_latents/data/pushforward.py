"""A boson sampler pushed through a known generator: data that one latent can make exactly.

Notation: m modes, n photons, z (m,) the counts, centred or standardised by their exact moments as
a latent is; g* a perceptron of L hidden layers with widths d_0 = m <= d_1 <= ... <= d_{L+1} = d,

    a_0 = z,    a_l = phi(W_l a_{l-1}),  l = 1..L,    x = g*(z) = W_{L+1} a_L,

phi LeakyReLU with slope s, no biases. Every W_l is gain times a random matrix with orthonormal
columns, so that all its singular values are the gain. Hence g* has an inverse on its image, and

    gain^(L+1) s^L |z - z'|  <=  |g*(z) - g*(z')|  <=  gain^(L+1) |z - z'|.

The counts are those of the interferometer that the quantum latent of the same seed has
(`circuits.interferometer_of_seed`), other shots of it: at g* the quantum latent's samples follow
the law of the data, and any distance left between them is that of finite samples.

Source: the target g(quantum) of Corollary 1 of arXiv 2508.19857; random orthogonal weights after
Saxe, McClelland, Ganguli, *Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks*, ICLR 2014.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from quantum_latents.circuits import interferometer_of_seed
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import boson_counts, check_interferometer, drawn
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream
from quantum_latents.samplers.probabilities import covariance, mean_occupancy

__all__ = ["PushforwardSpec", "load_pushforward", "push", "target_weights"]

SELECTION_SHARE = 0.5
"""Leading share of the held-out samples that only chooses between restarts."""

_NOTE = (
    "Metrics compare the second half of the generated samples with the second half of the held-out "
    "ones; the first halves only choose between restarts and steps."
)


@dataclass(frozen=True, kw_only=True)
class PushforwardSpec:
    """Boson sampling behind a random invertible perceptron.

    Attributes:
        num_modes: m >= 1.
        num_photons: n, from 1 to m.
        interferometer: "haar", or "time-bin:DELAYS" such as "time-bin:1,3,9" with random angles;
            that of the quantum latent which shares it.
        scaling: of the counts, `centred` or `standardised`, as `latents.Scaling` says.
        hidden: widths d_1, ..., d_L.
        dim: d, the number of coordinates of a sample.
        negative_slope: s, in (0, 1).
        gain: every singular value of every matrix, > 0.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 4, and as many again for their floor. Half of
            them only choose between restarts.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range, a width narrows, or the interferometer is of no
            known kind.
    """

    name: ClassVar[str] = "pushforward"

    num_modes: int
    num_photons: int
    interferometer: str = "haar"
    scaling: Literal["centred", "standardised"] = "centred"
    hidden: tuple[int, ...]
    dim: int
    negative_slope: float
    gain: float
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_modes", self.num_modes, 1)
        check_integer("num_photons", self.num_photons, 1)
        check_sizes(self.num_train, self.num_held_out)
        check_integer("num_held_out", self.num_held_out, 4)
        evenly_spread(self.num_modes, self.num_photons)
        check_interferometer(self.interferometer)
        if self.scaling not in ("centred", "standardised"):
            raise ValueError(f"scaling is 'centred' or 'standardised', not {self.scaling!r}")
        if not isinstance(self.hidden, tuple) or not self.hidden:
            raise TypeError(f"hidden is a tuple of widths such as (24, 32), not {self.hidden!r}")
        for width in self.widths:
            check_integer("a width", width, 1)
        for before, width in pairwise(self.widths):
            if width < before:
                raise ValueError(
                    f"widths {self.widths} narrow from {before} to {width}: g* would have no "
                    "inverse, so let hidden and dim grow"
                )
        if not 0 < self.negative_slope < 1:
            raise ValueError(f"negative_slope is in (0, 1), not {self.negative_slope}")
        if not 0 < self.gain < math.inf:
            raise ValueError(f"gain is a finite number > 0, not {self.gain}")

    @property
    def widths(self) -> tuple[int, ...]:
        """(d_0, ..., d_{L+1})."""
        return (self.num_modes, *self.hidden, self.dim)

    @property
    def lipschitz_bounds(self) -> tuple[float, float]:
        """Lower and upper bound of |g*(z) - g*(z')| / |z - z'|, see the module's first lines.

        >>> PushforwardSpec(num_modes=4, num_photons=2, hidden=(6,), dim=8, negative_slope=0.5,
        ...                 gain=2.0, num_train=10, num_held_out=10).lipschitz_bounds
        (2.0, 4.0)
        """
        upper = self.gain ** (len(self.hidden) + 1)
        return upper * self.negative_slope ** len(self.hidden), upper


def target_weights(spec: PushforwardSpec, stream: Stream) -> dict[str, np.ndarray]:
    """Return the weights of g* and its biases, zeros, as `DataSet.generator` names them, float64.

    Args:
        spec: widths and gain.
        stream: the run's stream for its data; its child "generator" is drawn from.

    >>> from quantum_latents.random import stream
    >>> spec = PushforwardSpec(num_modes=4, num_photons=2, hidden=(6,), dim=8, negative_slope=0.5,
    ...                        gain=2.0, num_train=10, num_held_out=10)
    >>> weight = target_weights(spec, stream(0, "data"))["weight2"]
    >>> weight.shape, bool(np.allclose(weight.T @ weight, 4 * np.eye(6)))
    ((8, 6), True)
    """
    weights = {}
    for layer, (columns, rows) in enumerate(pairwise(spec.widths), start=1):
        normal = stream.child("generator", layer).generator().normal(size=(columns, rows))
        weights[f"weight{layer}"] = spec.gain * _orthonormal(normal).T
        weights[f"bias{layer}"] = np.zeros((1, rows))
    return weights


def push(z: np.ndarray, weights: Mapping[str, np.ndarray], negative_slope: float) -> np.ndarray:
    """Return g*(z), float64 (N, d), of rows z (N, m)."""
    num_maps = sum(name.startswith("weight") for name in weights)
    a = np.asarray(z, dtype=np.float64)
    for layer in range(1, num_maps + 1):
        # A product of numpy's own: that of a BLAS may depend on how many threads it has.
        a = np.einsum("nj,ij->ni", a, weights[f"weight{layer}"]) + weights[f"bias{layer}"]
        if layer < num_maps:
            a = np.where(a > 0, a, negative_slope * a)
    return a


def load_pushforward(spec: PushforwardSpec, stream: Stream, cache: Path) -> DataSet:
    """Draw the counts into banks under `cache`, or re-use them, and push them through g*.

    Row i of each set depends on the stream and i alone. Facts: `selection_share`.

    Args:
        spec: what to draw.
        stream: its seed names the interferometer; its child "generator" gives g*, three others
            the shots.
        cache: the folder of banks; made if missing.
    """
    seed = stream.path[0]
    assert isinstance(seed, int)
    interferometer = interferometer_of_seed(spec.interferometer, spec.num_modes, seed)
    occupation = evenly_spread(spec.num_modes, spec.num_photons)
    weights = target_weights(spec, stream)
    shift, scale = mean_occupancy(interferometer, occupation), np.ones(spec.num_modes)
    if spec.scaling == "standardised":
        deviation = np.sqrt(np.diag(covariance(interferometer, occupation)).clip(0))
        scale = np.where(deviation > 1e-12, deviation, 1.0)  # a mode without light stays at 0

    def samples(part: str, num_samples: int) -> np.ndarray:
        shots = stream.child(part)
        counts = boson_counts(interferometer, spec.num_photons, num_samples, shots, cache)
        return push((counts - shift) / scale, weights, spec.negative_slope)

    return drawn(
        spec,
        samples,
        metrics=(
            "wasserstein_1",
            "energy_distance",
            "mmd",
            "sliced_wasserstein",
            "wasserstein_1_selection",
        ),
        facts={"selection_share": SELECTION_SHARE},
        notes=(_NOTE,),
        generator=weights,
    )


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """Return orthonormal rows (k, d), k <= d, with the span of the given ones.

    Gram-Schmidt, twice against rounding, in sums of numpy's own, so that no BLAS changes a bit.
    Of independent normal rows the result is uniform among orthonormal ones.
    """
    made = np.zeros_like(rows)
    for k, row in enumerate(rows):
        for _ in range(2):
            overlaps = (made[:k] * row).sum(axis=1)
            row = row - (overlaps[:, None] * made[:k]).sum(axis=0)
        made[k] = row / np.sqrt((row * row).sum())
    return made
