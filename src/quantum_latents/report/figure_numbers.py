"""The numbers of each kind of figure, and the same in words for those who do not see it.

Every function takes what the figure of its name takes (`figures`, `axis_figures`, `ladder`) and
returns the `Numbers` that stand behind it; words name means and intervals, never a conclusion.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from quantum_latents.report.gallery import Numbers
from quantum_latents.results import (
    AxisCurve,
    BudgetCurve,
    Comparison,
    DoseResponse,
    Leaderboard,
    Pooled,
)
from quantum_latents.results.wording import interval_text, number_text

__all__ = [
    "axis_numbers",
    "budget_numbers",
    "correlation_numbers",
    "curves_numbers",
    "differences_numbers",
    "differences_words",
    "distribution_numbers",
    "forest_numbers",
    "levels_numbers",
    "marginals_numbers",
    "means_words",
    "pixels_numbers",
    "points_numbers",
    "ranks_numbers",
    "response_numbers",
    "seeds_numbers",
]

_ENDS = ("interval low", "interval high")


def seeds_numbers(data: str, metric: str) -> Numbers:
    """The value of every seed, which stand once in the page."""
    return Numbers(("latent", "seed", "value"), (), seeds=("values", data, metric))


def means_words(values: Mapping[str, Mapping[int, float]], count: bool = False) -> str:
    """Return the mean of every latent that has one.

    >>> means_words({"quantum": {0: 1.0, 1: 2.0}, "gaussian": {}})
    'Means: quantum 1.50 of 2 seeds.'
    """
    parts = [
        f"{latent} {number_text(float(np.mean(list(points.values()))), count=count)} "
        f"of {len(points)} seed{'s' if len(points) > 1 else ''}"
        for latent, points in values.items()
        if points
    ]
    return f"Means: {'; '.join(parts)}." if parts else ""


def differences_numbers(comparisons: Sequence[Comparison], data: str, metric: str) -> Numbers:
    """Every paired difference, then mean and interval of each latent."""
    lines: list[list[Any]] = []
    for comparison in comparisons:
        ends = comparison.interval or (None, None)
        lines.append([comparison.other, "mean", comparison.mean_difference])
        lines += [[comparison.other, *end] for end in zip(_ENDS, ends, strict=True)]
    return Numbers(("latent", "seed", "difference"), lines, seeds=("differences", data, metric))


def differences_words(comparisons: Sequence[Comparison], count: bool = False) -> str:
    """Return mean difference and interval of every latent."""
    parts = [
        f"{c.other} {number_text(c.mean_difference, signed=True, count=count)}, 95 % interval "
        f"{interval_text(c.interval, count=count)}, {c.num_seeds} seeds"
        for c in comparisons
    ]
    return f"Differences to {comparisons[0].reference}: {'; '.join(parts)}." if parts else ""


def response_numbers(curve: DoseResponse) -> Numbers:
    """The value of every seed at every dose."""
    lines = [
        [seed, dose, value]
        for seed, values in zip(curve.seeds, curve.values, strict=True)
        for dose, value in zip(curve.doses, values, strict=True)
    ]
    return Numbers(("seed", "dose", "value"), lines)


def budget_numbers(curve: BudgetCurve) -> Numbers:
    """The gap of every latent after so many steps, with its interval and seeds."""
    lines = [
        [latent, step, gap.mean_difference, *(gap.interval or (None, None)), gap.num_seeds]
        for latent, gaps in curve.gaps.items()
        for step, gap in zip(curve.steps, gaps, strict=True)
    ]
    return Numbers(("latent", "training steps", "gap", *_ENDS, "seeds"), lines)


def curves_numbers(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float], int]],
) -> Numbers:
    """Mean and standard deviation of a training curve, from (steps, mean, deviation, runs)."""
    lines = [
        [latent, step, mean, deviation, num_runs]
        for latent, (steps, means, deviations, num_runs) in curves.items()
        for step, mean, deviation in zip(steps, means, deviations, strict=True)
    ]
    return Numbers(("latent", "training step", "mean", "standard deviation", "runs"), lines)


def axis_numbers(curve: AxisCurve, axis: str) -> Numbers:
    """The value of every run along an axis, then the means with their intervals."""
    lines: list[list[Any]] = []
    for latent, values in curve.values.items():
        for place, of_place in zip(curve.places, values, strict=True):
            lines += [[latent, place, "run", value] for value in of_place]
    for latent, means in curve.means.items():
        for place, mean, ends in zip(curve.places, means, curve.intervals[latent], strict=True):
            pair = zip(_ENDS, ends or (None, None), strict=True)
            lines += [[latent, place, "mean", mean], *([latent, place, *end] for end in pair)]
    return Numbers(("latent", axis, "what", "value"), lines)


def points_numbers(
    points: Mapping[str, Sequence[Sequence[float]]], most: int, names: Sequence[str] = ("of",)
) -> Numbers:
    """Points of the plane, at most so many of each, under what they are of."""
    lines = [
        [*((name,) if isinstance(name, str) else name), *(float(f"{x:.4g}") for x in point)]
        for name, of_name in points.items()
        for point in of_name[:most]
    ]
    return Numbers((*names, "x", "y"), lines)


def pixels_numbers(images: Sequence[Sequence[float]]) -> Numbers:
    """Images, a line each: its place, and its pixels row by row."""
    header = ("image", *(f"pixel {place}" for place in range(len(images[0]))))
    lines = [
        [place, *(float(f"{pixel:.4g}") for pixel in image)] for place, image in enumerate(images)
    ]
    return Numbers(header, lines)


def levels_numbers(levels: np.ndarray) -> Numbers:
    """Photographs, a line each: its place, and its levels, red, green, blue, as base64."""
    _, colours, height, width = levels.shape
    lines = [
        [place, base64.b64encode(image.tobytes()).decode()] for place, image in enumerate(levels)
    ]
    return Numbers(("image", f"levels {colours} x {height} x {width} as base64"), lines)


def ranks_numbers(board: Leaderboard) -> Numbers:
    """Ranks of the latents, a line each: the mean, and that in every block."""
    lines = [
        [latent, mean, *(ranks[place] for ranks in board.ranks)]
        for place, (latent, mean) in enumerate(zip(board.latents, board.mean_ranks, strict=True))
    ]
    return Numbers(("latent", "mean rank", *board.blocks), lines)


def forest_numbers(pooled: Pooled) -> Numbers:
    """Effects of a latent against the reference, a line a data set, then their summary."""
    header = ("data", "effect", "low", "high")
    lines: list[list[Any]] = [
        [effect.data, effect.effect, *effect.interval] for effect in pooled.effects
    ]
    if (model := pooled.model) is not None:
        lines.append(["all data sets", model.mean, *model.interval])
        lines.append(["a new data set", model.mean, *model.prediction])
    return Numbers(header, lines)


def marginals_numbers(
    mean_data: Sequence[float], mean_generated: Sequence[float] | None = None
) -> Numbers:
    """The mean of each column, of the data and of what was generated."""
    if mean_generated is None:
        return Numbers(("column", "data"), list(enumerate(mean_data)))
    pairs = zip(mean_data, mean_generated, strict=True)
    lines = [[column, *pair] for column, pair in enumerate(pairs)]
    return Numbers(("column", "data", "generated"), lines)


def correlation_numbers(matrix: Sequence[Sequence[float | None]]) -> Numbers:
    """The correlation matrix, a line a column, to three digits as its colours show it."""
    lines = [
        [i, *(None if value is None else float(f"{value:.3g}") for value in line)]
        for i, line in enumerate(matrix)
    ]
    return Numbers(("column", *map(str, range(len(matrix)))), lines)


def distribution_numbers(
    data: Sequence[float],
    generated: Mapping[str, Sequence[float]],
    *,
    edges: Sequence[float] | None = None,
    categories: Sequence[str] | None = None,
    trivial: Sequence[float] | None = None,
) -> Numbers:
    """Shares of the data, the trivial sampler and every latent, a line a bin."""
    columns = {"data": data} | ({"trivial": trivial} if trivial is not None else {}) | {**generated}
    if categories is not None:
        names, bins = ["class"], [[name] for name in categories]
    else:
        assert edges is not None
        names, bins = ["from", "to"], [[*pair] for pair in pairwise(edges)]
    lines = [[*own, *(of[k] for of in columns.values())] for k, own in enumerate(bins)]
    return Numbers((*names, *columns), lines)
