"""Do counts follow the law they should?

Notation: N shots of m modes, counts uint8 (N, m); a *law* is the pair of all outcomes (K, m)
and their probabilities (K,) that `probabilities.boson_law` returns. Every test works on
counts of shots, never on frequencies, which would have no power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.occupation import Occupation
from quantum_latents.samplers.probabilities import (
    CountStatistics,
    Law,
    covariance,
    mean_occupancy,
)

__all__ = [
    "ChiSquareTest",
    "MeanOccupancyTest",
    "chi_square",
    "mean_occupancy_test",
    "tallied_chi_square",
    "total_variation",
]

_IMPOSSIBLE = 1e-12
"""Probability below which an outcome counts as impossible: it is zero but for rounding."""


@dataclass(frozen=True, kw_only=True)
class ChiSquareTest:
    """Pearson's chi-square test of counts against a law.

    Attributes:
        statistic: ``sum (observed - expected)**2 / expected``; infinite if an impossible
            outcome was seen.
        degrees_of_freedom: cells less one.
        p_value: probability of a statistic at least as large if the law holds.
        num_impossible: shots whose outcome the law does not allow.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    num_impossible: int


@dataclass(frozen=True, kw_only=True)
class MeanOccupancyTest:
    """Test of the mean photon number of every mode against its closed form.

    Attributes:
        z_scores: ``(mean - <n_i>) / sqrt(var(n_i) / N)``, float64 (m,).
        p_value: two-sided, of the largest z-score, Bonferroni-corrected for the m modes.
        worst_mode: the mode of the largest z-score.
    """

    z_scores: np.ndarray
    p_value: float
    worst_mode: int


def chi_square(counts: np.ndarray, law: Law, *, min_expected: float = 5.0) -> ChiSquareTest:
    """Test counts against a law by Pearson's chi-square.

    Outcomes expected less than `min_expected` times are pooled, in the order of their
    probability, into cells that are expected at least that often; the pooling looks at the law
    alone, never at the counts. An outcome of probability below 1e-12 is impossible, and a single
    shot of it rejects.

    Args:
        counts: (N, m), one row a shot.
        law: outcomes (K, m) and probabilities (K,).
        min_expected: least expected number of shots in a cell.

    Raises:
        ValueError: shapes that do not fit, or too few shots for two cells.

    >>> law = (np.array([[1, 0], [0, 1]]), np.array([0.5, 0.5]))
    >>> chi_square(np.array([[1, 0]] * 60 + [[0, 1]] * 40), law).statistic
    4.0
    """
    observed, num_unlisted, probabilities = _tally(counts, law)
    return tallied_chi_square(
        observed, probabilities, num_unlisted=num_unlisted, min_expected=min_expected
    )


def tallied_chi_square(
    observed: np.ndarray,
    probabilities: np.ndarray,
    *,
    num_unlisted: int = 0,
    min_expected: float = 5.0,
) -> ChiSquareTest:
    """Test how often each outcome was seen against its probability; see `chi_square`.

    Args:
        observed: shots of each outcome of the law, (K,).
        probabilities: (K,), summing to 1.
        num_unlisted: shots of none of them.
        min_expected: least expected number of shots in a cell.

    Raises:
        ValueError: too few shots for two cells.

    >>> tallied_chi_square(np.array([60, 40]), np.array([0.5, 0.5])).statistic
    4.0
    """
    if not min_expected > 0:
        raise ValueError(f"min_expected is above 0, not {min_expected}")
    number = int(observed.sum()) + num_unlisted
    possible = probabilities >= _IMPOSSIBLE
    num_impossible = num_unlisted + int(observed[~possible].sum())
    order = np.argsort(-probabilities[possible], kind="stable")
    expected = probabilities[possible][order] * number
    starts = _pool(expected, min_expected)
    cells_expected = np.add.reduceat(expected, starts)
    cells_observed = np.add.reduceat(observed[possible][order], starts)
    if len(starts) == 1 and len(expected) > 1:
        raise ValueError(
            f"{number} shots are too few to test a law of {len(expected)} outcomes: fewer "
            f"than two cells are expected {min_expected:g} times"
        )
    freedom = len(starts) - 1
    if num_impossible:
        return ChiSquareTest(
            statistic=float("inf"),
            degrees_of_freedom=freedom,
            p_value=0.0,
            num_impossible=num_impossible,
        )
    statistic = float(((cells_observed - cells_expected) ** 2 / cells_expected).sum())
    return ChiSquareTest(
        statistic=statistic,
        degrees_of_freedom=freedom,
        p_value=float(stats.chi2.sf(statistic, freedom)) if freedom else 1.0,
        num_impossible=0,
    )


def total_variation(counts: np.ndarray, law: Law) -> float:
    """Return the total-variation distance of the frequencies of counts to a law.

    ``1/2 sum_s |N_s / N - p_s|``, in [0, 1]. Counts that follow the law are still about
    ``sqrt(K / (2 pi N))`` away from it, K being the number of likely outcomes.

    Args:
        counts: (N, m), one row a shot.
        law: outcomes (K, m) and probabilities (K,).

    Raises:
        ValueError: shapes that do not fit.

    >>> law = (np.array([[1, 0], [0, 1]]), np.array([0.5, 0.5]))
    >>> round(total_variation(np.array([[1, 0]] * 60 + [[0, 1]] * 40), law), 12)
    0.1
    """
    observed, num_unlisted, probabilities = _tally(counts, law)
    distance = np.abs(observed / len(counts) - probabilities).sum() + num_unlisted / len(counts)
    return float(distance / 2)


def mean_occupancy_test(
    counts: np.ndarray,
    interferometer: Interferometer,
    occupation: Occupation,
    statistics: CountStatistics = "boson",
) -> MeanOccupancyTest:
    """Test the mean photon number of every mode, at any size.

    The means and variances are closed forms; all statistics share the means, not the
    variances. By the central limit theorem, so for at least some hundred shots.

    Args:
        counts: (N, m), one row a shot.
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        statistics: one of those of `covariance`.

    Raises:
        ValueError: counts whose shape does not fit, or a bad occupation.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> test = mean_occupancy_test(np.array([[2, 0]] * 300), splitter, [1, 1])
    >>> bool(test.p_value < 1e-9)
    True
    """
    counts = _checked(counts, interferometer.num_modes)
    deviation = counts.mean(axis=0) - mean_occupancy(interferometer, occupation)
    variance = np.diag(covariance(interferometer, occupation, statistics))
    certain = variance < _IMPOSSIBLE
    error = np.sqrt(np.where(certain, 1.0, variance) / len(counts))
    off = np.where(np.abs(deviation) > 1e-9, np.copysign(np.inf, deviation), 0.0)
    z_scores = np.where(certain, off, deviation / error)
    worst = int(np.argmax(np.abs(z_scores)))
    p_value = min(1.0, len(z_scores) * 2 * float(stats.norm.sf(abs(z_scores[worst]))))
    return MeanOccupancyTest(z_scores=z_scores, p_value=p_value, worst_mode=worst)


def _tally(counts: np.ndarray, law: Law) -> tuple[np.ndarray, int, np.ndarray]:
    """Shots of each outcome of the law, shots of none of them, and the probabilities."""
    outcomes, probabilities = np.asarray(law[0]), np.asarray(law[1], dtype=np.float64)
    if outcomes.ndim != 2 or probabilities.shape != (len(outcomes),) or not len(outcomes):
        raise ValueError(
            f"a law is outcomes (K, m) and probabilities (K,), not of shapes "
            f"{outcomes.shape} and {probabilities.shape}"
        )
    if probabilities.min() < 0 or abs(probabilities.sum() - 1) > 1e-6:
        raise ValueError(
            f"the probabilities of a law are >= 0 and sum to 1, not {probabilities.sum():.9g}"
        )
    counts = _checked(counts, outcomes.shape[1])
    rows, inverse = np.unique(
        np.concatenate([outcomes.astype(np.int64), counts]), axis=0, return_inverse=True
    )
    inverse = inverse.reshape(-1)
    listed, seen = inverse[: len(outcomes)], inverse[len(outcomes) :]
    if len(np.unique(listed)) != len(outcomes):
        raise ValueError("a law lists every outcome once; this one repeats some")
    tally = np.bincount(seen, minlength=len(rows))
    observed = tally[listed]
    return observed, int(len(counts) - observed.sum()), probabilities


def _checked(counts: np.ndarray, num_modes: int) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] != num_modes or not len(counts):
        raise ValueError(
            f"counts are a table (num_samples, {num_modes}) of at least one shot, "
            f"not of shape {counts.shape}"
        )
    return counts.astype(np.int64)


def _pool(expected: np.ndarray, min_expected: float) -> np.ndarray:
    """First index of each cell; `expected` falls. A last cell too small joins its neighbour."""
    starts = [0]
    total = 0.0
    for index, value in enumerate(expected):
        if total >= min_expected:
            starts.append(index)
            total = 0.0
        total += value
    if total < min_expected and len(starts) > 1:
        starts.pop()
    return np.array(starts)
