"""Metrics of images, in the features of a network that was trained to tell the images apart.

Notation: x (N, d) are generated and y (M, d) reference images, in the units that the network takes;
phi(x) (N, p) their *features*, what its last hidden layer gives; |.| is Euclidean. The network is a
perceptron with ReLU, of weights `weight1` (d_1, d), `bias1` (d_1,), `weight2`, ...: the features
are phi = relu(W_L relu(... W_1 x + b_1 ...) + b_L), without the layer that names classes. Or it
is Inception, whose features are computed where there is torch (`quantum_latents.evaluation`).

The published FID and KID take the features of Inception; with another network the same formula is
another metric, and bears another name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from quantum_latents.metrics.frechet import (
    frechet_distance,
    frechet_distance_of_few,
    moments,
)

__all__ = [
    "ComparedFeatures",
    "Manifolds",
    "features_of",
    "frechet_feature_distance",
    "kernel_feature_distance",
    "manifolds",
]

NEIGHBOURS = 5
"""k of `manifolds`, as in Naeem et al. 2020."""

_BLOCK_ROWS = 1024
_MOST_NARROW = 256
"""Features from which on distances are taken from matrix products, a hundred times as fast."""


def features_of(images: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return phi (N, p), float64, of images (N, d).

    Raises:
        ValueError: the network takes images of another size.

    >>> network = {"weight1": np.array([[1.0, -1.0]]), "bias1": np.array([0.5])}
    >>> features_of(np.array([[2.0, 1.0], [0.0, 3.0]]), network)
    array([[1.5],
           [0. ]])
    """
    values = np.asarray(images, dtype=np.float64)
    first = weights["weight1"]
    if values.shape[1:] != (first.shape[1],):
        raise ValueError(
            f"the feature network takes rows of {first.shape[1]} numbers, not {values.shape}"
        )
    layer = 1
    while (name := f"weight{layer}") in weights:
        values = values @ weights[name].T.astype(np.float64) + weights[f"bias{layer}"]
        values = np.maximum(values, 0)
        layer += 1
    return values


def frechet_feature_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Return the squared Fréchet distance of features (N, p) and (M, p); lower is better, 0 best.

    The formula of the FID (Heusel et al. 2017, arXiv 1706.08500), see
    `quantum_latents.metrics.frechet`. It is biased upwards by few samples.
    """
    if max(len(x), len(y)) < x.shape[1]:
        return frechet_distance_of_few(x, y)
    return frechet_distance(moments(x), moments(y))


def kernel_feature_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Return the squared maximum mean discrepancy of features under a cubic kernel; lower is best.

    The formula of the KID (Bińkowski et al. 2018, arXiv 1801.01401), k(a, b) = (a b / p + 1)^3,
    unbiased, so that it may be slightly negative, over all samples at once.

    Args:
        x: features (N, p), N >= 2.
        y: others (M, p), M >= 2.

    >>> kernel_feature_distance(np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]]))
    7.0
    """
    p = x.shape[1]

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / p + 1) ** 3

    def within(points: np.ndarray) -> float:
        number = len(points)
        alone = ((points * points).sum(1) / p + 1) ** 3
        return float((kernel(points, points).sum() - alone.sum()) / (number * (number - 1)))

    return within(x) + within(y) - 2 * float(kernel(x, y).mean())


@dataclass(frozen=True)
class Manifolds:
    """How two sets of features cover one another; all are best high, density may exceed 1.

    Attributes:
        precision: share of generated images within the reference images' balls.
        recall: share of reference images within the generated images' balls.
        density: mean number of reference images' balls that a generated image lies in, by k.
        coverage: share of reference images whose ball holds a generated image.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(x: np.ndarray, y: np.ndarray, neighbours: int = NEIGHBOURS) -> Manifolds:
    """Return precision and recall, density and coverage of features (N, p) and (M, p).

    The ball of a point reaches to its k-th nearest neighbour in its own set.

    Source: Kynkäänniemi et al. 2019, arXiv 1904.06991 (precision, recall); Naeem et al. 2020,
    arXiv 2002.09797 (density, coverage).

    Args:
        x: features of generated images.
        y: of the reference images.
        neighbours: k.

    Raises:
        ValueError: a set has no k-th neighbour.

    >>> y = np.arange(4.0)[:, None]
    >>> manifolds(np.array([[0.1], [0.2], [9.0]]), y, neighbours=1).coverage
    0.5
    """
    if min(len(x), len(y)) <= neighbours:
        raise ValueError(
            f"a {neighbours}-th neighbour needs more than {neighbours} samples, not "
            f"{min(len(x), len(y))}"
        )
    radii_x, radii_y = _radii(x, neighbours), _radii(y, neighbours)
    num_within = np.zeros(len(x))
    recalled, covered = np.zeros(len(y), dtype=bool), np.zeros(len(y), dtype=bool)
    for start in range(0, len(x), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        apart = _distances(x[rows], y)
        in_ball = apart <= radii_y
        num_within[rows] = in_ball.sum(1)
        covered |= in_ball.any(0)
        recalled |= (apart <= radii_x[rows, None]).any(0)
    return Manifolds(
        precision=float((num_within > 0).mean()),
        recall=float(recalled.mean()),
        density=float(num_within.mean() / neighbours),
        coverage=float(covered.mean()),
    )


def _radii(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Return each point's distance to its k-th neighbour, itself not counted."""
    return np.concatenate(
        [
            np.partition(
                _distances(points[start : start + _BLOCK_ROWS], points), neighbours, axis=1
            )[:, neighbours]
            for start in range(0, len(points), _BLOCK_ROWS)
        ]
    )


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return |a_i - b_j| (N, M); of wide rows |a|^2 + |b|^2 - 2 a b, with an error of 1e-16 |b|^2.

    >>> a, b = np.eye(300)[:2], np.zeros((1, 300))
    >>> _distances(a, b).tolist() == _distances(a[:, :2], b[:, :2]).tolist()
    True
    """
    if a.shape[1] <= _MOST_NARROW:
        return cdist(a, b)
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * (a @ b.T)
    return np.sqrt(np.maximum(squared, 0))


@dataclass(frozen=True, eq=False)
class ComparedFeatures:
    """Features of generated and of reference images, and how they compare, each computed once.

    Attributes:
        x: features (N, p) of generated images.
        y: (M, p) of the reference images.

    >>> compared = ComparedFeatures(np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]]))
    >>> compared.frechet, compared.kernel
    (1.0, 7.0)
    """

    x: np.ndarray
    y: np.ndarray

    @functools.cached_property
    def frechet(self) -> float:
        """`frechet_feature_distance`."""
        return frechet_feature_distance(self.x, self.y)

    @functools.cached_property
    def kernel(self) -> float:
        """`kernel_feature_distance`."""
        return kernel_feature_distance(self.x, self.y)

    @functools.cached_property
    def manifolds(self) -> Manifolds:
        """`manifolds`."""
        return manifolds(self.x, self.y)
