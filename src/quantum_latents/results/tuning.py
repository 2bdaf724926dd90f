"""Choosing a trial for each latent, from rows that were measured on validation rows alone.

Notation: a *trial* is one setting of the training, trial 0 the recipe's own; a *cell* is what one
choice is made for: data set, latent and model. Every cell has every trial on every tuning seed. The
*score* of a trial is the mean over the tuning seeds of the choosing metric; a trial of which a run
diverged, or has no value, has none and is not chosen. The choice of a cell is a function of its own
rows and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quantum_latents.results.frozen import rows_hash
from quantum_latents.results.selection import metric_facts

__all__ = ["Choice", "choose_trials"]

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The trial that was chosen for a cell, and what it was chosen from.

    Attributes:
        data, latent, group: whose cell; group is "" where the study has none.
        trial: its number.
        scores: of every trial; None for one without.
        num_diverged: of every trial, the runs that diverged.
        runs: digests of all runs of the cell, sorted.
        rows_hash: of their rows, see `quantum_latents.results.frozen.rows_hash`.
    """

    data: str
    latent: str
    group: str
    trial: int
    scores: tuple[float | None, ...]
    num_diverged: tuple[int, ...]
    runs: tuple[str, ...]
    rows_hash: str

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON values, as ``study.json`` and ``chosen.json`` hold it."""
        content = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in content.items()}


def choose_trials(rows: Iterable[Row], search: Mapping[str, Any]) -> list[Choice]:
    """Return the choice of every cell; of equal scores that of the lower number.

    Where no trial of a cell has a score, the recipe's own is kept.

    Args:
        rows: of the tuning runs, one of each.
        search: what the tuning declared: `by`, the choosing metric, and `cells`, each with `data`,
            `latent`, `group` and `trials`: of every trial the digests of its runs.

    Raises:
        ValueError: a run has no row yet, or the rows disagree on the metric's direction.

    >>> rows = [{"run": run, "status": "finished",
    ...          "metrics": {"mmd": {"value": value, "direction": "lower"}}}
    ...         for run, value in {"a": 0.5, "b": 0.2, "c": 0.3}.items()]
    >>> cell = {"data": "bits", "latent": "gaussian", "group": "", "trials": [["a"], ["b", "c"]]}
    >>> (choice,) = choose_trials(rows, {"by": "mmd", "cells": [cell]})
    >>> choice.trial, choice.scores
    (1, (0.5, 0.25))
    """
    by_run, by = {row["run"]: row for row in rows}, search["by"]
    wanted = [run for cell in search["cells"] for runs in cell["trials"] for run in runs]
    if missing := [run for run in wanted if run not in by_run]:
        raise ValueError(
            f"{len(missing)} of {len(wanted)} tuning runs have no row yet: run the study again"
        )
    measured = [by_run[run] for run in wanted if by in by_run[run]["metrics"]]
    sign = 1.0
    if measured:
        sign = -1.0 if metric_facts(measured, by).direction == "higher" else 1.0
    return [_choice(cell, by_run, by, sign) for cell in search["cells"]]


def _choice(cell: Mapping[str, Any], by_run: Mapping[str, Row], by: str, sign: float) -> Choice:
    of_trials = [[by_run[run] for run in runs] for runs in cell["trials"]]
    scores = [_score(rows, by) for rows in of_trials]
    ranked = [(sign * score, place) for place, score in enumerate(scores) if score is not None]
    rows = [row for of_trial in of_trials for row in of_trial]
    return Choice(
        data=cell["data"],
        latent=cell["latent"],
        group=cell["group"],
        trial=min(ranked)[1] if ranked else 0,
        scores=tuple(scores),
        num_diverged=tuple(sum(r["status"] == "diverged" for r in rows) for rows in of_trials),
        runs=tuple(sorted(row["run"] for row in rows)),
        rows_hash=rows_hash(rows),
    )


def _score(rows: Sequence[Row], by: str) -> float | None:
    values = [
        row["metrics"].get(by, {}).get("value") if row["status"] == "finished" else None
        for row in rows
    ]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
