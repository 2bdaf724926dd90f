"""Permanents, compiled.

Notation: ``Per A = sum over permutations p of prod_i A[i, p(i)]``, A of n rows and columns.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["MAX_PERMANENT", "glynn"]

MAX_PERMANENT = 30
"""Most rows of a permanent: it takes ``n 2**(n - 1)`` products."""


@numba.njit(nogil=True, cache=True)
def glynn(matrix):
    """Return the permanent of a float64 or complex128 matrix by Glynn's formula in a Gray code.

    Source: Glynn, *The permanent of a square matrix*, European J. Combin. 31 (2010).

    >>> float(glynn(np.array([[1.0, 2.0], [3.0, 4.0]])))
    10.0
    """
    size = matrix.shape[0]
    one = np.ones(1, matrix.dtype)[0]
    if size == 0:
        return one
    sums = np.zeros(size, matrix.dtype)
    for i in range(size):
        sums += matrix[i]
    signs = np.ones(size)
    total = one * 0
    parity = 1.0
    for step in range(1, 2 ** (size - 1) + 1):
        product = one
        for j in range(size):
            product *= sums[j]
        total += parity * product
        row = 1  # row 0 keeps its sign
        while row < size and (step >> (row - 1)) & 1 == 0:
            row += 1
        if row == size:
            break
        sums -= 2 * signs[row] * matrix[row]
        signs[row] = -signs[row]
        parity = -parity
    return total / 2.0 ** (size - 1)
