"""Tables of a study, from its rows alone.

Notation: a *cell* is one latent on one data set by one metric, mean ± standard error over the
seeds; a *difference* is another latent minus the reference, paired by seed. A *baseline* is what
needs no generator: the floor (fresh data in the samples' place) and, for molecules, a trivial
sampler of random graphs that only keep to valences. Up to `MAX_COLUMNS` metrics are the columns of
one grid. More would not fit a page: the *leading* ones, declared primary, keep their columns, the
others follow in a grid of their own, one metric a line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from quantum_latents.report.axis import Along, along_axis, axis_footnote
from quantum_latents.report.grids import Grid, latex_grid, latex_text, markdown_grid, rich_grid
from quantum_latents.report.leaderboard import OVERVIEW_FOOTNOTE, Overview, overviews
from quantum_latents.report.needed import (
    NEEDED_FOOTNOTE,
    NEEDED_HEADER,
    Needed,
    needed_seeds,
)
from quantum_latents.report.sampling import sampling_note
from quantum_latents.report.tuning import Tuned, tuned_of
from quantum_latents.results import (
    MIN_DOSES,
    AboveFloor,
    BudgetCurve,
    Comparison,
    DoseResponse,
    MetricFacts,
    Missing,
    Standing,
    above_floor,
    as_compared,
    budget_curve,
    check_study,
    data_sets,
    dose_response,
    family,
    latents,
    mean_standard_error,
    metric_facts,
    metric_names,
    missing_values,
    ordered,
    select,
    sizes_by_seed,
    values_by_seed,
)
from quantum_latents.results.wording import (
    interval_text,
    is_count,
    measurement_text,
    number_text,
    p_text,
    sizes_text,
)

if TYPE_CHECKING:
    from rich.console import Group

__all__ = [
    "ARROWS",
    "BUDGET_FOOTNOTE",
    "FLOOR",
    "FLOOR_FOOTNOTE",
    "FLOOR_HEADER",
    "FORMATS",
    "MAX_COLUMNS",
    "RESPONSE_FOOTNOTE",
    "RESPONSE_HEADER",
    "TRIVIAL",
    "Cell",
    "Grid",
    "Published",
    "Section",
    "Table",
    "table",
]

FORMATS = ("text", "markdown", "latex", "json")
"""What `Table.render` can make."""

ARROWS = {"lower": "↓", "higher": "↑"}
"""How a column says which way is better."""

MAX_COLUMNS = 8
"""Most metrics that are columns of one grid."""

RESPONSE_HEADER = ("metric", "slope", "95 % interval", "p", "trend to better", "to worse", "seeds")
"""Columns of the grid of responses to a dose."""

FLOOR_HEADER = ("metric", "latent", "− floor", "95 % interval", "p", "seeds", "chosen")
"""Columns of the grid of distances above the floor, in a study with restarts."""

FLOOR, TRIVIAL = "floor", "random valence"
"""Names of the baselines' rows."""

_NUM_LEADING = 4
"""Metrics that lead a wide table of a study that declared none primary."""
_TEXT_WIDTH = 120


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
        return f"{facts.heading} {ARROWS[facts.direction]}{beside}"

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
            grids.append(Grid("Above the floor", [*FLOOR_HEADER], self.above_lines()))
        if self.responses:
            title = f"Response to {self.dose_label}"
            grids.append(Grid(title, [*RESPONSE_HEADER], self.response_lines()))
        if self.budgets:
            header, lines = self.budget_lines()
            (reference,) = {curve.reference for curve in self.budgets.values()}
            grids.append(Grid(f"Gap to {reference} against budget", header, lines))
        return grids

    def budget_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each leading metric and latent, the gap after so many steps."""
        steps = max((curve.steps for curve in self.budgets.values()), key=len)
        header = ["metric", "latent", *(f"{step:,} steps" for step in steps)]
        facts = {fact.name: fact for fact in self.metrics}
        lines = []
        for name, curve in self.budgets.items():
            count = facts[name].is_count
            for latent, gaps in curve.gaps.items():
                of_step = dict(zip(curve.steps, gaps, strict=True))
                texts = [_gap_text(of_step.get(step), count) for step in steps]
                heading = f"{facts[name].heading} {ARROWS[facts[name].direction]}"
                lines.append([heading, latent, *texts])
        return header, lines

    def above_lines(self) -> list[list[str]]:
        """Return how far each latent lies above the floor as text, under `FLOOR_HEADER`."""
        labels = {facts.name: facts.heading for facts in self.metrics}
        return [
            [
                labels[name],
                of_latent.latent,
                number_text(of_latent.mean, signed=True),
                interval_text(of_latent.interval),
                p_text(of_latent.p_value),
                str(of_latent.num_seeds),
                "; ".join(f"{kind} ({times})" for kind, times in of_latent.chosen.items()),
            ]
            for name, of_latents in self.above.items()
            for of_latent in of_latents
        ]

    def response_lines(self) -> list[list[str]]:
        """Return the response of each metric as text, under `RESPONSE_HEADER`."""
        lines = []
        for facts in self.metrics:
            if (curve := self.responses.get(facts.name)) is None:
                continue
            better = "↓" if curve.direction == "lower" else "↑"
            lines.append(
                [
                    f"{facts.heading} {better}",
                    number_text(curve.slope),
                    interval_text(curve.interval),
                    p_text(curve.p_slope),
                    p_text(curve.p_better),
                    p_text(curve.p_worse),
                    str(len(curve.seeds)),
                ]
            )
        return lines

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


@dataclass(frozen=True, kw_only=True)
class Table:
    """A study in numbers; build one with `table`.

    Attributes:
        study: the name of the study.
        title: for readers.
        reference: the latent that all others are compared with.
        num_rows: finished runs.
        num_runs: planned runs; None if the study does not say.
        sections: one a data set.
        paper: where published figures stand; "" for none.
        along: one a data set of a study whose groups lie along an axis.
        standing: whether the study stands as it was frozen; None if that was not asked.
        tuning: how its latents were tuned; None where they were not.
        overviews: one a primary metric of a study of several data sets.
        sampling: how samples were made, where that is not one pass of a network; "" elsewhere.
        num_waiting: runs that are trained and wait for their metrics; they are in no number.
    """

    study: str
    title: str
    reference: str
    num_rows: int
    num_runs: int | None
    sections: tuple[Section, ...]
    paper: str = ""
    along: tuple[Along, ...] = ()
    standing: Standing | None = None
    tuning: Tuned | None = None

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of how the study stands, a line each; [] for nothing."""
        waiting = [self.waiting] if self.waiting else []
        if self.standing is None or not self.standing.findings:
            return waiting
        found = self.standing.findings
        return [*waiting, f"{self.standing.headline}:", *(f"  {one.sentence}" for one in found)]

    overviews: tuple[Overview, ...] = ()
    num_waiting: int = 0
    sampling: str = ""

    @property
    def waiting(self) -> str:
        """What is said of runs without metrics; "" where there are none."""
        if not self.num_waiting:
            return ""
        many = self.num_waiting > 1
        return (
            f"{self.num_waiting:,} more run{'s are' if many else ' is'} trained and not yet "
            f"evaluated: {'they are' if many else 'it is'} in no number here. `qlat evaluate` "
            f"measures {'them' if many else 'it'}."
        )

    @property
    def progress(self) -> str:
        """How many runs there are, of how many."""
        if self.num_runs is None:
            return f"{self.num_rows} runs"
        unfinished = " (the study is unfinished)" if self.num_rows < self.num_runs else ""
        return f"{self.num_rows} of {self.num_runs} runs{unfinished}"

    @property
    def footnote(self) -> str:
        """What the numbers mean, for all that stands in the table."""
        notes = [_FOOTNOTE.format(reference=self.reference)]
        if any(section.trivials for section in self.sections):
            notes.append(_TRIVIAL_FOOTNOTE)
        if any(section.has_sizes for section in self.sections):
            notes.append(_SIZES_FOOTNOTE)
        if any(section.published for section in self.sections):
            notes.append(_PUBLISHED_FOOTNOTE.format(source=self.paper))
        if any(section.needed for section in self.sections):
            notes.append(NEEDED_FOOTNOTE)
        if any(section.budgets for section in self.sections):
            notes.append(BUDGET_FOOTNOTE)
        if any(section.above for section in self.sections):
            notes.append(FLOOR_FOOTNOTE)
        if any(section.responses for section in self.sections):
            notes.append(RESPONSE_FOOTNOTE)
        notes += [note] if (note := axis_footnote(self.along)) else []
        if self.tuning is not None:
            notes.append(self.tuning.footnote)
        if self.overviews:
            notes.append(OVERVIEW_FOOTNOTE)
        notes += [self.sampling] if self.sampling else []
        return " ".join(notes)

    def tuning_grids(self) -> list[Grid]:
        """Return how the latents were tuned, in text."""
        if self.tuning is None:
            return []
        return [
            Grid("Tuning: the trial of each latent", *self.tuning.chosen_lines()),
            Grid(f"Tuning: {self.tuning.label} of all trials", *self.tuning.score_lines()),
        ]

    def along_grids(self) -> list[tuple[Along, list[Grid]]]:
        """Return what each data set shows along the study's axis."""
        found = []
        for along in self.along:
            grids = [
                Grid(f"{along.data}: where each latent arrives", *along.arrival_lines()),
                Grid(f"{along.data}: means along {along.label}", *along.mean_lines()),
            ]
            if along.against:
                title = f"{along.data}: differences from the same latent at {along.against}"
                grids.append(Grid(title, *along.difference_lines()))
            found.append((along, grids))
        return found

    def brief(self, metrics: Collection[str]) -> Table:
        """Return the table with the paired differences of these metrics alone."""
        sections = [
            replace(
                section,
                comparisons={
                    name: comparisons if name in metrics else ()
                    for name, comparisons in section.comparisons.items()
                },
            )
            for section in self.sections
        ]
        return replace(self, sections=tuple(sections))

    def render(self, format: str = "text") -> str:
        """Return the table as text (for a terminal), Markdown, LaTeX or JSON.

        Raises:
            ValueError: the format is none of `FORMATS`.
        """
        if format not in FORMATS:
            raise ValueError(f"a table's format is one of {FORMATS}, not {format!r}")
        return {
            "text": self.text,
            "markdown": self.markdown,
            "latex": self.latex,
            "json": self.json,
        }[format]()

    def rich(self) -> Group:
        """Return the table for a console of rich, in colour."""
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = [Text(f"{self.title} · {self.progress}", style="bold")]
        parts += [Text(line, style="yellow") for line in self.warnings]
        for section in self.sections:
            for cells in section.grids():
                parts += [Text(), rich_grid(cells, f"Data set: {section.data}")]
            parts += map(Text, section.missing_lines())
            for facts in section.metrics:
                if section.comparisons[facts.name] or not section.leading:
                    parts += [Text(), *self._rich_comparisons(section, facts)]
        for along, grids in self.along_grids():
            for cells in grids:
                parts += [Text(), rich_grid(cells)]
            parts += [Text(f"Margins: {along.margins_text}."), *map(Text, along.sentences)]
        for cells in self.tuning_grids():
            parts += [Text(), rich_grid(cells)]
        for overview in self.overviews:
            for cells in overview.grids():
                parts += [Text(), rich_grid(cells)]
            parts += map(Text, overview.sentences)
        parts += [Text(), Text(self.footnote, style="dim")]
        return Group(*parts)

    def _rich_comparisons(self, section: Section, facts: MetricFacts) -> list[Any]:
        from rich.table import Table as RichGrid
        from rich.text import Text

        comparisons = section.comparisons[facts.name]
        if not comparisons:
            return []
        title = Text(f"{section.data}: {section.metric_header(facts)}")
        grid = RichGrid(title=title, title_justify="left")
        for name in _comparison_header(self.reference):
            grid.add_column(
                Text(name), justify="left" if name in ("latent", "verdict") else "right"
            )
        for comparison in comparisons:
            code = comparison.verdict.code if comparison.verdict else ""
            style = {"better": "green", "worse": "red", "equivalent": "cyan"}.get(code, "")
            *numbers, verdict = _comparison_row(comparison)
            grid.add_row(*(Text(number) for number in numbers), Text(verdict, style=style))
        return [grid, *(Text(c.verdict.sentence) for c in comparisons if c.verdict)]

    def text(self, width: int = _TEXT_WIDTH) -> str:
        """Return the table as plain text of at most `width` columns."""
        from rich.console import Console

        buffer = io.StringIO()
        console = Console(file=buffer, width=width, color_system=None, highlight=False)
        console.print(self.rich())
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"

    def markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [f"## {self.title}", "", f"{self.progress}."]
        if self.waiting:
            lines += ["", f"**{self.waiting}**"]
        if self.standing is not None and self.standing.findings:
            lines += ["", f"**{self.standing.headline}:**", ""]
            lines += [f"- {finding.sentence}" for finding in self.standing.findings]
        for section in self.sections:
            lines += ["", f"### Data set: {section.data}"]
            for grid in section.grids():
                lines += ["", f"**{grid.title}**"] if grid.title else []
                lines += ["", *markdown_grid(grid.header, grid.body)]
            if section.missing or section.absent:
                lines += ["", *(f"- {line}" for line in section.missing_lines())]
            for facts in section.metrics:
                comparisons = section.comparisons[facts.name]
                if not comparisons:
                    continue
                lines += ["", f"**{section.metric_header(facts)}**", ""]
                lines += markdown_grid(
                    _comparison_header(self.reference),
                    [_comparison_row(comparison) for comparison in comparisons],
                )
                lines += [""] + [f"- {c.verdict.sentence}" for c in comparisons if c.verdict]
        for along, grids in self.along_grids():
            for grid in grids:
                lines += ["", f"**{grid.title}**", "", *markdown_grid(grid.header, grid.body)]
            lines += ["", f"Margins: {along.margins_text}."]
            lines += ["", *(f"- {sentence}" for sentence in along.sentences)]
        for grid in self.tuning_grids():
            lines += ["", f"**{grid.title}**", "", *markdown_grid(grid.header, grid.body)]
        for overview in self.overviews:
            lines += overview.markdown_lines()
        lines += ["", self.footnote]
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        r"""Return the table as LaTeX for a document with ``\usepackage{booktabs}``."""
        header = _comparison_header(self.reference)
        parts = [f"% {self.title}: {self.progress}"]
        for section in self.sections:
            title = f"Data set: {section.data}"
            for grid in section.grids():
                parts.append(latex_grid(replace(grid, title=f"{title}. {grid.title}".strip())))
            for facts in section.metrics:
                if comparisons := section.comparisons[facts.name]:
                    title = f"{section.data}: {section.metric_header(facts)}"
                    lines = [_comparison_row(comparison) for comparison in comparisons]
                    parts.append(latex_grid(Grid(title, header, lines)))
        parts += [latex_grid(grid) for _, grids in self.along_grids() for grid in grids]
        parts += [latex_grid(grid) for grid in self.tuning_grids()]
        parts += [overview.latex() for overview in self.overviews]
        return "\n\n".join([*parts, latex_text(self.footnote)]) + "\n"

    def json(self) -> str:
        """Return the table, with every paired value, as JSON."""
        content = _without_empty(asdict(self), _OPTIONAL)
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def table(
    rows: Iterable[Mapping[str, Any]],
    study: Mapping[str, Any] | None = None,
    standing: Standing | None = None,
    *,
    num_waiting: int = 0,
) -> Table:
    """Return the table of a study.

    Args:
        rows: as `quantum_latents.results.read_rows` gives them.
        study: the content of ``study.json``; without it the reference is ``"quantum"``, no
            metric is primary and no margin of equivalence is declared.
        standing: as `quantum_latents.results.standing` gives it; None tells nothing of it.
        num_waiting: runs of the study that wait for their metrics.

    Raises:
        ValueError: there are no rows, or two of them cannot be told apart.

    >>> row = {"run": "a1", "study": "demo", "status": "finished",
    ...        "spec": {"data": {"name": "bits"}, "latent": {"name": "gaussian"}, "seed": 0},
    ...        "metrics": {"mmd": {"value": 0.5, "direction": "lower"}}}
    >>> str(table([row]).sections[0].cells["gaussian"]["mmd"])
    '0.500 (1)'
    """
    rows = list(rows)
    if not rows:
        raise ValueError("no rows: not one run of this study has finished yet")
    study = check_study(study or {"schema": 1, "study": rows[0]["study"]})
    found = overviews(rows, study)
    along, num_rows, rows = along_axis(rows, study), len(rows), as_compared(rows, study)
    return Table(
        study=study["study"],
        title=study["title"] or study["study"],
        reference=study["reference"],
        num_rows=num_rows,
        num_runs=study["num_runs"],
        sections=tuple(
            _section(select(rows, data=data), data, study, _absent(rows, data, study))
            for data in _in_order(rows, study)
        ),
        paper=(study["paper"] or {}).get("source", ""),
        along=along,
        standing=standing,
        tuning=tuned_of(study),
        overviews=found,
        sampling=sampling_note(rows),
        num_waiting=num_waiting,
    )


_FOOTNOTE = (
    "Cells: mean ± standard error (seeds). Floor: the score of a perfect generator at this sample "
    "size. Differences are latent − {reference}, paired by seed; intervals invert the exact "
    "sign-flip test, BCa is a bootstrap beside it; p is Holm-adjusted over the latents of one "
    "data set and metric."
)
_TRIVIAL_FOOTNOTE = (
    "Random valence: a trivial sampler of as many random graphs that keep to valences and have "
    "learned nothing else: what it scores is no merit of a generator."
)
_SIZES_FOOTNOTE = (
    "n: molecules that a distance was computed from, least to most over the seeds. Fréchet "
    "distances fall with n: those of different n are not comparable, nor is one with a floor of "
    "another n."
)
_PUBLISHED_FOOTNOTE = (
    "Published: {source}; other code and other seeds, so that nothing is paired and nothing tested."
)
BUDGET_FOOTNOTE = (
    "Against budget: latent − reference after so many steps of one training, with the 95 "
    "% interval where there are seeds enough. The same runs at different times, so the columns are "
    "not independent, no verdict is drawn from them, and a shorter training, whose learning rate "
    "may fall earlier, could end elsewhere."
)
FLOOR_FOOTNOTE = (
    "Of the restarts of a latent and seed one is chosen, by other samples than these numbers are "
    "computed from; “chosen” says how often from which start and after how many steps. Above the "
    "floor: value − floor, paired by seed, interval and p of the exact sign-flip test, not "
    "adjusted for the number of latents. A chosen generator that makes the law of the data is at 0 "
    "in the mean."
)
RESPONSE_FOOTNOTE = (
    "Slope: of a straight line through a seed's doses, in the metric's unit for a dose of 1, mean "
    "over the seeds; its interval and p are of the exact sign-flip test. The trends "
    "are one-sided p of Page's L, that the metric gets better, or worse, with every dose. None is "
    "adjusted for the number of metrics."
)
_PUBLISHED_HEADER = ("metric", "latent", "ours", "published")
_OPTIONAL = frozenset(
    {
        "leading",
        "trivials",
        "floor_sizes",
        "trivial_sizes",
        "absent",
        "missing",
        "published",
        "needed",
        "responses",
        "dose_label",
        "budgets",
        "above",
        "sizes",
        "is_count",
        "paper",
        "along",
        "standing",
        "tuning",
        "overviews",
        "num_waiting",
    }
    | {"reference_sizes", "other_sizes"}
)
"""Fields that the JSON of a table leaves out where they are empty."""


def _without_empty(content: Any, names: Collection[str]) -> Any:
    if isinstance(content, dict):
        return {
            name: _without_empty(item, names)
            for name, item in content.items()
            if item or name not in names
        }
    if isinstance(content, list | tuple):
        return [_without_empty(item, names) for item in content]
    return content


def _in_order(rows: Sequence[Mapping[str, Any]], study: Mapping[str, Any]) -> list[str]:
    """Return the names of the data sets, those of groups on an axis by where they lie."""
    names = data_sets(rows)
    of = (study["axis"] or {}).get("of", {})

    def place(name: str) -> float:
        return next((x for group, x in of.items() if name.endswith(f", {group}")), 0.0)

    return sorted(names, key=place)


def _absent(
    rows: Sequence[Mapping[str, Any]], data: str, study: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the labels of the primary metrics that only other data sets of the study have."""
    here = metric_names(select(rows, data=data))
    elsewhere = metric_names(rows)
    return tuple(
        metric_facts(rows, name).label
        for name in study["primary_metrics"]
        if here and name in elsewhere and name not in here
    )


def _section(
    rows: list[Mapping[str, Any]], data: str, study: Mapping[str, Any], absent: tuple[str, ...]
) -> Section:
    names = metric_names(rows, study["primary_metrics"])
    present = latents(rows)
    facts = {name: metric_facts(rows, name) for name in names}
    cells = {
        latent: {name: _cell(rows, data, latent, facts[name]) for name in names}
        for latent in present
    }
    trivials = {name: _mean_of(rows, name, "trivial") for name in names}
    floor_sizes = {name: _sizes(rows, name, "floor") for name in names}
    trivial_sizes = {name: _sizes(rows, name, "trivial") for name in names}
    margins, reference = study["equivalence_margins"], study["reference"]
    num_declared = len(study["latents"])
    comparisons = {
        name: tuple(family(rows, data, name, reference, margins=margins, num_declared=num_declared))
        for name in names
    }
    published = _published(data, study["paper"], facts, cells)
    means = {(figure.latent, figure.metric): figure.mean for figure in published}
    num_others = max(num_declared, len(present)) - 1
    return Section(
        data=data,
        latents=tuple(present),
        metrics=tuple(facts.values()),
        floors={name: _mean_of(rows, name, "floor") for name in names},
        cells=cells,
        comparisons=comparisons,
        leading=_leading(names, study["primary_metrics"]),
        trivials={name: value for name, value in trivials.items() if value is not None},
        floor_sizes={name: sizes for name, sizes in floor_sizes.items() if sizes},
        trivial_sizes={name: sizes for name, sizes in trivial_sizes.items() if sizes},
        absent=absent,
        missing=tuple(missing_values(rows, data)),
        published=published,
        needed=needed_seeds(means, reference, comparisons, facts, num_others),
        responses=_responses(rows, data, study["doses"], facts),
        dose_label=(study["doses"] or {}).get("label", ""),
        budgets=_budgets(rows, data, reference, names, study["primary_metrics"]),
        above={
            name: tuple(above_floor(rows, data, latent, name) for latent in present)
            for name in names
            if study["restarts"] and name in study["primary_metrics"]
        },
    )


def _leading(names: Sequence[str], primary: Sequence[str]) -> tuple[str, ...]:
    if len(names) <= MAX_COLUMNS:
        return ()
    return tuple(name for name in names if name in primary)[:MAX_COLUMNS] or tuple(
        names[:_NUM_LEADING]
    )


def _budgets(
    rows: Sequence[Mapping[str, Any]],
    data: str,
    reference: str,
    names: Sequence[str],
    primary: Sequence[str],
) -> dict[str, BudgetCurve]:
    """Return the curves of the primary metrics, or of the first where none is primary."""
    wanted = [name for name in names if name in primary] or names[:_NUM_LEADING]
    found = {name: budget_curve(rows, data, name, reference) for name in wanted}
    return {name: curve for name, curve in found.items() if curve is not None and curve.gaps}


def _gap_text(gap: Comparison | None, count: bool) -> str:
    if gap is None or gap.mean_difference is None:
        return "–"
    text = number_text(gap.mean_difference, signed=True, count=count)
    return text if gap.interval is None else f"{text} {interval_text(gap.interval, count=count)}"


def _responses(
    rows: Sequence[Mapping[str, Any]],
    data: str,
    doses: Mapping[str, Any] | None,
    facts: Mapping[str, MetricFacts],
) -> dict[str, DoseResponse]:
    """Return the response of each metric to the doses whose runs exist, if they are enough."""
    present = set(latents(rows))
    of = {name: dose for name, dose in (doses or {}).get("of", {}).items() if name in present}
    if len(set(of.values())) < MIN_DOSES:
        return {}
    found = {
        name: dose_response(
            {dose: values_by_seed(rows, data, latent, name) for latent, dose in of.items()},
            fact.direction,
        )
        for name, fact in facts.items()
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def _published(
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


def _cell(rows: Sequence[Mapping[str, Any]], data: str, latent: str, facts: MetricFacts) -> Cell:
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


def _mean_of(rows: Iterable[Mapping[str, Any]], metric: str, name: str) -> float | None:
    """Return the mean over the rows of a baseline of a metric, None where no row has it."""
    values = [row["metrics"].get(metric, {}).get(name) for row in rows]
    present = [value for value in values if value is not None]
    return mean_standard_error(present)[0] if present else None


def _sizes(rows: Iterable[Mapping[str, Any]], metric: str, baseline: str) -> tuple[int, int] | None:
    entries = [row["metrics"].get(metric, {}) for row in rows]
    present = [
        int(entry[f"{baseline}_num"])
        for entry in entries
        if entry.get(f"{baseline}_num") is not None and entry.get(baseline) is not None
    ]
    return (min(present), max(present)) if present else None


def _seeds_text(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _comparison_header(reference: str) -> list[str]:
    return ["latent", f"− {reference}", "95 % interval", "BCa", "p", "p (Holm)", "d_z", "verdict"]


def _comparison_row(comparison: Comparison) -> list[str]:
    count = is_count(comparison.unit)
    return [
        comparison.other,
        number_text(comparison.mean_difference, signed=True, count=count),
        interval_text(comparison.interval, count=count),
        interval_text(comparison.bca_interval, count=count),
        p_text(comparison.p_value),
        p_text(comparison.p_holm),
        number_text(comparison.effect_size),
        comparison.verdict.code if comparison.verdict else "–",
    ]
