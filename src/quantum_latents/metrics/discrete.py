"""Metrics of discrete data: how far generated samples are from what counts can be.

Notation: generated samples x, shape (N, d); x_ij is coordinate j of sample i. Coordinates
and totals are in photons (or bits, or whatever unit the data count).

A constant output at any point with integer coordinates reaches 0 in `l1_to_integer`, and one
with the right sum reaches 0 in `total_photon_error`: neither says that a distribution was
learned. Read them beside a two-sample metric.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics.samples import as_samples

__all__ = ["l1_to_integer", "total_photon_error"]


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
