"""Dose and response: how a metric changes as one setting of a latent is turned up.

Notation: doses x_1 < .. < x_D, seeds s = 1..n, y_sd the metric of seed s at dose d. The seeds are
blocks: a seed has the same data, initial weights and interferometer at every dose. Its slope

    b_s = sum_d (x_d - x) y_sd / sum_d (x_d - x)^2,      x the mean dose,

is one number, so the n slopes are what the paired tests of `results.sign_flip` take: the
interval of their centre inverts the exact sign-flip test. A slope misses a response that rises and
falls; Page's L (Page, *Ordered hypotheses for multiple treatments*, JASA 58, 1963) asks within
each seed whether the ranks follow the doses, whatever the shape of the rise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantum_latents.results.sign_flip import typical_values
from quantum_latents.results.statistics import bca_interval, mean_standard_error

__all__ = ["MIN_DOSES", "DoseResponse", "dose_response"]

MIN_DOSES = 3
"""Fewer doses have a difference, not a response."""


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """A metric against a dose, paired by seed.

    Attributes:
        doses: ascending, (D,).
        seeds: those with a value at every dose, ascending, (n,).
        values: n rows of D.
        num_dropped: seeds left out because a value is missing.
        direction: which way the metric is better.
        means, standard_errors: of each dose; an error is None for one seed.
        slopes: of each seed, in the metric's unit for a dose of 1.
        slope: their mean.
        confidence: of both intervals.
        interval: of the slopes' centre by the sign-flip test; None where it would be infinite.
        bca_interval: of their mean by BCa bootstrap; None where it is not defined.
        p_slope: two-sided sign-flip p of no slope.
        p_better: one-sided p of Page's L: the metric gets better with every dose.
        p_worse: the same for worse.
    """

    doses: tuple[float, ...]
    seeds: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    num_dropped: int
    direction: Literal["lower", "higher"]
    means: tuple[float, ...]
    standard_errors: tuple[float | None, ...]
    slopes: tuple[float, ...]
    slope: float
    confidence: float
    interval: tuple[float, float] | None
    bca_interval: tuple[float, float] | None
    p_slope: float
    p_better: float
    p_worse: float

    @property
    def p_trend(self) -> float:
        """Two-sided p of Page's L: twice the smaller of the two, at most 1."""
        return min(1.0, 2 * min(self.p_better, self.p_worse))


def dose_response(
    values: Mapping[float, Mapping[int, float | None]],
    direction: Literal["lower", "higher"],
    *,
    confidence: float = 0.95,
) -> DoseResponse | None:
    """Return the response to a dose, or None if no seed has a value at every dose.

    Args:
        values: dose -> seed -> value; None for a run that diverged.
        direction: "lower" or "higher", whichever is better.
        confidence: of the intervals.

    Raises:
        ValueError: fewer than three doses, a dose or a value that is not finite, or an unknown
            direction.

    >>> curve = dose_response({0.0: {0: 3.0, 1: 4.0}, 0.5: {0: 2.0, 1: 3.5}, 1.0: {0: 1.0, 1: 3.0}},
    ...                       "lower")
    >>> curve.slopes, curve.slope, round(curve.p_better, 3)
    ((-2.0, -1.0), -1.5, 0.028)
    """
    if direction not in ("lower", "higher"):
        raise ValueError(f"a direction is 'lower' or 'higher', not {direction!r}")
    doses = sorted(values)
    if len(doses) < MIN_DOSES:
        raise ValueError(f"a response needs {MIN_DOSES} doses or more, not {doses}")
    if odd := [dose for dose in doses if not math.isfinite(dose)]:
        raise ValueError(f"a dose is a finite number, not {odd[0]!r}")
    every = set().union(*(values[dose] for dose in doses))
    seeds = sorted(s for s in every if all(values[dose].get(s) is not None for dose in doses))
    if not seeds:
        return None
    y = np.array([[values[dose][seed] for dose in doses] for seed in seeds], dtype=float)
    if not np.isfinite(y).all():
        raise ValueError(f"value {float(y[~np.isfinite(y)][0])} is not finite")
    x = np.array(doses)
    slopes = y @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    typical = typical_values(slopes)
    columns = [mean_standard_error(column) for column in y.T]
    better = y if direction == "higher" else -y
    return DoseResponse(
        doses=tuple(doses),
        seeds=tuple(seeds),
        values=tuple(map(tuple, y.tolist())),
        num_dropped=len(every) - len(seeds),
        direction=direction,
        means=tuple(mean for mean, _ in columns),
        standard_errors=tuple(error for _, error in columns),
        slopes=tuple(slopes.tolist()),
        slope=float(slopes.mean()),
        confidence=confidence,
        interval=typical.interval(confidence),
        bca_interval=bca_interval(slopes, confidence),
        p_slope=typical.p_two_sided(),
        p_better=_page(better),
        p_worse=_page(-better),
    )


def _page(rising: np.ndarray) -> float:
    """Return the one-sided p of Page's L of (n, D), ranks predicted to rise with the dose."""
    if len(rising) < 2:
        return 1.0  # one block: scipy asks for two
    from scipy.stats import page_trend_test  # slow to import, and only reports need it

    return float(page_trend_test(rising).pvalue)
