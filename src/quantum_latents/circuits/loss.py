"""Loss inside an interferometer, as more modes that nobody looks at.

Notation: `T` is a transfer matrix, complex128 (m, m), ``a_out = T a_in`` + vacuum; no singular
value exceeds 1. A *dilation* is a unitary of 2m modes whose upper left block is `T`: its
modes m .. 2m - 1 start empty and end with the photons that were lost.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits.interferometer import Interferometer, from_unitary

__all__ = ["dilation"]


def dilation(transfer: np.ndarray) -> Interferometer:
    """Return the interferometer of 2m modes that loses photons as a transfer matrix does.

    With ``T = V s W^dagger`` and ``c = sqrt(1 - s**2)``,

        [ T                V c V^dagger  ]
        [ W c W^dagger    -W s V^dagger  ]

    Args:
        transfer: `T`, (m, m), of singular values at most 1.

    Raises:
        ValueError: not square, not finite, or a singular value above 1.

    Source: Halmos, *Normal dilations and extensions of operators*, Summa Bras. Math. 2 (1950).

    >>> half = dilation(np.sqrt([[0.5]]))
    >>> np.abs(half.unitary**2).round(12).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    T = np.array(transfer, dtype=np.complex128)
    if T.ndim != 2 or T.shape[0] != T.shape[1] or not np.isfinite(T).all():
        raise ValueError(f"a transfer matrix is square and finite, not of shape {T.shape}")
    V, s, Wh = np.linalg.svd(T)
    if s.max() > 1 + 1e-9:
        raise ValueError(f"a passive device amplifies nothing; a singular value is {s.max():.9g}")
    s = np.where(s > 1 - 1e-14, 1.0, s)  # a lossless mode stays lossless
    c = np.sqrt(1 - s**2)
    W = Wh.conj().T
    upper = np.hstack([(V * s) @ Wh, (V * c) @ V.conj().T])
    lower = np.hstack([(W * c) @ Wh, -(W * s) @ V.conj().T])
    return from_unitary(np.vstack([upper, lower]))
