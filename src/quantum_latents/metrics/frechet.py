"""The Fréchet distance of two sets of activations, taken for normal distributions.

Notation: activations (N, d), one row a sample, with multiplicities w (N,) where a row stands for
several equal samples; mean m (d,) and covariance C (d, d), which divides by their number less one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Moments", "frechet_distance", "moments"]


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

    |m_a - m_b|^2 + tr C_a + tr C_b - 2 tr (C_a^(1/2) C_b C_a^(1/2))^(1/2), both roots from
    eigenvalues of symmetric matrices, so that nothing is complex and no root fails to converge.
    The published "distances" (FID, FCD) are this square.

    Source: Dowson and Landau, *The Fréchet distance between multivariate normal distributions*,
    Journal of Multivariate Analysis 12 (1982).

    >>> one = Moments(np.zeros(2), np.eye(2), 9)
    >>> frechet_distance(one, Moments(np.array([3.0, 0.0]), 4 * np.eye(2), 9))
    11.0
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = root @ b.covariance @ root
    traced = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0)).sum()
    apart = ((a.mean - b.mean) ** 2).sum()
    return float(apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * traced)
