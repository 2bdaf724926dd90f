"""What every metric asks of its samples, checked once.

Notation: N samples of d coordinates are an array (N, d), one row a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["as_samples", "as_samples_pair"]

_LARGEST = 1e100


def as_samples(samples: ArrayLike, name: str) -> np.ndarray:
    """Return `samples` as float64 (N, d), or say what is wrong with them.

    Args:
        samples: real numbers (N, d), N >= 2, d >= 1, all finite.
        name: what the samples are called in an error.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: wrong shape, fewer than two samples, NaN, infinity, or a number beyond
            1e100 (squared distances would overflow).

    >>> as_samples([[1, 2], [3, 4]], "generated").shape
    (2, 2)
    """
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != 2:
        hint = f"; write {name}[:, None] for one coordinate" if array.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (num_samples, dim), not {array.shape}{hint}")
    if array.shape[0] < 2:
        raise ValueError(f"{name} has {array.shape[0]} samples; a metric needs at least 2")
    if array.shape[1] < 1:
        raise ValueError(f"{name} has no coordinates: shape {array.shape}")
    array = array.astype(np.float64)
    usable = np.abs(array) <= _LARGEST
    if not usable.all():
        row, column = np.argwhere(~usable)[0]
        raise ValueError(
            f"{name} holds {array[row, column]} at row {row}, coordinate {column} (from 0); "
            f"metrics are defined for finite samples up to {_LARGEST:g}"
        )
    return array


def as_samples_pair(generated: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets as float64 arrays (N, d) and (M, d) of the same d.

    Raises:
        TypeError: the entries are not real numbers.
        ValueError: as `as_samples`, or the sets differ in their number of coordinates.

    >>> x, y = as_samples_pair([[0.0], [1.0]], [[2.0], [3.0], [4.0]])
    >>> x.shape, y.shape
    ((2, 1), (3, 1))
    """
    x, y = as_samples(generated, "generated"), as_samples(reference, "reference")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"generated has {x.shape[1]} coordinates and reference has {y.shape[1]}; "
            "both must come from the same data space"
        )
    return x, y
