"""Are the modes as bright as they should be?

Notation: N shots of m modes, n_i counts of mode i in a shot, k its total, ``<n_i>_k`` the mean
that the promise gives shots of that total.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from quantum_latents.samplers.validation.findings import Finding, most_extreme, studentised
from quantum_latents.samplers.validation.moments import Moments
from quantum_latents.samplers.validation.tally import Tally

__all__ = ["DEAD_SHARE", "HOT_SHARE", "dead_or_hot_modes", "mean_occupancies"]

DEAD_SHARE, HOT_SHARE = 0.5, 2.0
"""A mode is dead below one half, hot above twice of its promised mean."""

_LEAST_COUNTS = 25
"""Counts that a mode, or coincidences that a pair, should have for its mean to be near normal."""


def mean_occupancies(sums: Tally, moments: Moments, alpha: float) -> Finding:
    """Test the mean counts of every mode.

    For each mode the mean of ``n_i - <n_i>_k`` over its studentised error; the largest score of
    all modes decides. The number shown is the ratio of the mode furthest off.

    Args:
        sums: of the bank.
        moments: that it should have.
        alpha: of the interval.
    """
    mean, error, score, expected = _deviations(sums, moments)
    tested = (expected * len(sums) >= _LEAST_COUNTS) | (expected <= 1e-12)
    finding = Finding(
        name="mean_occupancies",
        title="Mean occupancies",
        sees="mean counts of the mode that is furthest off, against its promised mean",
        route=moments.words,
        num_shots=len(sums),
    )
    if not tested.any():
        return replace(finding, reason="no mode is expected to count often enough: more shots")
    place, p = most_extreme(score[tested])
    mode = int(np.flatnonzero(tested)[place])
    reach = stats.norm.isf((1 - (1 - alpha) ** (1 / tested.sum())) / 2) * error[mode]
    estimate = float(expected[mode] + mean[mode])
    return replace(
        finding,
        estimate=estimate,
        expected=float(expected[mode]),
        interval=(max(0.0, estimate - reach), estimate + reach),
        p_value=p,
        detail={
            "mode": mode,
            "num_tested": int(tested.sum()),
            "means": (expected + mean).tolist(),
            "expected": expected.tolist(),
            "scores": np.where(tested, score, 0.0).tolist(),
        },
    )


def dead_or_hot_modes(sums: Tally, moments: Moments, alpha: float) -> Finding:
    """Look for modes that count less than half or more than twice of what they should.

    Each mode's ratio of observed to promised mean is tested against the range [1/2, 2]; the law
    itself has ratio 1, so a bank that keeps it is rejected far less often than alpha.
    Modes that are promised no counts are hot with a single one.
    """
    mean, error, _, expected = _deviations(sums, moments)
    observed = expected + mean
    dark = expected <= 1e-12
    finding = Finding(
        name="dead_or_hot_modes",
        title="Dead or hot modes",
        sees="ratio of observed to promised mean of the most suspicious mode",
        expected=1.0,
        route=moments.words,
        num_shots=len(sums),
    )
    if (hot := dark & (observed > 1e-12)).any():
        mode = int(np.argmax(np.where(hot, observed, 0.0)))
        return replace(
            finding,
            p_value=0.0,
            reason=f"mode {mode} counts, and no photon can get there",
            detail={"dead": [], "hot": np.flatnonzero(hot).tolist()},
        )
    lit = np.flatnonzero(expected * len(sums) >= _LEAST_COUNTS)
    if not len(lit):
        return replace(finding, reason="no mode is expected to count often enough: more shots")
    ratio, spread = observed[lit] / expected[lit], error[lit] / expected[lit]
    # A mode that never counts has no spread of its own: it is given that of its promise.
    poisson = 1 / np.sqrt(expected[lit] * len(sums))
    spread = np.maximum(spread, poisson / 2)
    low, high = (DEAD_SHARE - ratio) / spread, (ratio - HOT_SHARE) / spread
    p_low, p_high = stats.norm.sf(low), stats.norm.sf(high)
    # Both sides of every mode are looked at; at most one of them can be wrong.
    each = np.minimum(np.minimum(p_low, p_high), 1.0)
    place = int(np.argmin(each))
    p = float(min(1.0, len(lit) * each[place]))
    reach = two_sided_reach(alpha, len(lit)) * float(spread[place])
    threshold = alpha / len(lit)
    if p > alpha:  # nothing suspicious: show the mode furthest from 1
        place = int(np.argmax(np.abs(np.log(np.maximum(ratio, 1e-9)))))
        reach = two_sided_reach(alpha, len(lit)) * float(spread[place])
    estimate = float(ratio[place])
    return replace(
        finding,
        estimate=estimate,
        interval=(max(0.0, estimate - reach), estimate + reach),
        p_value=p,
        detail={
            "mode": int(lit[place]),
            "dead": lit[p_low <= threshold].tolist(),
            "hot": lit[p_high <= threshold].tolist(),
            "not_tested": np.flatnonzero(expected * len(sums) < _LEAST_COUNTS).tolist(),
        },
    )


def two_sided_reach(alpha: float, number: int) -> float:
    """Return how many errors an interval reaches when `number` of them hold together.

    >>> round(two_sided_reach(0.05, 1), 4)
    1.96
    """
    return float(stats.norm.isf(alpha / number / 2))


def _deviations(
    sums: Tally, moments: Moments
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean deviation, its error and score, and the promised mean, each (m,)."""
    size, mu = sums.sizes[:, None], moments.means
    squares = np.einsum("kii->ki", sums.pairs)
    first = (sums.sums - size * mu).sum(axis=0)
    second = (squares - 2 * mu * sums.sums + size * mu**2).sum(axis=0)
    third = sums.cubes - 3 * mu * squares + 3 * mu**2 * sums.sums - size * mu**3
    mean, error, score = studentised(
        first, second, third.sum(axis=0), len(sums), moments.mean_variance
    )
    return mean, error, score, (size * mu).sum(axis=0) / len(sums)
