"""A metric, and the gap between latents, against the training budget.

Notation: runs that store samples at milestones have a value at the generator steps t_1 < .. < t_T,
the last of which is the end of training. At each, the *gap* of a latent is its value minus the
reference's, paired by seed; intervals are those of `quantum_latents.results.sign_flip`.

The gaps of one latent are of the same runs at different times, so they are not independent of each
other, and a learning rate that falls has fallen less at an early milestone than in a training that
ends there: a curve says how this training went, not what a shorter one would have given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quantum_latents.results.comparison import Comparison, paired_comparison
from quantum_latents.results.selection import latents, metric_facts, select
from quantum_latents.results.statistics import mean_standard_error

__all__ = ["BudgetCurve", "budget_curve"]


@dataclass(frozen=True, kw_only=True)
class BudgetCurve:
    """One metric against the training budget, on one data set.

    Attributes:
        metric: its name.
        reference: the latent that gaps are taken from.
        steps: t_1 to t_T.
        means: latent -> mean over its seeds at each step; None where no seed has a value.
        gaps: latent but the reference -> its paired comparison at each step.
    """

    metric: str
    reference: str
    steps: tuple[int, ...]
    means: dict[str, tuple[float | None, ...]]
    gaps: dict[str, tuple[Comparison, ...]]


def budget_curve(
    rows: Iterable[Mapping[str, Any]], data: str, metric: str, reference: str = "quantum"
) -> BudgetCurve | None:
    """Return how a metric went, or None where the rows have no milestones in common.

    Args:
        rows: of one study.
        data: name of the data set.
        metric: name of the metric.
        reference: latent that the others are compared with.

    A metric that runs computed from different numbers of samples has no curve either: its bias
    would be part of the gap.

    Raises:
        ValueError: no row has the metric.

    >>> rows = [
    ...     {"status": "finished", "metrics": {"mmd": {"value": end, "direction": "lower"}},
    ...      "budget": {"step": [16], "metrics": {"mmd": [start]}},
    ...      "spec": {"data": {"name": "bits"}, "latent": {"name": name}, "seed": 0,
    ...               "training": {"num_steps": 64}}}
    ...     for name, start, end in (("quantum", 0.5, 0.25), ("gaussian", 1.5, 0.5))
    ... ]
    >>> curve = budget_curve(rows, "bits", "mmd")
    >>> curve.steps, [gap.mean_difference for gap in curve.gaps["gaussian"]]
    ((16, 64), [1.0, 0.25])
    """
    chosen = [row for row in select(rows, data=data) if row["status"] == "finished"]
    with_budget = [row for row in chosen if row.get("budget")]
    if not with_budget:
        return None
    facts = metric_facts(chosen, metric)
    ends = {row["spec"]["training"]["num_steps"] for row in with_budget}
    steps = set.intersection(*(set(row["budget"]["step"]) for row in with_budget))
    if len(ends) > 1 or not steps:
        return None  # trainings of different lengths have no curve together
    if len({row["metrics"].get(metric, {}).get("num") for row in with_budget}) > 1:
        return None  # its bias depends on the number of samples, which differs
    (end,) = ends
    times = (*sorted(steps), end)
    values = {
        name: [_at(with_budget, name, metric, step, end) for step in times]
        for name in latents(with_budget)
    }
    means = {
        name: tuple(_mean(of_step) for of_step in of_latent) for name, of_latent in values.items()
    }
    gaps = {
        name: tuple(
            paired_comparison(base, other, facts.direction).named(facts, data, reference, name)
            for base, other in zip(values[reference], of_latent, strict=True)
        )
        for name, of_latent in values.items()
        if name != reference and reference in values
    }
    return BudgetCurve(metric=metric, reference=reference, steps=times, means=means, gaps=gaps)


def _at(
    rows: Iterable[Mapping[str, Any]], latent: str, metric: str, step: int, end: int
) -> dict[int, float | None]:
    """Return the metric of each seed of a latent after so many steps."""
    values: dict[int, float | None] = {}
    for row in rows:
        if row["spec"]["latent"]["name"] != latent:
            continue
        if step == end:
            value = row["metrics"].get(metric, {}).get("value")
        else:
            of_metric = row["budget"]["metrics"].get(metric)
            value = of_metric[row["budget"]["step"].index(step)] if of_metric else None
        values[row["spec"]["seed"]] = None if value is None else float(value)
    return values


def _mean(values: Mapping[int, float | None]) -> float | None:
    present = [value for value in values.values() if value is not None]
    return mean_standard_error(present)[0] if present else None
