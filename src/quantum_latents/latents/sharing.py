"""What a latent can share with the quantum latent of the same interferometer, as data.

A *property* is something of the law of the counts (`PROPERTIES`); an *extent* says how much of it
a latent has in common with the quantum one: `full`, exactly, at every interferometer that the
latent exists for; `part`, by construction but not all of it. What is not named is not shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["PROPERTIES", "Extent", "Sharing", "full", "part"]

Extent = Literal["full", "part"]

Sharing = Mapping[str, Extent]
"""Property -> extent."""

PROPERTIES: dict[str, str] = {
    "whole_numbers": "whole numbers",
    "means": "mean occupancies",
    "variances": "variances",
    "single_modes": "single-mode laws",
    "total": "photon total",
    "pairs": "pair correlations",
    "all_orders": "all orders",
}
"""Name and label of every property, from what is easy to share to what only interference gives.

`means`, `variances` and `single_modes` are of every mode; `total` is its law, so a number that
does not fluctuate; `pairs` are the covariances of all pairs of modes, variances aside;
`all_orders` is the whole law.
"""


def full(*properties: str) -> dict[str, Extent]:
    """Return a sharing of these properties in full.

    Raises:
        ValueError: a property that there is none of.

    >>> full("means") | part("variances")
    {'means': 'full', 'variances': 'part'}
    """
    return _sharing(properties, "full")


def part(*properties: str) -> dict[str, Extent]:
    """Return a sharing of these properties in part; raises as `full`."""
    return _sharing(properties, "part")


def _sharing(properties: tuple[str, ...], extent: Extent) -> dict[str, Extent]:
    for name in properties:
        if name not in PROPERTIES:
            raise ValueError(f"no property is called {name!r}: one of {', '.join(PROPERTIES)}")
    return dict.fromkeys(properties, extent)
