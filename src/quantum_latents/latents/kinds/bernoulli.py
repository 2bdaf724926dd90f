"""Independent fair bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quantum_latents.latents.sources import BernoulliSource, Card
from quantum_latents.latents.spec import LatentSpec

__all__ = ["BernoulliSpec"]


@dataclass(frozen=True, kw_only=True)
class BernoulliSpec(LatentSpec):
    """Independent fair bits; attributes as in `LatentSpec`."""

    name: Literal["bernoulli"] = "bernoulli"

    is_written_out = False

    def source(self, seed: int, cache: Path) -> BernoulliSource:
        """Return the law, the same at every seed."""
        return BernoulliSource(self.dim)

    @property
    def card(self) -> Card:
        """That of `BernoulliSource`."""
        return BernoulliSource.card
