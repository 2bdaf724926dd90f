"""One self-contained HTML page of a bank's validation, from its JSON alone.

Everything that comes from a manifest is escaped; the page loads nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from quantum_latents import __version__
from quantum_latents.report.styles import styles
from quantum_latents.report.templates import rendered, resource, write_page
from quantum_latents.results.wording import interval_text, number_text, p_text

__all__ = ["write_validation"]

_BADGES = {"consistent": "better", "inconsistent": "worse", "undetermined": "uncorroborated"}
_MOST_MODES = 128
"""Most modes of which every pair is drawn."""


def write_validation(content: Mapping[str, Any], out: str | os.PathLike[str]) -> Path:
    """Write the page of a validation and return its path.

    Args:
        content: what `BankValidation.to_json` returned, or the same read from a file.
        out: the file to write. It appears whole or not at all.

    Raises:
        ValueError: the content is no validation.
    """
    if not isinstance(content, Mapping) or content.get("schema") != 1 or "findings" not in content:
        raise ValueError("a validation is the JSON of `qlat validate --json`, schema 1")
    return write_page(Path(out), rendered("validation.html.jinja", _page(content)))


def _page(content: Mapping[str, Any]) -> dict[str, Any]:
    by_name = {one["name"]: one for one in content["findings"]}
    return {
        "content": content,
        "lines": [
            {
                **one,
                "badge": _BADGES[one["verdict"]],
                "picture": Markup(deviation_svg(one)),
                "more": _in_words(one["detail"]),
            }
            for one in content["findings"]
        ],
        "figures": [Markup(figure) for figure in _figures(by_name)],
        "path": Markup(_path_svg(by_name["drift"]["detail"].get("path") or [])),
        "bank": [(name.replace("_", " "), _text(value)) for name, value in content["bank"].items()],
        "promise": [
            (name.replace("_", " "), _text(value))
            for name, value in (content["promise"] or {}).items()
        ],
        "css": Markup(resource("page.css")),
        "script": Markup(resource("page.js")),
        "number": number_text,
        "interval": interval_text,
        "p": p_text,
        "version": __version__,
    }


def deviation_svg(finding: Mapping[str, Any]) -> str:
    """Return a small picture of a finding: its interval as the unit, the promise in the middle.

    The picture reaches four half-widths of the interval to either side; what lies beyond is
    drawn at the edge. Empty where there is nothing to compare.

    >>> deviation_svg({"estimate": 1.0, "expected": None, "interval": [0, 2]})
    ''
    """
    estimate, expected = finding["estimate"], finding["expected"]
    interval = finding["interval"]
    if estimate is None or expected is None or interval is None or None in interval:
        return ""
    half = (interval[1] - interval[0]) / 2
    if not half > 0:
        return ""
    width, middle = 132.0, 66.0

    def place(value: float) -> float:
        return round(middle + max(-4.0, min(4.0, (value - expected) / half)) * 15.5, 1)

    low, at, high = place(interval[0]), place(estimate), place(interval[1])
    control = ""
    if finding.get("control") is not None:
        x = place(finding["control"])
        control = (
            f'<path d="M{x - 3} 9 L{x + 3} 15 M{x - 3} 15 L{x + 3} 9" stroke="var(--bad)" '
            'stroke-width="1.4"/>'
        )
    return (
        f'<svg viewBox="0 0 {width:g} 24" width="{width:g}" height="24" role="img" '
        'aria-label="estimate and interval against the promise">'
        f'<path d="M{middle} 2 V22" stroke="var(--muted)" stroke-dasharray="2 2"/>{control}'
        f'<path d="M{low} 12 H{high}" stroke="var(--accent)" stroke-width="2"/>'
        f'<circle cx="{at}" cy="12" r="3.4" fill="var(--accent)"/></svg>'
    )


def _path_svg(path: Sequence[float]) -> str:
    """The running sum of the series that drifts the most."""
    if len(path) < 2:
        return ""
    largest = max(1.8, *(abs(value) for value in path))
    points = " ".join(
        f"{40 + 560 * index / (len(path) - 1):.1f},{70 - 58 * value / largest:.1f}"
        for index, value in enumerate([0.0, *path[:-1]])
    )
    return (
        '<svg viewBox="0 0 620 150" role="img" aria-label="running sum over shot order">'
        '<path d="M40 70 H600" stroke="var(--grid)"/>'
        f'<polyline points="{points}" fill="none" stroke="var(--accent)" stroke-width="1.6"/>'
        f'<text x="34" y="16" text-anchor="end" font-size="11" fill="var(--muted)">{largest:.1f}'
        '</text><text x="34" y="74" text-anchor="end" font-size="11" fill="var(--muted)">0</text>'
        '<text x="320" y="146" text-anchor="middle" font-size="12" fill="var(--muted)">'
        "shots in their order</text></svg>"
    )


def _figures(by_name: Mapping[str, Mapping[str, Any]]) -> list[str]:
    from quantum_latents.report import sample_figures as figures  # matplotlib: only for a page

    style = styles(["quantum"])["quantum"]
    drawn = []
    means = by_name["mean_occupancies"]["detail"]
    if means.get("means"):
        top = 1.06 * max(*means["means"], *means["expected"], 1e-9)
        drawn.append(
            figures.marginals_figure(
                means["expected"], means["means"], style, title="mean counts of a mode", top=top
            )
        )
    totals = by_name["photon_numbers"]["detail"]
    if totals.get("histogram") and totals.get("law"):
        number = sum(totals["histogram"])
        seen = [shots / number for shots in totals["histogram"]]
        length = max(len(seen), len(totals["law"]))
        law = [*totals["law"], *[0.0] * (length - len(totals["law"]))]
        seen += [0.0] * (length - len(seen))
        top = 1.06 * max(*law, *seen)
        drawn.append(
            figures.marginals_figure(law, seen, style, title="share of shots by total", top=top)
        )
    pairs = by_name["two_point_correlators"]["detail"]
    if pairs.get("observed") and 2 < len(pairs["observed"]) <= _MOST_MODES:
        m = len(pairs["observed"])
        off = [
            abs(row[j])
            for matrix in (pairs["observed"], pairs["expected"])
            for i, row in enumerate(matrix)
            for j in range(m)
            if i != j
        ]
        limit = max(off) or 1.0
        for title, name in (("correlators, counted", "observed"), ("promised", "expected")):
            drawn.append(figures.correlation_figure(pairs[name], title=title, limit=limit))
    return drawn


def _in_words(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What fits a line each; tables and long lists stay in the JSON."""

    def fits(value: Any) -> bool:
        if not isinstance(value, (list, tuple)):
            return True
        return len(value) <= 4 or (len(value) <= 64 and not isinstance(value[0], (list, tuple)))

    return [
        (name.replace("_", " "), _text(value))
        for name, value in detail.items()
        if name != "path" and fits(value)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return {True: "yes", False: "no", None: "–"}.get(value, str(value))
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return json.dumps(value, ensure_ascii=False)
