"""What every figure is drawn on: SVG text that follows the page, light or dark, and its font.

Notation: sizes are inches; `INK`, `MUTED`, `GRID` and `SURFACE` are the colours of all that is no
latent. Colours are drawn as fixed hex values, then replaced by CSS variables with that value as
the fallback, so that one SVG serves both themes and still opens on its own. The same input gives
the same text, byte for byte.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import StrMethodFormatter

from quantum_latents.report.styles import LATENT_COLOURS

__all__ = [
    "GRID",
    "INK",
    "MOST_BESIDE",
    "MUTED",
    "PANEL",
    "SQUARE",
    "SURFACE",
    "dots",
    "fit",
    "floor_line",
    "key",
    "key_height",
    "mark_of",
    "separated",
    "svg",
    "titled",
    "turned",
    "wrapped",
]

INK, MUTED, GRID, SURFACE = "#1b2431", "#5c6776", "#dde2ea", "#fefefd"
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", SURFACE: "--surface"} | {
    colour: f"--latent-{slot}" for slot, colour in enumerate(LATENT_COLOURS)
}
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "quantum-latents",
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-4, 5),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
PANEL = (4.4, 2.9)
SQUARE = (2.5, 2.6)
MOST_BESIDE = 6
"""Names that stand side by side below an axis, or as a legend within the axes."""

_TITLE_CHARACTERS = 42
"""What a panel's width holds of a title."""


def svg(draw: Callable[[Figure], None], size: tuple[float, float], title: str) -> str:
    """Draw on a fresh figure and return SVG that takes colours and font from the page."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=size)
        draw(figure)
        buffer = io.StringIO()
        silent = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=silent)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    family = "font-family: var(--font, system-ui, sans-serif)"
    text = re.sub(r'font: ([^;"]*?)([\d.]+px) [^;"]+', rf"\1font-size: \2; {family}", text)
    text = re.sub(r'font-family: [^;"]+', family, text)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # it would rule the whole page
    text = _shortened(text)
    # What belongs to one latent says so, for the page's filter and its way to the seeds.
    text = re.sub(r'<g id="latent:([^"]*)"', lambda m: f'<g data-latent="{_name_of(m[1])}"', text)
    # All figures of a page share one space of ids: make these the figure's own.
    own = "f" + hashlib.sha256(text.encode()).hexdigest()[:10]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", text)
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    head = (
        f'<svg {box[0]} xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" stroke-linejoin="round" '
        f'role="img" aria-label="{html.escape(title, quote=True)}">'
    )
    return head + text[text.index(">") + 1 :]


def _shortened(text: str) -> str:
    r"""Return SVG with coordinates to a hundredth of a point, and dots as short as they get.

    >>> _shortened('<path d="M 1.2345 2 \nL 1.2345 2 \nL 3.0 4.999 \n" x="0"/>')
    '<path d="M1.23 2h0L3 5" x="0"/>'
    """

    def number(match: re.Match[str]) -> str:
        return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")

    def path(match: re.Match[str]) -> str:
        short = re.sub(r"-?\d+\.\d+", number, match[1])
        short = re.sub(r"\s*([A-Za-z])\s*", r"\1", short).strip()
        short = re.sub(r"M([^A-Za-z]+)L\1(?=[A-Za-z]|$)", r"M\1h0", short)
        return f' d="{short}"'

    text = re.sub(r' d="([^"]*)"', path, text)
    return re.sub(
        r'(<use [^>]*?x=")([-\d.]+)(" y=")([-\d.]+)"',
        lambda m: f'{m[1]}{float(m[2]):.2f}{m[3]}{float(m[4]):.2f}"',
        text,
    )


def fit(figure: Figure, axes: Axes, *, above: float = 0.0, below: float = 0.0) -> None:
    """Leave room for the labels (inches): twice as fast as matplotlib's own layout engines."""
    width, height = figure.get_size_inches()
    ticks = [
        [text.get_text() for text in axis.get_ticklabels()] for axis in (axes.xaxis, axes.yaxis)
    ]
    longest = max((len(line) for text in ticks[1] for line in text.split("\n")), default=0)
    lines = max((text.count("\n") + 1 for text in ticks[0]), default=1)
    figure.subplots_adjust(
        left=(0.14 + 0.072 * longest + (0.18 if axes.get_ylabel() else 0)) / width,
        right=1 - 0.1 / width,
        bottom=(0.1 + below + 0.125 * lines + (0.19 if axes.get_xlabel() else 0)) / height,
        top=1 - (0.3 + above) / height,
    )


def titled(axes: Axes, title: str) -> float:
    """Give a panel its title, in as many lines as it takes; return the room above one line."""
    lines = textwrap.wrap(title, _TITLE_CHARACTERS) or [""]
    axes.set_title("\n".join(lines))
    return 0.16 * (len(lines) - 1)


def separated(axis: Any) -> None:
    """Separate the thousands of an axis that counts things."""
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def key(figure: Figure, axes: Axes, num_names: int) -> float:
    """Draw the legend, below the axes where it would cover them; return the room it takes."""
    if num_names <= MOST_BESIDE:
        axes.legend(ncols=2, loc="best", handlelength=1.2, columnspacing=1.0)
        return 0.0
    width = figure.get_size_inches()[0]
    figure.legend(
        *axes.get_legend_handles_labels(),
        ncols=2,
        loc="lower left",
        bbox_to_anchor=(0.3 / width, 0.0),
        handlelength=2.2,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
    return key_height(num_names)


def key_height(num_names: int) -> float:
    """Return the inches below the axes that a legend of so many names takes."""
    return 0.0 if num_names <= MOST_BESIDE else 0.1 + 0.178 * (-(-num_names // 2))


def turned(names: Sequence[str]) -> float:
    """Return the inches that names below an axis take when they are turned."""
    return 0.05 * max(map(len, names))


def floor_line(axes: Axes, floor: float) -> None:
    axes.axhline(floor, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        "sampling floor",
        (1, floor),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=7.5,
        color=MUTED,
    )


def dots(points: np.ndarray, colour: str, *, width: float, alpha: float) -> PathPatch:
    """Return points (num_points, 2) as one patch.

    They are zero-length strokes with round caps: a fifth of the text of markers.
    """
    path = Path(np.repeat(points, 2, axis=0), [Path.MOVETO, Path.LINETO] * len(points))
    path.should_simplify = False
    look: dict[str, Any] = {"linewidth": width, "capstyle": "round", "alpha": alpha}
    return PathPatch(path, fill=False, edgecolor=colour, **look)


def wrapped(name: str) -> str:
    return name.replace("_", "\n").replace(" ", "\n").replace("-", "-\n")


def mark_of(latent: str) -> str:
    """Return the group id of a mark that belongs to a latent, whatever its name is made of."""
    return f"latent:{quote(latent, safe='')}"


def _name_of(quoted: str) -> str:
    return html.escape(unquote(quoted), quote=True)
