"""Tables of a study, from its rows alone.

Notation: a *section* is one data set, with its cells and differences
(`quantum_latents.report.sections`); what the data sets have in common follows them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from quantum_latents.report.axis import Along, along_axis, axis_footnote
from quantum_latents.report.budgets import BUDGET_FOOTNOTE
from quantum_latents.report.cells import PUBLISHED_FOOTNOTE, SIZES_FOOTNOTE, TRIVIAL_FOOTNOTE
from quantum_latents.report.differences import difference_grid, rich_differences
from quantum_latents.report.floors import FLOOR_FOOTNOTE
from quantum_latents.report.grids import Grid, latex_grid, latex_text, markdown_grid, rich_grid
from quantum_latents.report.leaderboard import OVERVIEW_FOOTNOTE, Overview, overviews
from quantum_latents.report.needed import NEEDED_FOOTNOTE
from quantum_latents.report.responses import RESPONSE_FOOTNOTE
from quantum_latents.report.sampling import sampling_note
from quantum_latents.report.sections import Section, section_of
from quantum_latents.report.tuning import Tuned, tuned_of
from quantum_latents.results import (
    Standing,
    as_compared,
    check_study,
    data_sets,
    metric_facts,
    metric_names,
    select,
)

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["FORMATS", "Table", "table"]

FORMATS = ("text", "markdown", "latex", "json")
"""What `Table.render` can make."""

_TEXT_WIDTH = 120


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
    overviews: tuple[Overview, ...] = ()
    num_waiting: int = 0
    sampling: str = ""

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of how the study stands, a line each; [] for nothing."""
        waiting = [self.waiting] if self.waiting else []
        if self.standing is None or not self.standing.findings:
            return waiting
        found = self.standing.findings
        return [*waiting, f"{self.standing.headline}:", *(f"  {one.sentence}" for one in found)]

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
            notes.append(TRIVIAL_FOOTNOTE)
        if any(section.has_sizes for section in self.sections):
            notes.append(SIZES_FOOTNOTE)
        if any(section.published for section in self.sections):
            notes.append(PUBLISHED_FOOTNOTE.format(source=self.paper))
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
                    title = f"{section.data}: {section.metric_header(facts)}"
                    comparisons = section.comparisons[facts.name]
                    parts += [Text(), *rich_differences(title, self.reference, comparisons)]
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
                grid = difference_grid(section.metric_header(facts), self.reference, comparisons)
                lines += ["", f"**{grid.title}**", "", *markdown_grid(grid.header, grid.body)]
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
        parts = [f"% {self.title}: {self.progress}"]
        for section in self.sections:
            title = f"Data set: {section.data}"
            for grid in section.grids():
                parts.append(latex_grid(replace(grid, title=f"{title}. {grid.title}".strip())))
            for facts in section.metrics:
                if comparisons := section.comparisons[facts.name]:
                    title = f"{section.data}: {section.metric_header(facts)}"
                    grid = difference_grid(title, self.reference, comparisons)
                    parts.append(latex_grid(grid))
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
            section_of(select(rows, data=data), data, study, _absent(rows, data, study))
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
