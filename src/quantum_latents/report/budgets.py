"""The gap of each latent to the reference after so many training steps, as a grid.

Notation as in `quantum_latents.results.budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quantum_latents.report.headings import arrowed
from quantum_latents.results import BudgetCurve, Comparison, MetricFacts, budget_curve
from quantum_latents.results.wording import interval_text, number_text

__all__ = ["BUDGET_FOOTNOTE", "budget_curves", "budget_lines"]

BUDGET_FOOTNOTE = (
    "Against budget: latent − reference after so many steps of one training, with the 95 "
    "% interval where there are seeds enough. The same runs at different times, so the columns are "
    "not independent, no verdict is drawn from them, and a shorter training, whose learning rate "
    "may fall earlier, could end elsewhere."
)


def budget_curves(
    rows: Sequence[Mapping[str, Any]], data: str, reference: str, names: Iterable[str]
) -> dict[str, BudgetCurve]:
    """Return the curve of each of these metrics that has one."""
    found = {name: budget_curve(rows, data, name, reference) for name in names}
    return {name: curve for name, curve in found.items() if curve is not None and curve.gaps}


def budget_lines(
    metrics: Iterable[MetricFacts], curves: Mapping[str, BudgetCurve]
) -> tuple[list[str], list[list[str]]]:
    """Return a header and, of each metric with a curve and latent, the gap after so many steps."""
    steps = max((curve.steps for curve in curves.values()), key=len)
    header = ["metric", "latent", *(f"{step:,} steps" for step in steps)]
    of_name = {facts.name: facts for facts in metrics}
    lines = []
    for name, curve in curves.items():
        facts = of_name[name]
        for latent, gaps in curve.gaps.items():
            of_step = dict(zip(curve.steps, gaps, strict=True))
            texts = [_gap_text(of_step.get(step), facts.is_count) for step in steps]
            lines.append([arrowed(facts), latent, *texts])
    return header, lines


def _gap_text(gap: Comparison | None, count: bool) -> str:
    if gap is None or gap.mean_difference is None:
        return "–"
    text = number_text(gap.mean_difference, signed=True, count=count)
    return text if gap.interval is None else f"{text} {interval_text(gap.interval, count=count)}"
