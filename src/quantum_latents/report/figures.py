"""Figures of a study's numbers: seeds, paired differences, doses, budgets.

Notation: a *latent* keeps one colour and one marker in every figure
(`quantum_latents.report.styles`); canvas as in `quantum_latents.report.canvas`. Titles say what is
shown, never what to conclude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from quantum_latents.report.canvas import (
    GRID,
    INK,
    MOST_BESIDE,
    MUTED,
    PANEL,
    SURFACE,
    dots,
    fit,
    floor_line,
    key,
    key_height,
    mark_of,
    separated,
    svg,
    titled,
    turned,
    wrapped,
)
from quantum_latents.report.styles import Style, styles
from quantum_latents.results import (
    BudgetCurve,
    Comparison,
    DoseResponse,
    mean_interval,
    mean_standard_error,
)
from quantum_latents.results.wording import is_count

__all__ = [
    "MAX_MARKS",
    "budget_figure",
    "difference_axis",
    "differences_figure",
    "response_figure",
    "seeds_figure",
]

MAX_MARKS = 240
"""Points of seeds up to which a figure draws each with its marker, and joins those of a seed.

More would be a tangle, and many bytes.
"""


def seeds_figure(
    values: Mapping[str, Mapping[int, float]],
    looks: Mapping[str, Style],
    *,
    title: str,
    label: str,
    floor: float | None = None,
    count: bool = False,
) -> str:
    """Draw every seed as a point, thin lines joining pairs, and each latent's mean.

    Args:
        values: latent -> seed -> value.
        looks: from `styles`.
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
            axes.plot(*zip(*line, strict=True), color=MUTED, linewidth=0.5, alpha=0.4, zorder=1)
        for index, name in enumerate(names):
            points = values[name]
            if not points:
                continue
            place = [index + offset[seed] for seed in points]
            numbers = list(points.values())
            size = None if plain else 4.0
            _seed_marks(axes, place, numbers, name, looks[name], size=size, alpha=0.75, zorder=2)
            _mean_bar(axes, index + 0.3, numbers, looks[name], name)
        if floor is not None:
            floor_line(axes, floor)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xticks(range(len(names)), [wrapped(name) for name in names])
        below = 0.0
        if len(names) > MOST_BESIDE:
            look: dict[str, Any] = {"rotation": 50, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(names)), names, **look)
            below = turned(names)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_ylabel(label)
        if count:
            separated(axes.yaxis)
        fit(figure, axes, above=titled(axes, title), below=below)

    room = turned(list(values)) if len(values) > MOST_BESIDE else 0.0
    return svg(draw, (PANEL[0], PANEL[1] + room), title)


def differences_figure(
    comparisons: Sequence[Comparison], looks: Mapping[str, Style], *, title: str
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
            axes.axvspan(-first.margin, first.margin, color=GRID, alpha=0.6, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.9)
        for place, comparison in enumerate(comparisons):
            look = looks[comparison.other]
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
                    gid=mark_of(comparison.other),
                )
            if comparison.mean_difference is not None:
                axes.plot(
                    [comparison.mean_difference],
                    [place - 0.14],
                    color=look.colour,
                    marker=look.marker,
                    markersize=7,
                    markeredgecolor=SURFACE,
                    markeredgewidth=1.2,
                    gid=mark_of(comparison.other),
                )
        axes.set_yticks(range(len(comparisons)), [wrapped(c.other) for c in comparisons])
        axes.set_ylim(len(comparisons) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        better, arrow = difference_axis(axes, first)
        axes.annotate(
            arrow,
            (1.0 if better == "right" else 0.0, 1.0),
            xycoords="axes fraction",
            ha=better,
            va="bottom",
            fontsize=7.5,
            color=MUTED,
        )
        axes.set_title(title, pad=16)
        fit(figure, axes, above=0.14)
        # Half of a tick's label at the very end of the axis.
        figure.subplots_adjust(right=1 - 0.22 / figure.get_size_inches()[0])

    return svg(draw, (PANEL[0], 1.35 + 0.48 * len(comparisons)), title)


def difference_axis(axes: Axes, comparison: Comparison) -> tuple[Literal["left", "right"], str]:
    """Make the horizontal axis one of differences to the reference.

    Returns:
        The side on which the reference is better, and an arrow to it in words.
    """
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if is_count(comparison.unit):
        separated(axes.xaxis)
    axes.grid(axis="x")
    unit = f" [{comparison.unit}]" if comparison.unit else ""
    axes.set_xlabel(f"difference to {comparison.reference}{unit}")
    if comparison.direction == "lower":
        return "right", f"{comparison.reference} better →"
    return "left", f"← {comparison.reference} better"


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
            axes.plot(curve.doses, values, color=MUTED, linewidth=0.6, alpha=0.45, zorder=1)
        axes.plot(curve.doses, curve.means, color=look.colour, linewidth=1.2, zorder=3)
        for dose, values in zip(curve.doses, zip(*curve.values, strict=True), strict=True):
            _mean_bar(axes, dose, list(values), look)
        if floor is not None:
            floor_line(axes, floor)
        axes.set_xticks(curve.doses, [f"{dose:g}" for dose in curve.doses])
        axes.set_xlabel(dose_label)
        axes.set_ylabel(label)
        axes.grid(axis="y")
        if count:
            separated(axes.yaxis)
        fit(figure, axes, above=titled(axes, title))

    return svg(draw, (PANEL[0], 2.8), title)


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
        axes.axhline(0.0, color=MUTED, linewidth=0.8, linestyle="--", zorder=1)
        for place, (latent, gaps) in enumerate(curve.gaps.items()):
            look, apart = looks[latent], 1.0 + 0.03 * (place - (len(curve.gaps) - 1) / 2)
            means = [np.nan if gap.mean_difference is None else gap.mean_difference for gap in gaps]
            steps = [step * apart for step in curve.steps]
            line = {"color": look.colour, "marker": look.marker, "linewidth": 1.2, "zorder": 3}
            line |= {"label": latent, "gid": mark_of(latent)}
            axes.plot(steps, means, markersize=5, markeredgecolor=SURFACE, **line)
            for step, gap in zip(steps, gaps, strict=True):
                if gap.interval is not None:
                    bar = {"linewidth": 1.6, "zorder": 2, "gid": mark_of(latent)}
                    axes.plot([step] * 2, gap.interval, color=look.colour, **bar)
        axes.set_xscale("log")
        axes.set_xticks(curve.steps, [f"{step:,}" for step in curve.steps])
        axes.minorticks_off()
        axes.set_xlabel("training steps")
        axes.set_ylabel(label)
        axes.grid(axis="y")
        if count:
            separated(axes.yaxis)
        above = titled(axes, title)
        fit(figure, axes, above=above, below=key(figure, axes, len(curve.gaps)))

    return svg(draw, (PANEL[0], 2.8 + key_height(len(curve.gaps))), title)


def _mean_bar(
    axes: Axes, place: float, numbers: Sequence[float], look: Style, latent: str = ""
) -> None:
    interval = mean_interval(numbers)
    own: dict[str, Any] = {"color": look.colour, "gid": mark_of(latent) if latent else None}
    if interval is not None:
        axes.plot([place] * 2, interval, linewidth=2, solid_capstyle="round", **own)
    axes.plot(
        [place],
        [mean_standard_error(numbers)[0]],
        marker=look.marker,
        markersize=6.5,
        markeredgecolor=SURFACE,
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
            gid=mark_of(latent),
        )
        return
    points = np.column_stack([x, y])
    patch = dots(points, look.colour, width=2.2, alpha=0.5 * alpha)
    patch.set(zorder=zorder, gid=mark_of(latent))
    axes.add_artist(patch)  # its limits are known: the path's own would take as long as all else
    axes.update_datalim(points)
    axes.autoscale_view()
