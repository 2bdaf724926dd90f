"""How each metric of a data set responds to the study's doses, as a grid.

Notation as in `quantum_latents.results.doses`: latents are *doses* of one property.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quantum_latents.report.headings import arrowed
from quantum_latents.results import (
    MIN_DOSES,
    DoseResponse,
    MetricFacts,
    dose_response,
    latents,
    values_by_seed,
)
from quantum_latents.results.wording import interval_text, number_text, p_text

__all__ = ["RESPONSE_FOOTNOTE", "RESPONSE_HEADER", "response_lines", "responses"]

RESPONSE_HEADER = ("metric", "slope", "95 % interval", "p", "trend to better", "to worse", "seeds")
"""Columns of the grid of responses to a dose."""

RESPONSE_FOOTNOTE = (
    "Slope: of a straight line through a seed's doses, in the metric's unit for a dose of 1, mean "
    "over the seeds; its interval and p are of the exact sign-flip test. The trends "
    "are one-sided p of Page's L, that the metric gets better, or worse, with every dose. None is "
    "adjusted for the number of metrics."
)


def responses(
    rows: Sequence[Mapping[str, Any]],
    data: str,
    doses: Mapping[str, Any] | None,
    facts: Mapping[str, MetricFacts],
) -> dict[str, DoseResponse]:
    """Return the response of each metric to the doses whose runs exist, if they are enough."""
    present = set(latents(rows))
    of = {name: dose for name, dose in (doses or {}).get("of", {}).items() if name in present}
    if len(set(of.values())) < MIN_DOSES:
        return {}
    found = {
        name: dose_response(
            {dose: values_by_seed(rows, data, latent, name) for latent, dose in of.items()},
            fact.direction,
        )
        for name, fact in facts.items()
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def response_lines(
    metrics: Iterable[MetricFacts], curves: Mapping[str, DoseResponse]
) -> list[list[str]]:
    """Return the response of each metric that has one as text, under `RESPONSE_HEADER`."""
    return [
        [
            arrowed(facts),
            number_text(curve.slope),
            interval_text(curve.interval),
            p_text(curve.p_slope),
            p_text(curve.p_better),
            p_text(curve.p_worse),
            str(len(curve.seeds)),
        ]
        for facts in metrics
        if (curve := curves.get(facts.name)) is not None
    ]
