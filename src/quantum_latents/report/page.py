"""One self-contained HTML page a study, from ``rows.jsonl`` and ``study.json`` alone.

Molecules are drawn at evaluation; the page takes their drawings from ``pictures`` beside the rows,
and says so where there are none.

The page words nothing that its intervals do not carry: the sentences are those of
`quantum_latents.results.verdicts`, and a headline only gathers their codes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from quantum_latents import __version__
from quantum_latents.report.axis import Along, axis_footnote
from quantum_latents.report.certificates import certificate_cards
from quantum_latents.report.figure_numbers import (
    axis_numbers,
    budget_numbers,
    curves_numbers,
    differences_numbers,
    differences_words,
    means_words,
    points_numbers,
    response_numbers,
    seeds_numbers,
)
from quantum_latents.report.gallery import Drawing, Gallery
from quantum_latents.report.ladder import (
    LADDER_NOTE,
    ladder_figure,
    ladder_numbers,
    ladder_words,
    rungs,
)
from quantum_latents.report.leaderboard import OVERVIEW_FOOTNOTE
from quantum_latents.report.needed import NEEDED_FOOTNOTE
from quantum_latents.report.previews import previews
from quantum_latents.report.runs import MAX_CURVE_POINTS, runs_of
from quantum_latents.report.tables import (
    ARROWS,
    BUDGET_FOOTNOTE,
    FLOOR_FOOTNOTE,
    FLOOR_HEADER,
    RESPONSE_FOOTNOTE,
    RESPONSE_HEADER,
    TRIVIAL,
    Section,
    Table,
    table,
)
from quantum_latents.results import (
    MIN_PAIRS_INTERVAL,
    MIN_SEEDS_VERDICT,
    Comparison,
    MetricFacts,
    as_compared,
    latents,
    ordered,
    read_certificates,
    read_rows,
    read_study,
    rows_along,
    select,
    standing,
    unevaluated,
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

__all__ = ["headline", "json_in_html", "write_report"]

Row = Mapping[str, Any]

_CURVES = {
    "wasserstein": "Wasserstein estimate",
    "critic_loss": "critic loss",
    "gradient_penalty": "gradient penalty",
    "loss": "flow matching loss",
}


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
    page = _environment().get_template("page.html.jinja").render(_content(rows, study, directory))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def headline(comparisons: Sequence[Comparison]) -> str:
    """Return one sentence that gathers the verdicts of a family.

    >>> headline([])
    'There is no other latent to compare with.'
    """
    if not comparisons:
        return "There is no other latent to compare with."
    groups: dict[str, list[str]] = {}
    for comparison in comparisons:
        if comparison.verdict is None:
            raise ValueError(f"the comparison with {comparison.other!r} has no verdict: use family")
        groups.setdefault(comparison.verdict.code, []).append(comparison.other)
    fewest = min(comparison.num_seeds for comparison in comparisons)
    if groups.keys() == {"too few"}:
        return f"Too few seeds for a verdict: {fewest} of at least {MIN_SEEDS_VERDICT}."
    phrases = {
        "better": "better than",
        "worse": "worse than",
        "equivalent": "as good, within the declared margin, as",
        "undecided": "undecided against",
        "uncorroborated": "without a verdict (a constant output would win) against",
        "unequal n": "without a verdict (computed from different numbers of samples) against",
        "too few": "without a verdict (too few seeds) against",
    }
    parts = [
        f"{words} {_listed(groups[code])}" for code, words in phrases.items() if code in groups
    ]
    first = comparisons[0]
    return f"By {first.label}, {first.reference} is {'; '.join(parts)}."


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["json"] = json_in_html
    return environment


def _resource(name: str) -> str:
    return resources.files("quantum_latents.report").joinpath(name).read_text(encoding="utf-8")


def _content(rows: list[dict[str, Any]], study: dict[str, Any], directory: Path) -> dict[str, Any]:
    from quantum_latents.report import figures  # matplotlib: not needed for a table
    from quantum_latents.report.leaderboard_figures import drawn_overviews

    stands, num_waiting = standing(directory, rows), len(unevaluated(directory))
    numbers, written = table(rows, study, stands, num_waiting=num_waiting), rows
    rows = [dict(row) for row in as_compared(rows, study)]
    style = figures.styles(latents(rows))
    primary = {section.data: _primary(section, study) for section in numbers.sections}
    gallery = Gallery(numbers.study)
    runs = runs_of(rows, numbers, _CURVES)
    of_data = {section.data: select(rows, data=section.data) for section in numbers.sections}
    content = {
        "table": numbers,
        "study": study,
        "styles": style,
        "primary": {name for names in primary.values() for name in names},
        "progress": numbers.progress,
        "unfinished": numbers.num_runs is not None and numbers.num_rows < numbers.num_runs,
        "verdicts": [
            _verdict_card(section, name, style, gallery)
            for section in numbers.sections
            for name in primary[section.data]
        ],
        "absent": [section.absent_line for section in numbers.sections if section.absent],
        "seeds": [
            {
                "data": section.data,
                "figures": _seed_figures(
                    of_data[section.data], section, section.columns, style, gallery
                ),
                "more": _seed_figures(
                    of_data[section.data], section, section.lines, style, gallery
                ),
            }
            for section in numbers.sections
        ],
        "overviews": drawn_overviews(numbers.overviews, style, gallery),
        "overview_note": OVERVIEW_FOOTNOTE,
        "ladders": _ladders(numbers, study, primary, style, gallery),
        "ladder_note": LADDER_NOTE,
        "runs": runs,
        "max_curve_points": MAX_CURVE_POINTS,
        "along": _along(written, study, numbers, style, gallery),
        "along_note": axis_footnote(numbers.along),
        "responses": _responses(numbers, gallery),
        "budgets": _budgets(numbers, style, gallery),
        "budget_note": BUDGET_FOOTNOTE,
        "response_header": RESPONSE_HEADER,
        "response_note": RESPONSE_FOOTNOTE,
        "floor_header": FLOOR_HEADER,
        "floor_note": FLOOR_FOOTNOTE,
        "needed_note": NEEDED_FOOTNOTE,
        "curves": _curves(rows, numbers, style, gallery),
        "sampling": numbers.sampling,
        "certificates": certificate_cards(read_certificates(directory)),
        "previews": previews(rows, numbers, style, directory, gallery),
        "diverged": [row for row in written if row["status"] != "finished"],
        "any_failed": any(row["status"] == "failed" for row in written),
        "provenance": _provenance(written, study, numbers),
        "num_versions": len(_versions(written)),
        "version": __version__,
        "css": Markup(_resource("page.css")),
        "script": Markup(_resource("page.js")),
        "scripts": [Markup(_resource(f"{name}.js")) for name in ("export", "runs", "filter")],
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


def json_in_html(content: Any) -> Markup:
    r"""Return JSON for a script element, as short as it gets; nothing in it is read as HTML.

    Raises:
        ValueError: a number is not finite.

    >>> json_in_html({"name": "</script>"})
    Markup('{"name":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


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
    headings = {f"{fact.heading} {ARROWS[fact.direction]}": fact.name for fact in facts}
    return headings | {fact.heading: fact.name for fact in facts}


def _ladders(
    numbers: Table,
    study: Mapping[str, Any],
    primary: Mapping[str, Sequence[str]],
    style: Mapping[str, Any],
    gallery: Gallery,
) -> list[dict[str, Any]]:
    """Return, of each data set, the ladder of its primary metrics; none along doses or an axis."""
    if study["doses"] is not None or study["axis"] is not None:
        return []
    groups = []
    for section in numbers.sections:
        drawn = []
        for facts in (facts for facts in section.metrics if facts.name in primary[section.data]):
            comparisons = section.comparisons[facts.name]
            if not (ladder := rungs(comparisons, numbers.reference, study["ladder"])):
                continue
            properties = study["ladder"]["properties"]
            others = [rung.comparison for rung in ladder if rung.comparison is not None]
            words = differences_words(others, facts.is_count)
            drawn.append(
                gallery.add(
                    ladder_figure(ladder, properties, style, title=facts.label),
                    ladder_numbers(ladder, properties),
                    kind="ladder",
                    data=section.data,
                    metric=facts.name,
                    words=f"{ladder_words(ladder, properties)} {words}",
                )
            )
        if drawn:
            groups.append({"data": section.data, "figures": drawn})
    return groups


def _primary(section: Section, study: Mapping[str, Any]) -> list[str]:
    """The study's primary metrics that this data set has.

    Where a study declares none it is the first metric; where these data have none of those that it
    declares, it is none: what was not declared gets no headline.
    """
    names = [facts.name for facts in section.metrics]
    if not study["primary_metrics"]:
        return names[:1]
    return [name for name in study["primary_metrics"] if name in names]


def _verdict_card(
    section: Section, metric: str, style: Mapping[str, Any], gallery: Gallery
) -> dict[str, Any]:
    from quantum_latents.report import figures

    comparisons = section.comparisons[metric]
    facts = next(facts for facts in section.metrics if facts.name == metric)
    paired = [comparison for comparison in comparisons if comparison.num_seeds]
    title = "paired by seed"
    if comparisons and comparisons[0].margin is not None:
        margin = number_text(comparisons[0].margin, count=facts.is_count)
        title += f", margin ±{margin}"
    figure = None
    if paired:
        figure = gallery.add(
            figures.differences_figure(paired, style, title=title),
            differences_numbers(paired, section.data, metric),
            kind="differences",
            data=section.data,
            metric=metric,
            words=differences_words(paired, facts.is_count),
        )
    return {
        "data": section.data,
        "metric": metric,
        "header": f"{facts.label}, {facts.direction} is better",
        "headline": headline(comparisons),
        "comparisons": comparisons,
        "figure": figure,
    }


def _seed_figures(
    rows: Sequence[Row],
    section: Section,
    metrics: Sequence[MetricFacts],
    style: Mapping[str, Any],
    gallery: Gallery,
) -> list[Drawing]:
    from quantum_latents.report import figures

    drawn = []
    for facts in metrics:
        values = {
            latent: {
                seed: value
                for seed, value in values_by_seed(rows, section.data, latent, facts.name).items()
                if value is not None
            }
            for latent in section.latents
        }
        if not any(values.values()):
            continue
        arrow = f"{ARROWS[facts.direction]} {facts.direction} is better"
        figure = figures.seeds_figure(
            values,
            style,
            title=facts.label,
            label=f"{facts.unit}   {arrow}".strip(),
            floor=section.floors[facts.name],
            count=facts.is_count,
        )
        drawn.append(
            gallery.add(
                figure,
                seeds_numbers(section.data, facts.name),
                kind="seeds",
                data=section.data,
                metric=facts.name,
                words=means_words(values, facts.is_count),
            )
        )
    return drawn


def _along(
    rows: Sequence[Row],
    study: Mapping[str, Any],
    numbers: Table,
    style: Mapping[str, Any],
    gallery: Gallery,
) -> list[dict[str, Any]]:
    """Return, of each data set along the study's axis, its figures and tables."""
    from quantum_latents.report.axis_figures import axis_figure

    placed = rows_along(rows, study)
    groups = []
    for along, grids in numbers.along_grids():
        drawn = []
        for facts in along.metrics:
            arrow = f"{ARROWS[facts.direction]} {facts.direction} is better"
            figure = axis_figure(
                along.curves[facts.name],
                title=facts.label,
                axis_label=along.label,
                label=f"{facts.unit}   {arrow}".strip(),
                looks=style,
                direction=facts.direction,
                count=facts.is_count,
                scale=along.scale,
                has_band=not along.against,
            )
            drawn.append(
                gallery.add(
                    figure,
                    axis_numbers(along.curves[facts.name], along.name),
                    kind=along.name,
                    data=along.data,
                    metric=facts.name,
                    words=" ".join(along.sentences),
                )
            )
        groups.append(
            {
                "along": along,
                "figures": drawn,
                "grids": grids,
                "grid": _scatter_grid(placed[along.data], along, style, gallery),
            }
        )
    return groups


def _scatter_grid(
    places: Mapping[float, Sequence[Row]],
    along: Along,
    style: Mapping[str, Any],
    gallery: Gallery,
) -> dict[str, Any] | None:
    """Return the points of one seed at every place, None where rows hold no points."""
    from quantum_latents.report.axis_figures import NUM_GRID_POINTS, scatter_grid_figure

    shown = {
        place: [row for row in rows if (row.get("preview") or {}).get("kind") == "scatter"]
        for place, rows in places.items()
    }
    # The smallest seed that most runs have points of.
    usable = Counter(
        row["spec"]["seed"]
        for rows in shown.values()
        for row in rows
        if row["status"] == "finished"
    )
    if not usable:
        return None
    seed = min(usable, key=lambda seed: (-usable[seed], seed))
    points: dict[str, dict[float, Any]] = {latent: {} for latent in along.latents}
    frame: Any = None
    for place, rows in shown.items():
        for row in rows:
            if row["spec"]["seed"] == seed and row["status"] == "finished":
                points[row["spec"]["latent"]["name"]][place] = row["preview"]["generated"]
                frame = row["preview"]["data"] if frame is None else frame
    title = f"{along.data}, seed {seed}: points of each latent's generator at each {along.name}"
    figure = scatter_grid_figure(points, frame, style, title=title, axis_label=along.name)
    shown_points: dict[Any, Any] = {("data", None): frame[: NUM_GRID_POINTS // 2]}
    shown_points |= {(name, place): of[place] for name, of in points.items() for place in of}
    drawing = gallery.add(
        figure,
        points_numbers(shown_points, NUM_GRID_POINTS, ("of", along.name)),
        kind="samples",
        data=along.data,
    )
    return {"seed": seed, "figure": drawing}


def _responses(numbers: Table, gallery: Gallery) -> list[dict[str, Any]]:
    """Return, of each data set with doses, the figures of its primary or leading metrics."""
    from quantum_latents.report import figures

    groups = []
    for section in numbers.sections:
        drawn = []
        for facts in section.columns:
            if (curve := section.responses.get(facts.name)) is None:
                continue
            arrow = f"{ARROWS[facts.direction]} {facts.direction} is better"
            figure = figures.response_figure(
                curve,
                title=facts.label,
                dose_label=section.dose_label,
                label=f"{facts.unit}   {arrow}".strip(),
                floor=section.floors[facts.name],
                count=facts.is_count,
            )
            means = ", ".join(
                f"{number_text(mean, count=facts.is_count)} at {dose:g}"
                for dose, mean in zip(curve.doses, curve.means, strict=True)
            )
            drawn.append(
                gallery.add(
                    figure,
                    response_numbers(curve),
                    kind="response",
                    data=section.data,
                    metric=facts.name,
                    words=f"Means over {len(curve.seeds)} seeds: {means}.",
                )
            )
        if drawn:
            lines = section.response_lines()
            groups.append({"section": section, "figures": drawn, "lines": lines})
    return groups


def _budgets(numbers: Table, style: Mapping[str, Any], gallery: Gallery) -> list[dict[str, Any]]:
    """Return, of each data set with milestones, the figures and lines of the gaps."""
    from quantum_latents.report import figures

    groups = []
    for section in numbers.sections:
        if not section.budgets:
            continue
        facts = {fact.name: fact for fact in section.metrics}
        drawn = [
            gallery.add(
                figures.budget_figure(
                    curve,
                    title=f"{facts[name].label}: gap to {curve.reference}",
                    label=facts[name].unit or "gap",
                    looks=style,
                    count=facts[name].is_count,
                ),
                budget_numbers(curve),
                kind="budget",
                data=section.data,
                metric=name,
                words=f"After {curve.steps[-1]:,} steps. "
                + differences_words([gaps[-1] for gaps in curve.gaps.values()]),
            )
            for name, curve in section.budgets.items()
        ]
        header, lines = section.budget_lines()
        groups.append({"section": section, "figures": drawn, "header": header, "lines": lines})
    return groups


def _curves(
    rows: Sequence[Row], numbers: Table, style: Mapping[str, Any], gallery: Gallery
) -> list[dict[str, Any]]:
    from quantum_latents.report import figures

    groups = []
    for section in numbers.sections:
        finished = [
            (row["spec"]["latent"]["name"], row.get("curves") or {})
            for row in select(rows, data=section.data)
            if row["status"] == "finished"
        ]
        names: dict[str, None] = dict.fromkeys(
            name for _, curves in finished for name in curves if name != "step"
        )
        drawn = []
        for name in names:
            runs: dict[str, list] = {latent: [] for latent in section.latents}
            for latent, curves in finished:
                if curves.get("step") and name in curves:
                    runs[latent].append((curves["step"], curves[name]))
            label: str = _CURVES.get(name, name.replace("_", " "))
            shown = {latent: figures.mean_curve(pairs) for latent, pairs in runs.items() if pairs}
            title = label[0].upper() + label[1:]
            drawn.append(
                gallery.add(
                    figures.curves_figure(shown, style, title=title, label=""),
                    curves_numbers(shown),
                    kind=name,
                    data=section.data,
                    words=f"Mean over the runs of {', '.join(shown)}.",
                )
            )
        if drawn:
            groups.append({"data": section.data, "figures": drawn})
    return groups


def _versions(rows: Sequence[Row]) -> Counter[str]:
    """Number of rows of each version and commit."""
    parts = [(_of(row, "version"), _of(row, "commit")) for row in rows]
    return Counter(" ".join(str(part) for part in pair if part) for pair in parts)


def _provenance(
    rows: Sequence[Row], study: Mapping[str, Any], numbers: Table
) -> list[tuple[str, str]]:
    """What produced the rows, as (name, value) for readers."""
    machines = Counter(_described(_of(row, "machine")) for row in rows)
    seconds = [_of(row, "seconds") for row in rows if _of(row, "seconds") is not None]
    finished = sorted(str(_of(row, "finished_at")) for row in rows if _of(row, "finished_at"))
    entries = [
        ("machine", _counted(machines)),
        ("quantum-latents", _counted(_versions(rows))),
        ("runs", f"{len(rows)}, {number_text(sum(seconds))} s of training" if seconds else ""),
        ("finished", " to ".join(dict.fromkeys([finished[0], finished[-1]])) if finished else ""),
        ("frozen", numbers.standing.summary if numbers.standing else ""),
        ("planned with", " ".join(filter(None, [study["version"], study["commit"]]))),
    ]
    return [(name, value) for name, value in entries if value]


def _of(row: Row, name: str) -> Any:
    return row.get("provenance", {}).get(name)


def _described(machine: Any) -> str:
    if isinstance(machine, Mapping):
        return ", ".join(f"{name} {value}" for name, value in machine.items())
    return str(machine) if machine else ""


def _counted(counter: Counter[str]) -> str:
    known = [(name, number) for name, number in counter.most_common() if name]
    if len(known) == 1:
        return known[0][0]
    return "; ".join(f"{name} ({number} runs)" for name, number in known)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
