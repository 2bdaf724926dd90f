"""The best of several restarts, chosen once and by other samples than it is reported with.

Notation: a *candidate* is a generator of one (data, latent, seed): that of a finished run, or of a
run after one of its milestones. The candidates of a *choice* are those of the runs with certain
starts. The chosen one has the least value of the choosing metric, which is computed from samples of
its own (`selection_share` of `quantum_latents.metrics.registry`), so that the values that are
reported of it are no lower for having been chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantum_latents.results.selection import select
from quantum_latents.results.sign_flip import mean_interval, typical_values
from quantum_latents.results.statistics import mean_standard_error
from quantum_latents.results.study import in_groups

__all__ = ["AboveFloor", "above_floor", "as_compared", "chosen_rows"]

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AboveFloor:
    """How far a latent's metric lies above its sampling floor, value - floor, paired by seed.

    Attributes:
        latent: its name.
        mean: over the seeds; None without any.
        interval: 95 %, of the exact sign-flip test; None below six seeds.
        p_value: two-sided, of no difference; None without any seed.
        num_seeds: seeds with a value and a floor.
        chosen: how often each kind of candidate was chosen, such as "target, step 0".
    """

    latent: str
    mean: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    num_seeds: int
    chosen: dict[str, int]


def as_compared(rows: Iterable[Row], study: Mapping[str, Any]) -> list[Row]:
    """Return rows as tables compare them: restarts chosen among, then by group.

    Args:
        rows: of the study, one a run.
        study: see `chosen_rows` and `in_groups`.
    """
    return in_groups(chosen_rows(rows, study), study)


def chosen_rows(rows: Iterable[Row], study: Mapping[str, Any]) -> list[Row]:
    """Return one row for each data set, choice, latent and seed; all rows without restarts.

    A row keeps what its run is, has the metrics of the chosen candidate but for the one that chose,
    and under `chosen` says which that was: `start`, `restart`, `step`, and `of`, how many there
    were. Its data set's
    name ends with the choice's. A seed whose restarts have not all got a row is left out: the least
    of fewer is larger. If every restart diverged, the row is a diverged one.

    Args:
        rows: one a run.
        study: its `restarts` has `by`, the choosing metric, lower being better, and `choices`: for
            each its name, starts and `num_runs`.

    Raises:
        ValueError: no run has a value of the choosing metric, though some have finished.
    """
    rows = list(rows)
    if not (restarts := study.get("restarts")):
        return rows
    by = restarts["by"]
    finished = [row for row in rows if row["status"] == "finished"]
    if finished and not any(by in row["metrics"] for row in finished):
        raise ValueError(f"no row has the metric {by!r} that chooses between restarts")
    made = []
    for choice in restarts["choices"]:
        groups: dict[tuple[str, str, int], list[Row]] = {}
        for row in rows:
            spec = row["spec"]
            if spec.get("start", "random") in choice["starts"]:
                key = (spec["data"]["name"], spec["latent"]["name"], spec["seed"])
                groups.setdefault(key, []).append(row)
        made += [
            _best(group, by, choice["name"])
            for group in groups.values()
            if len(group) == choice["num_runs"]
        ]
    return made


def above_floor(rows: Iterable[Row], data: str, latent: str, metric: str) -> AboveFloor:
    """Return how far a latent's metric lies above the floor.

    The floor is the same metric of as many fresh samples of the data. Where the chosen generator's
    law is that of the data, value and floor have one law, so that the mean is 0; what else the mean
    may be, a finite-sample distance does not say.

    Args:
        rows: one a seed, as `chosen_rows` gives them.
        data: the data set's name.
        latent: the latent's.
        metric: the metric's.
    """
    rows = select(rows, data=data, latent=latent)
    entries = [row["metrics"].get(metric, {}) for row in rows if row["status"] == "finished"]
    above = [
        entry["value"] - entry["floor"]
        for entry in entries
        if entry.get("value") is not None and entry.get("floor") is not None
    ]
    chosen: dict[str, int] = {}
    for row in rows:
        if "chosen" in row:
            name = f"{row['chosen']['start']}, step {row['chosen']['step']:,}"
            chosen[name] = chosen.get(name, 0) + 1
    return AboveFloor(
        latent=latent,
        mean=mean_standard_error(above)[0] if above else None,
        interval=mean_interval(above) if above else None,
        p_value=typical_values(above).p_two_sided() if above else None,
        num_seeds=len(above),
        chosen=dict(sorted(chosen.items(), key=lambda item: (-item[1], item[0]))),
    )


def _best(group: Sequence[Row], by: str, name: str) -> Row:
    """Return the row of the best candidate among the runs of one data set, latent and seed."""
    candidates = []
    for place, row in enumerate(group):
        for step, values in _candidates(row):
            if (value := values.get(by)) is not None:
                candidates.append((value, place, step, values))
    if not candidates:
        return _named({**group[0], "metrics": {}, "status": "diverged"}, name)
    _, place, step, values = min(candidates, key=lambda candidate: candidate[:3])
    row = group[place]
    metrics = {
        metric: {**entry, "value": values.get(metric)}
        for metric, entry in row["metrics"].items()
        if metric != by
    }
    chosen = {
        "start": row["spec"].get("start", "random"),
        "restart": row["spec"].get("restart", 0),
        "step": step,
        "of": len(candidates),
    }
    kept = {key: value for key, value in row.items() if key != "budget"}
    if step != row["spec"]["training"]["num_steps"]:
        kept["preview"] = None  # a picture of the run's end, not of what was chosen
    return _named({**kept, "metrics": metrics, "chosen": chosen}, name)


def _candidates(row: Row) -> list[tuple[int, dict[str, float | None]]]:
    """Return (step, values of the metrics) of a run's milestones and of its end."""
    if row["status"] != "finished":
        return []
    budget = row.get("budget") or {"step": [], "metrics": {}}
    made = [
        (step, {metric: values[place] for metric, values in budget["metrics"].items()})
        for place, step in enumerate(budget["step"])
    ]
    final = {metric: entry.get("value") for metric, entry in row["metrics"].items()}
    return [*made, (row["spec"]["training"]["num_steps"], final)]


def _named(row: Row, choice: str) -> Row:
    data = row["spec"]["data"]
    renamed = {**data, "name": f"{data['name']}, {choice}"}
    return {**row, "spec": {**row["spec"], "data": renamed}}
