"""Tables of a study, from its rows alone.

Notation: a *cell* is one latent on one data set by one metric, mean ± standard error over the
seeds; a *difference* is another latent minus the reference, paired by seed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from quantum_latents.results import (
    Comparison,
    MetricFacts,
    check_study,
    data_sets,
    family,
    latents,
    mean_standard_error,
    metric_facts,
    metric_names,
    select,
    values_by_seed,
)
from quantum_latents.results.wording import interval_text, measurement_text, number_text, p_text

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["ARROWS", "FORMATS", "Cell", "Section", "Table", "table"]

FORMATS = ("text", "markdown", "json")
"""What `Table.render` can make."""

ARROWS = {"lower": "↓", "higher": "↑"}
"""How a column says which way is better."""
_TEXT_WIDTH = 120


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One latent on one data set by one metric.

    Attributes:
        mean: over the seeds with a value; None if there is none.
        standard_error: of the mean; None below two seeds.
        num_seeds: seeds with a value.
        num_dropped: seeds whose run diverged or has no value.
    """

    mean: float | None
    standard_error: float | None
    num_seeds: int
    num_dropped: int

    def __str__(self) -> str:
        """Mean ± standard error (number of seeds)."""
        dropped = f", {self.num_dropped} dropped" if self.num_dropped else ""
        return f"{measurement_text(self.mean, self.standard_error)} ({self.num_seeds}{dropped})"


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
    """

    data: str
    latents: tuple[str, ...]
    metrics: tuple[MetricFacts, ...]
    floors: dict[str, float | None]
    cells: dict[str, dict[str, Cell]]
    comparisons: dict[str, tuple[Comparison, ...]]

    def metric_header(self, facts: MetricFacts) -> str:
        """Return a metric's label, unit, direction and floor."""
        floor = self.floors[facts.name]
        unit = f" [{facts.unit}]" if facts.unit else ""
        beside = f" (floor {number_text(floor)})" if floor is not None else ""
        return f"{facts.label}{unit} {ARROWS[facts.direction]}{beside}"


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
    """

    study: str
    title: str
    reference: str
    num_rows: int
    num_runs: int | None
    sections: tuple[Section, ...]

    @property
    def progress(self) -> str:
        """How many runs there are, of how many."""
        if self.num_runs is None:
            return f"{self.num_rows} runs"
        unfinished = " (the study is unfinished)" if self.num_rows < self.num_runs else ""
        return f"{self.num_rows} of {self.num_runs} runs{unfinished}"

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
        """Return the table as text (for a terminal), Markdown or JSON.

        Raises:
            ValueError: the format is none of `FORMATS`.
        """
        if format not in FORMATS:
            raise ValueError(f"a table's format is one of {FORMATS}, not {format!r}")
        return {"text": self.text, "markdown": self.markdown, "json": self.json}[format]()

    def rich(self) -> Group:
        """Return the table for a console of rich, in colour."""
        from rich.console import Group
        from rich.table import Table as Grid
        from rich.text import Text

        parts: list[Any] = [Text(f"{self.title} · {self.progress}", style="bold")]
        for section in self.sections:
            # Text, never str: rich would read "[photons]" as a style.
            grid = Grid(title=Text(f"Data set: {section.data}"), title_justify="left")
            grid.add_column("latent", no_wrap=True)
            for facts in section.metrics:
                grid.add_column(Text(section.metric_header(facts)), justify="right")
            for latent in section.latents:
                cells = [str(section.cells[latent][facts.name]) for facts in section.metrics]
                grid.add_row(*(Text(cell) for cell in (latent, *cells)))
            parts += [Text(), grid]
            for facts in section.metrics:
                parts += [Text(), *self._rich_comparisons(section, facts)]
        parts += [Text(), Text(_FOOTNOTE.format(reference=self.reference), style="dim")]
        return Group(*parts)

    def _rich_comparisons(self, section: Section, facts: MetricFacts) -> list[Any]:
        from rich.table import Table as Grid
        from rich.text import Text

        comparisons = section.comparisons[facts.name]
        if not comparisons:
            return []
        title = Text(f"{section.data}: {section.metric_header(facts)}")
        grid = Grid(title=title, title_justify="left")
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
        for section in self.sections:
            headers = [section.metric_header(facts) for facts in section.metrics]
            lines += ["", f"### Data set: {section.data}", ""]
            lines += _markdown_grid(
                ["latent", *headers],
                [
                    [latent, *(str(section.cells[latent][f.name]) for f in section.metrics)]
                    for latent in section.latents
                ],
            )
            for facts in section.metrics:
                comparisons = section.comparisons[facts.name]
                if not comparisons:
                    continue
                lines += ["", f"**{section.metric_header(facts)}**", ""]
                lines += _markdown_grid(
                    _comparison_header(self.reference),
                    [_comparison_row(comparison) for comparison in comparisons],
                )
                lines += [""] + [f"- {c.verdict.sentence}" for c in comparisons if c.verdict]
        lines += ["", _FOOTNOTE.format(reference=self.reference)]
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        """Return the table, with every paired value, as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)


def table(rows: Iterable[Mapping[str, Any]], study: Mapping[str, Any] | None = None) -> Table:
    """Return the table of a study.

    Args:
        rows: as `quantum_latents.results.read_rows` gives them.
        study: the content of ``study.json``; without it the reference is ``"quantum"``, no
            metric is primary and no margin of equivalence is declared.

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
    return Table(
        study=study["study"],
        title=study["title"] or study["study"],
        reference=study["reference"],
        num_rows=len(rows),
        num_runs=study["num_runs"],
        sections=tuple(_section(select(rows, data=data), data, study) for data in data_sets(rows)),
    )


_FOOTNOTE = (
    "Cells: mean ± standard error (seeds). Floor: the score of a perfect generator at this sample "
    "size. Differences are latent − {reference}, paired by seed; intervals invert the exact "
    "sign-flip test, BCa is a bootstrap beside it; p is Holm-adjusted over the latents of one "
    "data set and metric."
)


def _section(rows: list[Mapping[str, Any]], data: str, study: Mapping[str, Any]) -> Section:
    names = metric_names(rows, study["primary_metrics"])
    present = latents(rows)
    cells = {
        latent: {name: _cell(values_by_seed(rows, data, latent, name)) for name in names}
        for latent in present
    }
    margins, reference = study["equivalence_margins"], study["reference"]
    num_declared = len(study["latents"])
    return Section(
        data=data,
        latents=tuple(present),
        metrics=tuple(metric_facts(rows, name) for name in names),
        floors={name: _floor(rows, name) for name in names},
        cells=cells,
        comparisons={
            name: tuple(
                family(rows, data, name, reference, margins=margins, num_declared=num_declared)
            )
            for name in names
        },
    )


def _cell(values: Mapping[int, float | None]) -> Cell:
    present = [value for value in values.values() if value is not None]
    mean, standard_error = mean_standard_error(present) if present else (None, None)
    return Cell(
        mean=mean,
        standard_error=standard_error,
        num_seeds=len(present),
        num_dropped=len(values) - len(present),
    )


def _floor(rows: Iterable[Mapping[str, Any]], metric: str) -> float | None:
    floors = [row["metrics"].get(metric, {}).get("floor") for row in rows]
    present = [floor for floor in floors if floor is not None]
    return mean_standard_error(present)[0] if present else None


def _comparison_header(reference: str) -> list[str]:
    return ["latent", f"− {reference}", "95 % interval", "BCa", "p", "p (Holm)", "d_z", "verdict"]


def _comparison_row(comparison: Comparison) -> list[str]:
    return [
        comparison.other,
        number_text(comparison.mean_difference, signed=True),
        interval_text(comparison.interval),
        interval_text(comparison.bca_interval),
        p_text(comparison.p_value),
        p_text(comparison.p_holm),
        number_text(comparison.effect_size),
        comparison.verdict.code if comparison.verdict else "–",
    ]


def _markdown_grid(header: list[str], body: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
