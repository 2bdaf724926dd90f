"""Figures of a leaderboard: mean ranks with the critical difference, and a forest of effects.

Colours and canvas as in `quantum_latents.report.canvas`. Each figure's text alternative says in
words what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from quantum_latents.report.canvas import GRID, INK, MUTED, PANEL, SURFACE, fit, svg
from quantum_latents.report.figure_numbers import forest_numbers, ranks_numbers
from quantum_latents.report.gallery import Gallery
from quantum_latents.report.leaderboard import Overview
from quantum_latents.report.styles import Style
from quantum_latents.results import Leaderboard, Pooled
from quantum_latents.results.wording import interval_text, number_text

__all__ = ["drawn_overviews", "forest_figure", "ranks_figure"]

_LINE = 0.3
"""Inches of a line of the ranks."""

_MOST_FORESTS = 5
"""Forests that a page shows at once."""


def ranks_figure(board: Leaderboard, looks: Mapping[str, Style]) -> str:
    """Draw a critical-difference diagram: a line a latent, the best on top.

    Args:
        board: from `results.leaderboard`.
        looks: style of each latent.

    Marks are mean ranks, small points the rank on each block; points of one rank lie a little
    apart. A rule beside them joins latents that no pair tells apart, with a dot at each. The
    critical difference is a bar of its length; there is none without a verdict.
    """
    k, number = len(board.latents), len(board.blocks)
    critical = board.critical_difference if board.has_verdict else None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        ranks = np.array(board.ranks)
        apart = np.linspace(-0.22, 0.22, number)
        for place, latent in enumerate(board.latents):
            look = looks[latent]
            axes.plot(
                ranks[:, place],
                place + apart,
                linestyle="none",
                color=look.colour,
                marker=look.marker,
                markersize=3,
                markeredgewidth=0,
                alpha=0.4,
            )
            axes.plot(
                [board.mean_ranks[place]],
                [place],
                color=look.colour,
                marker=look.marker,
                markersize=8,
                markeredgecolor=SURFACE,
                markeredgewidth=1.2,
                zorder=3,
            )
        for index, clique in enumerate(board.cliques):
            places = [board.latents.index(latent) for latent in clique]
            at = [k + 0.45 + 0.25 * index] * len(places)
            axes.plot(at, places, color=INK, linewidth=1.6, marker="o", markersize=4)
        if board.cliques:
            at = (k + 0.3 + 0.25 * len(board.cliques), 0)
            axes.annotate(
                "not told apart", at, (0, 12), textcoords="offset points", fontsize=7.5, ha="right"
            )
        if critical is not None:
            ends = [1, 1 + critical]
            axes.plot(ends, [-1, -1], color=INK, linewidth=2.4, solid_capstyle="butt")
            text = f"critical difference {critical:.2f}"
            axes.annotate(text, (1, -1), (0, 4), textcoords="offset points", fontsize=7.5)
        axes.set_yticks(range(k), list(board.latents))
        axes.set_ylim(k - 0.5, -1.7 if critical is not None else -0.6)
        axes.set_xlim(0.7, k + 0.35 + 0.25 * max(1, len(board.cliques)))
        axes.set_xticks(range(1, k + 1))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        kind = "data set" if board.over == "data sets" else "seed"
        axes.set_xlabel(f"mean rank (small: each {kind}), 1 is best")
        axes.set_title(f"Mean ranks: {board.label}")
        fit(figure, axes)

    size = (PANEL[0] + 0.4, 1.25 + _LINE * (k + (critical is not None)))
    return svg(draw, size, _ranks_text(board))


def forest_figure(pooled: Pooled, looks: Mapping[str, Style], *, label: str) -> str:
    """Draw a forest plot: the effect on every data set, their mean, and a new one's range.

    Args:
        pooled: from `results.pooled_effects`, with one effect or more.
        looks: style of each latent.
        label: of the metric.

    Raises:
        ValueError: there are no effects.
    """
    if not pooled.effects:
        raise ValueError(f"no effects of {pooled.other} to draw")
    look, model = looks[pooled.other], pooled.model
    names = [effect.data for effect in pooled.effects]
    names += ["mean", "new data set"] if model else []

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=0.9)
        for place, effect in enumerate(pooled.effects):
            axes.plot(effect.interval, [place] * 2, color=look.colour, linewidth=1.6)
            axes.plot(
                [effect.effect],
                [place],
                color=look.colour,
                marker=look.marker,
                markersize=6,
                markeredgecolor=SURFACE,
                markeredgewidth=1,
            )
        if model is not None:
            place = len(pooled.effects)
            axes.axhline(place - 0.5, color=GRID, linewidth=0.8)
            low, high = model.interval
            corners = [(low, place), (model.mean, place - 0.3), (high, place),
                       (model.mean, place + 0.3)]  # fmt: skip
            axes.add_patch(Polygon(corners, facecolor=look.colour, edgecolor="none"))
            axes.plot(
                model.prediction,
                [place + 1] * 2,
                color=MUTED,
                linewidth=3,
                solid_capstyle="butt",
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x")
        axes.set_xlabel("run-to-run standard deviations")
        axes.annotate(
            f"{pooled.reference} better →",
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=MUTED,
        )
        axes.set_title(f"{pooled.other}: {label}", pad=16)
        fit(figure, axes, above=0.14)

    size = (PANEL[0], 1.14 + 0.24 * len(names))
    return svg(draw, size, _forest_text(pooled, label))


def drawn_overviews(
    made: Sequence[Overview], looks: Mapping[str, Style], gallery: Gallery
) -> list[dict[str, Any]]:
    """Return each overview of a page with its figures, the first forests apart from the others."""
    groups = []
    for one in made:
        forests = [
            gallery.add(
                forest_figure(pooled, looks, label=one.board.label),
                forest_numbers(pooled),
                kind="forest",
                metric=one.board.metric,
                latent=pooled.other,
                words=_forest_text(pooled, one.board.label),
            )
            for pooled in one.pooled
            if pooled.effects
        ]
        groups.append(
            {
                "overview": one,
                "ranks": gallery.add(
                    ranks_figure(one.board, looks),
                    ranks_numbers(one.board),
                    kind="ranks",
                    metric=one.board.metric,
                    words=_ranks_text(one.board),
                ),
                "forests": forests[:_MOST_FORESTS],
                "more": forests[_MOST_FORESTS:],
            }
        )
    return groups


def _ranks_text(board: Leaderboard) -> str:
    means = zip(board.latents, board.mean_ranks, strict=True)
    parts = [
        f"Mean ranks by {board.label} over {board.scope}, 1 is best: "
        + ", ".join(f"{latent} {mean:.2f}" for latent, mean in means)
        + "."
    ]
    if board.has_verdict and board.critical_difference is not None:
        parts.append(f"Critical difference {board.critical_difference:.2f}.")
    if board.cliques:
        parts.append(f"Not told apart: {'; '.join(', '.join(c) for c in board.cliques)}.")
    return " ".join(parts)


def _forest_text(pooled: Pooled, label: str) -> str:
    parts = [
        f"{effect.data} {number_text(effect.effect, signed=True)} {interval_text(effect.interval)}"
        for effect in pooled.effects
    ]
    text = (
        f"{pooled.other} against {pooled.reference} by {label}, run-to-run standard deviations in "
        f"favour of {pooled.reference}: {'; '.join(parts)}."
    )
    if (model := pooled.model) is not None:
        text += (
            f" Mean {number_text(model.mean, signed=True)} {interval_text(model.interval)}; a new "
            f"data set is expected within {interval_text(model.prediction)}."
        )
    return text
