"""Grids of text, and the languages that they are written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Grid", "latex_grid", "latex_text", "markdown_grid", "rich_grid"]

_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "²": r"$^2$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "<": r"$<$",
    ">": r"$>$",
    "–": "--",
    "“": "``",
    "”": "''",
}


@dataclass(frozen=True)
class Grid:
    """Text in lines and columns, the first line of each a name.

    Attributes:
        title: "" for none.
        header: names of the columns.
        body: lines of as many texts.
    """

    title: str
    header: list[str]
    body: list[list[str]]


def rich_grid(cells: Grid, title: str = "") -> Any:
    """Return a grid for a console of rich."""
    from rich.table import Table as RichGrid
    from rich.text import Text

    # Text, never str: rich would read "[photons]" as a style.
    grid = RichGrid(title=Text(cells.title or title), title_justify="left")
    name, *others = cells.header
    grid.add_column(name, no_wrap=name == "latent")
    for other in others:
        justify = "left" if other == "latent" else "right"
        grid.add_column(Text(other, overflow="fold"), justify=justify)
    for line in cells.body:
        grid.add_row(*map(Text, line))
    return grid


def markdown_grid(header: list[str], body: list[list[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def latex_text(text: str) -> str:
    r"""Return text as LaTeX writes it.

    >>> print(latex_text("95 % of d_z ± −1"))
    95 \% of d\_z $\pm$ $-$1
    """
    return "".join(_LATEX.get(character, character) for character in text)


def latex_grid(grid: Grid) -> str:
    """Return a grid as a LaTeX table with the rules of booktabs, its title the caption."""
    lines = [" & ".join(map(latex_text, line)) + r" \\" for line in [grid.header, *grid.body]]
    columns = "l" + "r" * (len(grid.header) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            *([rf"\caption{{{latex_text(grid.title)}}}"] if grid.title else []),
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )
