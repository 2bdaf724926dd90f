"""Memory whose vectors lie on the boundaries of cache lines.

Numba's arrays start at multiples of 32 bytes, numpy's of 16. A vector register of 64 bytes that
is loaded from anywhere but a multiple of 64 touches two cache lines, so that a kernel in such
registers is fast or slow as its memory happens to lie.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import register_jitable

__all__ = ["CACHE_LINE_BYTES", "aligned_empty", "aligned_zeros"]

CACHE_LINE_BYTES = 64


@register_jitable
def _from_a_line(memory, num_items):
    """Return the first `num_items` numbers of longer memory that start on a cache line."""
    first = -memory.ctypes.data % CACHE_LINE_BYTES // memory.itemsize
    return memory[first : first + num_items]


def aligned_zeros(num_items: int, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return `num_items` zeros that start on a cache line, for kernels that Python hands them to.

    >>> aligned_zeros(5, np.float32).ctypes.data % CACHE_LINE_BYTES
    0
    """
    return _from_a_line(np.zeros(num_items + CACHE_LINE_BYTES, dtype), num_items)


@numba.njit
def aligned_empty(num_items, dtype):
    """Return `num_items` numbers that start on a cache line, not written.

    Args:
        num_items: how many.
        dtype: of the numbers, whose size divides `CACHE_LINE_BYTES`.

    >>> aligned_empty(5, np.float64).ctypes.data % CACHE_LINE_BYTES
    0
    """
    return _from_a_line(np.empty(num_items + CACHE_LINE_BYTES, dtype), num_items)
