"""The exact law of the count in each single mode, at any size.

Notation: m modes, n photons, occupation t of the inputs, ``P_jk = |U_jk|**2``, n_j the count of
output mode j.

One mode looks at one combination of the input modes, ``a_j = sum_k U_jk b_k``, so the norm of
``a_j**r`` on the Fock state of the inputs gives all its binomial moments,

    E C(n_j, r) = r! [x**r] prod_k sum_a C(t_k, a) (P_jk x)**a / a!,

for single photons ``r!`` times the elementary symmetric polynomial of degree r in ``P_j``, and
inclusion and exclusion gives the law. The alternating sums lose about n bits, so they are
summed in whole numbers of enough bits. `samplers.marginal_law` has the same by permanents, at a
cost exponential in n.

Source: Wick's theorem; for single photons it is the permanent of the identity plus a matrix of
rank one, Minc, *Permanents*, 1978.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.occupation import Occupation, checked_occupation

__all__ = ["mode_laws"]


def mode_laws(interferometer: Interferometer, occupation: Occupation) -> np.ndarray:
    """Return the law of every mode's count, float64 (m, n + 1): entry [j, s] is P(n_j = s).

    About m n**2 products of long integers: a second at 64 modes and 32 photons.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,); bunched inputs are fine.

    Raises:
        TypeError, ValueError: a bad occupation.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> mode_laws(splitter, [1, 1]).round(12).tolist()
    [[0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    lit = [k for k, photons in enumerate(t) if photons]
    routes = np.abs(interferometer.unitary[:, lit]) ** 2
    return np.array([_law(row.tolist(), [t[k] for k in lit]) for row in routes])


def _law(routes: Sequence[float], photons: Sequence[int]) -> list[float]:
    n = sum(photons)
    # r! <= n**n multiplies a rounding and C(j, s) <= 2**n a moment: both stay below 2**-100.
    bits = 128 + n * (n.bit_length() + 2)
    series = [1 << bits]
    for route, count in zip(routes, photons, strict=True):
        factor = [
            int(Fraction(route) ** a * math.comb(count, a) * (1 << bits)) // math.factorial(a)
            for a in range(count + 1)
        ]
        product = [0] * (len(series) + count)
        for r, value in enumerate(series):
            for a, weight in enumerate(factor):
                product[r + a] += (value * weight) >> bits
        series = product
    moments = [math.factorial(r) * value for r, value in enumerate(series)]
    law = [
        sum((-1) ** (r - s) * math.comb(r, s) * moments[r] for r in range(s, n + 1))
        for s in range(n + 1)
    ]
    return [max(value, 0) / (1 << bits) for value in law]
