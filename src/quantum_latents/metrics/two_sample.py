"""Two-sample metrics: how far generated samples are from the data, as distributions.

Notation: generated samples x (N, d) from P, reference samples y (M, d) from Q; |.| is the
Euclidean norm. Every metric is 0 in the mean (or as N, M grow) when P = Q, and lower is
better. Samples are used as given, all of them: nothing is standardised or left out here.

Distances come from blocks of matrix products in float64, at most a few MB at a time: the
squared distance of two points carries an absolute error of about 1e-16 times the squared
distance of the points from the reference's mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from quantum_latents.metrics.samples import as_samples, as_samples_pair
from quantum_latents.random import Stream

__all__ = [
    "BANDWIDTH_ROWS",
    "energy_distance",
    "median_bandwidth",
    "mmd_squared",
    "projections",
    "sliced_wasserstein",
]

BANDWIDTH_ROWS = 1000
"""The bandwidth is a median over the pairs of this many first reference rows."""

_BLOCK_ROWS = 256


def median_bandwidth(reference: ArrayLike) -> float:
    """Return the median heuristic of a Gaussian kernel's bandwidth, in the coordinates' unit.

    h = median of |y_i - y_j| over the pairs i < j <= 1000 of distinct points. The rows of a
    reference are in random order, so its first 1000 are a fair sample of it. Only the reference
    enters, so that every model is measured with one kernel; equal points are left out, so that
    h > 0 also for discrete data in which most pairs coincide.

    Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola, *A kernel two-sample test*, JMLR 13
    (2012), section 8.

    Args:
        reference: samples (M, d), M >= 2.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples`.
        ValueError: all the points are equal.

    >>> median_bandwidth([[0.0], [0.0], [1.0], [3.0]])
    2.0
    """
    distances = pdist(as_samples(reference, "reference")[:BANDWIDTH_ROWS])
    distances = distances[distances > 0]
    if distances.size == 0:
        raise ValueError(
            f"the first {BANDWIDTH_ROWS} reference samples are all equal: "
            "they set no length scale; pass bandwidth=... yourself"
        )
    return float(np.median(distances))


def mmd_squared(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    bandwidth: float | None = None,
    unbiased: bool = True,
) -> float:
    """Return the squared maximum mean discrepancy of two sets of samples; lower is better.

    E k(x, x') + E k(y, y') - 2 E k(x, y), with the kernel

        k(a, b) = (1/3) sum_{c in 1/2, 1, 2} exp(-|a - b|^2 / (2 c^2 h^2)),  h = bandwidth.

    The unbiased estimator leaves out i = j: its mean is 0 when P = Q, so it may be slightly
    negative. The kernel is characteristic: the population value is 0 only then. It has no unit
    and lies below 2.

    Source: Gretton et al., JMLR 13 (2012), equations 3 (unbiased) and 5 (biased).

    Args:
        generated: samples (N, d), N >= 2.
        reference: samples (M, d), M >= 2.
        bandwidth: h > 0, in the coordinates' unit; `median_bandwidth(reference)` if None.
        unbiased: whether to leave out the pairs i = j (U-statistic) or not (V-statistic).

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        ValueError: the bandwidth is not positive, or None where all reference samples agree.

    >>> mmd_squared([[0.0], [1.0]], [[0.0], [1.0]], bandwidth=1.0, unbiased=False)
    0.0
    >>> round(mmd_squared([[0.0], [1.0]], [[90.0], [91.0]], bandwidth=1.0), 3)
    1.083
    """
    x, y = as_samples_pair(generated, reference)
    h = median_bandwidth(y) if bandwidth is None else bandwidth
    if not (np.isfinite(h) and h > 0):
        raise ValueError(f"bandwidth is a length > 0, not {h}")

    def kernel_sum(squared_distances: np.ndarray) -> float:
        # One exponential for three bandwidths: each is the fourth power of the next wider one.
        squared_distances *= -0.125 / (h * h)
        kernel = np.exp(squared_distances, out=squared_distances)
        total = kernel.sum()
        for _ in range(2):
            np.square(kernel, out=kernel)
            np.square(kernel, out=kernel)
            total += kernel.sum()
        return float(total) / 3.0

    within_x, within_y, between = _pair_means(x, y, kernel_sum, kernel_at_0=1.0, unbiased=unbiased)
    return within_x + within_y - 2.0 * between


def energy_distance(generated: ArrayLike, reference: ArrayLike, *, unbiased: bool = True) -> float:
    """Return the energy distance of two sets of samples, in the coordinates' unit; lower is better.

    2 E|x - y| - E|x - x'| - E|y - y'|. It is 0 only when P = Q (where means exist), and needs no
    bandwidth. This is the distance of Székely and Rizzo itself; `scipy.stats.energy_distance`
    gives the square root of its V-statistic. The U-statistic (`unbiased`) leaves out i = j: its
    mean is 0 when P = Q, so it may be slightly negative.

    Source: Székely, Rizzo, *Energy statistics: a class of statistics based on distances*,
    J. Stat. Plan. Inference 143 (2013), 1249-1272.

    Args:
        generated: samples (N, d), N >= 2.
        reference: samples (M, d), M >= 2.
        unbiased: whether to leave out the pairs i = j (U-statistic) or not (V-statistic).

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.

    >>> energy_distance([[0.0], [1.0]], [[10.0], [11.0]])
    18.0
    """
    x, y = as_samples_pair(generated, reference)

    def distance_sum(squared_distances: np.ndarray) -> float:
        return float(np.sqrt(squared_distances, out=squared_distances).sum())

    within_x, within_y, between = _pair_means(
        x, y, distance_sum, kernel_at_0=0.0, unbiased=unbiased
    )
    return 2.0 * between - within_x - within_y


def projections(dim: int, num_projections: int, stream: Stream) -> np.ndarray:
    """Return directions uniform on the unit sphere, shape (dim, num_projections), one a column.

    Direction p depends on the stream and p alone.

    >>> from quantum_latents.random import stream
    >>> projections(3, 5, stream(0, "metrics")).shape
    (3, 5)
    """
    normal = stream.generator().normal(size=(num_projections, dim))
    return (normal / np.linalg.norm(normal, axis=1, keepdims=True)).T


def sliced_wasserstein(
    generated: ArrayLike, reference: ArrayLike, stream: Stream, *, num_projections: int = 128
) -> float:
    """Return the sliced Wasserstein-1 distance, in the coordinates' unit; lower is better.

    (1/L) sum_l W_1(theta_l . x, theta_l . y) over L random directions theta_l, where in one
    dimension W_1 = int_0^1 |F^-1(u) - G^-1(u)| du of the two quantile functions. It is not
    negative, so between finite sets from one distribution it is above 0: read it beside the
    data's own floor. The directions are draws of `stream`: one stream, one metric.

    Source: Bonneel, Rabin, Peyré, Pfister, *Sliced and Radon Wasserstein barycenters of
    measures*, J. Math. Imaging Vis. 51 (2015), 22-45.

    Args:
        generated: samples (N, d), N >= 2.
        reference: samples (M, d), M >= 2.
        stream: gives the directions.
        num_projections: L >= 1.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        ValueError: num_projections is below 1.

    >>> from quantum_latents.random import stream
    >>> sliced_wasserstein([[0.0], [1.0]], [[3.0], [4.0]], stream(0, "metrics"))
    3.0
    """
    x, y = as_samples_pair(generated, reference)
    if num_projections < 1:
        raise ValueError(f"num_projections is at least 1, not {num_projections}")
    # The quantile functions are steps at i/N and j/M: between neighbouring steps of both they
    # are constant. In units of 1/(N M) the steps are integers, so none is split by rounding.
    n, m = len(x), len(y)
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(ends, prepend=0) / (n * m)
    rows_x, rows_y = (ends - 1) // m, (ends - 1) // n
    total = 0.0
    for direction in projections(x.shape[1], num_projections, stream).T:
        gap = np.sort(x @ direction)[rows_x] - np.sort(y @ direction)[rows_y]
        total += float(widths @ np.abs(gap))
    return total / num_projections


def _pair_means(
    x: np.ndarray,
    y: np.ndarray,
    kernel_sum: Callable[[np.ndarray], float],
    *,
    kernel_at_0: float,
    unbiased: bool,
) -> tuple[float, float, float]:
    """Return the means of a kernel over the pairs within x, within y and between x and y.

    `kernel_sum` sums the kernel over a block of squared distances, which it may overwrite;
    `kernel_at_0` is the kernel of a point with itself.
    """
    # Distances are invariant under a shift, and their rounding is least around the mean.
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre

    def within(points: np.ndarray) -> float:
        diagonal = upper = 0.0
        for start in range(0, len(points), _BLOCK_ROWS):
            rows = points[start : start + _BLOCK_ROWS]
            block = _squared_distances(rows, rows)
            np.fill_diagonal(block, 0.0)
            diagonal += kernel_sum(block)
            for later in range(start + _BLOCK_ROWS, len(points), _BLOCK_ROWS):
                columns = points[later : later + _BLOCK_ROWS]
                upper += kernel_sum(_squared_distances(rows, columns))
        num = len(points)
        total = diagonal + 2.0 * upper
        if unbiased:
            return (total - num * kernel_at_0) / (num * (num - 1))
        return total / num**2

    between = sum(
        kernel_sum(_squared_distances(x[i : i + _BLOCK_ROWS], y[j : j + _BLOCK_ROWS]))
        for i in range(0, len(x), _BLOCK_ROWS)
        for j in range(0, len(y), _BLOCK_ROWS)
    )
    return within(x), within(y), between / (len(x) * len(y))


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return |a_i - b_j|^2, shape (len(a), len(b)), at least 0."""
    block = a @ b.T
    block *= -2.0
    block += np.einsum("ij,ij->i", a, a)[:, None]
    block += np.einsum("ij,ij->i", b, b)
    return np.maximum(block, 0.0, out=block)
