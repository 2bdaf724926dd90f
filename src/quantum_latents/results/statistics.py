"""Paired statistics by the exact sign-flip test.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantum_latents.random import BLOCK_ROWS, stream

if TYPE_CHECKING:
    from quantum_latents.results.verdicts import Verdict

__all__ = [
    "MAX_EXACT_PAIRS",
    "MIN_PAIRS_INTERVAL",
    "NUM_SUBSETS",
    "Comparison",
    "TypicalValues",
    "bca_interval",
    "effect_size",
    "equivalence",
    "holm",
    "interquartile_mean",
    "mean_interval",
    "mean_standard_error",
    "paired_comparison",
    "typical_values",
]

MAX_EXACT_PAIRS = 20
"""Up to so many pairs every subset is enumerated (2^20 means, a fraction of a second)."""

NUM_SUBSETS = 99_999
"""Random subsets drawn beyond `MAX_EXACT_PAIRS` pairs."""

MIN_PAIRS_INTERVAL = 6
"""Pairs from which the 95 % interval is finite: 2^(1-6) = 0.031 <= 0.05 < 2^(1-5)."""

_BCA_RESAMPLES = 9_999


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
    values = _checked(differences)
    tolerance = 1e-12 * float(np.abs(values).max())
    means = np.sort(_subset_means(values))
    return TypicalValues(means=means, num_values=len(values), tolerance=tolerance)


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
    p_value = _equivalence_p(typical_values(differences), margin)
    return p_value, p_value < alpha


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for a family by Holm's step-down method (Holm 1979).

    In ascending order, adjusted p_(i) = max over j <= i of min(1, (N - j + 1) p_(j)).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p-values lie between 0 and 1: {p_values!r}")
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps) if len(p) else steps
    return adjusted.tolist()


def effect_size(differences: Sequence[float] | np.ndarray) -> float | None:
    """Return Cohen's d_z, mean over standard deviation (n - 1) of the differences.

    None where it is not defined: fewer than two differences, or all of them equal.

    >>> effect_size([1.0, 2.0, 3.0])
    2.0
    """
    values = _checked(differences)
    if _is_constant(values):
        return None
    return float(values.mean() / values.std(ddof=1))


def bca_interval(
    differences: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the BCa bootstrap interval of the mean (Efron 1987), from a fixed stream.

    A second opinion that needs no symmetry but is approximate. None below
    `MIN_PAIRS_INTERVAL` values, where it is far too narrow, and where all values are equal.

    >>> low, high = bca_interval([0.9, 1.1, 1.0, 1.2, 0.8, 1.0])
    >>> low < 1.0 < high
    True
    """
    values = _checked(differences)
    if len(values) < MIN_PAIRS_INTERVAL or _is_constant(values):
        return None
    from scipy.stats import bootstrap  # slow to import, and only reports need it

    result = bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=_BCA_RESAMPLES,
        method="BCa",
        vectorized=True,
        rng=stream(0, "results", "bca").generator(),
    )
    low, high = result.confidence_interval
    return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None


def mean_standard_error(values: Sequence[float] | np.ndarray) -> tuple[float, float | None]:
    """Return the mean and its standard error; None for the error of a single value.

    >>> mean_standard_error([1.0, 3.0])
    (2.0, 1.0)
    """
    array = _checked(values)
    if len(array) < 2:
        return float(array.mean()), None
    return float(array.mean()), float(array.std(ddof=1) / math.sqrt(len(array)))


def mean_interval(
    values: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the typical-value interval of unpaired values; None where it is infinite.

    >>> mean_interval([1, 2, 3, 4, 5, 6]) == typical_values([1, 2, 3, 4, 5, 6]).interval()
    True
    """
    means = _subset_means(_checked(values))
    if (rank := _rank(len(means), confidence)) < 1:
        return None
    # Two order statistics do not need the others in order.
    ends = np.partition(means, [rank - 1, len(means) - rank])
    return float(ends[rank - 1]), float(ends[-rank])


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean of the middle half: floor(n / 4) values are cut at each end.

    The aggregate over tasks and seeds of Agarwal et al., *Deep reinforcement learning at the
    edge of the statistical precipice*, NeurIPS 2021.

    >>> interquartile_mean([0, 1, 2, 100])
    1.5
    """
    array = np.sort(_checked(values))
    cut = len(array) // 4
    return float(array[cut : len(array) - cut].mean())


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One latent against the reference, by one metric on one data set, paired by seed.

    Attributes:
        data, metric, reference, other: names.
        label, unit, direction: of the metric; direction says which way is better.
        seeds: the paired seeds, ascending; `reference_values` and `other_values` follow them.
        num_dropped: seeds left out because one of the two runs diverged or has no value.
        num_unpaired: seeds of which only one of the two runs exists (an unfinished study).
        mean_difference: of other - reference; None without pairs.
        confidence: of both intervals.
        interval: by inversion of the exact sign-flip test; None where it would be infinite.
        bca_interval: by BCa bootstrap; None where it is not defined.
        p_value: two-sided sign-flip p; None without pairs.
        p_holm: `p_value` adjusted within the family; None outside a family.
        effect_size: Cohen's d_z; None where it is not defined.
        margin: declared margin of equivalence; None if none was declared.
        p_equivalence, p_equivalence_holm: of the two one-sided tests against the margin.
        constant_wins: whether a constant output would score best by this metric.
        corroborated_by: the two-sample metrics asked to agree in that case.
        reference_sizes, other_sizes: from how many samples the metric was computed, of each
            pair; empty where the rows do not say, as for most metrics it does not matter.
        verdict: what the numbers carry; None outside a family.
    """

    data: str = ""
    metric: str = ""
    reference: str = "reference"
    other: str = "other"
    label: str = ""
    unit: str = ""
    direction: Literal["lower", "higher"]
    seeds: tuple[int, ...]
    reference_values: tuple[float, ...]
    other_values: tuple[float, ...]
    num_dropped: int
    num_unpaired: int
    mean_difference: float | None
    confidence: float
    interval: tuple[float, float] | None
    bca_interval: tuple[float, float] | None
    p_value: float | None
    p_holm: float | None = None
    effect_size: float | None
    margin: float | None = None
    p_equivalence: float | None = None
    p_equivalence_holm: float | None = None
    constant_wins: bool = False
    corroborated_by: tuple[str, ...] = ()
    reference_sizes: tuple[int, ...] = ()
    other_sizes: tuple[int, ...] = ()
    verdict: Verdict | None = None

    @property
    def num_seeds(self) -> int:
        """Number of pairs, n."""
        return len(self.seeds)

    @property
    def is_of_unequal_sizes(self) -> bool:
        """Whether a pair was computed from different numbers of samples."""
        return self.reference_sizes != self.other_sizes

    @property
    def differences(self) -> tuple[float, ...]:
        """Other - reference, one a seed."""
        pairs = zip(self.other_values, self.reference_values, strict=True)
        return tuple(other - reference for other, reference in pairs)


def paired_comparison(
    reference: Mapping[int, float | None],
    other: Mapping[int, float | None],
    direction: Literal["lower", "higher"],
    *,
    margin: float | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two latents by the seeds they share.

    Args:
        reference: seed -> value; None for a run that diverged.
        other: the same for the other latent.
        direction: "lower" or "higher", whichever is better.
        margin: declared margin of equivalence, in the metric's unit.
        confidence: of the intervals.

    Returns:
        The comparison without names, adjustment or verdict: `family` fills those in.

    Raises:
        ValueError: the direction is unknown, a margin is not positive, or a value not finite.

    >>> comparison = paired_comparison({0: 1.0, 1: 1.1, 2: None}, {0: 1.5, 1: 1.4, 2: 1.2}, "lower")
    >>> comparison.seeds, round(comparison.mean_difference, 3), comparison.num_dropped
    ((0, 1), 0.4, 1)
    >>> comparison.p_value == 2 ** (1 - 2), comparison.interval
    (True, None)
    """
    if direction not in ("lower", "higher"):
        raise ValueError(f"a direction is 'lower' or 'higher', not {direction!r}")
    for name, values in (("reference", reference), ("other", other)):
        for seed, value in values.items():
            if value is not None and not math.isfinite(value):
                raise ValueError(
                    f"{name}, seed {seed}: {value!r} is not finite; give None for a diverged run"
                )
    diverged = {seed for values in (reference, other) for seed, v in values.items() if v is None}
    seeds = sorted((reference.keys() & other.keys()) - diverged)
    pairs = [(float(reference[seed] or 0.0), float(other[seed] or 0.0)) for seed in seeds]
    differences = np.array([b - a for a, b in pairs])
    typical = typical_values(differences) if seeds else None
    return Comparison(
        direction=direction,
        seeds=tuple(seeds),
        reference_values=tuple(a for a, _ in pairs),
        other_values=tuple(b for _, b in pairs),
        num_dropped=len(diverged),
        num_unpaired=len((reference.keys() ^ other.keys()) - diverged),
        mean_difference=float(differences.mean()) if seeds else None,
        confidence=confidence,
        interval=typical.interval(confidence) if typical else None,
        bca_interval=bca_interval(differences, confidence) if seeds else None,
        p_value=typical.p_two_sided() if typical else None,
        effect_size=effect_size(differences) if seeds else None,
        margin=margin,
        p_equivalence=_equivalence_p(typical, margin) if typical and margin is not None else None,
    )


def _equivalence_p(typical: TypicalValues, margin: float) -> float:
    if not margin > 0 or not math.isfinite(margin):
        raise ValueError(f"a margin of equivalence is a finite number > 0, not {margin!r}")
    return max(typical.p_above(-margin), typical.p_below(margin))


def _is_constant(values: np.ndarray) -> bool:
    """Whether the spread is nothing but rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def _checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"need at least one value in one dimension, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"value {array[~np.isfinite(array)][0]!r} is not finite")
    return array
