"""Input occupations: how many photons enter each mode.

Notation: n photons (`num_photons`), m modes (`num_modes`), an *occupation* is a tuple of m
photon numbers that sum to n.
"""

from __future__ import annotations

import operator

__all__ = ["evenly_spread"]


def evenly_spread(num_modes: int, num_photons: int) -> tuple[int, ...]:
    """Return the occupation with single photons spread as evenly as whole modes allow.

    Photon k = 0, ..., n - 1 enters mode floor(k m / n). With n = m / 2 that is 1, 0, 1, 0, ...,
    the input of the paper (arXiv 2508.19857, section 4); no mode ever gets two photons.

    Args:
        num_modes: m, the number of modes.
        num_photons: n, from 1 to m.

    Returns:
        The occupation, m photon numbers of which n are 1 and the rest 0.

    Raises:
        TypeError: a number is not an integer.
        ValueError: fewer than one mode or photon, or more photons than modes.

    >>> evenly_spread(8, 4)
    (1, 0, 1, 0, 1, 0, 1, 0)
    >>> evenly_spread(5, 3)
    (1, 1, 0, 1, 0)
    """
    m, n = operator.index(num_modes), operator.index(num_photons)
    if m < 1:
        raise ValueError(f"num_modes is at least 1, not {m}")
    if n < 1:
        raise ValueError(f"num_photons is at least 1, not {n}")
    if n > m:
        raise ValueError(
            f"num_photons={n} exceeds num_modes={m}: photons are spread at most one a mode; "
            "pass a bunched occupation such as (2, 1, 0) yourself instead"
        )
    occupied = {k * m // n for k in range(n)}
    return tuple(int(mode in occupied) for mode in range(m))
