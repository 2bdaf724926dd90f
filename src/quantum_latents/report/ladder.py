"""The ladder: what each latent shares with the quantum one, against how well it does.

Notation: a *rung* is one latent; it shares each *property* in full, in part or not at all, as
``study.json`` says (`ladder`). Rungs stand in the order of how much they share, the most on top;
how well one does is its paired difference to the reference, with the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantum_latents.report.gallery import Numbers
from quantum_latents.report.styles import Style
from quantum_latents.results import Comparison

__all__ = ["LADDER_NOTE", "Rung", "ladder_figure", "ladder_numbers", "ladder_words", "rungs"]

LADDER_NOTE = (
    "Left, what each latent shares with the quantum one by construction: a full mark for all of "
    "it, a half mark for a part, a small dot for nothing, a question mark where nobody can say. "
    "Right, the mean of its paired differences to the reference with the 95 % interval, unadjusted "
    "(from 6 seeds); the verdicts above adjust for the number of latents. Rungs that share more "
    "stand higher. Two rungs of which one does better mostly differ in several properties at once: "
    "none of them is thereby shown to be the reason."
)
"""What stands above the plots."""

_SCORES = {"full": 1.0, "part": 0.5}
_MIN_RUNGS = 3


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One latent on the ladder.

    Attributes:
        latent: its name.
        sharing: property -> "full" or "part"; None where nobody can say.
        comparison: with the reference; None for the reference itself.
    """

    latent: str
    sharing: Mapping[str, str] | None
    comparison: Comparison | None


def rungs(
    comparisons: Sequence[Comparison], reference: str, ladder: Mapping[str, Any] | None
) -> tuple[Rung, ...]:
    """Return the rungs of one data set and metric, the one that shares most first.

    Args:
        comparisons: of every other latent with the reference.
        reference: its name.
        ladder: of ``study.json``.

    Empty where the study has no ladder, the reference is not the quantum latent (what is shared
    is shared with that one), or fewer than three latents have values.

    >>> ladder = {"properties": [{"name": "means", "label": "means"}], "of": {}}
    >>> rungs([], "quantum", ladder)
    ()
    """
    if ladder is None or reference != "quantum":
        return ()
    order = [one["name"] for one in ladder["properties"]]
    found = [
        Rung(latent=c.other, sharing=ladder["of"].get(c.other), comparison=c)
        for c in comparisons
        if c.num_seeds
    ]
    if len(found) + 1 < _MIN_RUNGS:
        return ()
    own = Rung(latent=reference, sharing=ladder["of"].get(reference), comparison=None)

    def place(rung: Rung) -> tuple[Any, ...]:
        if rung.sharing is None:
            return (True, 0.0, (), rung.latent)
        # Of two that share as much, the one that shares what is harder to share stands higher.
        scores = [_SCORES.get(rung.sharing.get(name, ""), 0.0) for name in order]
        return (False, -sum(scores), tuple(-score for score in reversed(scores)), rung.latent)

    return (own, *sorted(found, key=place))


def ladder_figure(
    ladder: Sequence[Rung],
    properties: Sequence[Mapping[str, str]],
    looks: Mapping[str, Style],
    *,
    title: str,
) -> str:
    """Draw the properties as a matrix of marks, and beside it the paired differences.

    Args:
        ladder: from `rungs`.
        properties: name and label of each column.
        looks: style of each latent.
        title: what is shown.

    A band shows the declared margin of equivalence, if there is one.
    """
    from matplotlib.figure import Figure

    from quantum_latents.report import canvas
    from quantum_latents.report.figures import difference_axis

    first = next(rung.comparison for rung in ladder if rung.comparison is not None)
    longest = max(len(rung.latent) for rung in ladder)
    left, column, row = 0.2 + 0.064 * longest, 0.3, 0.29
    above, below, right = 1.2, 0.5, 3.4
    width = left + column * len(properties) + 0.3 + right + 0.15
    height = above + row * len(ladder) + below

    def draw(figure: Figure) -> None:
        marks = figure.add_axes(
            (left / width, below / height, column * len(properties) / width,
             row * len(ladder) / height)
        )  # fmt: skip
        axes = figure.add_axes(
            (1 - (right + 0.15) / width, below / height, right / width, row * len(ladder) / height)
        )
        for panel in (marks, axes):
            panel.set_ylim(len(ladder) - 0.5, -0.5)
            panel.tick_params(length=0)
            panel.spines["left"].set_visible(False)
        marks.spines["bottom"].set_visible(False)
        marks.set_xlim(-0.5, len(properties) - 0.5)
        marks.xaxis.tick_top()
        marks.set_xticks(
            range(len(properties)), [one["label"] for one in properties], rotation=45, ha="left",
            rotation_mode="anchor",
        )  # fmt: skip
        marks.set_yticks(range(len(ladder)), [rung.latent for rung in ladder])
        axes.set_yticks([])
        for place in range(1, len(ladder), 2):
            for panel in (marks, axes):
                panel.axhspan(place - 0.5, place + 0.5, color=canvas.GRID, alpha=0.28, linewidth=0)
        if first.margin is not None:
            axes.axvspan(-first.margin, first.margin, color=canvas.GRID, alpha=0.6, linewidth=0)
        axes.axvline(0, color=canvas.INK, linewidth=0.9)
        for place, rung in enumerate(ladder):
            look, own = looks[rung.latent], canvas.mark_of(rung.latent)
            for x, one in enumerate(properties):
                _mark(marks, x, place, rung.sharing, one["name"], own)
            comparison = rung.comparison
            if comparison is None:
                axes.annotate(
                    "the reference", (0, place), (6, 0), textcoords="offset points", va="center",
                    fontsize=7.5, color=canvas.MUTED,
                )  # fmt: skip
                continue
            if comparison.interval is not None:
                axes.plot(
                    comparison.interval, [place] * 2, color=look.colour, linewidth=2.4,
                    solid_capstyle="round", gid=own,
                )  # fmt: skip
            assert comparison.mean_difference is not None  # a rung has pairs
            axes.plot(
                [comparison.mean_difference], [place], color=look.colour, marker=look.marker,
                markersize=7, markeredgecolor=canvas.SURFACE, markeredgewidth=1.2, gid=own,
            )  # fmt: skip
        better, arrow = difference_axis(axes, first)
        axes.annotate(
            arrow, (float(better == "right"), 1.0), (0, 3), xycoords="axes fraction",
            textcoords="offset points", ha=better, va="bottom", fontsize=7.5, color=canvas.MUTED,
        )  # fmt: skip
        figure.text(
            (width - right - 0.15) / width, 1 - 0.2 / height, title, fontsize=9.5, va="center",
            fontweight="bold",
        )  # fmt: skip

    return canvas.svg(draw, (width, height), title)


def _mark(axes: Any, x: float, y: float, sharing: Any, name: str, own: str) -> None:
    """Draw one property of one rung: full, half, a dot for nothing, a question mark."""
    from quantum_latents.report import canvas

    if sharing is None:
        axes.text(x, y, "?", ha="center", va="center", fontsize=8, color=canvas.MUTED, gid=own)
        return
    extent = sharing.get(name)
    if extent is None:
        axes.plot(
            [x], [y], marker="o", markersize=2.4, color=canvas.MUTED, alpha=0.55, markeredgewidth=0,
            gid=own,
        )  # fmt: skip
        return
    axes.plot(
        [x], [y], marker="o", markersize=8, color=canvas.INK, markeredgewidth=1.0,
        markeredgecolor=canvas.INK, markerfacecoloralt="none",
        fillstyle="full" if extent == "full" else "left", gid=own,
    )  # fmt: skip


def ladder_numbers(ladder: Sequence[Rung], properties: Sequence[Mapping[str, str]]) -> Numbers:
    """Each rung: what it shares, and its paired difference with interval, p and seeds."""
    lines = []
    for rung in ladder:
        shared = [
            "unknown" if rung.sharing is None else rung.sharing.get(one["name"], "no")
            for one in properties
        ]
        c = rung.comparison
        found: list[Any] = [None] * 5
        if c is not None:
            ends = c.interval or (None, None)
            found = [c.mean_difference, *ends, c.p_holm, c.num_seeds]
        lines.append([rung.latent, *shared, *found])
    header = ("latent", *(one["label"] for one in properties), "difference")
    return Numbers((*header, "interval low", "interval high", "p (Holm)", "seeds"), lines)


def ladder_words(ladder: Sequence[Rung], properties: Sequence[Mapping[str, str]]) -> str:
    """Return what each rung shares, in words."""
    parts = []
    for rung in ladder:
        if rung.sharing is None:
            parts.append(f"{rung.latent} does not say")
            continue
        shared = [
            one["label"] + (" in part" if rung.sharing[one["name"]] == "part" else "")
            for one in properties
            if one["name"] in rung.sharing
        ]
        parts.append(f"{rung.latent} shares {', '.join(shared) or 'nothing'}")
    return "; ".join(parts) + "."
