"""One self-contained HTML page a study, from ``rows.jsonl`` and ``study.json`` alone.

Molecules are drawn at evaluation; the page takes their drawings from ``pictures`` beside the rows,
and says so where there are none.

The page words nothing that its intervals do not carry: the sentences are those of
`quantum_latents.results.verdicts`, and a headline only gathers their codes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from quantum_latents import __version__
from quantum_latents.report.axis import AXIS_FOOTNOTE, Along
from quantum_latents.report.certificates import certificate_cards
from quantum_latents.report.needed import NEEDED_FOOTNOTE
from quantum_latents.report.pictures import Picture, read_pictures
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
    read_certificates,
    read_rows,
    read_study,
    rows_along,
    select,
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

__all__ = ["headline", "write_report"]

Row = Mapping[str, Any]

_CURVES = {
    "wasserstein": "Wasserstein estimate",
    "critic_loss": "critic loss",
    "gradient_penalty": "gradient penalty",
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
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )


def _resource(name: str) -> str:
    return resources.files("quantum_latents.report").joinpath(name).read_text(encoding="utf-8")


def _content(rows: list[dict[str, Any]], study: dict[str, Any], directory: Path) -> dict[str, Any]:
    from quantum_latents.report import figures  # matplotlib: not needed for a table

    numbers, written = table(rows, study), rows
    rows = [dict(row) for row in as_compared(rows, study)]
    style = figures.styles(latents(rows))
    primary = {section.data: _primary(section, study) for section in numbers.sections}
    return {
        "table": numbers,
        "study": study,
        "styles": style,
        "primary": {name for names in primary.values() for name in names},
        "progress": numbers.progress,
        "unfinished": numbers.num_runs is not None and numbers.num_rows < numbers.num_runs,
        "verdicts": [
            _verdict_card(section, name, style)
            for section in numbers.sections
            for name in primary[section.data]
        ],
        "absent": [section.absent_line for section in numbers.sections if section.absent],
        "seeds": [
            {
                "data": section.data,
                "figures": _seed_figures(rows, section, section.columns, style),
                "more": _seed_figures(rows, section, section.lines, style),
            }
            for section in numbers.sections
        ],
        "along": _along(written, study, numbers, style),
        "along_note": AXIS_FOOTNOTE,
        "responses": _responses(numbers),
        "budgets": _budgets(numbers, style),
        "budget_note": BUDGET_FOOTNOTE,
        "response_header": RESPONSE_HEADER,
        "response_note": RESPONSE_FOOTNOTE,
        "floor_header": FLOOR_HEADER,
        "floor_note": FLOOR_FOOTNOTE,
        "needed_note": NEEDED_FOOTNOTE,
        "curves": _curves(rows, numbers, style),
        "certificates": certificate_cards(read_certificates(directory)),
        "previews": _previews(rows, numbers, style, directory),
        "diverged": [row for row in written if row["status"] == "diverged"],
        "provenance": _provenance(written, study),
        "num_versions": len(_versions(written)),
        "version": __version__,
        "css": Markup(_resource("page.css")),
        "script": Markup(_resource("page.js")),
        "labels": {f.name: f.label for section in numbers.sections for f in section.metrics},
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


def _primary(section: Section, study: Mapping[str, Any]) -> list[str]:
    """The study's primary metrics that this data set has.

    Where a study declares none it is the first metric; where these data have none of those that it
    declares, it is none: what was not declared gets no headline.
    """
    names = [facts.name for facts in section.metrics]
    if not study["primary_metrics"]:
        return names[:1]
    return [name for name in study["primary_metrics"] if name in names]


def _verdict_card(section: Section, metric: str, style: Mapping[str, Any]) -> dict[str, Any]:
    from quantum_latents.report import figures

    comparisons = section.comparisons[metric]
    facts = next(facts for facts in section.metrics if facts.name == metric)
    paired = [comparison for comparison in comparisons if comparison.num_seeds]
    title = "paired by seed"
    if comparisons and comparisons[0].margin is not None:
        margin = number_text(comparisons[0].margin, count=facts.is_count)
        title += f", margin ±{margin}"
    return {
        "data": section.data,
        "header": f"{facts.label}, {facts.direction} is better",
        "headline": headline(comparisons),
        "comparisons": comparisons,
        "figure": Markup(figures.differences_figure(paired, style, title=title)) if paired else "",
    }


def _seed_figures(
    rows: Sequence[Row],
    section: Section,
    metrics: Sequence[MetricFacts],
    style: Mapping[str, Any],
) -> list[Markup]:
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
        drawn.append(
            Markup(
                figures.seeds_figure(
                    values,
                    style,
                    title=facts.label,
                    label=f"{facts.unit}   {arrow}".strip(),
                    floor=section.floors[facts.name],
                    count=facts.is_count,
                )
            )
        )
    return drawn


def _along(
    rows: Sequence[Row], study: Mapping[str, Any], numbers: Table, style: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return, of each data set along the study's axis, its figures and tables."""
    from quantum_latents.report.axis_figures import axis_figure

    placed = rows_along(rows, study)
    groups = []
    for along, (arrivals, means) in numbers.along_grids():
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
            )
            drawn.append(Markup(figure))
        groups.append(
            {
                "along": along,
                "figures": drawn,
                "arrivals": arrivals,
                "means": means,
                "grid": _scatter_grid(placed[along.data], along, style),
            }
        )
    return groups


def _scatter_grid(
    places: Mapping[float, Sequence[Row]], along: Along, style: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the points of one seed at every place, None where rows hold no points."""
    from quantum_latents.report.axis_figures import scatter_grid_figure

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
    return {"seed": seed, "figure": Markup(figure)}


def _responses(numbers: Table) -> list[dict[str, Any]]:
    """Return, of each data set with doses, the figures of its primary or leading metrics."""
    from quantum_latents.report import figures

    groups = []
    for section in numbers.sections:
        drawn = []
        for facts in section.columns:
            if (curve := section.responses.get(facts.name)) is None:
                continue
            arrow = f"{ARROWS[facts.direction]} {facts.direction} is better"
            drawn.append(
                Markup(
                    figures.response_figure(
                        curve,
                        title=facts.label,
                        dose_label=section.dose_label,
                        label=f"{facts.unit}   {arrow}".strip(),
                        floor=section.floors[facts.name],
                        count=facts.is_count,
                    )
                )
            )
        if drawn:
            lines = section.response_lines()
            groups.append({"section": section, "figures": drawn, "lines": lines})
    return groups


def _budgets(numbers: Table, style: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, of each data set with milestones, the figures and lines of the gaps."""
    from quantum_latents.report import figures

    groups = []
    for section in numbers.sections:
        if not section.budgets:
            continue
        facts = {fact.name: fact for fact in section.metrics}
        drawn = [
            Markup(
                figures.budget_figure(
                    curve,
                    title=f"{facts[name].label}: gap to {curve.reference}",
                    label=facts[name].unit or "gap",
                    looks=style,
                    count=facts[name].is_count,
                )
            )
            for name, curve in section.budgets.items()
        ]
        header, lines = section.budget_lines()
        groups.append({"section": section, "figures": drawn, "header": header, "lines": lines})
    return groups


def _curves(rows: Sequence[Row], numbers: Table, style: Mapping[str, Any]) -> list[dict[str, Any]]:
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
            drawn.append(
                Markup(
                    figures.curves_figure(
                        {latent: pairs for latent, pairs in runs.items() if pairs},
                        style,
                        title=label[0].upper() + label[1:],
                        label="",
                    )
                )
            )
        if drawn:
            groups.append({"data": section.data, "figures": drawn})
    return groups


def _previews(
    rows: Sequence[Row], numbers: Table, style: Mapping[str, Any], directory: Path
) -> list[dict[str, Any]]:
    groups = []
    for section in numbers.sections:
        shown = _preview_rows(select(rows, data=section.data))
        if shown and numbers.along and shown[0]["preview"]["kind"] == "scatter":
            continue  # they stand in the grid along the axis
        if shown:
            kind = shown[0]["preview"]["kind"]
            if kind not in _PREVIEWS:
                raise ValueError(
                    f"run {shown[0]['run']}: preview kind {kind!r} is none of {tuple(_PREVIEWS)}"
                )
            maker = _PREVIEWS[kind]
            seed = shown[0]["spec"]["seed"]
            groups.append({"data": section.data, "seed": seed, **maker(shown, style, directory)})
    return groups


def _preview_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the smallest seed for which most latents have a preview, one a latent."""
    usable = [row for row in rows if row["status"] == "finished" and row.get("preview")]
    if not usable:
        return []
    number = Counter(row["spec"]["seed"] for row in usable)
    seed = min(number, key=lambda seed: (-number[seed], seed))
    chosen = [row for row in usable if row["spec"]["seed"] == seed]
    names = latents(chosen)
    return sorted(chosen, key=lambda row: names.index(row["spec"]["latent"]["name"]))


def _scatter(rows: Sequence[Row], style: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from quantum_latents.report import figures

    data = rows[0]["preview"]["data"]
    drawn = [figures.scatter_figure(data, data, title="data")]
    for row in rows:
        name = row["spec"]["latent"]["name"]
        points = row["preview"]["generated"]
        drawn.append(figures.scatter_figure(points, data, title=name, style=style[name]))
    return {
        "caption": "Points of the data and of each latent's generator, in one frame.",
        "rows": [[Markup(figure) for figure in drawn]],
    }


def _columns(rows: Sequence[Row], style: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from quantum_latents.report import figures

    previews = [(row["spec"]["latent"]["name"], row["preview"]) for row in rows]
    means = [
        value
        for _, preview in previews
        for value in (*preview["mean_data"], *preview["mean_generated"])
    ]
    top, bottom = max(0.0, *means), min(0.0, *means)
    margin = 0.06 * (top - bottom) or 1.0
    top, bottom = top + margin, bottom - margin if bottom < 0 else 0.0
    mean_data = previews[0][1]["mean_data"]
    marginals = [figures.marginals_figure(mean_data, title="data", top=top, bottom=bottom)] + [
        figures.marginals_figure(
            mean_data,
            preview["mean_generated"],
            style[name],
            title=name,
            top=top,
            bottom=bottom,
        )
        for name, preview in previews
    ]
    matrices = {"data": previews[0][1]["correlation_data"]} | {
        name: preview["correlation_generated"] for name, preview in previews
    }
    limit = max((_largest_pair(matrix) for matrix in matrices.values()), default=0.0) or 1.0
    correlations = [
        figures.correlation_figure(matrix, title=name, limit=limit)
        for name, matrix in matrices.items()
    ]
    return {
        "caption": (
            "Above, the mean of each column: the data as bars, generated samples as points. "
            "Below, the correlation of each pair of columns, on one scale of colour."
        ),
        "rows": [[Markup(figure) for figure in figures_] for figures_ in (marginals, correlations)],
    }


def _molecules(rows: Sequence[Row], style: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """A gallery a latent, and the shares of every descriptor, all latents in one figure."""
    from quantum_latents.report import figures

    previews = {row["spec"]["latent"]["name"]: row["preview"] for row in rows}
    # The latents of one seed share data and trivial sampler: the first says them for all.
    described: dict[str, dict[str, Any]] = {}
    generated: dict[str, dict[str, Any]] = {}
    for latent, preview in previews.items():
        for entry in preview.get("distributions") or ():
            described.setdefault(entry["name"], entry)
            shares = generated.setdefault(entry["name"], {})
            if any(entry["generated"]):  # without a valid molecule there is no distribution
                shares[latent] = entry["generated"]
    drawn = [
        figures.distribution_figure(
            entry["data"],
            generated[name],
            style,
            title=entry.get("label") or name,
            label=entry.get("unit") or "",
            edges=entry.get("edges"),
            categories=entry.get("categories"),
            trivial=entry.get("trivial"),
        )
        for name, entry in described.items()
    ]
    return {
        "rows": [],
        "caption": "",
        "galleries": [
            _gallery(latent, preview.get("pictures"), directory)
            for latent, preview in previews.items()
        ],
        "distributions": [Markup(figure) for figure in drawn],
        "has_trivial": any(entry.get("trivial") for entry in described.values()),
        "latents": list(previews),
    }


def _gallery(latent: str, name: str | None, directory: Path) -> dict[str, Any]:
    """The pictures of a run, and how many of them are what."""
    pictures: list[Picture] = (read_pictures(directory, name) if name else None) or []
    valid = [picture for picture in pictures if picture.valid]
    novel = sum(picture.novel for picture in valid)
    return {
        "latent": latent,
        "file": name or "",
        "pictures": [
            {"svg": Markup(picture.svg), "smiles": picture.smiles, "reason": picture.reason}
            | {"valid": picture.valid, "novel": picture.novel}
            for picture in pictures
        ],
        "summary": f"{len(valid)} of these {len(pictures)} are valid, {novel} novel",
    }


def _images(rows: Sequence[Row], style: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from quantum_latents.report.image_figures import images_figure

    preview = rows[0]["preview"]
    frame: dict[str, Any] = {
        "shape": tuple(preview["shape"]),
        "pixel_range": tuple(preview["pixel_range"]),
    }
    drawn = [images_figure(preview["data"], title="data", **frame)]
    for row in rows:
        name = row["spec"]["latent"]["name"]
        generated = row["preview"]["generated"]
        drawn.append(images_figure(generated, title=name, style=style[name], **frame))
    return {
        "caption": "The first held-out images, and the first of each latent's generator.",
        "rows": [[Markup(figure) for figure in drawn]],
    }


_PREVIEWS: dict[str, Callable[[Sequence[Row], Mapping[str, Any], Path], dict[str, Any]]] = {
    "scatter": _scatter,
    "counts": _columns,
    "vector": _columns,
    "images": _images,
    "molecules": _molecules,
}


def _largest_pair(matrix: Sequence[Sequence[float | None]]) -> float:
    return max(
        (
            abs(value)
            for i, line in enumerate(matrix)
            for j, value in enumerate(line)
            if i != j and value is not None
        ),
        default=0.0,
    )


def _versions(rows: Sequence[Row]) -> Counter[str]:
    """Number of rows of each version and commit."""
    parts = [(_of(row, "version"), _of(row, "commit")) for row in rows]
    return Counter(" ".join(str(part) for part in pair if part) for pair in parts)


def _provenance(rows: Sequence[Row], study: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What produced the rows, as (name, value) for readers."""
    machines = Counter(_described(_of(row, "machine")) for row in rows)
    seconds = [_of(row, "seconds") for row in rows if _of(row, "seconds") is not None]
    finished = sorted(str(_of(row, "finished_at")) for row in rows if _of(row, "finished_at"))
    entries = [
        ("machine", _counted(machines)),
        ("quantum-latents", _counted(_versions(rows))),
        ("runs", f"{len(rows)}, {number_text(sum(seconds))} s of training" if seconds else ""),
        ("finished", " to ".join(dict.fromkeys([finished[0], finished[-1]])) if finished else ""),
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
