"""What the numbers carry, in words, and never more than that.

A verdict is about the reference latent (usually the quantum one) against one other:

- ``too few``: fewer than `MIN_SEEDS_VERDICT` paired seeds; nothing is concluded;
- ``better`` or ``worse``: the Holm-adjusted p is below 0.05 *and* the interval excludes 0;
- ``equivalent``: the two one-sided tests against a margin declared beforehand, Holm-adjusted,
  are below 0.05 *and* the interval lies inside the margin;
- ``uncorroborated``: a metric that a constant output would win says one of these, but no
  two-sample metric says the same;
- ``unequal n``: a metric whose bias depends on the number of samples (a Fréchet distance of
  molecules) was computed from different numbers for the two latents;
- ``undecided``: all else. A missing significance is never called equality.

The family of Holm's adjustment is declared beforehand: all latents against the reference, for
one data set and one metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from quantum_latents.results.comparison import Comparison, paired_comparison
from quantum_latents.results.selection import (
    latents,
    metric_facts,
    select,
    sizes_by_seed,
    values_by_seed,
)
from quantum_latents.results.statistics import holm
from quantum_latents.results.wording import (
    interval_text,
    is_count,
    number_text,
    p_text,
    sizes_text,
)

__all__ = ["ALPHA", "MIN_SEEDS_VERDICT", "Code", "Verdict", "family", "verdict"]

ALPHA = 0.05
"""Level of every test that a verdict rests on."""

MIN_SEEDS_VERDICT = 10
"""Paired seeds below which no verdict is given."""

Code = Literal[
    "too few", "better", "worse", "equivalent", "uncorroborated", "unequal n", "undecided"
]


@dataclass(frozen=True)
class Verdict:
    """A verdict on the reference latent against another.

    Attributes:
        code: what is concluded, if anything.
        sentence: the same in words, with the numbers it rests on.
    """

    code: Code
    sentence: str


def verdict(comparison: Comparison, corroborating: Sequence[Comparison] = ()) -> Verdict:
    """Word what one comparison carries.

    Args:
        comparison: adjusted within its family (`p_holm` is set).
        corroborating: the same two latents on the same data by the two-sample metrics named
            in ``comparison.corroborated_by``; read only if a constant output would win.

    >>> quantum = {seed: 1.0 + 0.01 * seed for seed in range(10)}
    >>> gaussian = {seed: 1.5 + 0.02 * seed for seed in range(10)}
    >>> comparison = paired_comparison(quantum, gaussian, "lower")
    >>> comparison = replace(comparison, label="energy distance", reference="quantum",
    ...                      other="gaussian", p_holm=comparison.p_value)
    >>> verdict(comparison).sentence
    'quantum is better than gaussian: energy distance lower by 0.545, 95 % interval of \
gaussian − quantum [0.522, 0.567], Holm-adjusted p = 0.0020, 10 seeds.'
    """
    code = _claim(comparison)
    if code in ("too few", "unequal n", "undecided") or not comparison.constant_wins:
        return Verdict(code, _sentence(comparison, code))
    agreeing = [other for other in corroborating if _claim(other) == code]
    if agreeing:
        return Verdict(
            code,
            _sentence(comparison, code)
            + f" A constant output would win {comparison.label}, but {agreeing[0].label} agrees.",
        )
    return Verdict("uncorroborated", _uncorroborated(comparison, code, corroborating))


def family(
    rows: Iterable[Mapping[str, Any]],
    data: str,
    metric: str,
    reference: str = "quantum",
    *,
    margins: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    num_declared: int = 0,
) -> list[Comparison]:
    """Compare every other latent with the reference, for one data set and metric.

    Args:
        rows: the rows of one study.
        data: name of the data set.
        metric: name of the metric.
        reference: name of the latent that all others are compared with.
        margins: metric -> margin of equivalence, as the study declared them.
        confidence: of the intervals.
        num_declared: latents that the study declared, the reference included. Those without
            any row yet stay in Holm's family, as p = 1.

    Returns:
        One comparison a latent, in the order of every table, adjusted by Holm over all of
        them, each with its verdict. Without finished runs of the reference they have no pairs.

    Raises:
        ValueError: no row has the data set or the metric, or pairing is ambiguous.
    """
    chosen = select(rows, data=data)
    if not chosen:
        raise ValueError(f"no row has the data set {data!r}")
    margins = margins or {}
    adjusted = _adjusted(chosen, data, metric, reference, margins, confidence, num_declared)
    beside: list[list[Comparison]] = []
    if metric_facts(chosen, metric).constant_wins:
        beside = [
            _adjusted(chosen, data, name, reference, margins, confidence, num_declared)
            for name in metric_facts(chosen, metric).corroborated_by
            if any(name in row["metrics"] for row in chosen)
        ]
    return [
        replace(comparison, verdict=verdict(comparison, [others[index] for others in beside]))
        for index, comparison in enumerate(adjusted)
    ]


def _adjusted(
    rows: Sequence[Mapping[str, Any]],
    data: str,
    metric: str,
    reference: str,
    margins: Mapping[str, float],
    confidence: float,
    num_declared: int,
) -> list[Comparison]:
    facts = metric_facts(rows, metric)
    reference_values = values_by_seed(rows, data, reference, metric)
    sizes = {name: sizes_by_seed(rows, data, name, metric) for name in latents(rows)}
    comparisons = [
        _with_sizes(
            paired_comparison(
                reference_values,
                values_by_seed(rows, data, other, metric),
                facts.direction,
                margin=margins.get(metric),
                confidence=confidence,
            ).named(facts, data, reference, other),
            sizes.get(reference, {}),
            sizes[other],
        )
        for other in latents(rows)
        if other != reference
    ]
    # A latent without pairs stays in the declared family: it counts as p = 1.
    size = num_declared - 1
    p_holm = _holm_of([comparison.p_value for comparison in comparisons], size)
    p_equivalence = _holm_of([comparison.p_equivalence for comparison in comparisons], size)
    return [
        replace(comparison, p_holm=p, p_equivalence_holm=q)
        for comparison, p, q in zip(comparisons, p_holm, p_equivalence, strict=True)
    ]


def _with_sizes(
    comparison: Comparison, reference: Mapping[int, int], other: Mapping[int, int]
) -> Comparison:
    if not all(seed in reference and seed in other for seed in comparison.seeds):
        return comparison
    return replace(
        comparison,
        reference_sizes=tuple(reference[seed] for seed in comparison.seeds),
        other_sizes=tuple(other[seed] for seed in comparison.seeds),
    )


def _holm_of(p_values: Sequence[float | None], family_size: int) -> list[float | None]:
    known = [1.0 if p is None else p for p in p_values]
    adjusted = holm(known + [1.0] * (family_size - len(known)))[: len(known)]
    return [None if p is None else a for p, a in zip(p_values, adjusted, strict=True)]


def _claim(comparison: Comparison) -> Code:
    if comparison.num_seeds < MIN_SEEDS_VERDICT:
        return "too few"
    if comparison.is_of_unequal_sizes:
        return "unequal n"
    interval, mean = comparison.interval, comparison.mean_difference
    if interval is None or mean is None or comparison.p_holm is None:
        return "undecided"
    low, high = interval
    if comparison.p_holm < ALPHA and (low > 0 or high < 0):
        return "better" if (low > 0) == (comparison.direction == "lower") else "worse"
    margin, p_value = comparison.margin, comparison.p_equivalence_holm
    if (
        margin is not None
        and p_value is not None
        and p_value < ALPHA
        and (-margin < low and high < margin)
    ):
        return "equivalent"
    return "undecided"


def _sentence(comparison: Comparison, code: Code) -> str:
    reference, other, label = comparison.reference, comparison.other, comparison.label
    if code == "too few":
        return (
            f"Too few seeds for a verdict on {reference} against {other} by {label}: "
            f"{comparison.num_seeds} of at least {MIN_SEEDS_VERDICT}{_left_out(comparison)}."
        )
    if code == "unequal n":
        sizes = [
            sizes_text((min(of), max(of)))
            for of in (comparison.reference_sizes, comparison.other_sizes)
        ]
        return (
            f"No verdict on {reference} against {other} by {label}: its bias depends on the number "
            f"of samples, and they had different ones ({reference} {sizes[0]}, {other} {sizes[1]})."
        )
    if code in ("better", "worse"):
        mean = comparison.mean_difference or 0.0
        change = "lower" if mean > 0 else "higher"
        within = (
            f" The interval lies inside the declared margin of {_margin(comparison)}."
            if comparison.margin is not None
            and comparison.interval is not None
            and max(map(abs, comparison.interval)) < comparison.margin
            else ""
        )
        return (
            f"{reference} is {code} than {other}: {label} {change} by "
            f"{_number(abs(mean), comparison)}{_unit(comparison)}, "
            f"{_numbers(comparison, code)}.{within}"
        )
    if code == "equivalent":
        return f"{reference} is as good as {other} by {label}, to {_numbers(comparison, code)}."
    if comparison.interval is None:
        reason = "so few seeds have no finite interval of that confidence"
    elif comparison.interval[0] <= 0 <= comparison.interval[1]:
        reason = f"the {_interval(comparison)} includes 0"
    else:
        p_value = p_text(comparison.p_holm)
        reason = (
            f"the {_interval(comparison)} excludes 0, but the Holm-adjusted p = {p_value} "
            f"does not fall below {ALPHA}"
        )
    return f"{reference} against {other} by {label} is undecided: {reason}, {_seeds(comparison)}."


def _uncorroborated(comparison: Comparison, code: Code, corroborating: Sequence[Comparison]) -> str:
    """Return why a claim of a metric that a constant output would win gives no verdict."""
    is_equal = code == "equivalent"  # only a metric with a margin of its own can say so, too
    asked = [other for other in corroborating if other.margin is not None or not is_equal]
    if asked:
        named = ", ".join(other.label for other in asked)
        reason = f"{named} {'does' if len(asked) == 1 else 'do'} not say the same"
    elif corroborating:
        reason = "no two-sample metric has a declared margin"
    else:
        reason = "no two-sample metric was measured beside it"
    subject = f"No verdict on {comparison.reference} against {comparison.other}"
    why = f"a constant output would win it, and {reason}"
    numbers = f"({_numbers(comparison, code)})"
    told = f"it finds them equally good {numbers}, but {why}" if is_equal else f"{why} {numbers}"
    return f"{subject} by {comparison.label}: {told}."


def _numbers(comparison: Comparison, code: Code) -> str:
    """Return what a claim rests on: of a difference, or of an equivalence and its margin."""
    if code == "equivalent":
        return (
            f"within the declared margin of {_margin(comparison)}{_unit(comparison)}: "
            f"{_interval(comparison)}, two one-sided tests, "
            f"Holm-adjusted p = {p_text(comparison.p_equivalence_holm)}, {_seeds(comparison)}"
        )
    p_value = p_text(comparison.p_holm)
    return f"{_interval(comparison)}, Holm-adjusted p = {p_value}, {_seeds(comparison)}"


def _seeds(comparison: Comparison) -> str:
    return f"{comparison.num_seeds} seeds{_left_out(comparison)}"


def _left_out(comparison: Comparison) -> str:
    parts = []
    if comparison.num_dropped:
        parts.append(f"{comparison.num_dropped} dropped because a run diverged or has no value")
    if comparison.num_unpaired:
        parts.append(f"{comparison.num_unpaired} not yet paired")
    return f" ({', '.join(parts)})" if parts else ""


def _interval(comparison: Comparison) -> str:
    return (
        f"{100 * comparison.confidence:g} % interval of {comparison.other} − "
        f"{comparison.reference} "
        f"{interval_text(comparison.interval, count=is_count(comparison.unit))}"
    )


def _margin(comparison: Comparison) -> str:
    return f"±{_number(comparison.margin, comparison)}"


def _number(value: float | None, comparison: Comparison) -> str:
    return number_text(value, count=is_count(comparison.unit))


def _unit(comparison: Comparison) -> str:
    return f" {comparison.unit}" if comparison.unit else ""
