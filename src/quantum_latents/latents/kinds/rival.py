"""Classical rivals of the quantum latent, made from its interferometer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quantum_latents.latents.dirichlet_multinomial import check_dirichlet_multinomial
from quantum_latents.latents.pairwise import check_pairwise
from quantum_latents.latents.rivals import RIVAL_CARDS, RIVALS, RivalName, rival_source
from quantum_latents.latents.sources import Card, Source
from quantum_latents.latents.spec import InterferometerLatentSpec

__all__ = ["RivalSpec"]

# Rivals that some interferometers do not have: whether they have them is known at once.
_MAY_BE_MISSING = ("negative_binomial", "dirichlet_multinomial")


@dataclass(frozen=True, kw_only=True)
class RivalSpec(InterferometerLatentSpec):
    """A classical rival of the quantum latent of the run's seed, see `latents.rivals`.

    It is always made from the quantum latent's own interferometer.

    Further attributes than those of `InterferometerLatentSpec`:
        name: one of `RIVALS`.
    """

    name: RivalName

    def __post_init__(self):
        super().__post_init__()
        if self.name not in RIVALS:
            raise ValueError(f"no rival is called {self.name!r}: choose among {', '.join(RIVALS)}")
        if self.name == "pairwise":
            check_pairwise(self.dim, self.num_photons)
        if self.name == "dirichlet_multinomial":
            check_dirichlet_multinomial(self.num_photons)

    def source(self, seed: int, cache: Path) -> Source:
        """Return the rival of the quantum latent at a seed; raises as `rival_source`."""
        return rival_source(self.name, self.interferometer_at(seed), self.occupation)

    @property
    def card(self) -> Card:
        """That of the rival's law."""
        return RIVAL_CARDS[self.name]

    def check_exists(self, seed: int) -> None:
        """Raise ValueError if the interferometer of a seed has no such rival."""
        if self.name in _MAY_BE_MISSING:
            rival_source(self.name, self.interferometer_at(seed), self.occupation)
