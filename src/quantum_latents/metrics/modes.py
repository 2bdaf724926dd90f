"""Metrics of a mixture whose modes are known: which modes were found, and how purely.

Notation: generated samples x (N, d); K mode centres c_k, rows of `centres` (K, d); one
length scale `sigma` for all modes. A sample belongs to its nearest centre (the first, where
two are equally near) and is *inside* when it lies at most 3 sigma from it:

    inside_ik = [k = argmin_l |x_i - c_l|] [|x_i - c_k| <= 3 sigma].

`sigma` is a fact of the data set, not an estimate. Where a blob is not round, as in the
mixture with polar noise, the data set states which scale it gives (the larger one there).
The data themselves are not at the ideal value: their sampling floor says where they are.

A sample outside every disc may belong to a blob that is too wide, or lie on the way from one mode
to another. `share_between` counts the second alone. With the distances r_(1) <= r_(2) of x_i from
its two nearest centres,

    between_i = [2 r_(1)(x_i) > r_(2)(x_i)]:

of the straight line from one centre to the next these are the points of the middle third, whatever
the width of the blobs. What is about as far from all centres, such as the middle of a circle of
them, counts too.

Source: the independent reproduction of arXiv 2508.19857 in MerLin's `reproduced_papers`
(discs of 3 sigma; a mode is covered from 1 / (10 K) of all samples). `share_between` is ours: that
a continuous map of a connected latent must pass between the modes is Tanielian et al., *Learning
disconnected manifolds: a no GAN's land*, ICML 2020.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics.samples import as_samples

__all__ = [
    "DISC_SIGMAS",
    "mode_coverage",
    "mode_shares",
    "mode_weight_error",
    "share_between",
    "share_off_board",
    "share_outside",
]

DISC_SIGMAS = 3.0
"""Radius of a mode's disc, in sigma."""


def mode_shares(generated: ArrayLike, centres: ArrayLike, sigma: float) -> np.ndarray:
    """Return the share of all samples inside each mode's disc, shape (K,).

    share_k = (1 / N) sum_i inside_ik. The shares sum to 1 - `share_outside`.

    Args:
        generated: samples (N, d), N >= 2.
        centres: mode centres (K, d), K >= 1.
        sigma: the modes' length scale, in the unit of the coordinates, > 0.

    Raises:
        TypeError: entries are not real numbers.
        ValueError: wrong shapes, NaN or infinity, or sigma not positive.

    >>> samples = [[0.0, 0.1], [0.0, -0.2], [5.0, 0.0], [2.5, 0.0]]
    >>> mode_shares(samples, [[0.0, 0.0], [5.0, 0.0]], sigma=0.1)
    array([0.5 , 0.25])
    """
    counts, num_samples = _inside_counts(generated, centres, sigma)
    return counts / num_samples


def share_outside(generated: ArrayLike, centres: ArrayLike, sigma: float) -> float:
    """Return the share of samples outside every mode's disc, in [0, 1]; lower is better.

    1 - sum_k share_k: points that interpolate between modes, or are lost. A constant output
    at one centre reaches 0.

    Args and raises: see `mode_shares`.

    >>> share_outside([[0.0, 0.0], [2.5, 0.0]], [[0.0, 0.0], [5.0, 0.0]], sigma=0.1)
    0.5
    """
    counts, num_samples = _inside_counts(generated, centres, sigma)
    return float((num_samples - counts.sum()) / num_samples)


def share_between(generated: ArrayLike, centres: ArrayLike) -> float:
    """Return the share of samples between the modes, in [0, 1]; lower is better.

    (1 / N) sum_i between_i: samples that are more than half as far from their nearest centre as
    from the second nearest. A constant output at one centre reaches 0.

    Args:
        generated: samples (N, d), N >= 2.
        centres: mode centres (K, d), K >= 2.

    Raises:
        TypeError, ValueError: see `mode_shares`.
        ValueError: fewer than two centres.

    >>> share_between([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [5.0, 0.0]], [[0.0, 0.0], [5.0, 0.0]])
    0.5
    """
    x = as_samples(generated, "generated")
    centres = _as_centres(centres, x.shape[1])
    if len(centres) < 2:
        raise ValueError("points lie between two modes or more, and centres names one")
    nearest, second = np.partition(_distances(x, centres), 1, axis=0)[:2]
    return float((2 * nearest > second).mean())


def share_off_board(generated: ArrayLike, num_squares: int, half_width: float) -> float:
    """Return the share of samples in no dark square of a board, in [0, 1]; lower is better.

    Squares are closed and as much wider as single precision may round, so that rounding at an edge
    puts no sample of the board off it. A constant output in one square reaches 0; points spread
    evenly over the board give 1/2.

    Args:
        generated: samples (N, 2), N >= 2.
        num_squares: K, even, >= 2.
        half_width: w > 0, in the unit of the coordinates.

    Raises:
        TypeError, ValueError: see `mode_shares`.
        ValueError: not two coordinates, an odd or no number of squares, or w not positive.

    >>> share_off_board([[-3.5, -3.5], [-1.5, -3.5], [3.0, 3.0], [5.0, 5.0]], 4, 4.0)
    0.5
    """
    x = as_samples(generated, "generated")
    if x.shape[1] != 2:
        raise ValueError(f"a board has two coordinates, and the samples have {x.shape[1]}")
    if num_squares < 2 or num_squares % 2:
        raise ValueError(f"num_squares is even and at least 2, not {num_squares}")
    if not (np.isfinite(half_width) and half_width > 0):
        raise ValueError(f"half_width is a length > 0, not {half_width}")
    places = (x + half_width) * (num_squares / (2 * half_width))
    rounding = num_squares * float(np.finfo(np.float32).eps)
    on_board = ((places >= -rounding) & (places <= num_squares + rounding)).all(axis=1)
    # A point on an edge belongs to the squares on both sides of it.
    below, above = np.ceil(places - rounding) - 1, np.floor(places + rounding)
    is_dark = np.zeros(len(x), dtype=bool)
    for columns in (below[:, 0], above[:, 0]):
        for rows in (below[:, 1], above[:, 1]):
            inside = (np.minimum(columns, rows) >= 0) & (np.maximum(columns, rows) < num_squares)
            is_dark |= inside & ((columns + rows) % 2 == 0)
    return float(1.0 - (on_board & is_dark).mean())


def mode_coverage(
    generated: ArrayLike, centres: ArrayLike, sigma: float, *, minimum_share: float
) -> float:
    """Return the share of modes that were found, in [0, 1]; higher is better.

    (1 / K) sum_k [share_k >= minimum_share]: a mode counts as found when at least
    `minimum_share` of all samples lie inside its disc.

    Args:
        generated: samples (N, d), N >= 2.
        centres: mode centres (K, d), K >= 1.
        sigma: the modes' length scale, > 0.
        minimum_share: in (0, 1]; 1 / (10 K) is usual, a tenth of a mode's fair share.

    Raises:
        TypeError, ValueError: see `mode_shares`.
        ValueError: minimum_share is not in (0, 1].

    >>> samples = [[0.0, 0.0], [0.1, 0.0], [2.5, 0.0]]
    >>> mode_coverage(samples, [[0.0, 0.0], [5.0, 0.0]], sigma=0.1, minimum_share=0.05)
    0.5
    """
    if not 0 < minimum_share <= 1:
        raise ValueError(f"minimum_share is in (0, 1], not {minimum_share}")
    return float((mode_shares(generated, centres, sigma) >= minimum_share).mean())


def mode_weight_error(
    generated: ArrayLike, centres: ArrayLike, sigma: float, weights: ArrayLike
) -> float:
    """Return the total-variation distance of the modes' weights to the true ones; lower is better.

    1/2 sum_k |share_k / sum_l share_l - weight_k|, in [0, 1]: among the samples inside a disc,
    how unevenly the modes are filled. What lies outside is `share_outside`'s business. Where no
    sample is inside any disc the error is 1, its largest value: no mode has any weight.

    Args:
        generated: samples (N, d), N >= 2.
        centres: mode centres (K, d), K >= 1.
        sigma: the modes' length scale, > 0.
        weights: true weights (K,), >= 0, sum 1.

    Raises:
        TypeError, ValueError: see `mode_shares`.
        ValueError: the weights have the wrong shape, are negative or do not sum to 1.

    >>> samples = [[0.0, 0.0], [0.1, 0.0], [2.5, 0.0]]
    >>> mode_weight_error(samples, [[0.0, 0.0], [5.0, 0.0]], sigma=0.1, weights=[0.5, 0.5])
    0.5
    """
    shares = mode_shares(generated, centres, sigma)
    true = np.asarray(weights, dtype=np.float64)
    if true.shape != shares.shape:
        raise ValueError(f"weights must have shape {shares.shape}, one a centre, not {true.shape}")
    if not (true >= 0).all() or abs(true.sum() - 1.0) > 1e-9:
        raise ValueError(f"weights must be >= 0 and sum to 1, not {true.tolist()}")
    if shares.sum() == 0:
        return 1.0
    return float(0.5 * np.abs(shares / shares.sum() - true).sum())


def _inside_counts(
    generated: ArrayLike, centres: ArrayLike, sigma: float
) -> tuple[np.ndarray, int]:
    """Return the number of samples inside each mode's disc (K,), and of all samples."""
    x = as_samples(generated, "generated")
    centres = _as_centres(centres, x.shape[1])
    if not (np.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma is a length > 0, not {sigma}")
    distances = _distances(x, centres)
    inside = distances.min(axis=0) <= DISC_SIGMAS * sigma
    return np.bincount(distances.argmin(axis=0)[inside], minlength=len(centres)), len(x)


def _distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the distances (K, N), one mode at a time: no array of N x K x d."""
    return np.stack([np.linalg.norm(x - centre, axis=1) for centre in centres])


def _as_centres(centres: ArrayLike, dim: int) -> np.ndarray:
    array = np.asarray(centres, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] != dim:
        raise ValueError(
            f"centres must have shape (num_modes, {dim}) like the samples, not {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError("centres must be finite")
    return array
