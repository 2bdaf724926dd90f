"""Sums of counts: all that most tests need of the shots.

Notation: N shots of m modes; k is the total of a shot, and the shots of one total are a
*stratum*, of K in all. The shots are also cut into B *blocks* in their order, for the jackknife.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Tally", "tally"]

_ROWS = 16_384
"""Shots that are summed at once: they stay near the core."""

_MOST_BLOCKS = 100
_LEAST_BLOCK = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Sums of counts, by total and by block.

    Attributes:
        counts: uint8 (N, m), in shot order.
        totals: int64 (N,), counts of each shot in all.
        values: int64 (K,), the totals that occur, ascending; `sizes` (K,), how often.
        sums: float64 (K, m), of n_i in each stratum; `cubes` (K, m), of ``n_i**3``.
        pairs: float64 (K, m, m), of ``n_i n_j``; `pair_squares` and `pair_cubes`, of its powers.
        block_sums: float64 (B, m); `block_pairs` (B, m, m); `block_sizes` (B, K), shots of each
            total.
    """

    counts: np.ndarray
    totals: np.ndarray
    values: np.ndarray
    sizes: np.ndarray
    sums: np.ndarray
    cubes: np.ndarray
    pairs: np.ndarray
    pair_squares: np.ndarray
    pair_cubes: np.ndarray
    block_sums: np.ndarray
    block_pairs: np.ndarray
    block_sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return self.counts.shape[1]

    @property
    def num_blocks(self) -> int:
        """Number of blocks B."""
        return len(self.block_sums)


def tally(counts: np.ndarray) -> Tally:
    """Return the sums of counts, uint8 (N, m).

    >>> sums = tally(np.array([[1, 0], [1, 1], [0, 2]], dtype=np.uint8))
    >>> sums.values.tolist(), sums.sizes.tolist(), sums.pairs[1].tolist()
    ([1, 2], [1, 2], [[1.0, 1.0], [1.0, 5.0]])
    """
    number, m = counts.shape
    totals = counts.sum(axis=1, dtype=np.int64)
    values, inverse, sizes = np.unique(totals, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    sums, cubes = np.zeros((2, len(values), m))
    pairs, squares, third = np.zeros((3, len(values), m, m))
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for stratum in range(len(values)):
        for start in range(edges[stratum], edges[stratum + 1], _ROWS):
            stop = min(start + _ROWS, edges[stratum + 1])
            rows = counts[order[start:stop]].astype(np.float64)
            sums[stratum] += rows.sum(axis=0)
            pairs[stratum] += rows.T @ rows
            power = rows * rows
            squares[stratum] += power.T @ power
            power *= rows
            cubes[stratum] += power.sum(axis=0)
            third[stratum] += power.T @ power
    num_blocks = max(1, min(_MOST_BLOCKS, number // _LEAST_BLOCK))
    cuts = np.linspace(0, number, num_blocks + 1).astype(np.int64)
    block_sums, block_pairs = np.zeros((num_blocks, m)), np.zeros((num_blocks, m, m))
    block_sizes = np.zeros((num_blocks, len(values)))
    for block in range(num_blocks):
        for start in range(cuts[block], cuts[block + 1], _ROWS):
            stop = min(start + _ROWS, cuts[block + 1])
            rows = counts[start:stop].astype(np.float64)
            block_sums[block] += rows.sum(axis=0)
            block_pairs[block] += rows.T @ rows
            block_sizes[block] += np.bincount(inverse[start:stop], minlength=len(values))
    return Tally(
        counts=counts,
        totals=totals,
        values=values,
        sizes=sizes,
        sums=sums,
        cubes=cubes,
        pairs=pairs,
        pair_squares=squares,
        pair_cubes=third,
        block_sums=block_sums,
        block_pairs=block_pairs,
        block_sizes=block_sizes,
    )
