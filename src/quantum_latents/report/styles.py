"""How a latent is drawn: one colour and one marker in every figure.

Notation: a *slot* is a place in `LATENT_COLOURS`; the paper's four latents have the first ones.

Palette: Okabe and Ito, *Color universal design*, 2008, darkened where thin lines need it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quantum_latents.results import ordered

__all__ = ["LATENT_COLOURS", "Style", "styles"]

LATENT_COLOURS = (
    "#0a6ebd",
    "#d55e01",
    "#04936c",
    "#b8568f",
    "#6a51a4",
    "#a67c04",
    "#2b8ca0",
    "#6f6f6e",
)
"""Colour of each slot in the light theme; the page's style sheet has the dark ones."""

_KNOWN = ("quantum", "distinguishable", "bernoulli", "gaussian")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")


@dataclass(frozen=True)
class Style:
    """How a latent is drawn: `slot` in `LATENT_COLOURS`, `colour` (hex) and `marker`.

    Where there are more latents than slots, `turn` counts the times that a slot was taken
    before: the colour comes again, the marker does not.
    """

    slot: int
    turn: int = 0

    @property
    def colour(self) -> str:
        """The light theme's colour."""
        return LATENT_COLOURS[self.slot]

    @property
    def marker(self) -> str:
        """Matplotlib's marker, distinct for each slot, and for each turn of a slot."""
        return _MARKERS[(self.slot + 3 * self.turn) % len(_MARKERS)]

    @property
    def dashes(self) -> str:
        """Matplotlib's line style, distinct for each turn of a slot."""
        return ("-", "--", ":", "-.")[self.turn % 4]


def styles(latents: Iterable[str]) -> dict[str, Style]:
    """Return the style of each latent; the paper's four always have their own.

    >>> {name: style.slot for name, style in styles(["gaussian", "copula", "quantum"]).items()}
    {'quantum': 0, 'copula': 4, 'gaussian': 3}
    """
    names = ordered(latents)
    others = [name for name in names if name not in _KNOWN]
    free = len(LATENT_COLOURS) - len(_KNOWN)
    looks = {name: Style(slot) for slot, name in enumerate(_KNOWN)}
    looks |= {
        name: Style(len(_KNOWN) + index % free, index // free) for index, name in enumerate(others)
    }
    return {name: looks[name] for name in names}
