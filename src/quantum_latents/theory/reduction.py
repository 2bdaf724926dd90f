"""Theorem 1's argument as an experiment: from samples back to a boson sampler's counts.

Notation: r are raw counts (N, d_z), z = (r - shift) / scale the latent, x = g(z) what is
generated, L an upper bound of Lip(g^{-1}).

The theorem reduces: whoever could sample x classically would only have to invert g, cheaply, to
sample the boson sampler. Here that is done. From x, perhaps with noise e added, z' is recovered
by least squares and rounded to counts r'. Rounding is right if |z' - z| scale < 1/2 in every
mode, which is certain while

    |e| < 1 / (2 L max scale),

the *guaranteed radius* (rounding of the arithmetic aside). The recovered counts are then held
to the boson sampler's law by the tests of `samplers.validation`, and so are, as a control,
distinguishable photons sent the same way, which must be told apart.

Remark 1 is the mirror: what samples z to within a distance d samples x to within Lip(g) d. Latents
moved by d show how far that really goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantum_latents.latents import Latent, PhotonicSource
from quantum_latents.random import Stream
from quantum_latents.theory.inverse import Route, find_route, invert
from quantum_latents.theory.lipschitz import upper_bound
from quantum_latents.theory.network import Generator, read_network

if TYPE_CHECKING:
    from quantum_latents.samplers.validation import Validation

__all__ = ["Mirror", "NoiseLevel", "Reduction", "reduce_to_counts"]

_MOST_LEVELS = 16
_HOPELESS = 0.01
"""Success rate below which more noise is not tried."""

_DISPLACEMENTS = (1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """How many shots survive noise on x.

    Attributes:
        precision: of all arithmetic, `float32` or `float64`.
        noise: |e|, one length for all samples in directions of their own.
        success_rate: share of shots whose counts are recovered in every mode.
    """

    precision: str
    noise: float
    success_rate: float


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Remark 1 at one displacement of the latents.

    Attributes:
        displacement: d, of every z.
        moved: mean |g(z + d u) - g(z)|, u a random direction: at least the Wasserstein-1 distance
            between the two laws.
        bound: upper bound of Lip(g) times d.
    """

    displacement: float
    moved: float
    bound: float


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What the experiment gave.

    Attributes:
        num_samples: N.
        guaranteed_radius: noise on x up to which every shot is certain to be recovered.
        levels: without noise in both precisions, then with growing noise in float64.
        recovered: tests of the counts recovered without noise in float64, against the boson
            sampler's law.
        control: tests of distinguishable photons sent the same way; None for a latent that is
            itself distinguishable.
        mirror: Remark 1, at growing displacements.
    """

    num_samples: int
    guaranteed_radius: float
    levels: tuple[NoiseLevel, ...]
    recovered: Validation
    control: Validation | None
    mirror: tuple[Mirror, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict."""
        return {
            "num_samples": self.num_samples,
            "guaranteed_radius": self.guaranteed_radius,
            "levels": [vars(one) for one in self.levels],
            "recovered": self.recovered.to_json(),
            "control": None if self.control is None else self.control.to_json(),
            "mirror": [vars(one) for one in self.mirror],
        }


def reduce_to_counts(
    generator: Generator,
    latent: Latent,
    stream: Stream,
    *,
    num_samples: int = 20_000,
    alpha: float = 0.01,
) -> Reduction:
    """Generate from a photonic latent, invert, round, and test the counts.

    Args:
        generator: with a certified inverse.
        latent: photon counts, `PhotonicSource`.
        stream: of the shots and the noise.
        num_samples: N.
        alpha: family-wise error rate of the tests.

    Raises:
        TypeError: a latent that is not photon counts.
        ValueError: widths that do not fit, too few samples, or no layer-wise inverse.
    """
    network = read_network(generator)
    source = latent.source
    if not isinstance(source, PhotonicSource):
        raise TypeError(
            f"the reduction needs a latent of photon counts, not {type(source).__name__}"
        )
    if latent.dim != network.latent_dim:
        raise ValueError(f"the latent has {latent.dim} modes and g takes {network.latent_dim}")
    if num_samples < 100:
        raise ValueError(f"num_samples is at least 100, not {num_samples}: the tests need as many")
    route = find_route(network)
    if route is None:
        raise ValueError("g has no layer-wise inverse: certify it first")
    there_and_back = _ThereAndBack(network, latent, route)
    counts = source.draw(num_samples, stream.child("shots"))
    radius = 0.5 / (route.bound.value * float(latent.scale.max()))
    levels = [
        NoiseLevel(
            precision=name, noise=0.0, success_rate=_rate(counts, there_and_back(counts, name))
        )
        for name in ("float64", "float32")
    ]
    for power in range(_MOST_LEVELS):
        noise = radius * 10.0**power
        made = there_and_back(counts, "float64", noise, stream.child("noise", power))
        level = NoiseLevel(precision="float64", noise=noise, success_rate=_rate(counts, made))
        levels.append(level)
        if level.success_rate < _HOPELESS:
            break
    from quantum_latents.samplers.validation import Promise, validate_counts  # slow to import

    promise = Promise(interferometer=source.interferometer, occupation=tuple(source.occupation))
    control = None
    if source.statistics == "boson":
        other = PhotonicSource(source.interferometer, source.occupation, "distinguishable")
        shots = other.draw(num_samples, stream.child("control"))
        control = validate_counts(
            _as_counts(there_and_back(shots, "float64")), promise, alpha=alpha
        )
    return Reduction(
        num_samples=num_samples,
        guaranteed_radius=radius,
        levels=tuple(levels),
        recovered=validate_counts(
            _as_counts(there_and_back(counts, "float64")), promise, alpha=alpha
        ),
        control=control,
        mirror=_mirror(network, there_and_back.latents(counts), stream.child("mirror")),
    )


class _ThereAndBack:
    """Counts through g and back."""

    def __init__(self, network, latent: Latent, route: Route) -> None:
        self.network, self.latent, self.route = network, latent, route

    def latents(self, counts: np.ndarray) -> np.ndarray:
        return (counts - self.latent.shift) / self.latent.scale

    def __call__(
        self, counts: np.ndarray, precision: str, noise: float = 0.0, stream: Stream | None = None
    ) -> np.ndarray:
        """Return whole numbers, float64 (N, d_z), negative ones too where noise made them."""
        x = self.network(self.latents(counts).astype(precision))
        if stream is not None:
            x = x + noise * _directions(x.shape, stream)
        z = invert(self.network, x, self.route).z
        return np.rint(self.latent.to_raw(z))


def _as_counts(whole: np.ndarray) -> np.ndarray:
    """Return uint8; what no counter shows is cut off, and the tests of totals then object."""
    return np.clip(whole, 0, 255).astype(np.uint8)


def _directions(shape: tuple[int, ...], stream: Stream) -> np.ndarray:
    normal = stream.generator().normal(size=shape)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _rate(counts: np.ndarray, recovered: np.ndarray) -> float:
    return float((counts == recovered).all(axis=1).mean())


def _mirror(network, z: np.ndarray, stream: Stream) -> tuple[Mirror, ...]:
    bound, made = upper_bound(network).value, network(z)
    told = []
    for place, distance in enumerate(_DISPLACEMENTS):
        moved = network(z + distance * _directions(z.shape, stream.child(place)))
        told.append(
            Mirror(
                displacement=distance,
                moved=float(np.linalg.norm(moved - made, axis=1).mean()),
                bound=bound * distance,
            )
        )
    return tuple(told)
