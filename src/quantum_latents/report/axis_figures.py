"""Figures along the axis of a study: a metric against it, and what was generated at each place.

Notation as in `quantum_latents.results.axis`; colours and canvas as in
`quantum_latents.report.canvas`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from quantum_latents.report.canvas import (
    GRID,
    MUTED,
    PANEL,
    SURFACE,
    dots,
    fit,
    floor_line,
    mark_of,
    separated,
    svg,
    titled,
)
from quantum_latents.report.styles import Style
from quantum_latents.results import AxisCurve, place_text

__all__ = ["NUM_GRID_POINTS", "axis_figure", "scatter_grid_figure"]

NUM_GRID_POINTS = 250
"""Points drawn in a panel of a grid of scatters, the first ones; half as many of the data."""

_CELL = 1.05
"""Inches of a panel."""


def axis_figure(
    curve: AxisCurve,
    *,
    title: str,
    axis_label: str,
    label: str,
    looks: Mapping[str, Style],
    direction: str = "lower",
    count: bool = False,
    scale: str = "linear",
    has_band: bool = True,
) -> str:
    """Draw a metric against the axis: a line a latent through its means, and its seeds.

    Args:
        curve: from `results.axis_curve`.
        title: what is shown.
        axis_label: of the horizontal axis.
        label: of the vertical axis: metric, unit.
        looks: style of each latent.
        direction: which way the metric is better, so on which side of the floor the margin lies.
        count: whether the metric counts things: thousands are separated.
        scale: `linear` or `log`, of the horizontal axis.
        has_band: whether the margin lies around the floor, and is drawn.

    Bars are the typical-value intervals of the means, where there are seeds enough for one; the
    dashed line is the floor, the band its margin. Latents stand a little apart at each place.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.array(curve.places)
        if scale == "log":
            places = np.log10(places)
        gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
        if curve.floor is not None:
            floor_line(axes, curve.floor)
            if curve.margin and has_band:
                signed = curve.margin if direction == "lower" else -curve.margin
                band = sorted((curve.floor, curve.floor + signed))
                axes.axhspan(*band, color=GRID, alpha=0.6, linewidth=0, zorder=0)
        for index, (latent, means) in enumerate(curve.means.items()):
            look = looks[latent]
            apart = 0.08 * gap * (index - (len(curve.means) - 1) / 2)
            at = places + apart
            for place, values in zip(at, curve.values[latent], strict=True):
                axes.plot(
                    [place] * len(values),
                    values,
                    linestyle="none",
                    markersize=3,
                    markeredgewidth=0,
                    alpha=0.35,
                    zorder=2,
                    color=look.colour,
                    marker=look.marker,
                    gid=mark_of(latent),
                )
            for place, interval in zip(at, curve.intervals[latent], strict=True):
                if interval is not None:
                    bar = {"linewidth": 1.6, "zorder": 2, "gid": mark_of(latent)}
                    axes.plot([place] * 2, interval, color=look.colour, **bar)
            heights = [np.nan if mean is None else mean for mean in means]
            axes.plot(
                at,
                heights,
                linewidth=1.2,
                markersize=5,
                markeredgecolor=SURFACE,
                zorder=3,
                label=latent,
                color=look.colour,
                marker=look.marker,
                gid=mark_of(latent),
            )
        axes.set_xticks(places, [place_text(place) for place in curve.places])
        axes.set_xlabel(axis_label)
        axes.set_ylabel(label)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y")
        if count:
            separated(axes.yaxis)
        axes.legend(frameon=False, ncols=2, handlelength=1.2, columnspacing=1.0)
        fit(figure, axes, above=titled(axes, title))

    return svg(draw, (PANEL[0], 3.0), title)


def scatter_grid_figure(
    points: Mapping[str, Mapping[float, Sequence[Sequence[float]]]],
    frame: Sequence[Sequence[float]],
    looks: Mapping[str, Style],
    *,
    title: str,
    axis_label: str,
) -> str:
    """Draw points of the plane, a row a latent and a column a place, over the data in grey.

    Args:
        points: latent -> place -> (num_points, 2); a place that a latent lacks stays empty.
        frame: (num_points, 2), the data; every panel shows what they span and a margin of 15 %.
        looks: style of each latent.
        title: what is shown.
        axis_label: what the places count.

    Raises:
        ValueError: there are no points, or they are not in the plane.
    """
    places = sorted({place for of in points.values() for place in of})
    data = np.asarray(frame, dtype=float)
    shown = {
        latent: {x: np.asarray(of[x], dtype=float)[:NUM_GRID_POINTS] for x in of}
        for latent, of in points.items()
    }
    for array in (data, *(array for of in shown.values() for array in of.values())):
        if array.ndim != 2 or array.shape[1] != 2 or not len(array):
            raise ValueError(f"a scatter needs points of shape (num_points, 2), not {array.shape}")
    if not places:
        raise ValueError("a grid of scatters needs points of one latent at one place or more")
    low, high = data.min(axis=0), data.max(axis=0)
    centre, reach = (low + high) / 2, 0.65 * max(float((high - low).max()), 1e-9)
    size = (1.1 + _CELL * len(places), 0.5 + _CELL * len(points))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(points), len(places), squeeze=False)
        figure.subplots_adjust(
            left=1.05 / size[0], right=1 - 0.05 / size[0], bottom=0.05 / size[1],
            top=1 - 0.45 / size[1], wspace=0.06, hspace=0.06,
        )  # fmt: skip
        figure.text(0.05 / size[0], 1 - 0.2 / size[1], axis_label, fontsize=8, va="center")
        for row, (latent, of) in enumerate(shown.items()):
            for column, place in enumerate(places):
                axes = panels[row][column]
                axes.set_xlim(centre[0] - reach, centre[0] + reach)
                axes.set_ylim(centre[1] - reach, centre[1] + reach)
                axes.set_aspect("equal")
                axes.set_xticks([])
                axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set_visible(True)
                    spine.set_color(GRID)
                axes.add_patch(dots(data[: NUM_GRID_POINTS // 2], MUTED, width=1.5, alpha=0.3))
                if place in of:
                    inside = (np.abs(of[place] - centre) <= reach).all(axis=1)
                    if inside.any():
                        colour = looks[latent].colour
                        axes.add_patch(dots(of[place][inside], colour, width=1.5, alpha=0.7))
                if row == 0:
                    axes.set_title(place_text(place), loc="center", pad=4)
                if column == 0:
                    axes.set_ylabel(latent, rotation=0, ha="right", va="center")

    return svg(draw, size, title)
