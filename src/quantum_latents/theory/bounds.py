"""Upper bounds of Lipschitz constants of piecewise linear maps.

Notation: a chain is A_n D_{n-1} A_{n-1} ... D_1 A_1, matrices with diagonal matrices between,
of which all that is known are intervals: the differences of a LeakyReLU with slope s between any
two points are D with entries in [s, 1], those of its inverse in [1, 1/s]. |A| is the spectral
norm.

The product of norms bounds any chain. A tighter one writes D = c + d E with c = (hi + lo) / 2,
d = (hi - lo) / 2 and |E| <= 1, and multiplies out: of the 2^(n-1) terms each is a product of
norms of *segments* A_j c A_{j-1} c ... A_i, and all are summed in O(n^2) norms by

    T_0 = 1,   T_j = sum_{i<j} T_i |d_j A_j c_{j-1} ... c_{i+1} A_{i+1}|,
    bound = sum_{i<n} T_i |A_n c_{n-1} ... c_{i+1} A_{i+1}|

(Combettes and Pesquet 2020, SIAM J. Math. Data Sci. 2, 529, for averaged activation operators).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Bound", "Slopes", "chain_bound", "largest_singular_value"]


class Slopes(NamedTuple):
    """A diagonal matrix between two maps, as far as it is known.

    Attributes:
        lowest, highest: of its first `width` entries; the others are 1.
        width: None for all.
    """

    lowest: float
    highest: float
    width: int | None = None


class Bound(NamedTuple):
    """Upper bounds of one Lipschitz constant.

    Attributes:
        product: of the norms.
        value: the tightest known here.
    """

    product: float
    value: float


def largest_singular_value(matrix: np.ndarray) -> float:
    """Return |A|, never too small by rounding."""
    if not matrix.size:
        return 0.0
    rounding = 1 + max(matrix.shape) * np.finfo(np.float64).eps
    return float(np.linalg.norm(matrix, 2)) * rounding


def chain_bound(
    maps: Sequence[np.ndarray], between: Sequence[Slopes], errors: Sequence[float] | None = None
) -> Bound:
    """Bound the norm of every A_n D_{n-1} ... D_1 A_1.

    With e_j the error of A_j, the error of the chain is at most prod(|A_j| + e_j) - prod |A_j|,
    times the slopes: that is added, and the rounding of the products here counts as such errors.

    Args:
        maps: A_1, ..., A_n, in the order in which they act.
        between: what is known of D_1, ..., D_{n-1}.
        errors: norms that the errors of A_1, ..., A_n cannot exceed; None if they are exact.

    >>> round(chain_bound([np.eye(2), -np.eye(2)], [Slopes(0.5, 1.0)]).value, 6)
    1.0
    """
    assert len(between) == len(maps) - 1
    product, growth = 1.0, 0.0
    for matrix, error in zip(maps, errors or [0.0] * len(maps), strict=True):
        norm = largest_singular_value(matrix)
        product *= norm
        # log((|A| + e) / |A|), rounding of a product by A among e.
        own = error / norm if norm > 0 else 0.0
        growth += float(np.log1p(own + max(matrix.shape) * np.finfo(np.float64).eps))
    for slopes in between:
        product *= slopes.highest if slopes.width is None else max(slopes.highest, 1.0)
    # Segments that begin behind E_i, as products, and T_i; E_i acts on its first `width` rows.
    segments: list[np.ndarray] = [np.eye(maps[0].shape[1])]
    factors = [1.0]
    for place, matrix in enumerate(maps):
        segments = [matrix @ segment for segment in segments]
        if place == len(between):
            break
        lowest, highest, width = between[place]
        rows = len(matrix) if width is None else width
        centre, radius = (highest + lowest) / 2, (highest - lowest) / 2
        pairs = zip(factors, segments, strict=True)
        new = radius * sum(t * largest_singular_value(segment[:rows]) for t, segment in pairs)
        segments = [_scaled(segment, centre, rows) for segment in segments]
        segments.append(np.eye(len(matrix), rows))
        factors.append(float(new))
    pairs = zip(factors, segments, strict=True)
    value = float(sum(t * largest_singular_value(segment) for t, segment in pairs))
    excess = product * float(np.expm1(growth))
    return Bound(float(product + excess), float(min(product, value) + excess))


def _scaled(segment: np.ndarray, centre: float, rows: int) -> np.ndarray:
    scaled = segment.copy()
    scaled[:rows] *= centre
    return scaled
