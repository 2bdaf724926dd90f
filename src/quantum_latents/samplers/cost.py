"""What a shot costs, from its sizes alone.

Notation: m modes, n photons. The choice between paths rests on these estimates and never on a
speed measured on the machine; the time they are turned into only tells a user what to expect.
"""

from __future__ import annotations

import math

__all__ = ["OPERATIONS_PER_SECOND", "clifford_clifford_operations", "lookup_operations"]

OPERATIONS_PER_SECOND = 1.2e10
"""Of one core, to turn operations into an expected time: half of what AVX2 reaches."""


def clifford_clifford_operations(num_modes: int, num_photons: int) -> float:
    """Return the operations of a Clifford-Clifford shot, averaged over Haar interferometers.

    ``sum over k = 1 .. n of 22 k E[T_k] + 8 k m``, ``E[T_k] = 1/2 C(2m+k-2, k-1) / C(m+k-2, k-1)``:
    T_k terms of the k-th photon's permanents (arXiv 2005.04214), and what its amplitudes take.

    >>> f"{clifford_clifford_operations(32, 16):.1e}"
    '3.3e+06'
    """

    def terms(k: int) -> float:
        m = num_modes
        return math.comb(2 * m + k - 2, k - 1) / math.comb(m + k - 2, k - 1) / 2

    return sum(22 * k * terms(k) + 8 * k * num_modes for k in range(1, num_photons + 1))


def lookup_operations(num_modes: int, num_photons: int) -> float:
    """Return about what looking a shot up takes: a random number and the outcome's photons.

    The guide table finds the outcome in about one step, whatever the number of outcomes.

    >>> lookup_operations(16, 8)
    496.0
    """
    return 400.0 + 10.0 * num_photons + num_modes
