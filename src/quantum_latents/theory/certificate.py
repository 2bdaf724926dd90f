"""Which hypotheses of Theorem 1 a generator meets, with constants.

Theorem 1 (Bacarreza et al., arXiv 2508.19857): if g has an inverse on its image that is
Lipschitz and efficiently computable, and P_z cannot be sampled classically, then neither can the
law of g(z). Layer by layer that is certified by `layers`; where a layer cannot be, other facts
may still decide whether g is injective at all, and if none does, it is undetermined.

A fixed network always has *some* constants. The theorem speaks of a family that grows with n, and
needs them polynomial in n: so a certificate prints them, and `family` measures how they grow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from quantum_latents.random import Stream
from quantum_latents.theory.bounds import Bound
from quantum_latents.theory.inverse import Route, find_route
from quantum_latents.theory.layers import LayerCertificate, examine_decoding, examine_layers
from quantum_latents.theory.lipschitz import (
    LocalConstants,
    local_constants,
    rounding_of,
    search,
    upper_bound,
)
from quantum_latents.theory.network import Decoding, Generator, Network, read_network

__all__ = ["Certificate", "MapCertificate", "certify"]

Verdict = Literal["certified", "not certified", "undetermined"]


@dataclass(frozen=True, kw_only=True)
class MapCertificate:
    """What is known of one map.

    Attributes:
        name: `generator`, or `features`: the generator without its head and decoding.
        widths: (d_0, ..., d_{L+1}).
        layers: one certificate an affine map, and one of the decoding if there is one.
        verdict: of its inverse: `certified` exists with these constants, `not certified` proves
            that there is none (where ranks and meeting latents decide, to working precision, as
            the reason says), `undetermined` if neither is shown.
        reason: why, in words.
        lipschitz: upper bounds of Lip, before any decoding.
        lipschitz_found: the largest stretch found: Lip is at least that.
        route: the way back and upper bounds of Lip of the inverse; None if there is none, as
            with any decoding.
        inverse_lipschitz_found: the largest stretch of the inverse found: its Lip, if there is
            an inverse, is at least that.
        local: exact local constants at the latents.
        decoding: what follows the last affine map.
    """

    name: Literal["generator", "features"]
    widths: tuple[int, ...]
    layers: tuple[LayerCertificate, ...]
    verdict: Verdict
    reason: str
    lipschitz: Bound
    lipschitz_found: float
    route: Route | None
    inverse_lipschitz_found: float
    local: LocalConstants
    decoding: Decoding

    @property
    def condition_number(self) -> float | None:
        """Upper bound of Lip times that of the inverse; None without a certified inverse."""
        return None if self.route is None else self.lipschitz.value * self.route.bound.value

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict; what is infinite is null."""
        route = self.route
        return {
            "name": self.name,
            "widths": list(self.widths),
            "verdict": self.verdict,
            "reason": self.reason,
            "layers": [one.to_json() for one in self.layers],
            "lipschitz": {
                "found": _finite(self.lipschitz_found),
                "upper": _finite(self.lipschitz.value),
                "upper_product": _finite(self.lipschitz.product),
            },
            "inverse_lipschitz": {
                "found": _finite(self.inverse_lipschitz_found),
                "upper": None if route is None else _finite(route.bound.value),
                "upper_product": None if route is None else _finite(route.bound.product),
                "route_ends_at_layer": None if route is None else route.end,
            },
            "condition_number": None
            if self.condition_number is None
            else _finite(self.condition_number),
            "local": self.local.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is known of a generator.

    Attributes:
        generator: the whole of it.
        features: the generator without head and decoding, where the whole is not certified and
            there is more than a head; else None.
    """

    generator: MapCertificate
    features: MapCertificate | None

    @property
    def verdict(self) -> Verdict:
        """Of the generator."""
        return self.generator.verdict

    @property
    def survives(self) -> tuple[str, ...]:
        """What holds although the generator is not certified, in words."""
        if self.verdict == "certified":
            return ()
        kept = []
        if self.features is not None and self.features.verdict == "certified":
            kept.append(
                "the features before the head are injective, with a Lipschitz inverse: they are "
                "what the theorem asks of a generator"
            )
        local = self.generator.local
        if local.num_rank_deficient == 0:
            kept.append(
                f"before any decoding g is injective near each of {len(local.largest)} latents "
                "(its Jacobian has full rank there)"
            )
        return tuple(kept)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict."""
        return {
            "verdict": self.verdict,
            "survives": list(self.survives),
            "generator": self.generator.to_json(),
            "features": None if self.features is None else self.features.to_json(),
        }


def certify(generator: Generator, z: np.ndarray, stream: Stream) -> Certificate:
    """Certify a generator.

    Args:
        generator: see `read_network`.
        z: latents of its own law (N, d_z), 2 at least, at which local constants are measured and
            from which the search for extreme pairs begins. Some hundred are enough.
        stream: of the search.

    Raises:
        TypeError, ValueError: see `read_network`, `local_constants` and `search`.

    >>> from quantum_latents.random import stream
    >>> from quantum_latents.theory.network import Affine
    >>> widening = Network((Affine(np.eye(3, 2), np.zeros(3), slope=0.5),))
    >>> z = stream(0, "z").generator().normal(size=(8, 2))
    >>> made = certify(widening, z, stream(0, "search"))
    >>> made.verdict, round(made.generator.route.bound.value, 6)
    ('certified', 2.0)
    """
    network = read_network(generator)
    whole = _certify(network, "generator", z, stream)
    features = network.features
    if whole.verdict == "certified" or features is None:
        return Certificate(generator=whole, features=None)
    return Certificate(
        generator=whole, features=_certify(features, "features", z, stream.child("features"))
    )


def _certify(
    network: Network, name: Literal["generator", "features"], z: np.ndarray, stream: Stream
) -> MapCertificate:
    layers = examine_layers(network)
    if name == "features":
        layers[-1] = _renamed(layers[-1], len(layers))
    decoding = examine_decoding(network)
    route = find_route(network, layers) if decoding is None else None
    local = local_constants(network, z)
    is_decided = route is not None or network.widths[-1] < network.latent_dim
    found = search(network, z, stream, until_they_meet=not is_decided)
    # Rounding must not raise a lower bound above what it bounds.
    rounding = rounding_of(network)
    stretched = max(found.stretched.ratio, float(local.largest.max()))
    shrunk = min(found.shrunk.ratio, float(local.smallest.min()))
    verdict, reason = _verdict(
        network, layers, route, decoding, local, is_meeting=shrunk <= rounding
    )
    is_collapsed = network.widths[-1] < network.latent_dim or local.num_rank_deficient > 0
    shrunk = 0.0 if is_collapsed else shrunk + rounding
    return MapCertificate(
        name=name,
        widths=network.widths,
        layers=(*layers, *([decoding] if decoding else [])),
        verdict=verdict,
        reason=reason,
        lipschitz=upper_bound(network),
        lipschitz_found=max(stretched - rounding, 0.0),
        route=route,
        inverse_lipschitz_found=1 / shrunk if shrunk > 0 else float("inf"),
        local=local,
        decoding=network.decoding,
    )


def _verdict(
    network: Network,
    layers: list[LayerCertificate],
    route: Route | None,
    decoding: LayerCertificate | None,
    local: LocalConstants,
    *,
    is_meeting: bool,
) -> tuple[Verdict, str]:
    d_z, d_x = network.latent_dim, network.widths[-1]
    if decoding is not None and network.decoding == "argmax":
        return "not certified", decoding.reason
    if route is not None:
        where = "layer 1" if route.end == 1 else f"layer {route.end}, which gives z itself,"
        return "certified", f"every layer from the last to {where} can be undone"
    if d_x < d_z:
        return "not certified", (
            f"no continuous map of {d_z} numbers to {d_x} is injective (invariance of domain)"
        )
    if decoding is not None and d_x == d_z:
        return "not certified", (
            f"probabilities add up to 1, so that {d_z} numbers go to {d_x - 1} free ones, and no "
            "such continuous map is injective (invariance of domain)"
        )
    if local.num_orientations == 2:
        return "not certified", (
            "the determinant of its Jacobian has both signs, and an injective continuous map of "
            f"R^{d_z} has one (invariance of domain)"
        )
    if local.num_rank_deficient:
        return "not certified", (
            f"its Jacobian is rank-deficient to working precision at {local.num_rank_deficient} "
            f"of {len(local.largest)} latents: it is constant along a direction there"
        )
    if is_meeting:
        return "not certified", (
            "two latents were found that it maps to one output, to working precision"
        )
    failed = [one.name for one in layers if one.verdict != "certified"]
    failed += [] if decoding is None else ["decoding"]
    are = "is" if len(failed) == 1 else "are"
    return "undetermined", (
        f"{', '.join(failed)} {are} not certified, and nothing found proves that two latents meet"
    )


def _renamed(layer: LayerCertificate, place: int) -> LayerCertificate:
    return replace(layer, name=f"layer {place}")


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
