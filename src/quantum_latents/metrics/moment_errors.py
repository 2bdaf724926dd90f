"""Errors of first and second moments: which pixels are on, and which are on together.

Notation: generated samples x (N, d), reference samples y (M, d); the moments are those of the
samples, covariances normalised by 1 / N and 1 / M. Of bits the means are the marginals, and with
the covariances they are all that a pairwise (Ising) model of them would be fitted to.

Two distributions may share both: read them beside a two-sample metric. A constant output at the
reference's mean has no error of the means, and the reference's own covariances as its error.

Source: Schneidman, Berry, Segev, Bialek, *Weak pairwise correlations imply strongly correlated
network states in a neural population*, Nature 440 (2006), 1007-1012.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics.samples import as_samples_pair

__all__ = ["covariance_error", "mean_error"]


def mean_error(generated: ArrayLike, reference: ArrayLike) -> float:
    """Return the mean error of a coordinate's mean, in the coordinates' unit; lower is better.

    (1/d) sum_j |E x_j - E y_j|.

    Args:
        generated: samples (N, d), N >= 2.
        reference: samples (M, d), M >= 2.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.

    >>> mean_error([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])
    0.5
    """
    x, y = as_samples_pair(generated, reference)
    return float(np.abs(x.mean(axis=0) - y.mean(axis=0)).mean())


def covariance_error(generated: ArrayLike, reference: ArrayLike) -> float:
    """Return the mean error of a pair's covariance, in the unit squared; lower is better.

    2 / (d (d - 1)) sum_{j < k} |cov(x_j, x_k) - cov(y_j, y_k)|.

    Args:
        generated: samples (N, d), N >= 2, d >= 2.
        reference: samples (M, d), M >= 2.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        ValueError: one coordinate alone has no pairs.

    >>> covariance_error([[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]])
    0.5
    """
    x, y = as_samples_pair(generated, reference)
    num_coordinates = x.shape[1]
    if num_coordinates < 2:
        raise ValueError("covariances need pairs, and the samples have one coordinate")
    gap = np.cov(x.T, bias=True) - np.cov(y.T, bias=True)
    return float(np.abs(gap[np.triu_indices(num_coordinates, k=1)]).mean())
