"""Figures as SVG text that follows the page: light or dark, and its font.

Notation: a *latent* keeps one colour and one marker in every figure (`styles`). Colours are
drawn as fixed hex values, then replaced by CSS variables with that value as the fallback, so
that one SVG serves both themes and still opens on its own. Titles say what is shown, never
what to conclude. The same input gives the same text, byte for byte.

Palette: Okabe and Ito, *Color universal design*, 2008, darkened where thin lines need it.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from quantum_latents.results import (
    BudgetCurve,
    Comparison,
    DoseResponse,
    mean_interval,
    mean_standard_error,
    ordered,
)
from quantum_latents.results.wording import is_count, number_text

__all__ = [
    "LATENT_COLOURS",
    "MAX_MARKS",
    "MAX_SCATTER_POINTS",
    "Style",
    "budget_figure",
    "correlation_figure",
    "curves_figure",
    "differences_figure",
    "distribution_figure",
    "marginals_figure",
    "mean_curve",
    "response_figure",
    "scatter_figure",
    "seeds_figure",
    "styles",
]

LATENT_COLOURS = (
    "#0a6ebd",
    "#d55e01",
    "#04936c",
    "#b8568f",
    "#6a51a4",
    "#a67c04",
    "#2b8ca0",
    "#6f6f6e",
)
"""Colour of each slot in the light theme; the page's style sheet has the dark ones."""

MAX_SCATTER_POINTS = 1_000
"""Points drawn of a preview; more would only blacken the frame."""

MAX_MARKS = 240
"""Points of seeds up to which a figure draws each with its marker, and joins those of a seed.

More would be a tangle, and many bytes.
"""

_INK, _MUTED, _GRID, _SURFACE = "#1b2431", "#5c6776", "#dde2ea", "#fefefd"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _GRID: "--grid", _SURFACE: "--surface"} | {
    colour: f"--latent-{slot}" for slot, colour in enumerate(LATENT_COLOURS)
}
_KNOWN = ("quantum", "distinguishable", "bernoulli", "gaussian")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
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
    "axes.edgecolor": _MUTED,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-4, 5),
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_PANEL = (4.4, 2.9)
_SQUARE = (2.5, 2.6)
_THOUSANDS = "{x:,.0f}"
_MOST_NAMED, _LONGEST_NAME = 12, 14
_MOST_BESIDE = 6
"""Names that stand side by side below an axis, or as a legend within the axes."""


@dataclass(frozen=True)
class Style:
    """How a latent is drawn: `slot` in `LATENT_COLOURS`, `colour` (hex) and `marker`.

    Where there are more latents than slots, `turn` counts the times that a slot was taken
    before: the colour comes again, the marker does not.
    """

    slot: int
    turn: int = 0

    @property
    def colour(self) -> str:
        """The light theme's colour."""
        return LATENT_COLOURS[self.slot]

    @property
    def marker(self) -> str:
        """Matplotlib's marker, distinct for each slot, and for each turn of a slot."""
        return _MARKERS[(self.slot + 3 * self.turn) % len(_MARKERS)]

    @property
    def dashes(self) -> str:
        """Matplotlib's line style, distinct for each turn of a slot."""
        return ("-", "--", ":", "-.")[self.turn % 4]


def styles(latents: Iterable[str]) -> dict[str, Style]:
    """Return the style of each latent; the paper's four always have their own.

    >>> {name: style.slot for name, style in styles(["gaussian", "copula", "quantum"]).items()}
    {'quantum': 0, 'copula': 4, 'gaussian': 3}
    """
    names = ordered(latents)
    others = [name for name in names if name not in _KNOWN]
    free = len(LATENT_COLOURS) - len(_KNOWN)
    looks = {name: Style(slot) for slot, name in enumerate(_KNOWN)}
    looks |= {
        name: Style(len(_KNOWN) + index % free, index // free) for index, name in enumerate(others)
    }
    return {name: looks[name] for name in names}


_TITLE_CHARACTERS = 42
"""What a panel's width holds of a title."""


def seeds_figure(
    values: Mapping[str, Mapping[int, float]],
    style: Mapping[str, Style],
    *,
    title: str,
    label: str,
    floor: float | None = None,
    count: bool = False,
) -> str:
    """Draw every seed as a point, thin lines joining pairs, and each latent's mean.

    Args:
        values: latent -> seed -> value.
        style: from `styles`.
        title: what is shown.
        label: of the vertical axis: metric, unit.
        floor: sampling floor of the metric, a dashed line.
        count: whether the metric counts things: thousands are separated.

    The bar is the typical-value interval of the mean, where there are seeds enough for one.
    Beyond `MAX_MARKS` points there are no lines, and the points of seeds are plain dots.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = list(values)
        seeds = sorted({seed for points in values.values() for seed in points})
        spread = np.linspace(-0.16, 0.16, len(seeds)) if len(seeds) > 1 else np.zeros(1)
        offset = dict(zip(seeds, spread, strict=True))
        plain = sum(map(len, values.values())) > MAX_MARKS
        for seed in () if plain else seeds:
            line = [
                (index + offset[seed], values[name].get(seed, np.nan))
                for index, name in enumerate(names)
            ]
            axes.plot(*zip(*line, strict=True), color=_MUTED, linewidth=0.5, alpha=0.4, zorder=1)
        for index, name in enumerate(names):
            points = values[name]
            if not points:
                continue
            place = [index + offset[seed] for seed in points]
            numbers = list(points.values())
            size = None if plain else 4.0
            _seed_marks(axes, place, numbers, name, style[name], size=size, alpha=0.75, zorder=2)
            _mean_bar(axes, index + 0.3, numbers, style[name], name)
        if floor is not None:
            _floor_line(axes, floor)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xticks(range(len(names)), [_wrapped(name) for name in names])
        below = 0.0
        if len(names) > _MOST_BESIDE:
            turned: dict[str, Any] = {"rotation": 50, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(names)), names, **turned)
            below = _turned(names)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_ylabel(label)
        if count:
            axes.yaxis.set_major_formatter(StrMethodFormatter(_THOUSANDS))
        lines = textwrap.wrap(title, _TITLE_CHARACTERS) or [""]
        axes.set_title("\n".join(lines))
        _fit(figure, axes, above=0.16 * (len(lines) - 1), below=below)

    room = _turned(list(values)) if len(values) > _MOST_BESIDE else 0.0
    return _svg(draw, (_PANEL[0], _PANEL[1] + room), title)


def differences_figure(
    comparisons: Sequence[Comparison], style: Mapping[str, Style], *, title: str
) -> str:
    """Draw the paired differences other - reference: seeds, mean, interval, and the zero.

    A band shows the declared margin of equivalence, if there is one.

    Raises:
        ValueError: there are no comparisons.
    """
    if not comparisons:
        raise ValueError("no comparisons to draw")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        first = comparisons[0]
        plain = sum(comparison.num_seeds for comparison in comparisons) > MAX_MARKS
        if first.margin is not None:
            axes.axvspan(-first.margin, first.margin, color=_GRID, alpha=0.6, linewidth=0)
        axes.axvline(0, color=_INK, linewidth=0.9)
        for place, comparison in enumerate(comparisons):
            look = style[comparison.other]
            _seed_marks(
                axes,
                comparison.differences,
                [place + 0.2] * comparison.num_seeds,
                comparison.other,
                look,
                size=None if plain else 3.6,
                alpha=0.55,
                zorder=2,
            )
            if comparison.interval is not None:
                axes.plot(
                    comparison.interval,
                    [place - 0.14] * 2,
                    color=look.colour,
                    linewidth=2.4,
                    solid_capstyle="round",
                    gid=_of(comparison.other),
                )
            if comparison.mean_difference is not None:
                axes.plot(
                    [comparison.mean_difference],
                    [place - 0.14],
                    color=look.colour,
                    marker=look.marker,
                    markersize=7,
                    markeredgecolor=_SURFACE,
                    markeredgewidth=1.2,
                    gid=_of(comparison.other),
                )
        axes.set_yticks(range(len(comparisons)), [_wrapped(c.other) for c in comparisons])
        axes.set_ylim(len(comparisons) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        if is_count(first.unit):
            axes.xaxis.set_major_formatter(StrMethodFormatter(_THOUSANDS))
        axes.grid(axis="x")
        unit = f" [{first.unit}]" if first.unit else ""
        axes.set_xlabel(f"difference to {first.reference}{unit}")
        better = "right" if first.direction == "lower" else "left"
        arrow = (
            f"{first.reference} better →" if better == "right" else f"← {first.reference} better"
        )
        axes.annotate(
            arrow,
            (1.0 if better == "right" else 0.0, 1.0),
            xycoords="axes fraction",
            ha=better,
            va="bottom",
            fontsize=7.5,
            color=_MUTED,
        )
        axes.set_title(title, pad=16)
        _fit(figure, axes, above=0.14)
        # Half of a tick's label at the very end of the axis.
        figure.subplots_adjust(right=1 - 0.22 / figure.get_size_inches()[0])

    return _svg(draw, (_PANEL[0], 1.35 + 0.48 * len(comparisons)), title)


def response_figure(
    curve: DoseResponse,
    *,
    title: str,
    dose_label: str,
    label: str,
    floor: float | None = None,
    count: bool = False,
) -> str:
    """Draw a metric against a dose: every seed's line, the means with their intervals.

    Args:
        curve: from `results.dose_response`.
        title: what is shown.
        dose_label: of the horizontal axis.
        label: of the vertical axis: metric, unit.
        floor: sampling floor of the metric, a dashed line.
        count: whether the metric counts things: thousands are separated.

    The bar at a dose is the typical-value interval of its mean, where there are seeds enough for
    one; the seeds' own level is in it, so judge the response by the lines and the slope.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        look = styles(["quantum"])["quantum"]
        for values in curve.values:
            axes.plot(curve.doses, values, color=_MUTED, linewidth=0.6, alpha=0.45, zorder=1)
        axes.plot(curve.doses, curve.means, color=look.colour, linewidth=1.2, zorder=3)
        for dose, values in zip(curve.doses, zip(*curve.values, strict=True), strict=True):
            _mean_bar(axes, dose, list(values), look)
        if floor is not None:
            _floor_line(axes, floor)
        axes.set_xticks(curve.doses, [f"{dose:g}" for dose in curve.doses])
        axes.set_xlabel(dose_label)
        axes.set_ylabel(label)
        axes.grid(axis="y")
        if count:
            axes.yaxis.set_major_formatter(StrMethodFormatter(_THOUSANDS))
        lines = textwrap.wrap(title, _TITLE_CHARACTERS) or [""]
        axes.set_title("\n".join(lines))
        _fit(figure, axes, above=0.16 * (len(lines) - 1))

    return _svg(draw, (_PANEL[0], 2.8), title)


def budget_figure(
    curve: BudgetCurve, *, title: str, label: str, looks: Mapping[str, Style], count: bool = False
) -> str:
    """Draw the gap of each latent to the reference against the training steps.

    Args:
        curve: from `results.budget_curve`.
        title: what is shown.
        label: of the vertical axis: the gap, its unit.
        looks: style of each latent.
        count: whether the metric counts things: thousands are separated.

    Bars are the intervals of the paired gaps, where there are seeds enough for one; steps are
    on a logarithmic axis, and latents a little apart on it.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0.0, color=_MUTED, linewidth=0.8, linestyle="--", zorder=1)
        for place, (latent, gaps) in enumerate(curve.gaps.items()):
            look, apart = looks[latent], 1.0 + 0.03 * (place - (len(curve.gaps) - 1) / 2)
            means = [np.nan if gap.mean_difference is None else gap.mean_difference for gap in gaps]
            steps = [step * apart for step in curve.steps]
            line = {"color": look.colour, "marker": look.marker, "linewidth": 1.2, "zorder": 3}
            line |= {"label": latent, "gid": _of(latent)}
            axes.plot(steps, means, markersize=5, markeredgecolor=_SURFACE, **line)
            for step, gap in zip(steps, gaps, strict=True):
                if gap.interval is not None:
                    bar = {"linewidth": 1.6, "zorder": 2, "gid": _of(latent)}
                    axes.plot([step] * 2, gap.interval, color=look.colour, **bar)
        axes.set_xscale("log")
        axes.set_xticks(curve.steps, [f"{step:,}" for step in curve.steps])
        axes.minorticks_off()
        axes.set_xlabel("training steps")
        axes.set_ylabel(label)
        axes.grid(axis="y")
        if count:
            axes.yaxis.set_major_formatter(StrMethodFormatter(_THOUSANDS))
        lines = textwrap.wrap(title, _TITLE_CHARACTERS) or [""]
        axes.set_title("\n".join(lines))
        below = _key(figure, axes, len(curve.gaps))
        _fit(figure, axes, above=0.16 * (len(lines) - 1), below=below)

    return _svg(draw, (_PANEL[0], 2.8 + _key_height(len(curve.gaps))), title)


def mean_curve(
    runs: Sequence[tuple[Sequence[float], Sequence[float | None]]],
) -> tuple[list[float], list[float], list[float], int]:
    """Return steps, mean and standard deviation over runs of a training curve, and their number.

    Args:
        runs: one (steps, values) each; None where a value was not finite.

    Deviations of a single run are 0. NaN where no run has a value.

    >>> mean_curve([([0, 5], [1.0, None]), ([0, 5], [3.0, 2.0])])
    ([0.0, 5.0], [2.0, 2.0], [1.4142135623730951, 0.0], 2)
    """
    steps, values = _aligned(runs)
    mean, deviation = _mean_and_deviation(values)
    return steps.tolist(), mean.tolist(), deviation.tolist(), len(runs)


def curves_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float], int]],
    style: Mapping[str, Style],
    *,
    title: str,
    label: str,
) -> str:
    """Draw the mean over seeds of a training curve, with a band of one standard deviation.

    Args:
        curves: latent -> what `mean_curve` returned.
        style: from `styles`.
        title: what is shown.
        label: of the vertical axis.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, (steps, means, deviations, num_runs) in curves.items():
            mean, deviation = np.array(means), np.array(deviations)
            own: dict[str, Any] = {"color": style[name].colour, "gid": _of(name)}
            axes.plot(steps, mean, style[name].dashes, linewidth=1.4, label=name, **own)
            if num_runs > 1:
                axes.fill_between(
                    steps,
                    mean - deviation,
                    mean + deviation,
                    alpha=0.16,
                    linewidth=0,
                    **own,
                )
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("training step")
        axes.set_ylabel(label)
        axes.grid(axis="y")
        axes.set_title(title)
        _fit(figure, axes, below=_key(figure, axes, len(curves)))

    return _svg(draw, (_PANEL[0], 2.8 + _key_height(len(curves))), title)


def scatter_figure(
    points: Sequence[Sequence[float]],
    frame: Sequence[Sequence[float]],
    *,
    title: str,
    style: Style | None = None,
) -> str:
    """Draw points of the plane in the frame that another set of points spans.

    Args:
        points: (num_points, 2); at most `MAX_SCATTER_POINTS` are drawn, the first ones.
        frame: (num_points, 2), usually the data, with a margin of 15 %. How many of `points`
            fall outside is written below.
        title: what is shown.
        style: of the latent; None for the data.

    Raises:
        ValueError: the points are not in the plane.
    """
    shown = np.asarray(points, dtype=float)[:MAX_SCATTER_POINTS]
    spanning = np.asarray(frame, dtype=float)
    for array in (shown, spanning):
        if array.ndim != 2 or array.shape[1] != 2 or not len(array):
            raise ValueError(f"a scatter needs points of shape (num_points, 2), not {array.shape}")
    low, high = np.nanmin(spanning, axis=0), np.nanmax(spanning, axis=0)
    centre, reach = (low + high) / 2, 0.65 * max(float((high - low).max()), 1e-9)
    inside = (np.abs(shown - centre) <= reach).all(axis=1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # Zero-length strokes with round caps are dots at a fifth of the text of markers.
        visible = shown[inside]
        if len(visible):
            path = Path(np.repeat(visible, 2, axis=0), [Path.MOVETO, Path.LINETO] * len(visible))
            path.should_simplify = False
            axes.add_patch(
                PathPatch(
                    path,
                    fill=False,
                    edgecolor=style.colour if style else _INK,
                    linewidth=2.2,
                    capstyle="round",
                    alpha=0.6,
                )
            )
        axes.set_xlim(centre[0] - reach, centre[0] + reach)
        axes.set_ylim(centre[1] - reach, centre[1] + reach)
        axes.set_aspect("equal")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid()
        outside = int((~inside).sum())
        note = f"{len(shown)} points" + (f", {outside} outside the frame" if outside else "")
        axes.set_xlabel(note, fontsize=7.5, color=_MUTED)
        axes.set_title(title)
        _fit(figure, axes)

    return _svg(draw, _SQUARE, title)


def marginals_figure(
    mean_data: Sequence[float],
    mean_generated: Sequence[float] | None = None,
    style: Style | None = None,
    *,
    title: str,
    top: float,
    bottom: float = 0.0,
) -> str:
    """Draw the mean of each column: the data as bars, what was generated as points.

    Args:
        mean_data: (num_columns,)
        mean_generated: (num_columns,); None for the data alone.
        style: of the latent; None for the data alone.
        title: what is shown.
        top: upper end of the vertical axis, so that the panels of one data set agree.
        bottom: its lower end.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        place = np.arange(len(mean_data))
        axes.bar(place, mean_data, width=0.75, color=_MUTED, alpha=0.35)
        if mean_generated is not None and style is not None:
            axes.plot(
                place,
                mean_generated,
                linestyle="none",
                color=style.colour,
                marker=style.marker,
                markersize=4,
                markeredgewidth=0,
            )
        axes.set_ylim(bottom, top)
        axes.set_xlim(-0.7, len(place) - 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y")
        axes.set_xlabel("column")
        axes.set_title(title)
        _fit(figure, axes)

    return _svg(draw, (_SQUARE[0], 2.1), title)


def correlation_figure(
    correlation: Sequence[Sequence[float | None]], *, title: str, limit: float
) -> str:
    """Draw the correlations of pairs of columns as a heat map, the diagonal left out.

    Args:
        correlation: (num_columns, num_columns), in [-1, 1]; None where it is not defined.
        title: what is shown.
        limit: correlation of the full colour, so that the panels of one data set agree.
    """
    matrix = np.array(correlation, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a correlation matrix is square, not {matrix.shape}")
    np.fill_diagonal(matrix, np.nan)

    def draw(figure: Figure) -> None:
        axes, scale = figure.subplots(2, 1, height_ratios=[1, 0.045])
        axes.imshow(matrix, cmap=_diverging(), vmin=-limit, vmax=limit, interpolation="none")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(_GRID)
        axes.set_title(title)
        ramp = np.linspace(-1, 1, 128)[None]
        scale.imshow(ramp, cmap=_diverging(), aspect="auto", interpolation="none")
        bound = number_text(limit, 2)
        scale.set_xticks([0, 63.5, 127], [f"−{bound}", "0", bound])
        scale.set_yticks([])
        scale.tick_params(length=0)
        for spine in scale.spines.values():
            spine.set_visible(False)
        axes.set_position((0.12, 0.19, 0.84, 0.7))  # square: 2.1 inches
        scale.set_position((0.17, 0.09, 0.74, 0.03))

    return _svg(draw, (_SQUARE[0], 3.0), title)


def distribution_figure(
    data: Sequence[float],
    generated: Mapping[str, Sequence[float]],
    style: Mapping[str, Style],
    *,
    title: str,
    label: str = "",
    edges: Sequence[float] | None = None,
    categories: Sequence[str] | None = None,
    trivial: Sequence[float] | None = None,
) -> str:
    """Draw shares: the data as bars, every latent's samples as points, a trivial sampler dashed.

    Args:
        data: (num_bins,), the data's shares, usually of sum 1.
        generated: latent -> (num_bins,), the shares of what it generated.
        style: from `styles`.
        title: what is shown.
        label: of the horizontal axis: quantity, unit.
        edges: (num_bins + 1,), ascending, of the bins of a number; or
        categories: (num_bins,), names of classes.
        trivial: (num_bins,), the trivial sampler's shares; None for none.

    Raises:
        ValueError: there are not as many shares as bins, or edges and categories are both given.
    """
    if (edges is None) == (categories is None):
        raise ValueError(f"{title!r} needs edges or categories, and not both")
    is_named = categories is not None
    places = np.arange(len(categories) + 1) - 0.5 if is_named else np.asarray(edges, dtype=float)
    shares = {"data": data, "trivial": data if trivial is None else trivial, **generated}
    for name, values in shares.items():
        if len(values) != len(places) - 1:
            raise ValueError(
                f"{title!r} has {len(places) - 1} bins and {len(values)} shares of {name}"
            )
    if not (np.diff(places) > 0).all():
        raise ValueError(f"the edges of {title!r} do not ascend: {list(places)}")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        centres, widths = (places[1:] + places[:-1]) / 2, np.diff(places)
        axes.bar(centres, data, width=0.92 * widths, color=_MUTED, alpha=0.35, linewidth=0)
        if trivial is not None:
            axes.stairs(trivial, places, color=_MUTED, linewidth=1.0, linestyle=(0, (3, 2)))
        # Points of classes stand side by side; those of a number are joined.
        reach = 0.28 if len(generated) > 1 else 0.0
        shifts = np.linspace(-reach, reach, len(generated))
        for shift, (name, values) in zip(shifts, generated.items(), strict=True):
            axes.plot(
                centres + (shift * widths if is_named else 0),
                values,
                linestyle="none" if is_named else "-",
                linewidth=1.0,
                color=style[name].colour,
                marker=style[name].marker,
                markersize=4 if is_named else 3,
                markeredgewidth=0,
                alpha=0.85,
                gid=_of(name),
            )
        below = 0.0
        if categories is not None:
            axes.set_xticks(centres, [_wrapped(name) for name in categories])
            if len(categories) > _MOST_NAMED or max(map(len, categories)) > _LONGEST_NAME:
                axes.set_xticks(centres, categories, rotation=90)
                below = 0.062 * max(map(len, categories)) - 0.1
            axes.tick_params(axis="x", length=0)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlim(places[0], places[-1])
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y")
        axes.set_xlabel(label)
        axes.set_ylabel("share")
        axes.set_title(title)
        _fit(figure, axes, below=below)

    return _svg(draw, (_PANEL[0], 2.6), title)


def _fit(figure: Figure, axes: Axes, *, above: float = 0.0, below: float = 0.0) -> None:
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


def _key(figure: Figure, axes: Axes, num_names: int) -> float:
    """Draw the legend, below the axes where it would cover them; return the room it takes."""
    if num_names <= _MOST_BESIDE:
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
    return _key_height(num_names)


def _key_height(num_names: int) -> float:
    """Return the inches below the axes that a legend of so many names takes."""
    return 0.0 if num_names <= _MOST_BESIDE else 0.1 + 0.178 * (-(-num_names // 2))


def _turned(names: Sequence[str]) -> float:
    """Return the inches that names below an axis take when they are turned."""
    return 0.05 * max(map(len, names))


def _floor_line(axes: Axes, floor: float) -> None:
    axes.axhline(floor, color=_MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        "sampling floor",
        (1, floor),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=7.5,
        color=_MUTED,
    )


def _mean_bar(
    axes: Axes, place: float, numbers: Sequence[float], look: Style, latent: str = ""
) -> None:
    interval = mean_interval(numbers)
    own: dict[str, Any] = {"color": look.colour, "gid": _of(latent) if latent else None}
    if interval is not None:
        axes.plot([place] * 2, interval, linewidth=2, solid_capstyle="round", **own)
    axes.plot(
        [place],
        [mean_standard_error(numbers)[0]],
        marker=look.marker,
        markersize=6.5,
        markeredgecolor=_SURFACE,
        markeredgewidth=1.1,
        zorder=3,
        **own,
    )


def _seed_marks(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    latent: str,
    look: Style,
    *,
    size: float | None,
    alpha: float,
    zorder: float,
) -> None:
    """Draw the points of a latent's seeds with its marker, or as dots where there is no size."""
    if not len(x):
        return
    if size is not None:
        axes.plot(
            x,
            y,
            linestyle="none",
            color=look.colour,
            marker=look.marker,
            markersize=size,
            markeredgewidth=0,
            alpha=alpha,
            zorder=zorder,
            gid=_of(latent),
        )
        return
    points = np.repeat(np.column_stack([x, y]), 2, axis=0)
    path = Path(points, [Path.MOVETO, Path.LINETO] * len(x))
    path.should_simplify = False
    # Zero-length strokes with round caps are dots at a fifth of the text of markers.
    dots = PathPatch(path, fill=False, edgecolor=look.colour, linewidth=2.2, capstyle="round")
    dots.set(alpha=0.5 * alpha, zorder=zorder, gid=_of(latent))
    axes.add_artist(dots)  # its limits are known: the path's own would take as long as all else
    axes.update_datalim(points)
    axes.autoscale_view()


def _aligned(
    runs: Sequence[tuple[Sequence[float], Sequence[float | None]]],
) -> tuple[np.ndarray, np.ndarray]:
    """Steps (num_steps,) of all runs and values (num_runs, num_steps), NaN where a run has none."""
    steps = np.unique(np.concatenate([np.asarray(run_steps, dtype=float) for run_steps, _ in runs]))
    values = np.full((len(runs), len(steps)), np.nan)
    for index, (run_steps, run_values) in enumerate(runs):
        places = np.searchsorted(steps, np.asarray(run_steps, dtype=float))
        values[index, places] = np.asarray(run_values, dtype=float)
    stride = max(1, len(steps) // 300)
    return steps[::stride], values[:, ::stride]


def _mean_and_deviation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over runs; NaN where no run has a value."""
    present = np.isfinite(values)
    number = np.where(present.any(axis=0), present.sum(axis=0), np.nan)
    mean = np.where(present, values, 0.0).sum(axis=0) / number
    square = np.where(present, (values - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(square / np.maximum(number - 1, 1))


def _diverging() -> ListedColormap:
    """Orange for negative, blue for positive, clear at 0: right on a light and a dark page."""
    strength = np.abs(np.linspace(-1, 1, 129))
    colours = np.empty((129, 4))
    colours[:64, :3] = to_rgb("#e0700a")
    colours[64:, :3] = to_rgb("#1f7fd0")
    colours[:, 3] = strength**0.8
    return ListedColormap(colours)


def _wrapped(name: str) -> str:
    return name.replace("_", "\n").replace(" ", "\n").replace("-", "-\n")


def _of(latent: str) -> str:
    """Return the group id of a mark that belongs to a latent, whatever its name is made of."""
    return f"latent:{quote(latent, safe='')}"


def _name_of(quoted: str) -> str:
    return html.escape(unquote(quoted), quote=True)


def _svg(draw: Callable[[Figure], None], size: tuple[float, float], title: str) -> str:
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
