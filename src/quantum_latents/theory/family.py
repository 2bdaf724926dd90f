"""How a certificate's constants grow with n: what the theorem is about, and one network is not.

Notation: a family is a rule that gives, for n latent numbers, random networks of some depth and
widths. kappa(n) = Lip(g) Lip(g^{-1}) is a network's condition number, by its upper bounds.
Polynomial growth is a straight line of log kappa against log n, exponential growth one against n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.models import MLPSpec, StackedMLP
from quantum_latents.random import Stream
from quantum_latents.random.torch import torch_generator
from quantum_latents.theory.inverse import find_route
from quantum_latents.theory.lipschitz import upper_bound
from quantum_latents.theory.network import read_network

__all__ = ["FAMILIES", "Family", "Growth", "grow"]

_SLOPE = 0.2


@dataclass(frozen=True)
class Family:
    """A rule for networks of growing n.

    Attributes:
        name: what it is called.
        what: in words.
        widths: hidden widths and the output's, of n.
        initialisation, gain: as in `MLPSpec`.
        reinject_latent: as in `MLPSpec`.
    """

    name: str
    what: str
    widths: Callable[[int], tuple[int, ...]]
    initialisation: str = "pytorch"
    gain: float = 1.0
    reinject_latent: bool = False


FAMILIES = (
    Family(
        "orthogonal",
        "three layers of orthogonal columns, widths 2n, 2n, 2n",
        lambda n: (2 * n,) * 3,
        initialisation="orthogonal",
    ),
    Family(
        "widening",
        "three layers, PyTorch's initialisation, widths 2n, 4n, 8n",
        lambda n: (2 * n, 4 * n, 8 * n),
    ),
    Family(
        "square",
        "three layers, PyTorch's initialisation, widths n, n, n",
        lambda n: (n,) * 3,
    ),
    Family(
        "re-injection",
        "three layers with z re-injected, PyTorch's initialisation, widths 2n, 4n, 8n",
        lambda n: (2 * n, 4 * n, 8 * n),
        reinject_latent=True,
    ),
    Family(
        "deepening",
        "n layers of orthogonal columns, widths 2n",
        lambda n: (2 * n,) * n,
        initialisation="orthogonal",
    ),
)
"""Families worth knowing; slope 0.2 throughout."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Constants of random networks of one family at one n.

    Attributes:
        family: its name.
        num_latents: n.
        num_networks: how many were drawn.
        lipschitz, inverse_lipschitz, condition_number: medians of the upper bounds.
        least, most: of the condition numbers.
    """

    family: str
    num_latents: int
    num_networks: int
    lipschitz: float
    inverse_lipschitz: float
    condition_number: float
    least: float
    most: float

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict."""
        return dict(vars(self))


def grow(
    family: Family, sizes: Sequence[int], stream: Stream, num_networks: int = 5
) -> list[Growth]:
    """Draw networks of a family at every n of `sizes` and bound their constants.

    Raises:
        ValueError: no network, an n below 1, or a network that cannot be undone at all.

    >>> from quantum_latents.random import stream
    >>> (four,) = grow(FAMILIES[0], [4], stream(0, "family"), num_networks=1)
    >>> round(four.lipschitz, 3), round(four.inverse_lipschitz, 3)
    (1.0, 25.0)
    """
    if num_networks < 1 or any(size < 1 for size in sizes):
        raise ValueError(f"give sizes and num_networks of at least 1, not {sizes}, {num_networks}")
    told = []
    for size in sizes:
        *hidden, last = family.widths(size)
        spec = MLPSpec(
            hidden=tuple(hidden),
            activation="leaky_relu",
            negative_slope=_SLOPE,
            initialisation=family.initialisation,  # type: ignore[arg-type]
            gain=family.gain,
            reinject_latent=family.reinject_latent,
        )
        forward, back = [], []
        for index in range(num_networks):
            module = StackedMLP(spec, size, last, stack=1)
            module.initialise([torch_generator(stream.child(family.name, size, index))])
            network = read_network(module)
            route = find_route(network)
            if route is None:
                raise ValueError(f"no inverse: family {family.name!r} at n = {size}")
            forward.append(upper_bound(network).value)
            back.append(route.bound.value)
        condition = np.array(forward) * np.array(back)
        told.append(
            Growth(
                family=family.name,
                num_latents=size,
                num_networks=num_networks,
                lipschitz=float(np.median(forward)),
                inverse_lipschitz=float(np.median(back)),
                condition_number=float(np.median(condition)),
                least=float(condition.min()),
                most=float(condition.max()),
            )
        )
    return told
