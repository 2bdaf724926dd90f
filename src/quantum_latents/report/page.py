"""One self-contained HTML page a study, from ``rows.jsonl`` and ``study.json`` alone.

Molecules are drawn at evaluation; the page takes their drawings from ``pictures`` beside the rows,
and says so where there are none.

The page words nothing that its intervals do not carry: the sentences are those of
`quantum_latents.results.verdicts`, and a headline only gathers their codes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from markupsafe import Markup

from quantum_latents import __version__
from quantum_latents.report.axis import axis_footnote
from quantum_latents.report.budgets import BUDGET_FOOTNOTE
from quantum_latents.report.certificates import certificate_cards
from quantum_latents.report.floors import FLOOR_FOOTNOTE, FLOOR_HEADER, floor_lines
from quantum_latents.report.gallery import Gallery
from quantum_latents.report.headings import ARROWS, arrowed
from quantum_latents.report.headlines import headlined
from quantum_latents.report.ladder import LADDER_NOTE
from quantum_latents.report.leaderboard import OVERVIEW_FOOTNOTE
from quantum_latents.report.needed import NEEDED_FOOTNOTE
from quantum_latents.report.previews import previews
from quantum_latents.report.provenance import provenance, versions
from quantum_latents.report.responses import RESPONSE_FOOTNOTE, RESPONSE_HEADER
from quantum_latents.report.runs import MAX_CURVE_POINTS, runs_of
from quantum_latents.report.sections import TRIVIAL
from quantum_latents.report.styles import styles
from quantum_latents.report.tables import Table, table
from quantum_latents.report.templates import rendered, resource, write_page
from quantum_latents.results import (
    MIN_PAIRS_INTERVAL,
    MIN_SEEDS_VERDICT,
    as_compared,
    latents,
    ordered,
    read_certificates,
    read_rows,
    read_study,
    select,
    standing,
    unevaluated,
)
from quantum_latents.results.wording import (
    interval_text,
    is_count,
    measurement_text,
    number_text,
    p_text,
    sizes_text,
)

__all__ = ["write_report"]


def write_report(
    directory: str | os.PathLike[str], out: str | os.PathLike[str] | None = None
) -> Path:
    """Write the page of a study and return its path.

    Args:
        directory: what `qlat run` wrote: ``rows.jsonl``, ``study.json`` and, for molecules,
            ``pictures``.
        out: the file to write; ``report.html`` in the directory if not given.

    The file appears whole or not at all. An unfinished study makes a page that says so.

    Raises:
        ValueError: there are no rows or no study, or one of them is damaged.
    """
    directory = Path(directory)
    study, rows = read_study(directory), read_rows(directory)
    if not rows:
        raise ValueError(f"no rows in {directory}: not one run of this study has finished yet")
    target = Path(out) if out is not None else directory / "report.html"
    return write_page(target, rendered("page.html.jinja", _content(rows, study, directory)))


def _content(rows: list[dict[str, Any]], study: dict[str, Any], directory: Path) -> dict[str, Any]:
    # matplotlib: not needed for a table
    from quantum_latents.report.drawn import (
        CURVES,
        drawn_along,
        drawn_budgets,
        drawn_curves,
        drawn_ladders,
        drawn_responses,
        drawn_seeds,
        drawn_verdict,
    )
    from quantum_latents.report.leaderboard_figures import drawn_overviews

    stands, num_waiting = standing(directory, rows), len(unevaluated(directory))
    numbers, written = table(rows, study, stands, num_waiting=num_waiting), rows
    rows = [dict(row) for row in as_compared(rows, study)]
    looks = styles(latents(rows))
    primary = {section.data: headlined(section, study) for section in numbers.sections}
    gallery = Gallery(numbers.study)
    runs = runs_of(rows, numbers, CURVES)
    of_data = {section.data: select(rows, data=section.data) for section in numbers.sections}
    content = {
        "table": numbers,
        "study": study,
        "styles": looks,
        "primary": {name for names in primary.values() for name in names},
        "progress": numbers.progress,
        "unfinished": numbers.num_runs is not None and numbers.num_rows < numbers.num_runs,
        "verdicts": [
            drawn_verdict(section, name, looks, gallery)
            for section in numbers.sections
            for name in primary[section.data]
        ],
        "absent": [section.absent_line for section in numbers.sections if section.absent],
        "seeds": [
            {
                "data": section.data,
                "figures": drawn_seeds(
                    of_data[section.data], section, section.columns, looks, gallery
                ),
                "more": drawn_seeds(of_data[section.data], section, section.lines, looks, gallery),
            }
            for section in numbers.sections
        ],
        "overviews": drawn_overviews(numbers.overviews, looks, gallery),
        "overview_note": OVERVIEW_FOOTNOTE,
        "ladders": drawn_ladders(numbers, study, primary, looks, gallery),
        "ladder_note": LADDER_NOTE,
        "runs": runs,
        "max_curve_points": MAX_CURVE_POINTS,
        "along": drawn_along(written, study, numbers, looks, gallery),
        "along_note": axis_footnote(numbers.along),
        "responses": drawn_responses(numbers, gallery),
        "budgets": drawn_budgets(numbers, looks, gallery),
        "budget_note": BUDGET_FOOTNOTE,
        "response_header": RESPONSE_HEADER,
        "response_note": RESPONSE_FOOTNOTE,
        "floor_header": FLOOR_HEADER,
        "floor_lines": floor_lines,
        "floor_note": FLOOR_FOOTNOTE,
        "needed_note": NEEDED_FOOTNOTE,
        "curves": drawn_curves(rows, numbers, looks, gallery),
        "sampling": numbers.sampling,
        "certificates": certificate_cards(read_certificates(directory)),
        "previews": previews(rows, numbers, looks, directory, gallery),
        "diverged": [row for row in written if row["status"] != "finished"],
        "any_failed": any(row["status"] == "failed" for row in written),
        "provenance": provenance(written, study, numbers),
        "num_versions": len(versions(written)),
        "version": __version__,
        "css": Markup(resource("page.css")),
        "script": Markup(resource("page.js")),
        "scripts": [Markup(resource(f"{name}.js")) for name in ("export", "runs", "filter")],
        "labels": {f.name: f.label for section in numbers.sections for f in section.metrics},
        "metric_of": _metric_of(numbers),
        "filters": _filters(numbers),
        "arrows": ARROWS,
        "number": number_text,
        "measurement": measurement_text,
        "interval": interval_text,
        "p": p_text,
        "sizes": sizes_text,
        "is_count": is_count,
        "trivial_name": TRIVIAL,
        "min_interval": MIN_PAIRS_INTERVAL,
        "min_verdict": MIN_SEEDS_VERDICT,
    }
    # Last, when all figures are drawn. JSON in a script element must not end it: `json_in_html`.
    return content | {"data": {"runs": runs.content, "figures": gallery.to_json()}}


def _filters(numbers: Table) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return name, title and options of each choice of the filter that has two or more."""
    sections = numbers.sections
    found = {facts.name: facts.label for section in sections for facts in section.metrics}
    names = ordered(latent for section in sections for latent in section.latents)
    choices = [
        ("data", "Data set", [(section.data, section.data) for section in sections]),
        ("metric", "Metric", list(found.items())),
        ("latent", "Latent", [(name, name) for name in names]),
    ]
    return [choice for choice in choices if len(choice[2]) > 1]


def _metric_of(numbers: Table) -> dict[str, str]:
    """Return the metric of each heading that a table's line begins with."""
    facts = [fact for section in numbers.sections for fact in section.metrics]
    facts += [fact for along in numbers.along for fact in along.metrics]
    headings = {arrowed(fact): fact.name for fact in facts}
    return headings | {fact.heading: fact.name for fact in facts}
