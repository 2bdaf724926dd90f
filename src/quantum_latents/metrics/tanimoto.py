"""Similarity of fingerprints: to the nearest of a reference, and within a set.

Notation: fingerprints are packed bits, uint8 (U, B / 8); the Tanimoto similarity of two of them
is the number of bits that both have over the number that either has, 1 if neither has any.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["mean_pairwise_tanimoto", "nearest_tanimoto"]

_BLOCK_ROWS = 512


def nearest_tanimoto(fingerprints: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the greatest similarity of each fingerprint to any of the reference, float64 (U,).

    Args:
        fingerprints: packed, (U, B / 8).
        reference: packed, (M, B / 8), M >= 1.

    Raises:
        ValueError: the reference is empty, or of another width.

    >>> three_bits, two_bits = np.array([[0b111]], np.uint8), np.array([[0b011]], np.uint8)
    >>> nearest_tanimoto(three_bits, two_bits).round(3)
    array([0.667])
    """
    if len(reference) == 0 or fingerprints.shape[1:] != reference.shape[1:]:
        raise ValueError(
            f"fingerprints of shape {fingerprints.shape} have no nearest among {reference.shape}"
        )
    nearest = [block.max(1) for _, block in _similarities(fingerprints, reference)]
    return np.concatenate([np.zeros(0), *nearest]).astype(np.float64)


def mean_pairwise_tanimoto(fingerprints: np.ndarray, multiplicities: np.ndarray) -> float:
    """Return the mean similarity of two different draws, of which equal ones have similarity 1.

    With multiplicities w summing to N: (sum_ij w_i w_j s_ij - N) / (N (N - 1)).

    Raises:
        ValueError: fewer than two draws.

    >>> mean_pairwise_tanimoto(np.array([[1], [2]], np.uint8), np.array([2, 1])).__round__(3)
    0.333
    """
    weights = np.asarray(multiplicities, dtype=np.float64)
    num_draws = weights.sum()
    if num_draws < 2:
        raise ValueError(f"similarity within a set needs 2 draws or more, not {num_draws:g}")
    total = sum(
        weights[rows] @ (block @ weights)
        for rows, block in _similarities(fingerprints, fingerprints)
    )
    return float((total - num_draws) / (num_draws * (num_draws - 1)))


def _similarities(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of rows of the similarities (len(a), len(b)), float32."""
    # Products of zeros and ones: whole numbers, exact in float32.
    other = np.unpackbits(b, axis=1).astype(np.float32)
    used = other.any(0)
    num_a = np.unpackbits(a, axis=1).sum(1, dtype=np.float32)
    num_b = other.sum(1)
    other = np.ascontiguousarray(other[:, used].T)
    for start in range(0, len(a), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        both = np.unpackbits(a[rows], axis=1)[:, used].astype(np.float32) @ other
        either = num_a[rows, None] + num_b
        either -= both
        empty = either == 0
        np.divide(both, either, out=both, where=~empty)
        both[empty] = 1.0
        yield rows, both
