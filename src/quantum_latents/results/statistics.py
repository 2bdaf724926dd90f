"""Statistics of values, one a seed or a task, that need no test of their own.

Notation: n values, or paired differences; p-values of a *family* of tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from quantum_latents.random import stream
from quantum_latents.results.sign_flip import MIN_PAIRS_INTERVAL, checked

__all__ = ["bca_interval", "effect_size", "holm", "interquartile_mean", "mean_standard_error"]

_BCA_RESAMPLES = 9_999


def mean_standard_error(values: Sequence[float] | np.ndarray) -> tuple[float, float | None]:
    """Return the mean and its standard error; None for the error of a single value.

    >>> mean_standard_error([1.0, 3.0])
    (2.0, 1.0)
    """
    array = checked(values)
    if len(array) < 2:
        return float(array.mean()), None
    return float(array.mean()), float(array.std(ddof=1) / math.sqrt(len(array)))


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean of the middle half: floor(n / 4) values are cut at each end.

    The aggregate over tasks and seeds of Agarwal et al., *Deep reinforcement learning at the
    edge of the statistical precipice*, NeurIPS 2021.

    >>> interquartile_mean([0, 1, 2, 100])
    1.5
    """
    array = np.sort(checked(values))
    cut = len(array) // 4
    return float(array[cut : len(array) - cut].mean())


def effect_size(differences: Sequence[float] | np.ndarray) -> float | None:
    """Return Cohen's d_z, mean over standard deviation (n - 1) of the differences.

    None where it is not defined: fewer than two differences, or all of them equal.

    >>> effect_size([1.0, 2.0, 3.0])
    2.0
    """
    values = checked(differences)
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
    values = checked(differences)
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


def _is_constant(values: np.ndarray) -> bool:
    """Whether the spread is nothing but rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
