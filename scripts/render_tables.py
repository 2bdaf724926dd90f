"""Render the tables and figures in docs/ from the committed rows in results/.

    .venv/bin/python scripts/render_tables.py [--check]

A table stands between `<!-- table: results/NAME -->` and `<!-- end of table -->`, a single
cell between `<!-- cell: results/NAME DATA LATENT METRIC -->` and `<!-- end -->`, a latent's paired
difference from the reference with its verdict between
`<!-- difference: results/NAME DATA LATENT METRIC -->` and `<!-- end -->`, the speed of
samplers or training between `<!-- bench: results/NAME.json -->` and `<!-- end of bench -->`
(left alone while there are no such rows), certificates between
`<!-- certificates: results/NAME -->` and `<!-- end of certificates -->`, how they grow between
`<!-- growth: results/NAME.json -->` and `<!-- end of growth -->`, latents ranked over data sets
between `<!-- leaderboard: results/NAME -->` and `<!-- end of leaderboard -->`, a latent's gap to
the reference against the training budget between
`<!-- budget: results/NAME DATA LATENT METRIC -->` and `<!-- end of budget -->`, a figure between
`<!-- figure: images/FILE.svg results/NAME KIND DATA METRIC [LATENT,LATENT] -->` and
`<!-- end of figure -->`, drawn into that file of docs/ (`report.FIGURES` has the kinds). With
`--check` nothing is written, and a page or figure that does not say what the rows say is an error.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from quantum_latents.bench.summary import markdown, read_measurement
from quantum_latents.report import StudyFigure, Table, study_figure, table
from quantum_latents.report.certificates import certificates_markdown, growth_markdown
from quantum_latents.report.leaderboard import OVERVIEW_FOOTNOTE, overviews
from quantum_latents.results import budget_curve, read_certificates, read_rows, read_study
from quantum_latents.results.selection import metric_facts, select
from quantum_latents.results.statistics import mean_standard_error
from quantum_latents.results.wording import (
    interval_text,
    is_count,
    measurement_text,
    number_text,
)

__all__ = ["drawn", "main", "rendered", "same_drawing"]

_ROOT = Path(__file__).resolve().parents[1]
_TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_BENCH = re.compile(r"(<!-- bench: (\S+) -->\n).*?(<!-- end of bench -->)", re.DOTALL)
_CERTIFICATES = re.compile(
    r"(<!-- certificates: (\S+) -->\n).*?(<!-- end of certificates -->)", re.DOTALL
)
_GROWTH = re.compile(r"(<!-- growth: (\S+) -->\n).*?(<!-- end of growth -->)", re.DOTALL)
_LEADERBOARD = re.compile(
    r"(<!-- leaderboard: (\S+) -->\n).*?(<!-- end of leaderboard -->)", re.DOTALL
)
_BUDGET = re.compile(
    r"(<!-- budget: (\S+) (\S+) (\S+) (\S+) -->\n).*?(<!-- end of budget -->)", re.DOTALL
)
_FIGURE = re.compile(
    r"(<!-- figure: (\S+) (\S+) (\S+) (\S+) (\S+)(?: (\S+))? -->\n).*?(<!-- end of figure -->)",
    re.DOTALL,
)
_ONE = r"(<!-- %s: (\S+) ([^>]+) ([^\s>]+) ([^\s>]+) -->).*?(<!-- end -->)"
_CELL, _DIFFERENCE = re.compile(_ONE % "cell"), re.compile(_ONE % "difference")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def rendered(page: str, root: Path = _ROOT) -> str:
    """Return the text of a page with all that is made from rows made anew."""

    def replace(match: re.Match[str]) -> str:
        folder = root / match[2]
        study = read_study(folder)
        text = _table_of(folder).brief(study["primary_metrics"]).markdown()
        # The page's own headings are its outline: many tables have the same title and data sets.
        text = _HEADING.sub(r"***\1***", text)
        command = f"Command: `{study['command']}`\n"
        return f"{match[1]}\n{text}\n{command}\n{match[3]}"

    def section_of(match: re.Match[str]) -> Any:
        made = _table_of(root / match[2])
        (section,) = (section for section in made.sections if section.data == match[3])
        return section

    def replace_cell(match: re.Match[str]) -> str:
        section = section_of(match)
        return f"{match[1]}{section.cells[match[4]][match[5]]}{match[6]}"

    def replace_difference(match: re.Match[str]) -> str:
        comparisons = section_of(match).comparisons[match[5]]
        (found,) = (one for one in comparisons if one.other == match[4])
        count = is_count(found.unit)
        parts = [number_text(found.mean_difference, signed=True, count=count)]
        parts += [interval_text(found.interval, count=count)] if found.interval else []
        said = " ".join(parts) + (f", {found.verdict.code}" if found.verdict else "")
        return f"{match[1]}{said}{match[6]}"

    def replace_bench(match: re.Match[str]) -> str:
        if not (root / match[2]).exists():
            return match[0]
        text = markdown(read_measurement(root / match[2]))
        return f"{match[1]}\n{text}\n{match[3]}"

    def replace_certificates(match: re.Match[str]) -> str:
        folder = root / match[2]
        study, text = read_study(folder), certificates_markdown(read_certificates(folder))
        commands = f"Commands: `{study['command']}`, then `qlat certify` on its directory.\n"
        return f"{match[1]}\n{text}\n{commands}\n{match[3]}"

    def replace_growth(match: re.Match[str]) -> str:
        content = json.loads((root / match[2]).read_text(encoding="utf-8"))
        text = growth_markdown(content["growth"])
        return f"{match[1]}\n{text}\nCommand: `{content['command']}`\n\n{match[3]}"

    def replace_leaderboard(match: re.Match[str]) -> str:
        folder = root / match[2]
        study = read_study(folder)
        lines = [
            line for one in overviews(read_rows(folder), study) for line in one.markdown_lines()
        ]
        text = "\n".join([*lines, "", OVERVIEW_FOOTNOTE])
        return f"{match[1]}{text}\n\nCommand: `{study['command']}`\n\n{match[3]}"

    def replace_budget(match: re.Match[str]) -> str:
        study = read_study(root / match[2])
        made = _gap_table(
            read_rows(root / match[2]), data=match[3], other=match[4], metric=match[5]
        )
        return f"{match[1]}\n{made}\n\nCommand: `{study['command']}`\n\n{match[6]}"

    def replace_figure(match: re.Match[str]) -> str:
        return f"{match[1]}\n![{_figure_of(match, root).title}]({match[2]})\n\n{match[8]}"

    page = _FIGURE.sub(replace_figure, page)
    page = _LEADERBOARD.sub(replace_leaderboard, _BUDGET.sub(replace_budget, page))
    page = _GROWTH.sub(replace_growth, _CERTIFICATES.sub(replace_certificates, page))
    page = _DIFFERENCE.sub(replace_difference, _CELL.sub(replace_cell, page))
    return _BENCH.sub(replace_bench, _TABLE.sub(replace, page))


def drawn(page: str, root: Path = _ROOT) -> dict[str, str]:
    """Return the figures of a page by their files' names, each an SVG drawn from rows anew."""
    return {match[2]: _figure_of(match, root).svg for match in _FIGURE.finditer(page)}


def same_drawing(one: str, other: str) -> bool:
    """Return whether two drawings are the same but for the last digits of places.

    Processors round sums differently; what is written in a drawing, its shapes and their order are
    compared to the letter.
    """
    number = re.compile(r"-?\d+(?:\.\d+)?")
    own = re.compile(r"f[0-9a-f]{10}-|\b[mp][0-9a-f]{10}\b")  # ids, which follow from the content
    written = re.compile(r">[^<>]+<")
    if written.findall(one) != written.findall(other):
        return False
    texts = [own.sub("", written.sub("><", text)) for text in (one, other)]
    if number.sub("#", texts[0]) != number.sub("#", texts[1]):
        return False
    places = ([float(n) for n in number.findall(text)] for text in texts)
    return all(abs(a - b) < 0.02 for a, b in zip(*places, strict=True))


def _figure_of(match: re.Match[str], root: Path) -> StudyFigure:
    names = tuple(match[7].split(",")) if match[7] else None
    return _figure(root / match[3], match[4], match[6], match[5], names)


@cache  # once for the page and once for its file
def _figure(
    folder: Path, kind: str, metric: str, data: str, names: tuple[str, ...] | None
) -> StudyFigure:
    return study_figure(folder, kind, metric, data=data, latents=names)


def _gap_table(rows: list[dict[str, Any]], *, data: str, other: str, metric: str) -> str:
    """Return how a latent and the reference do after so many steps, as Markdown."""
    curve = budget_curve(rows, data, metric)
    assert curve is not None, f"{data}: no values of {metric} at milestones"
    count = is_count(metric_facts(select(rows, data=data), metric).unit)
    lines = [
        f"| steps | {curve.reference} | {other} | {other} − {curve.reference} | 95 % interval "
        "| seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for step, gap in zip(curve.steps, curve.gaps[other], strict=True):
        of_both = [
            measurement_text(*mean_standard_error(values), count=count)
            for values in (gap.reference_values, gap.other_values)
        ]
        difference = number_text(gap.mean_difference, signed=True, count=count)
        interval = interval_text(gap.interval, count=count) if gap.interval else "–"
        cells = [f"{step:,}", *of_both, difference, interval, str(gap.num_seeds)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@cache  # many cells, and several pages, come from one table
def _table_of(folder: Path) -> Table:
    return table(read_rows(folder), read_study(folder))


def main(arguments: list[str]) -> int:
    """Render all pages, or check them."""
    stale = []
    for path in sorted((_ROOT / "docs").glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = rendered(before)
        if after != before:
            stale.append(path.name)
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
        for name, svg in drawn(after).items():
            file = path.parent / name
            there = file.read_text(encoding="utf-8") if file.exists() else ""
            if not same_drawing(there, svg):
                stale.append(name)
                if "--check" not in arguments:
                    file.write_text(svg, encoding="utf-8")
    print(f"changed: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
