"""What exact sampling takes, counted operation by operation.

Notation: m modes, n photons, K = C(m + n - 1, n) outcomes.

Clifford and Clifford, collisions counted: step k draws photon k from the k minors of the k - 1
rows drawn before, of which the distinct ones have multiplicities s_r. Glynn's sum over signs has

    T_k = s_f prod_{r != f} (s_r + 1)      (f: a row of the smallest multiplicity)

terms, and a term costs 22 k - 32 floating-point operations: 2 k to change the k sums of
columns, 6 for each of the 2 (k - 2) products of the two chains, 8 for each of the k - 2 minors
that need a product, 2 for each of the two others, and 4 for the weight. A fused multiply-add
counts as two. The m amplitudes of a step (8 m k operations) are counted apart; the Gray code,
the weights and the draws are not, so a share of the peak that is made of this count is a lower
bound.

Over Haar-random interferometers the k - 1 photons fall on all C(m + k - 2, k - 1) outcomes
alike, so E[T_k] is a ratio of integers. Source: Clifford & Clifford, arXiv 2005.04214.

Enumeration: the law of all outcomes is written out once by the SLOS recursion (Heurtel et al.,
arXiv 2206.10549). An outcome of k photons takes one update for each mode that it occupies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

__all__ = [
    "GROWTH",
    "amplitude_flops",
    "enumeration_updates",
    "expected_terms",
    "flops_per_shot",
    "flops_per_term",
    "terms",
]

GROWTH = {2: 1.81, 1: 1.69}
"""Theory's base of the cost against n, for m = 2 n and for m = n."""


def flops_per_term(k: int) -> int:
    """Return the operations of one term at step k, 22 k - 32 (none at k = 1).

    >>> flops_per_term(16)
    320
    """
    return 22 * k - 32 if k > 1 else 0


def terms(counts: Iterable[int]) -> int:
    """Return T for the counts of the photons drawn so far, in any order.

    >>> terms([1, 1, 1]), terms([2, 0, 2]), terms([])
    (4, 6, 1)
    """
    multiplicities = sorted(count for count in counts if count > 0)
    if not multiplicities:
        return 1
    return multiplicities[0] * math.prod(count + 1 for count in multiplicities[1:])


def expected_terms(num_modes: int, k: int) -> float:
    """Return E[T_k] over Haar-random interferometers of m modes, exactly.

    Outcomes whose smallest multiplicity is at least s have the generating function
    ``(1 + sum_{j >= s} (j + 1) x^j)^m`` for ``prod (s_r + 1)``, of which T is the part
    s / (s + 1) where the smallest is s. It is s = 1 nearly always, hence
    ``E[T_k] ~ 1/2 C(2m + k - 2, k - 1) / C(m + k - 2, k - 1)``.

    >>> round(expected_terms(32, 16)), round(0.5 * math.comb(78, 15) / math.comb(46, 15))
    (4268, 4268)
    """
    drawn = k - 1
    if drawn == 0:
        return 1.0
    at_least = [_sum_of_products(num_modes, drawn, s) for s in range(1, drawn + 2)]
    num_outcomes = math.comb(num_modes + drawn - 1, drawn)
    return sum(
        (at_least[s - 1] - at_least[s]) / num_outcomes * s / (s + 1) for s in range(1, drawn + 1)
    )


def flops_per_shot(num_modes: int, num_photons: int) -> float:
    """Return the operations of a shot, sum over k of E[T_k] (22 k - 32).

    >>> f"{flops_per_shot(32, 16):.1e}"
    '3.0e+06'
    """
    steps = range(2, num_photons + 1)
    return sum(expected_terms(num_modes, k) * flops_per_term(k) for k in steps)


def amplitude_flops(num_modes: int, num_photons: int) -> int:
    """Return the operations of a shot's amplitudes, ``sum over k of 8 k m = 4 m n (n + 1)``.

    Step k multiplies every row of k complex entries by the k minors and adds them up.

    >>> amplitude_flops(32, 16)
    34816
    """
    return 4 * num_modes * num_photons * (num_photons + 1)


def enumeration_updates(num_modes: int, num_photons: int) -> int:
    """Return the updates that write out the law of all outcomes, ``n C(m + n - 1, n)``.

    An outcome of k photons with mode i occupied is any outcome of k - 1 photons with one photon
    more in mode i: m C(m + k - 2, k - 1) pairs, summed over k = 1 .. n.

    >>> enumeration_updates(16, 8)
    3922512
    """
    return num_photons * math.comb(num_modes + num_photons - 1, num_photons)


@cache
def _sum_of_products(num_modes: int, num_photons: int, least: int) -> int:
    """Sum of prod (s_r + 1) over outcomes whose occupied modes hold `least` or more.

    The coefficients p of f^m, f = sum c_i x^i with c_0 = 1, follow from x f (f^m)' = m x f' f^m:
    ``j p_j = sum_{i=1}^j (i (m + 1) - j) c_i p_(j-i)``.
    """
    p = [1]
    for j in range(1, num_photons + 1):
        steps = range(least, j + 1)
        total = sum((i * (num_modes + 1) - j) * (i + 1) * p[j - i] for i in steps)
        p.append(total // j)
    return p[num_photons]
