"""Metrics of discrete data: how far generated samples are from what counts can be.

Notation: generated samples x, shape (N, d); x_ij is coordinate j of sample i. Coordinates
and totals are in photons (or bits, or whatever unit the data count).

A constant output at any point with integer coordinates reaches 0 in `l1_to_integer`, and one
with the right sum reaches 0 in `total_photon_error`: neither says that a distribution was
learned. Read them beside a two-sample metric. `outcome_distance` is one: it sees the law of whole
outcomes, also where no correlation of few coordinates tells it from independent ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics.samples import as_samples, as_samples_pair

__all__ = ["l1_to_integer", "outcome_distance", "total_photon_error"]


def l1_to_integer(generated: ArrayLike) -> float:
    """Return the mean distance of a coordinate to its nearest integer; lower is better.

    (1 / N d) sum_ij |x_ij - round(x_ij)|, in [0, 1/2]; independent uniform noise gives 1/4.

    Source: the metric of Table I of arXiv 2508.19857 (Appendix D).

    Args:
        generated: samples (N, d), N >= 2.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples`.

    >>> l1_to_integer([[0.0, 1.25], [2.0, 0.75]])
    0.125
    """
    x = as_samples(generated, "generated")
    return float(np.abs(x - np.rint(x)).mean())


def total_photon_error(generated: ArrayLike, total: float, *, rounded: bool = False) -> float:
    """Return the mean error of a sample's photon total, in photons; lower is better.

    (1 / N) sum_i |sum_j x_ij - total|. An interferometer without loss conserves the photon
    number, so photon-count data have exactly 0. With `rounded`, every coordinate is first
    rounded to its nearest integer: the error of the counts one would read off.

    Args:
        generated: samples (N, d), N >= 2.
        total: the photon number of every data sample, >= 0.
        rounded: whether to round coordinates first.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples`.
        ValueError: the total is negative or not finite.

    >>> total_photon_error([[1.0, 1.0], [2.0, 0.5]], total=2)
    0.25
    >>> total_photon_error([[1.0, 1.0], [2.0, 0.4]], total=2, rounded=True)
    0.0
    """
    x = as_samples(generated, "generated")
    if not (np.isfinite(total) and total >= 0):
        raise ValueError(f"total is a photon number >= 0, not {total}")
    if rounded:
        x = np.rint(x)
    return float(np.abs(x.sum(axis=1) - total).mean())


def outcome_distance(
    generated: ArrayLike, reference: ArrayLike, collision_probability: float
) -> float:
    """Return the squared distance of two laws of outcomes, relative; lower is better.

    ``sum_s (P(s) - Q(s))**2 / sum_s Q(s)**2`` over outcomes s, rows rounded to whole numbers, P of
    the generated and Q of the reference samples: a squared maximum mean discrepancy whose kernel
    is 1 for equal outcomes and 0 for others. Its unbiased estimate, from the shares of equal pairs
    within the sets and between them, has mean 0 if P = Q, and may be negative; it is at least 1 in
    the mean if the two share no outcome, and far above if P has few.

    Args:
        generated: samples (N, d), N >= 2.
        reference: samples (M, d), M >= 2.
        collision_probability: ``sum_s Q(s)**2``, exact, in (0, 1]. With fewer than about
            ``collision_probability**(-1/2)`` samples hardly any two are equal, and the estimate is
            noise: its sampling floor tells.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        ValueError: the collision probability is out of its range.

    Source: Gretton et al., *A kernel two-sample test*, JMLR 13 (2012), Lemma 6, for the estimate.

    >>> x, y = [[0.1], [0.9], [0.0], [1.2]], [[0.0], [0.0], [1.0], [1.0]]
    >>> round(outcome_distance(x, y, 0.5), 6)
    -0.666667
    >>> outcome_distance([[3.0], [2.0]], [[0.0], [0.0]], 1.0)
    1.0
    """
    x, y = as_samples_pair(generated, reference)
    if not 0 < collision_probability <= 1:
        raise ValueError(f"collision_probability is in (0, 1], not {collision_probability}")
    rows = np.rint(np.concatenate([x, y])) + 0.0  # -0.0 and 0.0 are one outcome
    _, outcome = np.unique(rows, axis=0, return_inverse=True)
    outcome = outcome.reshape(-1)  # numpy 2.0.0 gives it a second axis
    size = int(outcome.max()) + 1
    a = np.bincount(outcome[: len(x)], minlength=size).astype(np.float64)
    b = np.bincount(outcome[len(x) :], minlength=size).astype(np.float64)
    # The exact sum of Q**2 is no better than its estimate: the errors of y would not cancel.
    within = sum((c * (c - 1)).sum() / (c.sum() * (c.sum() - 1)) for c in (a, b))
    between = (a * b).sum() / (len(x) * len(y))
    return float((within - 2 * between) / collision_probability)
