"""Paired differences as a grid of text, and on a console.

Notation: a *difference* is another latent minus the reference, paired by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quantum_latents.report.grids import Grid
from quantum_latents.results import Comparison
from quantum_latents.results.wording import interval_text, is_count, number_text, p_text

__all__ = ["difference_grid", "rich_differences"]


def difference_grid(title: str, reference: str, comparisons: Sequence[Comparison]) -> Grid:
    """Return the comparisons with a reference as text, one a line."""
    header = ["latent", f"− {reference}", "95 % interval", "BCa", "p", "p (Holm)", "d_z", "verdict"]
    return Grid(title, header, [_line(comparison) for comparison in comparisons])


def rich_differences(title: str, reference: str, comparisons: Sequence[Comparison]) -> list[Any]:
    """Return the comparisons for a console of rich, and a sentence a verdict; [] for none."""
    from rich.table import Table as RichGrid
    from rich.text import Text

    if not comparisons:
        return []
    cells = difference_grid(title, reference, comparisons)
    grid = RichGrid(title=Text(title), title_justify="left")
    for name in cells.header:
        grid.add_column(Text(name), justify="left" if name in ("latent", "verdict") else "right")
    for comparison, (*numbers, verdict) in zip(comparisons, cells.body, strict=True):
        code = comparison.verdict.code if comparison.verdict else ""
        style = {"better": "green", "worse": "red", "equivalent": "cyan"}.get(code, "")
        grid.add_row(*(Text(number) for number in numbers), Text(verdict, style=style))
    return [grid, *(Text(c.verdict.sentence) for c in comparisons if c.verdict)]


def _line(comparison: Comparison) -> list[str]:
    count = is_count(comparison.unit)
    return [
        comparison.other,
        number_text(comparison.mean_difference, signed=True, count=count),
        interval_text(comparison.interval, count=count),
        interval_text(comparison.bca_interval, count=count),
        p_text(comparison.p_value),
        p_text(comparison.p_holm),
        number_text(comparison.effect_size),
        comparison.verdict.code if comparison.verdict else "–",
    ]
