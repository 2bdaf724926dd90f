"""One data set of a study: its cells, baselines, differences, and what else its rows tell.

Notation: cells and baselines as in `quantum_latents.report.cells`. Up to `MAX_COLUMNS` metrics are
the columns of one grid. More would not fit a page: the *leading* ones, declared primary, keep their
columns, the others follow in a grid of their own, one metric a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantum_latents.report.budgets import budget_curves, budget_lines
from quantum_latents.report.cells import (
    Cell,
    Published,
    baseline_mean,
    baseline_num,
    cell_of,
    published,
)
from quantum_latents.report.floors import FLOOR_HEADER, floor_lines
from quantum_latents.report.grids import Grid
from quantum_latents.report.headings import arrowed
from quantum_latents.report.needed import NEEDED_HEADER, Needed, needed_seeds
from quantum_latents.report.responses import RESPONSE_HEADER, response_lines, responses
from quantum_latents.results import (
    AboveFloor,
    BudgetCurve,
    Comparison,
    DoseResponse,
    MetricFacts,
    Missing,
    above_floor,
    family,
    latents,
    metric_facts,
    metric_names,
    missing_values,
)
from quantum_latents.results.wording import number_text, sizes_text

__all__ = ["FLOOR", "MAX_COLUMNS", "TRIVIAL", "Section", "section_of"]

MAX_COLUMNS = 8
"""Most metrics that are columns of one grid."""

FLOOR, TRIVIAL = "floor", "random valence"
"""Names of the baselines' rows."""

_NUM_LEADING = 4
"""Metrics that lead a wide table of a study that declared none primary."""
_PUBLISHED_HEADER = ("metric", "latent", "ours", "published")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One data set.

    Attributes:
        data: its name.
        latents: the latents that have rows, in the order of every table.
        metrics: what the rows say about each metric, primary ones first.
        floors: metric -> mean sampling floor, what a perfect generator would score at this
            sample size; None if the rows give none.
        cells: latent -> metric -> cell.
        comparisons: metric -> one comparison a latent but the reference.
        leading: names of the metrics that are columns; the others follow one a line. Empty if
            all are columns.
        trivials: metric -> mean score of the trivial sampler, where the rows give one.
        floor_sizes, trivial_sizes: metric -> from how many samples a baseline was computed,
            where they say so.
        absent: primary metrics of the study that these data do not have, while others do.
        missing: finished runs without a value of a metric, and why.
        published: somebody's figures for these cells.
        needed: the seeds that the published gaps would need here.
        responses: metric -> its response to the study's doses; empty where none are declared or
            no seed has a value at all of them.
        dose_label: what is dosed.
        budgets: leading metric -> its curve against the training budget, where runs have one.
        above: primary metric -> how far each latent lies above the floor, where restarts are chosen
            among.
    """

    data: str
    latents: tuple[str, ...]
    metrics: tuple[MetricFacts, ...]
    floors: dict[str, float | None]
    cells: dict[str, dict[str, Cell]]
    comparisons: dict[str, tuple[Comparison, ...]]
    leading: tuple[str, ...] = ()
    trivials: dict[str, float] = field(default_factory=dict)
    floor_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    trivial_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    published: tuple[Published, ...] = ()
    needed: tuple[Needed, ...] = ()
    responses: dict[str, DoseResponse] = field(default_factory=dict)
    dose_label: str = ""
    budgets: dict[str, BudgetCurve] = field(default_factory=dict)
    above: dict[str, tuple[AboveFloor, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[MetricFacts, ...]:
        """The metrics that are columns."""
        return tuple(f for f in self.metrics if not self.leading or f.name in self.leading)

    @property
    def lines(self) -> tuple[MetricFacts, ...]:
        """The metrics that follow one a line."""
        return tuple(f for f in self.metrics if self.leading and f.name not in self.leading)

    @property
    def has_other_differences(self) -> bool:
        """Whether metrics that are no columns have comparisons."""
        return any(self.comparisons[facts.name] for facts in self.lines)

    @property
    def has_sizes(self) -> bool:
        """Whether a cell says from how many samples it was computed."""
        return any(cell.sizes for cells in self.cells.values() for cell in cells.values())

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the baselines' rows; none where there is no trivial sampler.

        The floor then stands in the columns' heads.
        """
        return (FLOOR, TRIVIAL) if self.trivials else ()

    def metric_header(self, facts: MetricFacts) -> str:
        """Return a metric's label, unit, direction and, if it has no row, floor."""
        floor = None if self.baselines else self.floors[facts.name]
        beside = f" (floor {number_text(floor, count=facts.is_count)})" if floor is not None else ""
        return arrowed(facts) + beside

    def baseline_text(self, name: str, facts: MetricFacts) -> str:
        """Return what a baseline scores, and from how many samples where that matters."""
        text, sizes = self.baseline_score(name, facts), self.baseline_sizes(name, facts)
        return f"{text} ({sizes})" if sizes else text

    def baseline_score(self, name: str, facts: MetricFacts) -> str:
        """Return what a baseline scores."""
        scores = self.trivials if name == TRIVIAL else self.floors
        return number_text(scores.get(facts.name), count=facts.is_count)

    def baseline_sizes(self, name: str, facts: MetricFacts) -> str:
        """Return from how many samples a baseline was computed; "" where it does not matter."""
        sizes = self.trivial_sizes if name == TRIVIAL else self.floor_sizes
        return sizes_text(sizes.get(facts.name))

    def grids(self) -> list[Grid]:
        """Return the section's cells as text: the columns, the lines, then published figures."""
        columns = self.columns
        body = [
            [latent, *(str(self.cells[latent][facts.name]) for facts in columns)]
            for latent in self.latents
        ]
        body += [
            [name, *(self.baseline_text(name, facts) for facts in columns)]
            for name in self.baselines
        ]
        grids = [Grid("", ["latent", *map(self.metric_header, columns)], body)]
        if self.lines:
            lines = [
                [
                    self.metric_header(facts),
                    *(str(self.cells[latent][facts.name]) for latent in self.latents),
                    *(self.baseline_text(name, facts) for name in self.baselines),
                ]
                for facts in self.lines
            ]
            header = ["metric", *self.latents, *self.baselines]
            grids.append(Grid("Other metrics", header, lines))
        if self.published:
            lines = [
                [p.label, p.latent, str(p.cell) if p.cell else "–", p.measurement]
                for p in self.published
            ]
            grids.append(Grid("Beside published figures", [*_PUBLISHED_HEADER], lines))
        if self.needed:
            lines = [needed.line for needed in self.needed]
            grids.append(Grid("Seeds that the published gaps need", [*NEEDED_HEADER], lines))
        if self.above:
            grids.append(
                Grid("Above the floor", [*FLOOR_HEADER], floor_lines(self.metrics, self.above))
            )
        if self.responses:
            title = f"Response to {self.dose_label}"
            grids.append(
                Grid(title, [*RESPONSE_HEADER], response_lines(self.metrics, self.responses))
            )
        if self.budgets:
            header, lines = budget_lines(self.metrics, self.budgets)
            (reference,) = {curve.reference for curve in self.budgets.values()}
            grids.append(Grid(f"Gap to {reference} against budget", header, lines))
        return grids

    @property
    def absent_line(self) -> str:
        """The sentence on primary metrics that these data do not have; "" where there are none."""
        if not self.absent:
            return ""
        return f"No verdict on {self.data} by {', '.join(self.absent)}: not a metric of these data."

    def missing_lines(self) -> list[str]:
        """Return one sentence for each reason that metrics of a latent have no value.

        First the primary metrics that the data do not have at all.
        """
        return [self.absent_line] * bool(self.absent) + [
            f"Without {'; '.join(labels)}: {gap.latent}, {_seeds_text(gap.seeds)} ({gap.reason})."
            for gap, labels in self.gaps
        ]

    @property
    def gaps(self) -> list[tuple[Missing, list[str]]]:
        """The runs without a value, one entry a reason, with the labels of all it concerns."""
        labels = {facts.name: facts.label for facts in self.metrics}
        groups: dict[tuple[Any, ...], tuple[Missing, list[str]]] = {}
        for gap in self.missing:
            key = (gap.latent, gap.reason, gap.seeds)
            groups.setdefault(key, (gap, []))[1].append(labels[gap.metric])
        return list(groups.values())


def section_of(
    rows: list[Mapping[str, Any]], data: str, study: Mapping[str, Any], absent: tuple[str, ...]
) -> Section:
    """Return the section of a data set.

    Args:
        rows: of these data.
        data: its name.
        study: the checked content of ``study.json``.
        absent: labels of the primary metrics that only other data sets have.
    """
    names = metric_names(rows, study["primary_metrics"])
    primary = [name for name in names if name in study["primary_metrics"]]
    present = latents(rows)
    facts = {name: metric_facts(rows, name) for name in names}
    cells = {
        latent: {name: cell_of(rows, data, latent, facts[name]) for name in names}
        for latent in present
    }
    trivials = {name: baseline_mean(rows, name, "trivial") for name in names}
    floor_sizes = {name: baseline_num(rows, name, "floor") for name in names}
    trivial_sizes = {name: baseline_num(rows, name, "trivial") for name in names}
    margins, reference = study["equivalence_margins"], study["reference"]
    num_declared = len(study["latents"])
    comparisons = {
        name: tuple(family(rows, data, name, reference, margins=margins, num_declared=num_declared))
        for name in names
    }
    figures = published(data, study["paper"], facts, cells)
    means = {(figure.latent, figure.metric): figure.mean for figure in figures}
    num_others = max(num_declared, len(present)) - 1
    return Section(
        data=data,
        latents=tuple(present),
        metrics=tuple(facts.values()),
        floors={name: baseline_mean(rows, name, "floor") for name in names},
        cells=cells,
        comparisons=comparisons,
        leading=_leading(names, primary),
        trivials={name: value for name, value in trivials.items() if value is not None},
        floor_sizes={name: sizes for name, sizes in floor_sizes.items() if sizes},
        trivial_sizes={name: sizes for name, sizes in trivial_sizes.items() if sizes},
        absent=absent,
        missing=tuple(missing_values(rows, data)),
        published=figures,
        needed=needed_seeds(means, reference, comparisons, facts, num_others),
        responses=responses(rows, data, study["doses"], facts),
        dose_label=(study["doses"] or {}).get("label", ""),
        budgets=budget_curves(rows, data, reference, primary or names[:_NUM_LEADING]),
        above={
            name: tuple(above_floor(rows, data, latent, name) for latent in present)
            for name in primary
            if study["restarts"]
        },
    )


def _leading(names: Sequence[str], primary: Sequence[str]) -> tuple[str, ...]:
    if len(names) <= MAX_COLUMNS:
        return ()
    return tuple(primary[:MAX_COLUMNS] or names[:_NUM_LEADING])


def _seeds_text(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
