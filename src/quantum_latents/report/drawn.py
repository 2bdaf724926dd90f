"""Figures of a page, in the gallery: of each data set, with its numbers and words.

Notation: a *group* is what a template shows of one data set. Where a study has nothing of a kind,
its list is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from quantum_latents.report import figures
from quantum_latents.report.axis import Along
from quantum_latents.report.axis_figures import (
    NUM_GRID_POINTS,
    axis_figure,
    scatter_grid_figure,
)
from quantum_latents.report.budgets import budget_lines
from quantum_latents.report.curve_figures import curves_figure, mean_curve
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
from quantum_latents.report.headings import axis_label
from quantum_latents.report.headlines import headline
from quantum_latents.report.ladder import ladder_figure, ladder_numbers, ladder_words, rungs
from quantum_latents.report.responses import response_lines
from quantum_latents.report.sections import Section
from quantum_latents.report.styles import Style
from quantum_latents.report.tables import Table
from quantum_latents.results import MetricFacts, rows_along, select, values_by_seed
from quantum_latents.results.wording import number_text

__all__ = [
    "CURVES",
    "drawn_along",
    "drawn_axis",
    "drawn_budgets",
    "drawn_curves",
    "drawn_ladders",
    "drawn_responses",
    "drawn_seeds",
    "drawn_verdict",
]

Row = Mapping[str, Any]

CURVES = {
    "wasserstein": "Wasserstein estimate",
    "critic_loss": "critic loss",
    "gradient_penalty": "gradient penalty",
    "loss": "flow matching loss",
}
"""How a page names the curves of a training."""


def drawn_verdict(
    section: Section, metric: str, looks: Mapping[str, Style], gallery: Gallery
) -> dict[str, Any]:
    """Return the headline of a data set by a metric, and the paired differences behind it."""
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
            figures.differences_figure(paired, looks, title=title),
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


def drawn_ladders(
    numbers: Table,
    study: Mapping[str, Any],
    primary: Mapping[str, Sequence[str]],
    looks: Mapping[str, Style],
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
                    ladder_figure(ladder, properties, looks, title=facts.label),
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


def drawn_seeds(
    rows: Sequence[Row],
    section: Section,
    metrics: Sequence[MetricFacts],
    looks: Mapping[str, Style],
    gallery: Gallery,
) -> list[Drawing]:
    """Return, of each metric with values, the figure of all seeds."""
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
        figure = figures.seeds_figure(
            values,
            looks,
            title=facts.label,
            label=axis_label(facts),
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


def drawn_along(
    rows: Sequence[Row],
    study: Mapping[str, Any],
    numbers: Table,
    looks: Mapping[str, Style],
    gallery: Gallery,
) -> list[dict[str, Any]]:
    """Return, of each data set along the study's axis, its figures and tables."""
    placed = rows_along(rows, study)
    groups = []
    for along, grids in numbers.along_grids():
        drawn = [drawn_axis(along, facts, looks, gallery) for facts in along.metrics]
        groups.append(
            {
                "along": along,
                "figures": drawn,
                "grids": grids,
                "grid": _scatter_grid(placed[along.data], along, looks, gallery),
            }
        )
    return groups


def drawn_axis(
    along: Along, facts: MetricFacts, looks: Mapping[str, Style], gallery: Gallery
) -> Drawing:
    """Return the figure of one metric along a study's axis."""
    curve = along.curves[facts.name]
    figure = axis_figure(
        curve,
        title=facts.label,
        axis_label=along.label,
        label=axis_label(facts),
        looks=looks,
        direction=facts.direction,
        count=facts.is_count,
        scale=along.scale,
        has_band=not along.against,
    )
    return gallery.add(
        figure,
        axis_numbers(curve, along.name),
        kind=along.name,
        data=along.data,
        metric=facts.name,
        words=" ".join(along.sentences),
    )


def _scatter_grid(
    places: Mapping[float, Sequence[Row]],
    along: Along,
    looks: Mapping[str, Style],
    gallery: Gallery,
) -> dict[str, Any] | None:
    """Return the points of one seed at every place, None where rows hold no points."""
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
    figure = scatter_grid_figure(points, frame, looks, title=title, axis_label=along.name)
    shown_points: dict[Any, Any] = {("data", None): frame[: NUM_GRID_POINTS // 2]}
    shown_points |= {(name, place): of[place] for name, of in points.items() for place in of}
    drawing = gallery.add(
        figure,
        points_numbers(shown_points, NUM_GRID_POINTS, ("of", along.name)),
        kind="samples",
        data=along.data,
    )
    return {"seed": seed, "figure": drawing}


def drawn_responses(numbers: Table, gallery: Gallery) -> list[dict[str, Any]]:
    """Return, of each data set with doses, the figures of its primary or leading metrics."""
    groups = []
    for section in numbers.sections:
        drawn = []
        for facts in section.columns:
            if (curve := section.responses.get(facts.name)) is None:
                continue
            figure = figures.response_figure(
                curve,
                title=facts.label,
                dose_label=section.dose_label,
                label=axis_label(facts),
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
            lines = response_lines(section.metrics, section.responses)
            groups.append({"section": section, "figures": drawn, "lines": lines})
    return groups


def drawn_budgets(
    numbers: Table, looks: Mapping[str, Style], gallery: Gallery
) -> list[dict[str, Any]]:
    """Return, of each data set with milestones, the figures and lines of the gaps."""
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
                    looks=looks,
                    count=facts[name].is_count,
                ),
                budget_numbers(curve),
                kind="budget",
                data=section.data,
                metric=name,
                words=f"After {curve.steps[-1]:,} steps. "
                + differences_words(
                    [gaps[-1] for gaps in curve.gaps.values()], facts[name].is_count
                ),
            )
            for name, curve in section.budgets.items()
        ]
        header, lines = budget_lines(section.metrics, section.budgets)
        groups.append({"section": section, "figures": drawn, "header": header, "lines": lines})
    return groups


def drawn_curves(
    rows: Sequence[Row], numbers: Table, looks: Mapping[str, Style], gallery: Gallery
) -> list[dict[str, Any]]:
    """Return, of each data set, the figures of its training curves."""
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
            label: str = CURVES.get(name, name.replace("_", " "))
            shown = {latent: mean_curve(pairs) for latent, pairs in runs.items() if pairs}
            title = label[0].upper() + label[1:]
            drawn.append(
                gallery.add(
                    curves_figure(shown, looks, title=title, label=""),
                    curves_numbers(shown),
                    kind=name,
                    data=section.data,
                    words=f"Mean over the runs of {', '.join(shown)}.",
                )
            )
        if drawn:
            groups.append({"data": section.data, "figures": drawn})
    return groups
