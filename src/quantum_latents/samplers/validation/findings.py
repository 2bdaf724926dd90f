"""What a test found, and the verdicts of a family of tests.

Notation: alpha is the family-wise error rate, declared before the counts are looked at; a family
is all tests of one validation that have a p-value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy import stats

__all__ = ["Finding", "Verdict", "judged", "most_extreme", "studentised", "two_sided"]

Verdict = Literal["consistent", "inconsistent", "undetermined"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One test of a bank.

    Attributes:
        name: of the test, as in JSON.
        title: of the test, as on the page.
        sees: what the number is, in one line.
        estimate: the number from the counts.
        expected: what the promise says; None if it says nothing.
        interval: of the estimate at confidence 1 - alpha, this test alone.
        control: the number if no photon interfered (or, where none is promised to, if all did).
        p_value: probability of a deviation at least as large if the promise holds.
        p_holm: the same, adjusted for the family (Holm 1979).
        verdict: ``"inconsistent"`` if p_holm <= alpha; else ``"undetermined"`` if it is
            undecided, or without a p-value; else ``"consistent"``.
        reason: what is off, or why the verdict is open.
        undecided: why the verdict is open even though nothing is rejected; empty if it is not.
        route: where the expected value comes from.
        num_shots: shots that the test looked at.
        detail: more, JSON-able.
    """

    name: str
    title: str
    sees: str
    estimate: float | None = None
    expected: float | None = None
    interval: tuple[float, float] | None = None
    control: float | None = None
    p_value: float | None = None
    p_holm: float | None = None
    verdict: Verdict = "undetermined"
    reason: str = ""
    undecided: str = ""
    route: str = ""
    num_shots: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON-able dict; infinities become None."""
        content = asdict(self)
        del content["undecided"]  # the reason says it
        return _plain(content)


def judged(findings: Sequence[Finding], alpha: float) -> tuple[Finding, ...]:
    """Return the findings with their Holm-adjusted p-values and verdicts.

    A finding that is undecided is left open unless it is rejected; so is one whose interval holds
    the control: the bank is too small to tell it from the promise.

    >>> tests = [Finding(name=n, title=n, sees="", p_value=p) for n, p in [("a", 1e-4), ("b", 0.3)]]
    >>> [(one.verdict, round(one.p_holm, 6)) for one in judged(tests, 0.01)]
    [('inconsistent', 0.0002), ('consistent', 0.3)]
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a family-wise error rate between 0 and 1, not {alpha}")
    known = [one.p_value for one in findings if one.p_value is not None]
    order = np.argsort(known, kind="stable")
    steps = (len(known) - np.arange(len(known))) * np.array(known)[order] if known else np.empty(0)
    adjusted = np.empty(len(known))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if known else steps
    rest = iter(adjusted.tolist())
    settled = []
    for one in findings:
        if one.p_value is None:
            settled.append(replace(one, p_holm=None, verdict="undetermined"))
            continue
        p_holm, reason, verdict = next(rest), one.reason, "consistent"
        if p_holm <= alpha:
            verdict = "inconsistent"
        elif why := one.undecided or _cannot_tell(one):
            reason, verdict = why, "undetermined"
        settled.append(replace(one, p_holm=p_holm, verdict=verdict, reason=reason))
    return tuple(settled)


def studentised(
    first: np.ndarray,
    second: np.ndarray,
    third: np.ndarray,
    number: int,
    other_variance: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means, their standard errors and scores that are nearly standard normal.

    The scores are means in units of their error, corrected for the skewness of what is averaged:
    counts that are seldom above 0 would reject too often without it.

    Args:
        first: sums of what is averaged.
        second: sums of its squares.
        third: sums of its cubes.
        number: how many were summed.
        other_variance: of what the mean is compared with, if that is an estimate too.

    Source: Hall, *On the removal of skewness by transformation*, JRSS B 54 (1992).

    >>> _, error, score = studentised(np.array(8.0), np.array(40.0), np.array(32.0), 100)
    >>> round(float(error), 4), bool(1.2 < score < 1.4)
    (0.0627, True)
    """
    first, second, third = (np.asarray(sums, dtype=np.float64) for sums in (first, second, third))
    mean = first / number
    variance = np.maximum(second / number - mean**2, 0.0)
    # What never varies does so only by rounding.
    certain = variance <= 1e-12 * np.maximum(second / number, 1e-300)
    variance = np.where(certain, 0.0, variance)
    central = third / number - 3 * mean * second / number + 2 * mean**3
    error = np.sqrt(variance / number + other_variance)
    still = error == 0
    scale = np.where(still, 1.0, error)
    skewness = np.where(certain, 0.0, central) / number**2 / scale**3
    t = mean / scale
    score = t + skewness / 3 * t**2 + skewness**2 / 27 * t**3 + skewness / 6
    off = np.where(np.abs(mean) > 1e-9, np.copysign(np.inf, mean), 0.0)
    return mean, error, np.where(still, off, score)


def two_sided(score: float) -> float:
    """Return the two-sided p-value of a standard normal score.

    >>> round(two_sided(-1.959964), 6)
    0.05
    """
    return float(2 * stats.norm.sf(abs(score)))


def most_extreme(scores: np.ndarray) -> tuple[int, float]:
    """Return which score is the largest, and its p-value for that it was looked for.

    ``1 - (1 - p)**K`` over K scores: no less than the truth however normal scores depend on
    each other (Šidák 1967).

    >>> place, p = most_extreme(np.array([0.5, -3.0, 1.0]))
    >>> place, round(p, 5)
    (1, 0.00808)
    """
    place = int(np.argmax(np.abs(scores)))
    p = min(two_sided(float(scores[place])), 1 - 1e-16)
    return place, float(-np.expm1(len(scores) * np.log1p(-p)))


def _cannot_tell(one: Finding) -> str:
    if one.control is None or one.interval is None or one.expected is None:
        return ""
    low, high = one.interval
    if low <= one.control <= high:
        return "the interval also holds the control's value: more shots are needed to tell"
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
