"""Classical rivals of the quantum latent by name: what each shares with it, and its source.

A rival is made from the quantum latent's interferometer and occupation. All moments that it
shares are computed exactly; none needs quantum samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.copula import CopulaSource
from quantum_latents.latents.dirichlet_multinomial import DirichletMultinomialSource
from quantum_latents.latents.independent import (
    DISPERSED_CARD,
    FITTED_BERNOULLI_CARD,
    NEGATIVE_BINOMIAL_CARD,
    SHUFFLED_CARD,
    dispersed,
    fitted_bernoulli,
    negative_binomial,
    shuffled,
)
from quantum_latents.latents.other_light import (
    OTHER_LIGHT_CARDS,
    OtherLightSource,
)
from quantum_latents.latents.pairwise import PairwiseSource
from quantum_latents.latents.sources import Card, Source
from quantum_latents.samplers.occupation import Occupation

__all__ = ["RIVALS", "RIVAL_CARDS", "RivalName", "rival_source"]

RivalName = Literal[
    "shuffled",
    "copula",
    "negative_binomial",
    "dispersed",
    "dirichlet_multinomial",
    "pairwise",
    "fitted_bernoulli",
    "mean_field",
    "fermions",
    "thermal",
]

RIVAL_CARDS: dict[str, Card] = {
    "shuffled": SHUFFLED_CARD,
    "copula": CopulaSource.card,
    "negative_binomial": NEGATIVE_BINOMIAL_CARD,
    "dispersed": DISPERSED_CARD,
    "dirichlet_multinomial": DirichletMultinomialSource.card,
    "pairwise": PairwiseSource.card,
    "fitted_bernoulli": FITTED_BERNOULLI_CARD,
    **OTHER_LIGHT_CARDS,
}
"""What each rival is, what it shares with the quantum latent, and what drawing it costs."""

RIVALS: tuple[str, ...] = tuple(RIVAL_CARDS)
"""Names of all rivals."""

_LAWS: dict[str, Callable[[Interferometer, Occupation], Source]] = {
    "shuffled": shuffled,
    "copula": CopulaSource,
    "negative_binomial": negative_binomial,
    "dispersed": dispersed,
    "dirichlet_multinomial": DirichletMultinomialSource,
    "pairwise": PairwiseSource,
    "fitted_bernoulli": fitted_bernoulli,
}


def rival_source(name: RivalName, interferometer: Interferometer, occupation: Occupation) -> Source:
    """Return a rival of the quantum latent of an interferometer and input.

    Args:
        name: one of `RIVALS`.
        interferometer: the quantum latent's, m modes.
        occupation: its photons in each input mode, (m,).

    Raises:
        TypeError, ValueError: an unknown name, a bad occupation, or a rival that cannot exist
            for this interferometer, with the reason and what to take instead.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(4, stream(0, "interferometer"))
    >>> rival_source("shuffled", device, [1, 0, 1, 0]).draw(2, stream(0, "latent")).shape
    (2, 4)
    """
    if name in _LAWS:
        return _LAWS[name](interferometer, occupation)
    if name in ("mean_field", "fermions", "thermal"):
        return OtherLightSource(name, interferometer, occupation)
    raise ValueError(f"no rival is called {name!r}: choose among {', '.join(RIVALS)}")
