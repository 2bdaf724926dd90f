"""Where raw draws come from: laws that can be sampled row by row, with exact moments.

Notation: a *source* has `dim` coordinates; row i of a stream depends on (source, stream, i)
alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.sharing import PROPERTIES, Sharing, full, part
from quantum_latents.random import Stream
from quantum_latents.samplers import (
    BosonSampler,
    DistinguishableSampler,
    Noise,
    NoisySampler,
    noisy_covariance,
    noisy_mean,
)
from quantum_latents.samplers.probabilities import Statistics, covariance, mean_occupancy

__all__ = [
    "LEARNED_PRIOR_CARD",
    "PHOTONIC_CARDS",
    "BernoulliSource",
    "Card",
    "GaussianSource",
    "NoisyPhotonicSource",
    "PhotonicSource",
    "Source",
]


@dataclass(frozen=True)
class Card:
    """What a latent is, in words a reviewer can check.

    Attributes:
        what: the law.
        shares: what it has in common with the quantum latent of the same interferometer.
        simulation: what drawing it on a classical computer costs.
        sharing: what it has in common as data, by `sharing.PROPERTIES`; None where nobody can say.
    """

    what: str
    shares: str
    simulation: str
    sharing: Sharing | None = field(default=None, hash=False)


class Source(Protocol):
    """A law over rows of `dim` numbers."""

    @property
    def dim(self) -> int:
        """Coordinates of a row."""
        ...

    @property
    def card(self) -> Card:
        """What the law is, in words."""
        ...

    @property
    def mean(self) -> np.ndarray:
        """E r, float64 (dim,)."""
        ...

    @property
    def variance(self) -> np.ndarray:
        """Var r, float64 (dim,)."""
        ...

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return rows [0, num_samples) of the stream."""
        ...


@dataclass(frozen=True)
class GaussianSource:
    """N(0, 1) in every coordinate.

    >>> from quantum_latents.random import stream
    >>> GaussianSource(3).draw(2, stream(0, "latent")).shape
    (2, 3)
    """

    dim: int
    card = Card(
        "independent standard normals", "nothing but its length", "none: one normal each", {}
    )

    @property
    def mean(self) -> np.ndarray:
        """Zeros."""
        return np.zeros(self.dim)

    @property
    def variance(self) -> np.ndarray:
        """Ones."""
        return np.ones(self.dim)

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return float32 (num_samples, dim)."""
        return stream.rows(
            0,
            num_samples,
            lambda generator, rows: generator.standard_normal((rows, self.dim), dtype=np.float32),
        )


LEARNED_PRIOR_CARD = Card(
    "independent normals whose means and scales are trained with the generator",
    "nothing but its length; the generator has two numbers a coordinate more than on any other "
    "latent",
    "none: one normal each",
    {},
)
"""What the latent is whose generator has a trainable affine map of every input."""


@dataclass(frozen=True)
class BernoulliSource:
    """Uniform bit strings.

    >>> from quantum_latents.random import stream
    >>> sorted(set(BernoulliSource(3).draw(100, stream(0, "latent")).ravel().tolist()))
    [0, 1]
    """

    dim: int
    card = Card(
        "independent fair bits",
        "being whole numbers",
        "none: one bit each",
        full("whole_numbers"),
    )

    @property
    def mean(self) -> np.ndarray:
        """Halves."""
        return np.full(self.dim, 0.5)

    @property
    def variance(self) -> np.ndarray:
        """Quarters."""
        return np.full(self.dim, 0.25)

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, dim)."""
        return stream.rows(
            0,
            num_samples,
            lambda generator, rows: generator.integers(2, size=(rows, self.dim), dtype=np.uint8),
        )


PHOTONIC_CARDS = {
    "boson": Card(
        "photon counts of indistinguishable photons (boson sampling)",
        "everything: it is the quantum latent",
        "exponential in the photons in general; time-bin loops of delay 1 are cheap",
        full(*PROPERTIES),
    ),
    "distinguishable": Card(
        "photon counts of distinguishable photons, each routed independently",
        "photon total and mean occupancy of every mode; neither variances nor correlations",
        "linear in the photons",
        full("whole_numbers", "means", "total"),
    ),
}
"""Cards by statistics, for a control that shares the quantum latent's interferometer."""


class PhotonicSource:
    """Photon counts of an interferometer.

    Args:
        interferometer: m modes; the latent has m coordinates.
        occupation: photons in each input mode, (m,).
        statistics: `boson` or `distinguishable`.
    """

    def __init__(
        self, interferometer: Interferometer, occupation: tuple[int, ...], statistics: Statistics
    ) -> None:
        self.interferometer, self.occupation = interferometer, occupation
        self.statistics: Statistics = statistics
        self.card = PHOTONIC_CARDS[statistics]
        self.dim = interferometer.num_modes
        self._sampler: BosonSampler | DistinguishableSampler | None = None

    @property
    def mean(self) -> np.ndarray:
        """Mean occupancy of every mode, exact."""
        return mean_occupancy(self.interferometer, self.occupation)

    @property
    def variance(self) -> np.ndarray:
        """Variance of every mode's count, exact."""
        matrix = covariance(self.interferometer, self.occupation, statistics=self.statistics)
        return np.diag(matrix).copy()

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""
        if self._sampler is None:
            kind = BosonSampler if self.statistics == "boson" else DistinguishableSampler
            self._sampler = kind(self.interferometer, self.occupation)
        return self._sampler.sample(num_samples, stream)


class NoisyPhotonicSource:
    """Photon counts of an interferometer whose photons interfere partly, or get lost.

    Args:
        interferometer: m modes; the latent has m coordinates.
        occupation: photons in each input mode, (m,).
        noise: overlap of the photons and loss at the input, or any other without post-selection.

    Raises:
        TypeError, ValueError: a noise that does not fit.

    >>> from quantum_latents.circuits import from_unitary
    >>> from quantum_latents.random import stream
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> source = NoisyPhotonicSource(splitter, (1, 1), Noise(interference=0.5))
    >>> source.mean, source.variance.round(12)
    (array([1., 1.]), array([0.625, 0.625]))
    """

    def __init__(
        self, interferometer: Interferometer, occupation: tuple[int, ...], noise: Noise
    ) -> None:
        self.interferometer, self.occupation, self.noise = interferometer, occupation, noise
        self.dim = interferometer.num_modes
        self.mean = noisy_mean(interferometer, occupation, noise)
        self.variance = np.diag(noisy_covariance(interferometer, occupation, noise)).copy()
        self.card = noisy_card(noise)
        self._sampler: NoisySampler | None = None

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""
        if self._sampler is None:
            self._sampler = NoisySampler(self.interferometer, self.occupation, self.noise)
        return self._sampler.sample(num_samples, stream)


def noisy_card(noise: Noise) -> Card:
    """Return the card of photons with this overlap and this loss at the input."""
    x, transmission = noise.interference, noise.input_transmission
    if noise.is_ideal:
        return PHOTONIC_CARDS["boson"]
    what, shares = [], []
    sharing = full("whole_numbers") | (
        full("means", "total") if transmission == 1 else part("means")
    )
    if 0 < x < 1 or (x == 1 and transmission != 1):
        sharing |= part("variances", "single_modes", "pairs", "all_orders")
    if x < 1:
        what.append(f"each photon interferes with probability {x:g}")
        shares.append(
            f"mean occupancy of every mode, and {x * x:g} of what interference adds to variances "
            "and pair correlations"
        )
    if transmission != 1:
        what.append(f"each photon is lost with probability {1 - float(transmission):g}")  # type: ignore[arg-type]
        shares.append("the relative occupancies, not the photon total")
    return Card(
        f"photon counts where {' and '.join(what)}",
        "; ".join(shares),
        "exponential in the photons that interfere" if x else "linear in the photons",
        sharing,
    )
