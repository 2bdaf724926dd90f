"""One figure of a study as a file that stands alone, for a text about it.

The page's figures take colours and font from the page; here they have their own, on a white
ground, so that a document or another site can show them as images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.report.axis import Along
from quantum_latents.report.gallery import Drawing, Gallery, Numbers
from quantum_latents.report.sections import Section
from quantum_latents.report.styles import styles
from quantum_latents.report.tables import table
from quantum_latents.results import MetricFacts, as_compared, read_rows, read_study, select
from quantum_latents.results import latents as latents_of

__all__ = ["FIGURES", "StudyFigure", "study_figure"]

_GROUND = "#ffffff"
_PIXELS_A_POINT = 4 / 3


@dataclass(frozen=True)
class StudyFigure:
    """A figure, what it shows in words, and the numbers that it was drawn from.

    Attributes:
        svg: text of an SVG file that needs no page around it.
        title: what it is, in a line.
        words: what it shows, for those who do not see it.
        numbers: a table; values of single seeds are the rows' own.
    """

    svg: str
    title: str
    words: str
    numbers: Numbers


def study_figure(
    directory: str | os.PathLike[str],
    kind: str,
    metric: str,
    *,
    data: str | None = None,
    latents: Sequence[str] | None = None,
) -> StudyFigure:
    """Return a figure of a study's rows; the same rows give the same text.

    Args:
        directory: where ``rows.jsonl`` and ``study.json`` are.
        kind: one of `FIGURES`: `differences` paired by seed, every seed's value (`seeds`), the
            `ladder` of what each latent shares against how well it does, the `response` to the
            study's doses, the gap against the training `budget`, a metric along the study's `axis`.
        metric: its name in the rows.
        data: which data set; may be left out where the study has one.
        latents: those to be shown beside the reference; all if None. Numbers stay those of the
            whole study: p values are adjusted for the latents that are not shown, too.

    Raises:
        ValueError: a kind, metric, data set or latent that is not there, or a study that has no
            such figure, such as a response without doses.
    """
    # matplotlib: not needed to import the package
    from quantum_latents.report.drawn import (
        drawn_axis,
        drawn_budgets,
        drawn_ladders,
        drawn_responses,
        drawn_seeds,
        drawn_verdict,
    )

    if kind not in FIGURES:
        raise ValueError(f"no figure is called {kind!r}: choose among {', '.join(FIGURES)}")
    if kind == "response" and latents is not None:
        raise ValueError("a response is drawn over all of the study's doses: leave latents out")
    directory = Path(directory)
    study, rows = read_study(directory), read_rows(directory)
    numbers = table(rows, study)
    rows = [dict(row) for row in as_compared(rows, study)]
    looks = styles(latents_of(rows))
    if missing := sorted(set(latents or ()) - set(looks)):
        raise ValueError(f"no latent {missing[0]!r}: there are {', '.join(looks)}")
    shown = set(looks if latents is None else (numbers.reference, *latents))
    gallery = Gallery(numbers.study)
    if kind == "axis":
        along = _of_data(numbers.along, data, f"{directory} has no axis figure: {FIGURES[kind]}")
        facts = _metric_of(along, metric)
        drawing: Drawing | None = drawn_axis(_part_of_axis(along, shown), facts, looks, gallery)
        words = {"label": facts.label, "data": along.data, "axis": along.label}
    else:
        section = _of_data(numbers.sections, data)
        facts = _metric_of(section, metric)
        section = _part_of_section(section, metric, shown)
        alone = replace(numbers, sections=(section,))
        if kind == "differences":
            drawing = drawn_verdict(section, metric, looks, gallery)["figure"]
        elif kind == "seeds":
            of_data = select(rows, data=section.data)
            drawing = next(iter(drawn_seeds(of_data, section, [facts], looks, gallery)), None)
        else:
            if kind == "ladder":
                groups = drawn_ladders(alone, study, {section.data: [metric]}, looks, gallery)
            elif kind == "response":
                groups = drawn_responses(alone, gallery)
            else:
                groups = drawn_budgets(alone, looks, gallery)
            drawing = next((figure for group in groups for figure in group["figures"]), None)
        words = {"label": facts.label, "data": section.data, "axis": section.dose_label}
    if drawing is None:
        raise ValueError(f"{directory} has no {kind} figure of {metric!r}: {FIGURES[kind]}")
    title = _TITLES[kind].format(reference=numbers.reference, **words)
    svg = _alone(str(drawing.svg))
    return StudyFigure(svg, title, drawing.words, gallery.numbers[drawing.name])


def _of_data(found: Sequence[Any], data: str | None, where_none: str = "") -> Any:
    """Return the one of these that is of a data set.

    Raises:
        ValueError: there is none, or several and none is named.
    """
    if not found and where_none:
        raise ValueError(where_none)
    of_name = {one.data: one for one in found}
    if data is None and len(of_name) == 1:
        return found[0]
    if data is None:
        raise ValueError(f"the study has several data sets: name one of {', '.join(of_name)}")
    if data not in of_name:
        raise ValueError(f"no data set {data!r}: there are {', '.join(of_name)}")
    return of_name[data]


def _part_of_section(section: Section, metric: str, shown: Set[str]) -> Section:
    """Return what a figure needs of a section; its numbers stay those of all latents."""
    budgets = {
        name: replace(
            curve, gaps={latent: gaps for latent, gaps in curve.gaps.items() if latent in shown}
        )
        for name, curve in section.budgets.items()
        if name == metric
    }
    compared = (one for one in section.comparisons[metric] if one.other in shown)
    return replace(
        section,
        latents=tuple(name for name in section.latents if name in shown),
        comparisons={metric: tuple(compared)},
        responses={name: one for name, one in section.responses.items() if name == metric},
        budgets=budgets,
    )


def _part_of_axis(along: Along, shown: Set[str]) -> Along:
    def of(by_latent: Mapping[str, Any]) -> dict[str, Any]:
        return {latent: one for latent, one in by_latent.items() if latent in shown}

    curves = {
        name: replace(
            curve, values=of(curve.values), means=of(curve.means), intervals=of(curve.intervals)
        )
        for name, curve in along.curves.items()
    }
    return replace(along, curves=curves, arrivals=of(along.arrivals))


def _metric_of(place: Section | Along, metric: str) -> MetricFacts:
    known = {facts.name: facts for facts in place.metrics}
    if metric not in known:
        raise ValueError(f"no metric {metric!r} of {place.data!r}: there are {', '.join(known)}")
    return known[metric]


_TITLES = {
    "differences": "{label}, {data} data: every latent's paired differences to {reference}",
    "seeds": "{label}, {data} data: every seed of every latent",
    "ladder": "What each latent shares with {reference}, and how it does: {label}, {data} data",
    "response": "{label}, {data} data, against {axis}",
    "budget": "{label}, {data} data: gaps to {reference} against the training steps",
    "axis": "{label}, {data} data, against {axis}",
}

FIGURES = {
    "differences": "it needs a seed with values of two latents",
    "seeds": "it needs a value",
    "ladder": "it needs the quantum latent as reference and two others that say what they share",
    "response": "it needs a study with doses, seeds with a value at all of them, and a metric that "
    "leads the study's tables",
    "budget": "it needs runs with milestones (--curve), and a metric that leads the study's tables",
    "axis": "it needs a study whose groups lie along a number, such as depth or bank-sizes",
}
"""The kinds of `study_figure`, and what a study must have for each."""


def _alone(svg: str) -> str:
    """Return the SVG of a page as a file: its own colours and font, a size, a white ground.

    >>> _alone('<svg viewBox="0 0 30 60"><text fill="var(--ink, #1b2431)"/></svg>').splitlines()
    ['<svg width="40" height="80" viewBox="0 0 30 60"><rect width="100%" height="100%" \
fill="#ffffff"/><text fill="#1b2431"/></svg>']
    """
    svg = re.sub(r"var\(--[\w-]+, ([^()]+)\)", r"\1", svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    width, height = (round(float(points) * _PIXELS_A_POINT) for points in box.groups())
    svg = svg.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    ground = f'<rect width="100%" height="100%" fill="{_GROUND}"/>'
    head, end, rest = svg.partition(">")
    return f"{head}{end}{ground}{rest}\n"
