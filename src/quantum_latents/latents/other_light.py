"""Other light in the quantum latent's interferometer: same device and input, other statistics."""

from __future__ import annotations

from typing import Literal

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.sharing import full, part
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers import FermionSampler, MeanFieldSampler, ThermalSampler
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.probabilities import CountStatistics, covariance, mean_occupancy

__all__ = ["OTHER_LIGHT_CARDS", "OtherLight", "OtherLightSource"]

OtherLight = Literal["mean_field", "fermions", "thermal"]
"""Mean-field bosons, fermions, or thermal light."""

OTHER_LIGHT_CARDS: dict[str, Card] = {
    "mean_field": Card(
        "mean-field bosons: coherent light of random phases at a fixed photon number, each photon "
        "then routed independently",
        "photon total and mean occupancy of every mode, and most of the bunching; correlations "
        "only in part",
        "linear in the photons",
        full("whole_numbers", "means", "total") | part("variances", "pairs"),
    ),
    "fermions": Card(
        "counts of fermions, a determinantal point process: the opposite statistics",
        "photon total and mean occupancy of every mode; interference of the opposite sign",
        "cubic in the photons",
        full("whole_numbers", "means", "total"),
    ),
    "thermal": Card(
        "counts of thermal light",
        "mean occupancy of every mode, and bunching; neither variances, nor correlations, nor "
        "photon total",
        "one complex normal a mode and one product with the interferometer",
        full("whole_numbers", "means"),
    ),
}
"""Cards by name, for rivals that share the quantum latent's interferometer and input."""

_LAWS: dict[str, tuple[type, CountStatistics]] = {
    "mean_field": (MeanFieldSampler, "mean_field"),
    "fermions": (FermionSampler, "fermion"),
    "thermal": (ThermalSampler, "thermal"),
}


class OtherLightSource:
    """Counts of other light in an interferometer.

    Args:
        name: `mean_field`, `fermions` or `thermal`.
        interferometer: m modes.
        occupation: photons in each input mode, (m,); their means for thermal light.

    Attributes:
        dim: m.
        mean: exact, float64 (m,): the quantum latent's.
        variance: exact, float64 (m,).
        covariance: exact, float64 (m, m).

    Raises:
        TypeError, ValueError: a bad occupation, an unknown name, or an input that this light
            cannot have: fermions are one a mode.
    """

    def __init__(
        self, name: OtherLight, interferometer: Interferometer, occupation: Occupation
    ) -> None:
        if name not in OTHER_LIGHT_CARDS:
            raise ValueError(f"other light is one of {tuple(OTHER_LIGHT_CARDS)}, not {name!r}")
        t = checked_occupation(occupation, interferometer.num_modes)
        self.card = OTHER_LIGHT_CARDS[name]
        self.dim = interferometer.num_modes
        sampler, statistics = _LAWS[name]
        self._sampler = sampler(interferometer, t)
        self.mean = mean_occupancy(interferometer, t)
        self.covariance = covariance(interferometer, t, statistics=statistics)
        self.variance = np.diag(self.covariance).copy()

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""
        return self._sampler.sample(num_samples, stream)
