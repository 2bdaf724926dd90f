"""How much a generator stretches and shrinks: upper bounds, local values, and searched lower ones.

Notation as in `network`. Lip(g) is the supremum of |g(z) - g(z')| / |z - z'| over all pairs in
R^(d_z), Lip(g^{-1}) that of the reciprocal. Where g is differentiable its Jacobian J(z) gives
the local constants exactly, sigma_max(J) and 1 / sigma_min(J), and they bound the global ones
from below; so does every pair. Always lower <= true <= upper.

Upper bounds take z along: with A_l = [[W_l, V_l], [0, 1]] acting on (a, z), g is a chain of
matrices with slopes between (`bounds`), re-injection or not. Those of g^{-1} are the chain of
its way back (`inverse`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from quantum_latents.random import Stream
from quantum_latents.theory.bounds import Bound, Slopes, chain_bound, largest_singular_value
from quantum_latents.theory.network import Generator, Network, read_network

__all__ = [
    "Extreme",
    "LocalConstants",
    "Search",
    "local_constants",
    "rounding_of",
    "search",
    "upper_bound",
]

_ROUNDS = 60
_MEETING_ROUNDS = 20
_ROWS = 64
"""Jacobians held at once: of 512 x 48 numbers each."""


def upper_bound(generator: Generator) -> Bound:
    """Return upper bounds of Lip(g), before any decoding.

    `product` is the recursion of norms, L_l = |W_l| L_{l-1} + |V_l|, L_0 = 1, of which every
    step may use |[W_l V_l]| (L_{l-1}^2 + 1)^(1/2) instead where that is less.

    >>> from quantum_latents.theory.network import Affine
    >>> round(upper_bound(Network((Affine(2 * np.eye(2), np.zeros(2)),))).value, 6)
    2.0
    """
    network = read_network(generator)
    product = _product(network)
    maps, between = _chain(network)
    return Bound(product, min(product, chain_bound(maps, between).value))


def rounding_of(network: Network) -> float:
    """Return how far off a computed stretch of g, |g(z) - g(z')| / |z - z'| or of J, can be.

    Each of the products that make it rounds by its length times the machine precision, relative
    to the product of norms, which may be far above the stretch itself.
    """
    return float(np.finfo(np.float64).eps) * sum(network.widths) * _product(network)


def _product(network: Network) -> float:
    product = 1.0
    for layer in network.layers:
        apart = largest_singular_value(layer.weight) * product
        if layer.injection is not None:
            apart += largest_singular_value(layer.injection)
            apart = min(apart, largest_singular_value(layer.joint) * math.hypot(product, 1.0))
        product = apart
    return float(product)


def _chain(network: Network) -> tuple[list[np.ndarray], list[Slopes]]:
    """Return g as a chain on (a, z), where z is carried as far as it is injected."""
    last = max((i for i, one in enumerate(network.layers) if one.injection is not None), default=0)
    identity = np.eye(network.latent_dim)
    maps, between = [], []
    for place, layer in enumerate(network.layers):
        width = layer.weight.shape[1]
        is_carried_in, is_carried_on = 0 < place <= last, place < last
        matrix = np.zeros((len(layer.weight), width + is_carried_in * len(identity)))
        matrix[:, :width] = layer.weight
        if layer.injection is not None:
            # In the first layer a is z itself.
            matrix[:, width if is_carried_in else 0 :] += layer.injection
        if is_carried_on:
            carried = np.zeros((len(identity), matrix.shape[1]))
            carried[:, -len(identity) :] = identity
            matrix = np.vstack([matrix, carried])
        maps.append(matrix)
        between.append(Slopes(layer.slope, 1.0, len(layer.weight) if is_carried_on else None))
    if network.layers[-1].slope != 1:
        maps.append(np.eye(len(network.layers[-1].weight)))
        return maps, between
    return maps, between[:-1]


@dataclass(frozen=True)
class LocalConstants:
    """Local values at N latents, those left out where g has no Jacobian (`Network.is_inside`).

    Attributes:
        largest: sigma_max(J) (N,).
        smallest: the d_z-th singular value of J (N,); 0 where d_x < d_z.
        num_orientations: signs of det J that occur, where d_x = d_z and J is invertible beyond
            rounding; else 0. An injective continuous map of R^n has one orientation everywhere
            (invariance of domain), so 2 proves that g is not injective on R^n.
        num_rank_deficient: latents where sigma_min(J) is below rounding.
    """

    largest: np.ndarray
    smallest: np.ndarray
    num_orientations: int
    num_rank_deficient: int

    def to_json(self) -> dict[str, Any]:
        """Return quantiles over the latents as a JSON-able dict."""
        shares = {"minimum": 0.0, "median": 0.5, "maximum": 1.0}
        return {
            "num_latents": len(self.largest),
            "largest_singular_value": {
                name: float(np.quantile(self.largest, q)) for name, q in shares.items()
            },
            "smallest_singular_value": {
                name: float(np.quantile(self.smallest, q)) for name, q in shares.items()
            },
            "num_rank_deficient": self.num_rank_deficient,
            "num_orientations": self.num_orientations,
        }


def local_constants(generator: Generator, z: np.ndarray) -> LocalConstants:
    """Return the exact local constants of g at latents z (N, d_z), before any decoding.

    Raises:
        ValueError: no latent, or of another width; or none at which g has a Jacobian.
    """
    network = read_network(generator)
    z = np.asarray(z, np.float64)
    if z.ndim != 2 or z.shape[1] != network.latent_dim or not len(z):
        raise ValueError(f"z has shape (N, {network.latent_dim}) with N >= 1, not {z.shape}")
    parts = [z[start : start + _ROWS] for start in range(0, len(z), _ROWS)]
    z = np.concatenate([part[network.is_inside(part)] for part in parts])
    if not len(z):
        raise ValueError("g has a kink at every one of these latents: move them a little")
    largest, smallest, signs, num_deficient = [], [], set(), 0
    shape = network.widths[-1], network.latent_dim
    rounding = rounding_of(network)
    for start in range(0, len(z), _ROWS):
        jacobians = network.jacobians(z[start : start + _ROWS])
        values = np.linalg.svd(jacobians, compute_uv=False)
        least = values[:, -1] if shape[0] >= shape[1] else np.zeros(len(values))
        is_full = least > rounding
        num_deficient += int((~is_full).sum())
        if shape[0] == shape[1] and is_full.any():
            signs |= set(np.linalg.slogdet(jacobians[is_full])[0].tolist())
        largest.append(values[:, 0])
        smallest.append(least)
    return LocalConstants(
        np.concatenate(largest), np.concatenate(smallest), len(signs), num_deficient
    )


class Extreme(NamedTuple):
    """The most extreme pair found: ratio = |g(z) - g(z')| / |z - z'|."""

    ratio: float
    z: np.ndarray
    other: np.ndarray


class Search(NamedTuple):
    """The pairs that g stretches and shrinks most, of those found."""

    stretched: Extreme
    shrunk: Extreme


def search(
    generator: Generator, z: np.ndarray, stream: Stream, *, until_they_meet: bool = True
) -> Search:
    """Search for pairs of latents that g stretches, and shrinks, most.

    Pairs begin at the given latents, along the singular vectors of their Jacobians and towards
    one another, and climb along the gradient of log |g(z) - g(z')| - log |z - z'|, with a step
    that halves when it fails. What is found is a lower bound of Lip(g), and of Lip(g^{-1}); a
    search proves no upper bound.

    Args:
        generator: g.
        z: where to begin, (N, d_z); 2 at least.
        stream: names the lengths of the first pairs.
        until_they_meet: also seek latents that meet, by Gauss-Newton steps towards
            g(z') = g(z), which is piecewise linear and so reached exactly, in a few steps;
            pointless where an inverse is certified.

    Raises:
        ValueError: fewer than two latents, of another width, or with less spread than rounding.
    """
    network = read_network(generator)
    z = np.asarray(z, np.float64)
    if z.ndim != 2 or z.shape[1] != network.latent_dim or len(z) < 2:
        raise ValueError(f"z has shape (N, {network.latent_dim}) with N >= 2, not {z.shape}")
    vectors = np.concatenate(
        [
            np.linalg.svd(network.jacobians(z[start : start + _ROWS]), full_matrices=False)[2][
                :, [0, -1]
            ]
            for start in range(0, len(z), _ROWS)
        ]
    )
    spread = np.sqrt(z.var(axis=0).sum()) or 1.0
    lengths = spread * 10 ** stream.generator().uniform(-3, 0.5, size=(len(z), 1))
    extremes = []
    for sign, vector in ((1, vectors[:, 0]), (-1, vectors[:, 1])):
        pairs = np.stack([z, z + lengths * vector], 1), np.stack([z, np.roll(z, 1, axis=0)], 1)
        climbed = _climb(network, np.concatenate(pairs), sign)
        if sign == -1 and until_they_meet:
            climbed = np.concatenate([climbed, _met(network, pairs[1]), _met(network, climbed)])
        ratios = _ratios(network, climbed)
        best = int(np.nanargmax(sign * ratios))
        extremes.append(Extreme(float(ratios[best]), climbed[best, 0], climbed[best, 1]))
    return Search(*extremes)


def _met(network: Network, pairs: np.ndarray) -> np.ndarray:
    """Move z' of every pair (P, 2, d_z) towards g(z') = g(z), by Gauss-Newton with halving."""
    pairs = pairs.copy()
    steps = np.ones((len(pairs), 1))
    off = network.differences(pairs[:, 1], pairs[:, 0])
    for _ in range(_MEETING_ROUNDS):
        towards = np.concatenate(
            [
                np.einsum(
                    "nzx,nx->nz",
                    np.linalg.pinv(network.jacobians(pairs[start : start + _ROWS, 1])),
                    off[start : start + _ROWS],
                )
                for start in range(0, len(pairs), _ROWS)
            ]
        )
        moved = pairs[:, 1] - steps * towards
        tried = network.differences(moved, pairs[:, 0])
        better = np.linalg.norm(tried, axis=1) < np.linalg.norm(off, axis=1)
        pairs[better, 1], off[better] = moved[better], tried[better]
        steps = np.where(better[:, None], np.minimum(2 * steps, 1.0), steps / 2)
    return pairs


def _climb(network: Network, pairs: np.ndarray, sign: int) -> np.ndarray:
    """Return pairs (P, 2, d_z) whose ratio is raised (sign 1) or lowered (-1)."""
    ratios = _ratios(network, pairs)
    if not np.isfinite(ratios).any():
        raise ValueError("these latents lie too close together to search from: spread them")
    pairs, ratios = pairs[np.isfinite(ratios)], ratios[np.isfinite(ratios)]
    steps = np.full((len(pairs), 1, 1), 0.3)
    for _ in range(_ROUNDS):
        apart = pairs[:, 0] - pairs[:, 1]
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        gradient = _gradient(network, pairs) * sign
        norm = np.linalg.norm(gradient, axis=(1, 2), keepdims=True)
        moved = pairs + steps * length[:, :, None] * gradient / np.where(norm > 0, norm, 1)
        tried = _ratios(network, moved)
        better = sign * tried > sign * ratios
        pairs[better], ratios[better] = moved[better], tried[better]
        steps *= np.where(better, 1.2, 0.5)[:, None, None]
    return pairs


def _ratios(network: Network, pairs: np.ndarray) -> np.ndarray:
    """Return the ratio of every pair; not a number where its ends are too close to tell."""
    apart = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1)
    made = np.linalg.norm(network.differences(pairs[:, 0], pairs[:, 1]), axis=1)
    # Closer than this, the difference of two latents is rounding.
    is_apart = apart > 1e-6 * (1 + np.linalg.norm(pairs, axis=(1, 2)))
    return np.where(is_apart, made / np.where(apart > 0, apart, 1), np.nan)


def _gradient(network: Network, pairs: np.ndarray) -> np.ndarray:
    """Return the gradient (P, 2, d_z) of log |g(z) - g(z')| - log |z - z'|."""
    apart = pairs[:, 0] - pairs[:, 1]
    made = network.differences(pairs[:, 0], pairs[:, 1])
    by_made = made / np.maximum((made**2).sum(1, keepdims=True), 1e-300)
    by_apart = apart / np.maximum((apart**2).sum(1, keepdims=True), 1e-300)
    gradient = np.empty_like(pairs)
    for end, sign in ((0, 1), (1, -1)):
        gradient[:, end] = sign * (network.pulled(pairs[:, end], by_made) - by_apart)
    return gradient
