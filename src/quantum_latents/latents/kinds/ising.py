"""Spins of an Ising lattice: classical, and strongly correlated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from quantum_latents.latents.correlated import (
    SampledSource,
    check_ising_latent,
    ising_card,
    ising_source,
)
from quantum_latents.latents.sources import Card
from quantum_latents.latents.spec import LatentSpec
from quantum_latents.samplers.ising import CRITICAL_TEMPERATURE

__all__ = ["IsingSpinsSpec"]


@dataclass(frozen=True, kw_only=True)
class IsingSpinsSpec(LatentSpec):
    """Spins of a periodic square Ising lattice, as bits.

    `dim` is the number of spins, a square number up to 100. Further attribute than those of
    `LatentSpec`:
        temperature: in units of J/k_B; the infinite lattice is critical at 2.269.
    """

    name: Literal["ising"] = "ising"
    temperature: float = CRITICAL_TEMPERATURE

    setting_sources: ClassVar[Mapping[str, str]] = {
        "latent.temperature": "ours: the infinite lattice is critical there"
    }

    def __post_init__(self):
        super().__post_init__()
        check_ising_latent(self.dim, self.temperature)

    def source(self, seed: int, cache: Path) -> SampledSource:
        """Return the law, the same at every seed."""
        return ising_source(self.dim, self.temperature)

    @property
    def card(self) -> Card:
        """With the temperature."""
        return ising_card(self.temperature)
