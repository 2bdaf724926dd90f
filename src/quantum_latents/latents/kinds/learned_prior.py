"""Normals whose means and scales are trained with the generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from quantum_latents.latents.sources import LEARNED_PRIOR_CARD, Card, GaussianSource
from quantum_latents.latents.spec import LatentSpec

__all__ = ["LearnedPriorSpec"]


@dataclass(frozen=True, kw_only=True)
class LearnedPriorSpec(LatentSpec):
    """Independent standard normals, of which the generator learns a mean and a scale each.

    The means and scales are the generator's (`MLPSpec.trainable_input_affine`), 2 d_z numbers
    more than it has on any other latent; attributes as in `LatentSpec`.
    """

    name: Literal["learned_prior"] = "learned_prior"

    setting_sources: ClassVar[Mapping[str, str]] = {
        "model.generator.trainable_input_affine": "by definition: learned_prior alone"
    }

    def source(self, seed: int, cache: Path) -> GaussianSource:
        """Return the normals: what a learned prior adds to them is the generator's."""
        return GaussianSource(self.dim)

    @property
    def card(self) -> Card:
        """What the latent and its generator are together."""
        return LEARNED_PRIOR_CARD

    def notes(self) -> tuple[str, ...]:
        """Return that the generator has more parameters than the others."""
        return (
            "learned_prior is no fixed latent: its generator learns a scale and a shift of "
            f"every coordinate, {2 * self.dim} parameters more than on any other latent.",
        )
