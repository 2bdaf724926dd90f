"""The page's section on Theorem 1: certificates of a study's generators, from their JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["certificate_cards", "certificates_markdown", "growth_markdown"]

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


def certificates_markdown(certificates: Sequence[Mapping[str, Any]]) -> str:
    """Return certificates as a table in Markdown, a line each, in the page's order."""
    lines = [
        "| data | latent | seed | generator | its features | different draws → outputs | Lip(g) | "
        "Lip(g⁻¹) | counts recovered | their law | control |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for card in certificate_cards(certificates):
        one, reduction = card["certificate"], card["certificate"]["reduction"] or {}
        inverses = [
            f"{part['inverse']} ({part['map']['name']})"
            for part in card["maps"]
            if part["map"]["inverse_lipschitz"]["upper"] is not None
        ]
        cells = [
            one["data"],
            one["latent"],
            str(one["seed"]),
            f"{one['verdict']}: {one['generator']['reason']}",
            one["features"]["verdict"] if one["features"] else "–",
            f"{one['support']['num_latents']:,} → {one['support']['num_outputs']:,}",
            card["maps"][0]["lipschitz"],
            inverses[0] if inverses else "–",
            f"{card['levels'][0]['rate']} of the {one['reduced']}" if card["levels"] else "–",
            (reduction.get("recovered") or {}).get("verdict", "–"),
            (reduction.get("control") or {}).get("verdict", "–"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def growth_markdown(growth: Sequence[Mapping[str, Any]]) -> str:
    """Return how condition numbers grow with n as a table in Markdown, a line a family.

    >>> one = {"family": "square", "num_latents": 4, "condition_number": 2050.0}
    >>> print(growth_markdown([one | {"what": "n, n"}]).splitlines()[-1])
    | square: n, n | 2.05e+03 |
    """
    sizes = sorted({one["num_latents"] for one in growth})
    named = {one["family"]: one["what"] for one in growth}
    found = {(one["family"], one["num_latents"]): one["condition_number"] for one in growth}
    lines = [
        "| family | " + " | ".join(f"n = {size}" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for name, what in named.items():
        cells = [constant(found.get((name, size))) for size in sizes]
        lines.append(f"| {name}: {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
