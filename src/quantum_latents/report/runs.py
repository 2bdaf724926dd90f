"""Every run of a study as the page's script takes it: one table a data set and latent.

Notation: a *group* is the runs of one data set and latent, in the order of their seeds; its
columns are lists of one entry a run, or one value where all runs have the same. Values stand once
and to six digits; training curves of the first seeds only, thinned, so that a page of many runs
stays small. What is left out is counted, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.report.gallery import rounded, spread
from quantum_latents.report.headings import ARROWS
from quantum_latents.report.sections import Section
from quantum_latents.report.tables import Table

__all__ = ["MAX_CURVE_POINTS", "MAX_RUNS_WITH_CURVES", "Runs", "runs_of"]

Row = Mapping[str, Any]

MAX_RUNS_WITH_CURVES = 320
"""Most runs whose training curves stand in a page."""

MAX_CURVE_POINTS = 48
"""Most points of one of them."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of a page.

    Attributes:
        content: what the script reads.
        groups: for each data set the groups of its latents: index, latent, number of runs, and
            of those that diverged or failed.
        num_runs: how many runs there are.
        num_with_curves: how many of them have their curves in the page.
    """

    content: dict[str, Any]
    groups: list[dict[str, Any]]
    num_runs: int
    num_with_curves: int


def runs_of(
    rows: Sequence[Row], numbers: Table, curve_labels: Mapping[str, str] | None = None
) -> Runs:
    """Return the runs of a study.

    Args:
        rows: as tables compare them (`results.as_compared`).
        numbers: of the same rows.
        curve_labels: of training curves, by name.
    """
    of: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        of.setdefault((row["spec"]["data"]["name"], row["spec"]["latent"]["name"]), []).append(row)
    for found in of.values():
        found.sort(key=lambda row: row["spec"]["seed"])
    with_curves = _with_curves(of)
    groups, sections = [], []
    for section in numbers.sections:
        own = []
        for latent in section.latents:
            found = of[section.data, latent]
            own.append({"index": len(groups), "latent": latent} | {"num": len(found)})
            for status in ("diverged", "failed"):
                own[-1][status] = sum(row["status"] == status for row in found)
            groups.append(_group(found, section, latent))
        sections.append({"data": section.data, "groups": own})
    metrics = {
        facts.name: {
            "label": facts.heading,
            "arrow": ARROWS[facts.direction],
            "count": facts.is_count,
        }
        for section in numbers.sections
        for facts in section.metrics
    }
    curves, steps = _curves(with_curves)
    content = {
        "study": numbers.study,
        "reference": numbers.reference,
        "metrics": metrics,
        "groups": groups,
        "steps": steps,
        "curves": curves,
        "curve_labels": dict(curve_labels or {}),
    }
    return Runs(
        content=content,
        groups=sections,
        num_runs=sum(map(len, of.values())),
        num_with_curves=len(curves),
    )


def _group(rows: Sequence[Row], section: Section, latent: str) -> dict[str, Any]:
    stacks = [row.get("stack") or {} for row in rows]
    columns = {
        "seed": [row["spec"]["seed"] for row in rows],
        "run": [row["run"] for row in rows],
        "status": spread(row["status"] for row in rows),
        "detail": spread(_detail(row) for row in rows),
        "stack": spread(_stack(stack) for stack in stacks),
        "kernel": spread(stack.get("kernel") or "" for stack in stacks),
        "device": spread(stack.get("device") or "" for stack in stacks),
        "seconds": spread(rounded((row.get("provenance") or {}).get("seconds"), 3) for row in rows),
    }
    values = {}
    for facts in section.metrics:
        found = [rounded(row["metrics"].get(facts.name, {}).get("value")) for row in rows]
        if any(value is not None for value in found):
            values[facts.name] = found
    return {"data": section.data, "latent": latent, **columns, "values": values}


def _detail(row: Row) -> str:
    """Return what happened to a run, or how it was chosen among restarts."""
    chosen = row.get("chosen")
    if not row.get("status_detail") and isinstance(chosen, Mapping):
        return "chosen: " + ", ".join(f"{name} {value}" for name, value in chosen.items())
    return row.get("status_detail") or ""


def _stack(stack: Mapping[str, Any]) -> str:
    """Return the place of a run in its stack, counted from 1.

    >>> _stack({"size": 10, "place": 0})
    '1 of 10'
    """
    size, place = stack.get("size"), stack.get("place")
    return f"{place + 1} of {size}" if isinstance(place, int) and size is not None else ""


def _with_curves(of: Mapping[Any, Sequence[Row]]) -> dict[str, Row]:
    """Return the runs whose curves are kept, by digest: the first seeds of every group alike."""
    longest = max(map(len, of.values()), default=0)
    kept: dict[str, Row] = {}
    for place in range(longest):
        level = {
            rows[place]["run"]: rows[place]
            for rows in of.values()
            if place < len(rows) and (rows[place].get("curves") or {}).get("step")
        }
        if len(kept | level) > MAX_RUNS_WITH_CURVES:
            break
        kept |= level
    return kept


def _curves(rows: Mapping[str, Row]) -> tuple[dict[str, Any], list[list[float]]]:
    """Return run -> [which steps, {curve: values}], and the different lists of steps."""
    steps: list[list[float]] = []
    curves: dict[str, Any] = {}
    for run, row in rows.items():
        found = row["curves"]
        num = len(found["step"])
        shown = np.unique(np.linspace(0, num - 1, min(num, MAX_CURVE_POINTS)).round().astype(int))
        own = [found["step"][k] for k in shown]
        if own not in steps:
            steps.append(own)
        values = {
            name: [rounded(of_name[k], 4) for k in shown]
            for name, of_name in found.items()
            if name != "step" and len(of_name) == num
        }
        curves[run] = [steps.index(own), values]
    return curves, steps
