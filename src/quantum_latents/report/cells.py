"""One entry of a table: a latent by a metric, a figure that somebody published, a baseline.

Notation: a *cell* is one latent on one data set by one metric, mean ± standard error over the
seeds. A *baseline* is what needs no generator: the floor (fresh data in the samples' place) and,
for molecules, a trivial sampler of random graphs that only keep to valences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantum_latents.results import (
    MetricFacts,
    mean_standard_error,
    ordered,
    sizes_by_seed,
    values_by_seed,
)
from quantum_latents.results.wording import measurement_text, sizes_text

__all__ = [
    "PUBLISHED_FOOTNOTE",
    "SIZES_FOOTNOTE",
    "TRIVIAL_FOOTNOTE",
    "Cell",
    "Published",
    "baseline_mean",
    "baseline_num",
    "cell_of",
    "published",
]

TRIVIAL_FOOTNOTE = (
    "Random valence: a trivial sampler of as many random graphs that keep to valences and have "
    "learned nothing else: what it scores is no merit of a generator."
)

SIZES_FOOTNOTE = (
    "n: molecules that a distance was computed from, least to most over the seeds. Fréchet "
    "distances fall with n: those of different n are not comparable, nor is one with a floor of "
    "another n."
)

PUBLISHED_FOOTNOTE = (
    "Published: {source}; other code and other seeds, so that nothing is paired and nothing tested."
)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One latent on one data set by one metric.

    Attributes:
        mean: over the seeds with a value; None if there is none.
        standard_error: of the mean; None below two seeds.
        num_seeds: seeds with a value.
        num_dropped: seeds whose run diverged or has no value.
        sizes: from how many samples the metric was computed, least and most over the seeds;
            None where the rows do not say.
        is_count: whether the metric counts things.
    """

    mean: float | None
    standard_error: float | None
    num_seeds: int
    num_dropped: int
    sizes: tuple[int, int] | None = None
    is_count: bool = False

    @property
    def seeds_text(self) -> str:
        """The number of seeds, of those dropped, and of samples where that matters."""
        dropped = f", {self.num_dropped} dropped" if self.num_dropped else ""
        sizes = f"; {sizes_text(self.sizes)}" if self.sizes else ""
        return f"{self.num_seeds}{dropped}{sizes}"

    @property
    def measurement(self) -> str:
        """Mean ± standard error."""
        return measurement_text(self.mean, self.standard_error, count=self.is_count)

    def __str__(self) -> str:
        """Mean ± standard error (number of seeds)."""
        return f"{self.measurement} ({self.seeds_text})"


def cell_of(rows: Sequence[Mapping[str, Any]], data: str, latent: str, facts: MetricFacts) -> Cell:
    """Return the cell of a latent by a metric, of the rows of one data set or more."""
    values = values_by_seed(rows, data, latent, facts.name)
    sizes = sizes_by_seed(rows, data, latent, facts.name).values()
    present = [value for value in values.values() if value is not None]
    mean, standard_error = mean_standard_error(present) if present else (None, None)
    return Cell(
        mean=mean,
        standard_error=standard_error,
        num_seeds=len(present),
        num_dropped=len(values) - len(present),
        sizes=(min(sizes), max(sizes)) if sizes else None,
        is_count=facts.is_count,
    )


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure that somebody published for a cell.

    Attributes:
        latent, metric: whose cell.
        label: of the metric.
        cell: ours; None where we have none.
        mean, standard_error: as published; None for an error that is not.
        is_count: whether the metric counts things.
    """

    latent: str
    metric: str
    label: str
    cell: Cell | None
    mean: float
    standard_error: float | None
    is_count: bool

    @property
    def measurement(self) -> str:
        """The published mean ± standard error."""
        return measurement_text(self.mean, self.standard_error, count=self.is_count)


def published(
    data: str,
    paper: Mapping[str, Any] | None,
    facts: Mapping[str, MetricFacts],
    cells: Mapping[str, Mapping[str, Cell]],
) -> tuple[Published, ...]:
    """Return the published figures of a data set, in the order of the table."""
    figures = [figure for figure in (paper or {}).get("figures", ()) if figure["data"] == data]
    metrics = [*facts, *dict.fromkeys(f["metric"] for f in figures if f["metric"] not in facts)]
    names = ordered(figure["latent"] for figure in figures)
    figures.sort(key=lambda f: (metrics.index(f["metric"]), names.index(f["latent"])))
    return tuple(
        Published(
            latent=figure["latent"],
            metric=figure["metric"],
            label=facts[figure["metric"]].label if figure["metric"] in facts else figure["metric"],
            cell=cells.get(figure["latent"], {}).get(figure["metric"]),
            mean=float(figure["mean"]),
            standard_error=figure.get("standard_error"),
            is_count=figure["metric"] in facts and facts[figure["metric"]].is_count,
        )
        for figure in figures
    )


def baseline_mean(rows: Iterable[Mapping[str, Any]], metric: str, name: str) -> float | None:
    """Return the mean over the rows of a baseline of a metric, None where no row has it."""
    values = [row["metrics"].get(metric, {}).get(name) for row in rows]
    present = [value for value in values if value is not None]
    return mean_standard_error(present)[0] if present else None


def baseline_num(
    rows: Iterable[Mapping[str, Any]], metric: str, baseline: str
) -> tuple[int, int] | None:
    """Return from how many samples a baseline was computed, least and most over the rows."""
    entries = [row["metrics"].get(metric, {}) for row in rows]
    present = [
        int(entry[f"{baseline}_num"])
        for entry in entries
        if entry.get(f"{baseline}_num") is not None and entry.get(baseline) is not None
    ]
    return (min(present), max(present)) if present else None
