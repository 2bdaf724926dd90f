"""How far each latent lies above the floor, where restarts are chosen among, as a grid.

Notation as in `quantum_latents.results.restarts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quantum_latents.results import AboveFloor, MetricFacts
from quantum_latents.results.wording import interval_text, number_text, p_text

__all__ = ["FLOOR_FOOTNOTE", "FLOOR_HEADER", "floor_lines"]

FLOOR_HEADER = ("metric", "latent", "− floor", "95 % interval", "p", "seeds", "chosen")
"""Columns of the grid of distances above the floor, in a study with restarts."""

FLOOR_FOOTNOTE = (
    "Of the restarts of a latent and seed one is chosen, by other samples than these numbers are "
    "computed from; “chosen” says how often from which start and after how many steps. Above the "
    "floor: value − floor, paired by seed, interval and p of the exact sign-flip test, not "
    "adjusted for the number of latents. A chosen generator that makes the law of the data is at 0 "
    "in the mean."
)


def floor_lines(
    metrics: Iterable[MetricFacts], above: Mapping[str, Sequence[AboveFloor]]
) -> list[list[str]]:
    """Return how far each latent lies above the floor as text, under `FLOOR_HEADER`."""
    labels = {facts.name: facts.heading for facts in metrics}
    return [
        [
            labels[name],
            of_latent.latent,
            number_text(of_latent.mean, signed=True),
            interval_text(of_latent.interval),
            p_text(of_latent.p_value),
            str(of_latent.num_seeds),
            "; ".join(f"{kind} ({times})" for kind, times in of_latent.chosen.items()),
        ]
        for name, of_latents in above.items()
        for of_latent in of_latents
    ]
