"""The quantum latent, and its control of distinguishable photons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import PHOTONIC_CARDS, Card, PhotonicSource
from quantum_latents.latents.spec import InterferometerLatentSpec
from quantum_latents.samplers.probabilities import Statistics

__all__ = ["PhotonicSpec"]


@dataclass(frozen=True, kw_only=True)
class PhotonicSpec(InterferometerLatentSpec):
    """Photon counts of an interferometer drawn for the run's seed.

    Further attributes than those of `InterferometerLatentSpec`:
        name: `quantum` for indistinguishable photons, `distinguishable` for the control.
    """

    name: Literal["quantum", "distinguishable"]

    def __post_init__(self):
        super().__post_init__()
        if self.name not in ("quantum", "distinguishable"):
            raise ValueError(
                f"a photonic latent is 'quantum' or 'distinguishable', not {self.name!r}"
            )

    def source(self, seed: int, cache: Path) -> PhotonicSource:
        """Return the law of the interferometer at a seed."""
        return PhotonicSource(self.interferometer_at(seed), self.occupation, self.statistics)

    @property
    def statistics(self) -> Statistics:
        """Of the photons: `boson` or `distinguishable`."""
        return "boson" if self.name == "quantum" else "distinguishable"

    @property
    def card(self) -> Card:
        """What the control shares depends on whether it has the quantum latent's interferometer."""
        card = PHOTONIC_CARDS[self.statistics]
        if self.name == "distinguishable" and self.sharing == "independent":
            return replace(
                card,
                shares="photon total, and the law its interferometer is drawn from",
                sharing=full("whole_numbers", "total"),
            )
        return card

    @property
    def _owner(self) -> str:
        return self.name
