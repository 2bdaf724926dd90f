"""Haar-random interferometers.

Notation: `U` (m, m) is the unitary; `G` a Ginibre matrix, of independent standard complex
normal entries.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits.interferometer import Interferometer
from quantum_latents.random import Stream

__all__ = ["haar"]


def haar(num_modes: int, stream: Stream) -> Interferometer:
    """Return an interferometer drawn from the Haar measure of the unitary group.

    ``G = Q R`` with the phases fixed so that the diagonal of `R` is positive; then ``U = Q``
    is Haar-distributed (without the phase correction it is not).
    Source: Mezzadri, *How to generate random matrices from the classical compact groups*,
    Notices of the AMS 54 (2007), arXiv math-ph/0609050.

    Args:
        num_modes: number of modes m, at least 1.
        stream: the stream that names the draw.

    Raises:
        TypeError: `num_modes` is not an integer, or `stream` is not a `Stream`.
        ValueError: `num_modes` is below 1.

    >>> from quantum_latents.random import stream
    >>> haar(4, stream(0, "interferometer")).unitary.shape
    (4, 4)
    """
    num_modes = checked_num_modes(num_modes)
    if not isinstance(stream, Stream):
        raise TypeError(f"haar draws from a Stream, such as stream(0, 'haar'), not {stream!r}")
    generator = stream.generator()
    ginibre = generator.normal(size=(num_modes, num_modes, 2)) @ np.array([1.0, 1.0j])
    recipe = {"kind": "haar", "num_modes": num_modes, "stream": list(stream.path)}
    return Interferometer(_positive_qr(ginibre), recipe)


def checked_num_modes(num_modes: int) -> int:
    """Return `num_modes` as an int of at least 1, or say what is wrong with it."""
    if isinstance(num_modes, bool) or not isinstance(num_modes, (int, np.integer)):
        raise TypeError(f"num_modes is an integer, not {num_modes!r}")
    if num_modes < 1:
        raise ValueError(f"num_modes is at least 1, not {num_modes}")
    return int(num_modes)


def _positive_qr(matrix: np.ndarray) -> np.ndarray:
    """The Q of the QR factorisation whose R has a positive diagonal.

    Gram-Schmidt, twice for orthogonality to rounding, in numpy's own sums rather than LAPACK:
    BLAS rounds differently with its version and its thread count, and a recipe must give
    the same bits.
    """
    rows = np.empty_like(matrix)  # row k is column k of Q
    for k, column in enumerate(matrix.T):
        for _ in range(2):
            overlaps = (rows[:k].conj() * column).sum(axis=1)
            column = column - (overlaps[:, None] * rows[:k]).sum(axis=0)
        rows[k] = column / np.sqrt((column.real**2 + column.imag**2).sum())
    return rows.T
