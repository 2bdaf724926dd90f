"""The Fréchet distance of two sets of activations, taken for normal distributions.

Notation: activations (N, d), one row a sample, with multiplicities w (N,) where a row stands for
several equal samples; mean m (d,) and covariance C (d, d), which divides by their number less one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Moments", "frechet_distance", "frechet_distance_of_few", "moments"]


@dataclass(frozen=True, eq=False)
class Moments:
    """What the distance sees of a set of samples.

    Attributes:
        mean: float64 (d,).
        covariance: float64 (d, d).
        num_samples: how many samples, multiplicities counted.
    """

    mean: np.ndarray
    covariance: np.ndarray
    num_samples: int


def moments(activations: np.ndarray, multiplicities: np.ndarray | None = None) -> Moments:
    """Return mean and covariance of activations (N, d), in float64.

    Args:
        activations: one row a sample, or a distinct sample.
        multiplicities: how many samples each row stands for, integers >= 0; None is one each.

    Raises:
        ValueError: fewer than two samples.

    >>> moments(np.array([[0.0], [3.0]]), np.array([2, 1])).covariance
    array([[3.]])
    """
    rows = np.asarray(activations, dtype=np.float64)
    weights = np.ones(len(rows)) if multiplicities is None else np.asarray(multiplicities, float)
    num_samples = int(weights.sum())
    if num_samples < 2:
        raise ValueError(f"a covariance needs 2 samples or more, not {num_samples}")
    mean = weights @ rows / num_samples
    centred = (rows - mean) * np.sqrt(weights)[:, None]
    return Moments(mean, centred.T @ centred / (num_samples - 1), num_samples)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return the squared Fréchet distance of two normal distributions; lower is better, 0 best.

    |m_a - m_b|^2 + tr C_a + tr C_b - 2 tr (C_a C_b)^(1/2). The last trace is the sum of the
    singular values of C_a^(1/2) C_b^(1/2), with roots from eigenvalues of symmetric matrices:
    nothing is complex, no root fails to converge, and covariances of low rank lose no digits.
    The published "distances" (FID, FCD) are this square.

    Source: Dowson and Landau, *The Fréchet distance between multivariate normal distributions*,
    Journal of Multivariate Analysis 12 (1982).

    >>> one = Moments(np.zeros(2), np.eye(2), 9)
    >>> frechet_distance(one, Moments(np.array([3.0, 0.0]), 4 * np.eye(2), 9))
    11.0
    """
    product = _half_root(a.covariance).T @ _half_root(b.covariance)
    traced = np.linalg.svd(product, compute_uv=False).sum()
    apart = ((a.mean - b.mean) ** 2).sum()
    return float(apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * traced)


def frechet_distance_of_few(x: np.ndarray, y: np.ndarray) -> float:
    """Return `frechet_distance` of the moments of activations (N, d) and (M, d), for N, M < d.

    With A the centred rows of x by (N - 1)^(1/2), C_x = A^T A, and B of y: the last trace is the
    sum of the singular values of A B^T (N, M), and no matrix (d, d) is made.

    Raises:
        ValueError: fewer than two samples.

    >>> x, y = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[1.0, 0, 0], [1.0, 0, 0]])
    >>> frechet_distance_of_few(x, y), frechet_distance(moments(x), moments(y))
    (4.0, 4.0)
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f"a covariance needs 2 samples or more, not {min(len(x), len(y))}")
    means = x.mean(0), y.mean(0)
    a, b = ((r - m) / np.sqrt(len(r) - 1) for r, m in zip((x, y), means, strict=True))
    traced = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    return float(apart + (a * a).sum() + (b * b).sum() - 2 * traced)


def _half_root(covariance: np.ndarray) -> np.ndarray:
    """Return F with F F^T the covariance; an orthogonal factor beside it changes no trace."""
    values, vectors = np.linalg.eigh(covariance)
    # What rounding leaves of a zero eigenvalue has a root a hundred million times as large.
    rounding = len(values) * np.finfo(np.float64).eps * np.abs(values).max(initial=0)
    return vectors * np.sqrt(np.where(values > rounding, values, 0))
