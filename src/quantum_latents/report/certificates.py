"""The page's section on Theorem 1: certificates of a study's generators, from their JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["certificate_cards"]

BADGES = {
    "certified": "better",
    "not certified": "worse",
    "undetermined": "uncorroborated",
    "holds": "better",
    "does not hold": "worse",
    "consistent": "better",
    "inconsistent": "worse",
}
"""The page's badge of each verdict."""


def certificate_cards(certificates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the page shows of each certificate, by data, latent and seed.

    Args:
        certificates: what `results.read_certificates` returned.
    """
    ordered = sorted(certificates, key=lambda one: (one["data"], one["latent"], one["seed"]))
    return [_card(one) for one in ordered]


def _card(one: Mapping[str, Any]) -> dict[str, Any]:
    maps = [part for part in (one["generator"], one["features"]) if part is not None]
    return {
        "certificate": one,
        "badges": BADGES,
        "maps": [
            {
                "map": part,
                "widths": " → ".join(str(width) for width in part["widths"]),
                "lipschitz": _span(part["lipschitz"]),
                "inverse": _span(part["inverse_lipschitz"]),
                "condition": constant(part["condition_number"]),
                "layers": [_layer(layer) for layer in part["layers"]],
            }
            for part in maps
        ],
        "levels": [
            {
                "precision": level["precision"],
                "noise": "none" if level["noise"] == 0 else constant(level["noise"]),
                "rate": f"{level['success_rate']:.1%}",
            }
            for level in (one["reduction"] or {"levels": []})["levels"]
        ],
    }


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "layer": layer,
        "smallest": constant(layer["smallest_singular_value"]),
        "largest": constant(layer["largest_singular_value"]),
        "condition": constant(layer["condition_number"]),
    }


def _span(constants: Mapping[str, Any]) -> str:
    found, upper = constants["found"], constants["upper"]
    if upper is None:
        return "no bound" if found is None else f"at least {constant(found)}, no bound"
    return f"{constant(found)} to {constant(upper)}"


def constant(value: float | None) -> str:
    """Return a constant in three digits, – for none.

    >>> constant(1234567.0), constant(0.25), constant(None)
    ('1.23e+06', '0.25', '–')
    """
    return "–" if value is None else f"{value:.3g}"
