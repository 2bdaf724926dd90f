"""How many seeds a difference needs to be seen, and what so many seeds can see.

Notation: d_1..d_n paired differences, one a seed, D their true mean, s their standard deviation,
delta = D / s the standardised effect. A verdict rests on the two-sided sign-flip test at level
alpha. For roughly normal differences its critical value tends to that of the t-test (Hoeffding,
*The large-sample power of tests based on permutations of observations*, 1952), whose power is

    P(|T| > t_{1 - alpha/2, n-1}),   T noncentral t with n - 1 degrees, noncentrality delta sqrt(n),

and below the n at which 2^(1-n) <= alpha the sign-flip test can reject nothing: its power is 0.
With k latents against one reference, Holm's step-down rejects the smallest p at alpha / k, so a
power at alpha / k holds whatever the other k - 1 do.

s is estimated from few seeds. Its own interval, (n - 1) s^2 / chi^2 (normal differences), is
carried into the number of seeds, so that three seeds do not promise more than they know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantum_latents.results.verdicts import ALPHA, MIN_SEEDS_VERDICT

__all__ = [
    "MOST_SEEDS",
    "SeedsNeeded",
    "detectable_effect",
    "power",
    "seeds_for_effect",
    "seeds_needed",
]

MOST_SEEDS = 100_000
"""Beyond so many seeds nobody asks: the answer is None."""


@dataclass(frozen=True, kw_only=True)
class SeedsNeeded:
    """How many seeds it takes to see a gap at the spread that was seen.

    Attributes:
        gap: D, in the metric's unit.
        spread: s of the differences seen.
        num_seen: from how many.
        num_seeds: n; None beyond `MOST_SEEDS`.
        range: n at the two ends of the interval of s; None for an end beyond `MOST_SEEDS`.
        power: wanted.
        alpha: of the test, divided by the size of the family.
        confidence: of the range.
    """

    gap: float
    spread: float
    num_seen: int
    num_seeds: int | None
    range: tuple[int | None, int | None]
    power: float
    alpha: float
    confidence: float


def power(effect: float, num_seeds: int, *, alpha: float = ALPHA, family_size: int = 1) -> float:
    """Return the probability that so many seeds show a standardised effect delta.

    Args:
        effect: delta, of either sign.
        num_seeds: n, at least 2.
        alpha: two-sided level of the family.
        family_size: k.

    Raises:
        ValueError: an argument out of its range.

    >>> round(power(0.8, 15), 2)
    0.82
    >>> power(5.0, 5)  # five seeds have no p below 2^-4
    0.0
    """
    from scipy.stats import nct, t  # slow to import

    level = _level(alpha, family_size)
    if num_seeds < 2:
        raise ValueError(f"a power needs at least 2 seeds, not {num_seeds}")
    if not math.isfinite(effect):
        raise ValueError(f"an effect is a finite number, not {effect!r}")
    if (num_seeds - 1) * math.log(2) < -math.log(level):
        return 0.0
    critical = t.isf(level / 2, num_seeds - 1)
    shift = abs(effect) * math.sqrt(num_seeds)
    above, below = nct.sf(critical, num_seeds - 1, shift), nct.cdf(-critical, num_seeds - 1, shift)
    # Far in the tail scipy has no number left: so large an effect is always seen.
    return min(1.0, float(above + below)) if math.isfinite(above) and math.isfinite(below) else 1.0


def seeds_for_effect(
    effect: float,
    *,
    wanted: float = 0.8,
    alpha: float = ALPHA,
    family_size: int = 1,
) -> int | None:
    """Return the least number of seeds, `MIN_SEEDS_VERDICT` or more, that has the wanted power.

    None if `MOST_SEEDS` are too few, as for an effect of 0.

    Raises:
        ValueError: an argument out of its range.

    >>> seeds_for_effect(0.8), seeds_for_effect(0.8, family_size=3), seeds_for_effect(0.0)
    (15, 20, None)
    """
    if not 0 < wanted < 1:
        raise ValueError(f"a power lies between 0 and 1, not {wanted!r}")

    def is_enough(num_seeds: int) -> bool:
        return power(effect, num_seeds, alpha=alpha, family_size=family_size) >= wanted

    low, high = MIN_SEEDS_VERDICT, MOST_SEEDS
    if is_enough(low):
        return low
    if not is_enough(high):
        return None
    while high - low > 1:  # the power grows with n
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def detectable_effect(
    num_seeds: int, *, wanted: float = 0.8, alpha: float = ALPHA, family_size: int = 1
) -> float | None:
    """Return the least standardised effect that so many seeds show with the wanted power.

    None where they can reject nothing at that level.

    Raises:
        ValueError: an argument out of its range.

    >>> round(detectable_effect(12), 2)
    0.89
    >>> detectable_effect(5) is None
    True
    """
    from scipy.optimize import brentq

    if not 0 < wanted < 1:
        raise ValueError(f"a power lies between 0 and 1, not {wanted!r}")

    def lacking(effect: float) -> float:
        return power(effect, num_seeds, alpha=alpha, family_size=family_size) - wanted

    if power(1e3, num_seeds, alpha=alpha, family_size=family_size) < wanted:
        return None
    high = 1.0
    while lacking(high) < 0:
        high *= 2
    return float(brentq(lacking, 0.0, high)) if lacking(0.0) < 0 else 0.0  # type: ignore[arg-type]


def seeds_needed(
    differences: Sequence[float] | np.ndarray,
    gap: float,
    *,
    wanted: float = 0.8,
    alpha: float = ALPHA,
    family_size: int = 1,
    confidence: float = 0.8,
) -> SeedsNeeded | None:
    """Return how many seeds would show a gap, at the spread of these paired differences.

    Args:
        differences: shape (n,), of the seeds there are.
        gap: the difference to be seen, such as a published one; not 0.
        wanted: power.
        alpha: two-sided level of the family.
        family_size: k.
        confidence: of the range that the uncertain spread leaves.

    Returns:
        None where the spread is not known: fewer than two differences, or all equal.

    Raises:
        ValueError: an argument out of its range.

    >>> found = seeds_needed([0.010, 0.016, 0.004, 0.013], gap=0.005)
    >>> found.num_seeds, found.range
    (11, (10, 45))
    """
    from scipy.stats import chi2

    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("differences are finite numbers in one dimension")
    if not math.isfinite(gap) or gap == 0:
        raise ValueError(f"a gap to be seen is a finite number other than 0, not {gap!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence!r}")
    if len(values) < 2 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return None
    spread, degrees = float(values.std(ddof=1)), len(values) - 1
    tails = (1 - confidence) / 2
    widths = (chi2.isf(tails, degrees), chi2.ppf(tails, degrees))
    low, high = (spread * math.sqrt(degrees / width) for width in widths)

    def seeds(width: float) -> int | None:
        return seeds_for_effect(gap / width, wanted=wanted, alpha=alpha, family_size=family_size)

    return SeedsNeeded(
        gap=gap,
        spread=spread,
        num_seen=len(values),
        num_seeds=seeds(spread),
        range=(seeds(low), seeds(high)),
        power=wanted,
        alpha=_level(alpha, family_size),
        confidence=confidence,
    )


def _level(alpha: float, family_size: int) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, not {alpha!r}")
    if family_size < 1:
        raise ValueError(f"a family has at least one comparison, not {family_size}")
    return alpha / family_size
