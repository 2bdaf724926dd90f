"""Which rows belong to a cell of a table: data set by latent by metric, one value a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quantum_latents.results.wording import is_count

__all__ = [
    "MetricFacts",
    "Missing",
    "data_sets",
    "latents",
    "metric_facts",
    "metric_names",
    "missing_values",
    "ordered",
    "select",
    "sizes_by_seed",
    "values_by_seed",
]

Row = Mapping[str, Any]

_FIRST = ("quantum", "distinguishable")


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """What rows say about a metric, besides its values.

    Attributes:
        name: its key in the rows.
        label: its name for readers.
        direction: which way is better.
        unit: "" for a pure number.
        constant_wins: whether a constant output would score best.
        corroborated_by: two-sample metrics that must agree before such a metric counts.
    """

    name: str
    label: str
    direction: Literal["lower", "higher"]
    unit: str
    constant_wins: bool
    corroborated_by: tuple[str, ...]

    @property
    def is_count(self) -> bool:
        """Whether it counts things, so that its values are told as whole numbers."""
        return is_count(self.unit)

    @property
    def heading(self) -> str:
        """Its label and its unit, unless a count's label names what is counted."""
        is_said = not self.unit or (self.is_count and self.unit in self.label)
        return self.label if is_said else f"{self.label} [{self.unit}]"


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Finished runs in which a metric is not defined, with the reason that their rows give.

    Attributes:
        data, latent, metric: whose runs, and which metric.
        reason: why there is no value.
        seeds: of these runs, ascending.
    """

    data: str
    latent: str
    metric: str
    reason: str
    seeds: tuple[int, ...]


def ordered(names: Iterable[str]) -> list[str]:
    """Return distinct names in the order of every table: quantum, distinguishable, then A-Z.

    >>> ordered(["gaussian", "bernoulli", "quantum", "gaussian"])
    ['quantum', 'bernoulli', 'gaussian']
    """
    distinct = set(names)
    return [name for name in _FIRST if name in distinct] + sorted(distinct - set(_FIRST))


def data_sets(rows: Iterable[Row]) -> list[str]:
    """Return the names of the rows' data sets, in the order of every table."""
    return ordered(row["spec"]["data"]["name"] for row in rows)


def latents(rows: Iterable[Row]) -> list[str]:
    """Return the names of the rows' latents, in the order of every table."""
    return ordered(row["spec"]["latent"]["name"] for row in rows)


def select(rows: Iterable[Row], *, data: str, latent: str | None = None) -> list[Row]:
    """Return the rows of one data set (and one latent), by seed."""
    chosen = [
        row
        for row in rows
        if row["spec"]["data"]["name"] == data
        and (latent is None or row["spec"]["latent"]["name"] == latent)
    ]
    return sorted(chosen, key=lambda row: row["spec"]["seed"])


def metric_names(rows: Iterable[Row], first: Sequence[str] = ()) -> list[str]:
    """Return the rows' metrics, those of `first` leading, the rest in the order of the rows."""
    names = dict.fromkeys(name for row in rows for name in row["metrics"])
    return [name for name in dict.fromkeys([*first, *names]) if name in names]


def metric_facts(rows: Iterable[Row], metric: str) -> MetricFacts:
    """Return what the rows say about a metric.

    Raises:
        ValueError: no row has it, or two rows disagree on its direction.
    """
    entries = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
    if not entries:
        raise ValueError(f"no row has the metric {metric!r}")
    if len({entry["direction"] for entry in entries}) > 1:
        raise ValueError(f"the rows disagree on the direction of the metric {metric!r}")
    entry = entries[0]
    return MetricFacts(
        name=metric,
        label=entry.get("label") or metric,
        direction=entry["direction"],
        unit=entry.get("unit") or "",
        constant_wins=bool(entry.get("constant_wins", False)),
        corroborated_by=tuple(entry.get("corroborated_by") or ()),
    )


def values_by_seed(
    rows: Iterable[Row], data: str, latent: str, metric: str
) -> dict[int, float | None]:
    """Return the metric of each seed; None where the run diverged, failed or could not be measured.

    Raises:
        ValueError: two runs share data set, latent and seed, so that pairing is ambiguous.
    """
    values: dict[int, float | None] = {}
    for row in select(rows, data=data, latent=latent):
        seed = row["spec"]["seed"]
        if seed in values:
            raise ValueError(
                f"two runs have data {data!r}, latent {latent!r} and seed {seed}: rows of "
                "different studies or settings cannot be compared in one table"
            )
        value = row["metrics"].get(metric, {}).get("value")
        values[seed] = None if row["status"] != "finished" or value is None else float(value)
    return values


def sizes_by_seed(rows: Iterable[Row], data: str, latent: str, metric: str) -> dict[int, int]:
    """Return from how many samples the metric of each seed was computed, where rows say so.

    A Fréchet distance falls with that number, so two of them compare only if it is the same.
    """
    return {
        row["spec"]["seed"]: int(entry["num"])
        for row in select(rows, data=data, latent=latent)
        if (entry := row["metrics"].get(metric, {})).get("num") is not None
        and entry.get("value") is not None
    }


def missing_values(rows: Iterable[Row], data: str) -> list[Missing]:
    """Return the finished runs in which a metric has no value and a reason for it.

    In the order of tables: by metric, latent, then reason.
    """
    chosen = [row for row in select(rows, data=data) if row["status"] == "finished"]
    groups: dict[tuple[str, str, str], list[int]] = {}
    for metric in metric_names(chosen):
        for latent in latents(chosen):
            for row in select(chosen, data=data, latent=latent):
                entry = row["metrics"].get(metric, {})
                if entry.get("value", 0) is None and entry.get("reason"):
                    key = (latent, metric, entry["reason"])
                    groups.setdefault(key, []).append(row["spec"]["seed"])
    return [
        Missing(data=data, latent=latent, metric=metric, reason=reason, seeds=tuple(seeds))
        for (latent, metric, reason), seeds in groups.items()
    ]
