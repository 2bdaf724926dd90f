"""Figures of what was generated beside the data: points, columns, correlations, shares.

Colours and canvas as in `quantum_latents.report.canvas`. Titles say what is shown, never what to
conclude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from quantum_latents.report.canvas import (
    GRID,
    INK,
    MUTED,
    PANEL,
    SQUARE,
    dots,
    fit,
    mark_of,
    svg,
    wrapped,
)
from quantum_latents.report.styles import Style
from quantum_latents.results.wording import number_text

__all__ = [
    "MAX_SCATTER_POINTS",
    "correlation_figure",
    "distribution_figure",
    "marginals_figure",
    "scatter_figure",
]

MAX_SCATTER_POINTS = 1_000
"""Points drawn of a preview; more would only blacken the frame."""

_MOST_NAMED, _LONGEST_NAME = 12, 14


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
        if inside.any():
            colour = style.colour if style else INK
            axes.add_patch(dots(shown[inside], colour, width=2.2, alpha=0.6))
        axes.set_xlim(centre[0] - reach, centre[0] + reach)
        axes.set_ylim(centre[1] - reach, centre[1] + reach)
        axes.set_aspect("equal")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid()
        outside = int((~inside).sum())
        note = f"{len(shown)} points" + (f", {outside} outside the frame" if outside else "")
        axes.set_xlabel(note, fontsize=7.5, color=MUTED)
        axes.set_title(title)
        fit(figure, axes)

    return svg(draw, SQUARE, title)


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
        axes.bar(place, mean_data, width=0.75, color=MUTED, alpha=0.35)
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
        fit(figure, axes)

    return svg(draw, (SQUARE[0], 2.1), title)


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
            spine.set_color(GRID)
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

    return svg(draw, (SQUARE[0], 3.0), title)


def distribution_figure(
    data: Sequence[float],
    generated: Mapping[str, Sequence[float]],
    looks: Mapping[str, Style],
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
        looks: from `styles`.
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
        axes.bar(centres, data, width=0.92 * widths, color=MUTED, alpha=0.35, linewidth=0)
        if trivial is not None:
            axes.stairs(trivial, places, color=MUTED, linewidth=1.0, linestyle=(0, (3, 2)))
        # Points of classes stand side by side; those of a number are joined.
        reach = 0.28 if len(generated) > 1 else 0.0
        shifts = np.linspace(-reach, reach, len(generated))
        for shift, (name, values) in zip(shifts, generated.items(), strict=True):
            axes.plot(
                centres + (shift * widths if is_named else 0),
                values,
                linestyle="none" if is_named else "-",
                linewidth=1.0,
                color=looks[name].colour,
                marker=looks[name].marker,
                markersize=4 if is_named else 3,
                markeredgewidth=0,
                alpha=0.85,
                gid=mark_of(name),
            )
        below = 0.0
        if categories is not None:
            axes.set_xticks(centres, [wrapped(name) for name in categories])
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
        fit(figure, axes, below=below)

    return svg(draw, (PANEL[0], 2.6), title)


def _diverging() -> ListedColormap:
    """Orange for negative, blue for positive, clear at 0: right on a light and a dark page."""
    strength = np.abs(np.linspace(-1, 1, 129))
    colours = np.empty((129, 4))
    colours[:64, :3] = to_rgb("#e0700a")
    colours[64:, :3] = to_rgb("#1f7fd0")
    colours[:, 3] = strength**0.8
    return ListedColormap(colours)
