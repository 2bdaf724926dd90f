"""Independent standard normals, what nearly everyone draws z from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quantum_latents.latents.sources import Card, GaussianSource
from quantum_latents.latents.spec import LatentSpec

__all__ = ["GaussianSpec"]


@dataclass(frozen=True, kw_only=True)
class GaussianSpec(LatentSpec):
    """Independent standard normals; attributes as in `LatentSpec`."""

    name: Literal["gaussian"] = "gaussian"

    is_written_out = False

    def source(self, seed: int, cache: Path) -> GaussianSource:
        """Return the law, the same at every seed."""
        return GaussianSource(self.dim)

    @property
    def card(self) -> Card:
        """That of `GaussianSource`."""
        return GaussianSource.card
