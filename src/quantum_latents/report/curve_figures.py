"""Figures of training curves: their mean over the seeds, and how far these lie apart.

Colours and canvas as in `quantum_latents.report.canvas`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from quantum_latents.report.canvas import PANEL, fit, key, key_height, mark_of, svg
from quantum_latents.report.styles import Style

__all__ = ["curves_figure", "mean_curve"]


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
    looks: Mapping[str, Style],
    *,
    title: str,
    label: str,
) -> str:
    """Draw the mean over seeds of a training curve, with a band of one standard deviation.

    Args:
        curves: latent -> what `mean_curve` returned.
        looks: from `styles`.
        title: what is shown.
        label: of the vertical axis.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, (steps, means, deviations, num_runs) in curves.items():
            mean, deviation = np.array(means), np.array(deviations)
            own: dict[str, Any] = {"color": looks[name].colour, "gid": mark_of(name)}
            axes.plot(steps, mean, looks[name].dashes, linewidth=1.4, label=name, **own)
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
        fit(figure, axes, below=key(figure, axes, len(curves)))

    return svg(draw, (PANEL[0], 2.8 + key_height(len(curves))), title)


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
