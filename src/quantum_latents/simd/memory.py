"""Memory whose vectors lie on the boundaries of cache lines.

Numba's arrays start at multiples of 32 bytes. A vector register of 64 bytes that is loaded from
anywhere but a multiple of 64 touches two cache lines, so that a kernel in such registers is
fast or slow as its memory happens to lie.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["CACHE_LINE_BYTES", "aligned_empty"]

CACHE_LINE_BYTES = 64


@numba.njit
def aligned_empty(num_items, dtype):
    """Return `num_items` numbers that start on a cache line, not written.

    Args:
        num_items: how many.
        dtype: of the numbers, whose size divides `CACHE_LINE_BYTES`.

    >>> aligned_empty(5, np.float64).ctypes.data % CACHE_LINE_BYTES
    0
    """
    memory = np.empty(num_items + CACHE_LINE_BYTES, dtype)
    first = -memory.ctypes.data % CACHE_LINE_BYTES // memory.itemsize
    return memory[first : first + num_items]
