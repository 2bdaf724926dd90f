"""Gaussian boson sampling beside the quantum latent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quantum_latents.latents.correlated import (
    SampledSource,
    check_squeezed_latent,
    squeezed_card,
    squeezed_source,
)
from quantum_latents.latents.sources import Card
from quantum_latents.latents.spec import InterferometerLatentSpec

__all__ = ["SqueezedSpec"]


@dataclass(frozen=True, kw_only=True)
class SqueezedSpec(InterferometerLatentSpec):
    """Gaussian boson sampling beside the quantum latent of the run's seed, see
    `latents.correlated`: squeezed light in its interferometer and input modes, kept where it has
    as many photons, an even number; attributes as in `InterferometerLatentSpec`.
    """

    name: Literal["gbs"] = "gbs"

    def __post_init__(self):
        super().__post_init__()
        check_squeezed_latent(self.dim, self.num_photons)

    def source(self, seed: int, cache: Path) -> SampledSource:
        """Return the law of the interferometer at a seed."""
        return squeezed_source(self.interferometer_at(seed), self.occupation)

    @property
    def card(self) -> Card:
        """With the share of shots that a lossless device would keep."""
        return squeezed_card(self.num_photons)
