"""How many seeds the published gaps between latents would need here.

A published *gap* is another latent's figure minus the reference's. What it takes to see one as
large depends on the spread of our own paired differences (`quantum_latents.results.power`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from quantum_latents.results import Comparison, MetricFacts, SeedsNeeded, seeds_needed
from quantum_latents.results.wording import number_text

__all__ = ["NEEDED_FOOTNOTE", "NEEDED_HEADER", "Needed", "needed_seeds"]

NEEDED_HEADER = ("metric", "latent", "published gap", "spread here", "seeds needed", "seeds here")
"""Columns of the grid."""

NEEDED_FOOTNOTE = (
    "Seeds needed: to see a gap as large as the published one with a power of 80 %, by a two-sided "
    "test at 5 % divided by the number of other latents, at the spread (standard deviation) of the "
    "paired differences here; in brackets at the ends of that spread's 80 % interval. At least 10, "
    "below which there is no verdict."
)


@dataclass(frozen=True, kw_only=True)
class Needed:
    """The seeds that one published gap needs.

    Attributes:
        latent: the other latent.
        metric: its name.
        label: of the metric.
        found: the seeds.
        is_count: whether the metric counts things.
    """

    latent: str
    metric: str
    label: str
    found: SeedsNeeded
    is_count: bool

    @property
    def line(self) -> list[str]:
        """What stands under `NEEDED_HEADER`."""
        found = self.found
        low, high = map(_seeds_text, found.range)
        return [
            self.label,
            self.latent,
            number_text(found.gap, signed=True, count=self.is_count),
            number_text(found.spread, count=self.is_count),
            f"{_seeds_text(found.num_seeds)} ({low} to {high})",
            str(found.num_seen),
        ]


def needed_seeds(
    means: Mapping[tuple[str, str], float],
    reference: str,
    comparisons: Mapping[str, Collection[Comparison]],
    facts: Mapping[str, MetricFacts],
    num_others: int,
) -> tuple[Needed, ...]:
    """Return what each published gap needs, in the order of the table.

    Args:
        means: published figures by (latent, metric).
        reference: name of the reference.
        comparisons: by metric, ours.
        facts: by metric.
        num_others: latents that are compared with the reference, the family of the tests.

    Gaps of 0, and those of latents whose differences have no known spread here, are left out.
    """
    found = []
    for metric, fact in facts.items():
        of_reference = means.get((reference, metric))
        for comparison in comparisons[metric]:
            of_other = means.get((comparison.other, metric))
            if of_reference is None or of_other is None or of_other == of_reference:
                continue
            seeds = seeds_needed(
                comparison.differences, of_other - of_reference, family_size=max(1, num_others)
            )
            if seeds is not None:
                found.append(
                    Needed(
                        latent=comparison.other,
                        metric=metric,
                        label=fact.label,
                        found=seeds,
                        is_count=fact.is_count,
                    )
                )
    return tuple(found)


def _seeds_text(num_seeds: int | None) -> str:
    return "too many" if num_seeds is None else f"{num_seeds:,}"
