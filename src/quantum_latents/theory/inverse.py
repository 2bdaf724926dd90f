"""The exact inverse of a generator whose layers widen.

Notation as in `network` and `layers`. From x = g(z) backwards,

    p_l = phi_l^{-1}(a_l),    a_{l-1} = W_l^+ (p_l - b_l),
    or with re-injection    (a_{l-1}, z) = [W_l V_l]^+ (p_l - b_l),

with ^+ the pseudo-inverse, that is, least squares. A layer with re-injection gives z itself, so
the way back may end there: a *route* is where it ends, `layer 1` or such a layer, and only the
layers from there on are used. Every route is a map of all R^(d_x), piecewise linear like g: the
inverse extends off the image of g with the same Lipschitz constant.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from quantum_latents.theory.bounds import Bound, Slopes, chain_bound
from quantum_latents.theory.layers import (
    LayerCertificate,
    examine_decoding,
    examine_layers,
    singular_value_error,
)
from quantum_latents.theory.network import Affine, Generator, Network, read_network

__all__ = ["Inverse", "Route", "find_route", "inverse", "invert", "routes"]


class Route(NamedTuple):
    """One way back from x to z.

    Attributes:
        end: the layer (1 is the first) that gives z.
        bound: upper bounds of its Lipschitz constant, which are those of g^{-1} too.
    """

    end: int
    bound: Bound


class Inverse(NamedTuple):
    """What `inverse` returns.

    Attributes:
        z: (N, d_z), in x's precision.
        residual: (N,), |g(z) - x| / |x|: rounding if x is in the image of g, else its distance.
        route: the way that was taken.
    """

    z: np.ndarray
    residual: np.ndarray
    route: Route


def routes(network: Network, layers: list[LayerCertificate] | None = None) -> list[Route]:
    """Return every way back from g's output, before any decoding, to z; [] if there is none.

    Args:
        network: g.
        layers: what `examine_layers` said of it, if it was asked.
    """
    certified = [one.verdict == "certified" for one in layers or examine_layers(network)]
    found = []
    maps: list[np.ndarray] = []
    between: list[Slopes] = []
    errors: list[float] = []
    for place in range(len(network.layers), 0, -1):
        layer = network.layers[place - 1]
        if not certified[place - 1]:
            break
        if layer.slope != 1:
            between.append(Slopes(1.0, 1 / layer.slope))
        elif maps:
            between.append(Slopes(1.0, 1.0))
        back, error = _pseudo_inverse(layer.joint)
        # The activation of the last layer acts first: an identity stands before it.
        start = [np.eye(len(layer.weight))] if not maps and between else []
        errors += [0.0] * len(start)
        width = layer.weight.shape[1]
        if layer.injection is not None:
            ways = [*maps, *start, back[width:]]
            found.append(Route(place, chain_bound(ways, between, [*errors, error])))
        if place == 1 and layer.injection is None:
            ways = [*maps, *start, back]
            found.append(Route(1, chain_bound(ways, between, [*errors, error])))
        maps += [*start, back[:width]]
        errors.append(error)
    return found


def _pseudo_inverse(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Return W^+ of W (m, n) of full column rank, and a norm that its error cannot exceed.

    With r the error of W's singular values (`layers`), |E| <= 2^(1/2) r |W^+| |(W + F)^+|,
    |F| <= r (Wedin 1973, BIT 13, 217).
    """
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    rounding = singular_value_error(matrix, float(values[0]))
    smallest = float(values[-1])
    return (right.T / values) @ left.T, 2 * rounding / (smallest * (smallest - rounding))


def find_route(network: Network, layers: list[LayerCertificate] | None = None) -> Route | None:
    """Return the way back with the smallest Lipschitz bound; None if there is none."""
    return min(routes(network, layers), key=lambda route: route.bound.value, default=None)


def inverse(generator: Generator, x: np.ndarray) -> Inverse:
    """Return z with g(z) = x, layer by layer through least squares.

    The error of z is of the order of the machine precision of x times the generator's condition
    number Lip(g) Lip(g^{-1}).

    Args:
        generator: see `read_network`.
        x: float32 or float64 (N, d_x), outputs of g; all arithmetic is in its precision.

    Raises:
        ValueError: a layer cannot be undone, named with the reason; or x is no such array.

    >>> from torch import nn
    >>> import torch
    >>> g = nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2), nn.Linear(4, 4)).double()
    >>> z = np.array([[1.0, -2.0]])
    >>> with torch.no_grad():
    ...     x = g(torch.from_numpy(z)).numpy()
    >>> bool(np.allclose(inverse(g, x).z, z))
    True
    """
    network = read_network(generator)
    if (decoding := examine_decoding(network)) is not None:
        raise ValueError(f"this generator has no inverse: {decoding.reason}")
    layers = examine_layers(network)
    route = find_route(network, layers)
    if route is None:
        failed = [f"{one.name}: {one.reason}" for one in layers if one.verdict != "certified"]
        raise ValueError(f"this generator has no layer-wise inverse: {failed[-1]}")
    return invert(network, x, route)


def invert(network: Network, x: np.ndarray, route: Route) -> Inverse:
    """Return z by a way back of `routes`; see `inverse`.

    Raises:
        ValueError: x is not (N, d_x), or of another precision.
    """
    if np.ndim(x) != 2 or x.shape[1] != network.widths[-1]:
        raise ValueError(f"x has shape (N, {network.widths[-1]}), not {np.shape(x)}")
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"x is float32 or float64, not {x.dtype}: convert it")
    a = x
    for place in range(len(network.layers), route.end - 1, -1):
        layer = network.layers[place - 1]
        solved = _undo(layer, a)
        width = layer.weight.shape[1]
        is_end = place == route.end and layer.injection is not None
        a = solved[:, width:] if is_end else solved[:, :width]
    made = network(a)
    norm = np.linalg.norm(x, axis=1)
    off = np.linalg.norm(made - x, axis=1) / np.where(norm > 0, norm, 1)
    return Inverse(a, off, route)


def _undo(layer: Affine, a: np.ndarray) -> np.ndarray:
    """Return (a_{l-1}, z) of a_l, by a QR factorisation in the precision of a."""
    p = a if layer.slope == 1 else np.where(a > 0, a, a / a.dtype.type(layer.slope))
    q, r = np.linalg.qr(layer.joint.astype(a.dtype))
    if not np.diag(r).all():
        raise ValueError(
            f"a layer of {len(layer.weight)} outputs has full column rank in float64, but not in "
            f"{a.dtype}: give x in float64"
        )
    right = (p - layer.bias.astype(a.dtype)) @ q
    return solve_triangular(r, right.T, lower=False).T
