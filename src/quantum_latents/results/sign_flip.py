"""The exact sign-flip test, and the intervals that invert it.

Notation: d_1..d_n are the paired differences other - reference, one a seed, and theta their
centre. For a non-empty subset S of the n pairs, mean_S is the mean of its d_i: a *typical
value* of theta. If the d_i are independent and each is symmetric about theta, then theta
falls with equal probability 2^-n into each of the 2^n gaps between the 2^n - 1 sorted typical
values (Hartigan, *Using subsample values as typical values*, JASA 64, 1969). Everything here
reads that one sorted list:

- the interval of confidence 1 - alpha runs from the k-th smallest to the k-th largest, with
  k = floor(alpha / 2 * 2^n). It is finite from n = 6 at 95 %;
- the one-sided p against "theta > t" is (1 + #{S: mean_S <= t}) / 2^n, which is the sign-flip
  test of d - t (flipping the signs of S keeps the sum as large exactly when mean_S <= t);
- the two-sided p is twice the smaller one-sided p, never below 2^(1-n).

Up to `MAX_EXACT_PAIRS` pairs the list is complete. Beyond, it holds `NUM_SUBSETS` random
non-empty subsets of a fixed stream, with NUM_SUBSETS + 1 in place of 2^n: still a valid test
(Phipson and Smyth 2010), the same at every call, with the floor 2 / (NUM_SUBSETS + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from quantum_latents.random import BLOCK_ROWS, stream

__all__ = [
    "MAX_EXACT_PAIRS",
    "MIN_PAIRS_INTERVAL",
    "NUM_SUBSETS",
    "TypicalValues",
    "checked",
    "equivalence",
    "equivalence_p",
    "mean_interval",
    "typical_values",
]

MAX_EXACT_PAIRS = 20
"""Up to so many pairs every subset is enumerated (2^20 means, a fraction of a second)."""

NUM_SUBSETS = 99_999
"""Random subsets drawn beyond `MAX_EXACT_PAIRS` pairs."""

MIN_PAIRS_INTERVAL = 6
"""Pairs from which the 95 % interval is finite: 2^(1-6) = 0.031 <= 0.05 < 2^(1-5)."""


@dataclass(frozen=True, kw_only=True)
class TypicalValues:
    """Sorted subset means of the differences; see the module's notation.

    Attributes:
        means: float64 (num_subsets,), ascending.
        num_values: how many differences there are, n.
        tolerance: two means closer than this are tied; rounding must not split ties.
    """

    means: np.ndarray
    num_values: int
    tolerance: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Return the interval of the centre, or None where it would be infinite.

        >>> typical_values([1.0] * 5).interval() is None
        True
        >>> typical_values([1, 2, 3, 4, 5, 6]).interval()
        (1.0, 6.0)
        """
        if (rank := _rank(len(self.means), confidence)) < 1:
            return None
        return float(self.means[rank - 1]), float(self.means[-rank])

    def p_above(self, centre: float) -> float:
        """Return the one-sided p of theta <= centre against theta > centre."""
        count = np.searchsorted(self.means, centre + self.tolerance, side="right")
        return (1 + int(count)) / (len(self.means) + 1)

    def p_below(self, centre: float) -> float:
        """Return the one-sided p of theta >= centre against theta < centre."""
        count = len(self.means) - np.searchsorted(self.means, centre - self.tolerance, side="left")
        return (1 + int(count)) / (len(self.means) + 1)

    def p_two_sided(self, centre: float = 0.0) -> float:
        """Return the two-sided p of theta = centre.

        >>> typical_values([1, 2, 3, 4, 5, 6]).p_two_sided() == 2 ** (1 - 6)
        True
        """
        return min(1.0, 2 * min(self.p_above(centre), self.p_below(centre)))


def typical_values(differences: Sequence[float] | np.ndarray) -> TypicalValues:
    """Return the sorted means of the non-empty subsets of the differences, shape (n,).

    Raises:
        ValueError: there are none, or one is not finite.

    >>> typical_values([1.0, 2.0]).means.tolist()
    [1.0, 1.5, 2.0]
    """
    values = checked(differences)
    tolerance = 1e-12 * float(np.abs(values).max())
    means = np.sort(_subset_means(values))
    return TypicalValues(means=means, num_values=len(values), tolerance=tolerance)


def mean_interval(
    values: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the typical-value interval of unpaired values; None where it is infinite.

    >>> mean_interval([1, 2, 3, 4, 5, 6]) == typical_values([1, 2, 3, 4, 5, 6]).interval()
    True
    """
    means = _subset_means(checked(values))
    if (rank := _rank(len(means), confidence)) < 1:
        return None
    # Two order statistics do not need the others in order.
    ends = np.partition(means, [rank - 1, len(means) - rank])
    return float(ends[rank - 1]), float(ends[-rank])


def equivalence(
    differences: Sequence[float] | np.ndarray, margin: float, *, alpha: float = 0.05
) -> tuple[float, bool]:
    """Test whether the centre of the differences lies within (-margin, margin).

    Two one-sided tests (Schuirmann 1987), each the exact sign-flip test of the differences
    shifted by a margin; the p is the larger of the two.

    Args:
        differences: shape (n,), in the metric's unit.
        margin: the largest difference that still counts as none, > 0, declared beforehand.
        alpha: the level.

    Returns:
        p and whether p < alpha.

    Raises:
        ValueError: the margin is not positive, or a difference is not finite.

    >>> equivalence([0.01, -0.02, 0.0, 0.01, -0.01, 0.02], margin=0.1)
    (0.015625, True)
    """
    p_value = equivalence_p(typical_values(differences), margin)
    return p_value, p_value < alpha


def equivalence_p(typical: TypicalValues, margin: float) -> float:
    """Return the p of `equivalence`, from typical values that are there already."""
    if not margin > 0 or not math.isfinite(margin):
        raise ValueError(f"a margin of equivalence is a finite number > 0, not {margin!r}")
    return max(typical.p_above(-margin), typical.p_below(margin))


def _rank(num_means: int, confidence: float) -> int:
    """Return k, counted from 1: the interval runs from the k-th smallest to the k-th largest."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence!r}")
    return math.floor((1 - confidence) / 2 * (num_means + 1) + 1e-9)


def _subset_means(values: np.ndarray) -> np.ndarray:
    """Return the means of the non-empty subsets, all or drawn ones, in no order."""
    if len(values) <= MAX_EXACT_PAIRS:
        sums = np.zeros(1 << len(values))
        for k, value in enumerate(values):
            np.add(sums[: 1 << k], value, out=sums[1 << k : 2 << k])
        return sums[1:] / _subset_sizes(len(values))
    members, sizes = _random_subsets(len(values))
    # Block by block: all of them as float64 would be eight times the memory.
    blocks = range(0, NUM_SUBSETS, BLOCK_ROWS)
    drawn = [members[i : i + BLOCK_ROWS].astype(np.float64) @ values for i in blocks]
    return np.concatenate(drawn) / sizes


@lru_cache(maxsize=1)
def _subset_sizes(num_values: int) -> np.ndarray:
    """Return the size of every non-empty subset, in the order of its sum, float64 (2^n - 1,)."""
    sizes = np.zeros(1 << num_values)
    for k in range(num_values):
        np.add(sizes[: 1 << k], 1, out=sizes[1 << k : 2 << k])
    return sizes[1:]


@lru_cache(maxsize=4)
def _random_subsets(num_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the drawn subsets, uint8 (NUM_SUBSETS, n), and their sizes, int64.

    Kept: a study asks for the same ones for every latent and metric.
    """

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        members = generator.integers(0, 2, size=(num_rows, num_values), dtype=np.uint8)
        members[members.sum(axis=1, dtype=np.int64) == 0] = 1  # the empty subset has no mean
        return members

    members = stream(0, "results", "sign-flip", num_values).rows(0, NUM_SUBSETS, draw)
    return members, members.sum(axis=1, dtype=np.int64)


def checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return finite values, one or more, as float64 (n,)."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"need at least one value in one dimension, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"value {array[~np.isfinite(array)][0]!r} is not finite")
    return array
