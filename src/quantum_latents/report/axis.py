"""What a study shows along its axis, such as the depth of a network, in lines of text.

Notation as in `quantum_latents.results.axis_arrivals`: a latent *arrives* at the first place of
the axis from which on the means over its seeds keep to every declared margin around the sampling
floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantum_latents.report.headings import arrowed
from quantum_latents.results import (
    Arrival,
    AxisCurve,
    MetricFacts,
    arrivals,
    axis_curve,
    metric_facts,
    metric_names,
    place_text,
    rows_along,
)
from quantum_latents.results.wording import number_text

__all__ = ["AXIS_FOOTNOTE", "Along", "along_axis", "axis_footnote"]

Row = Mapping[str, Any]

AXIS_FOOTNOTE = (
    "Arrives: the first place of the axis from which on, in the mean over the seeds, every metric "
    "with a margin stays within it of its sampling floor; never, where it is not within at the "
    "last. The 95 % interval is a bootstrap of the seeds, approximate; places between those that "
    "were run are not seen, and no two latents are compared by it. Within: single runs that keep "
    "to all margins, of all runs there, diverged ones among them."
)

_AGAINST = " Here a latent is held against itself at {}, seed by seed, in place of the floor."


def axis_footnote(along: Sequence[Along]) -> str:
    """Return what a reader must know of these curves; nothing where there are none."""
    if not along:
        return ""
    return AXIS_FOOTNOTE + (_AGAINST.format(along[0].against) if along[0].against else "")


@dataclass(frozen=True, kw_only=True)
class Along:
    """One data set along the axis of its study.

    Attributes:
        data: its name.
        name: of the axis, one word.
        label: what is counted or measured along it.
        margins: metric -> how far from the floor a latent may stay and arrive.
        metrics: the margins' metrics, then the other primary ones.
        curves: metric -> its curve.
        arrivals: latent -> where it arrives; without those of which nothing can be said.
        against: the group at which a latent is what it must come near to; "" for the floor.
        scale: `linear` or `log`, how the places are drawn.
    """

    data: str
    name: str
    label: str
    margins: dict[str, float]
    metrics: tuple[MetricFacts, ...]
    curves: dict[str, AxisCurve]
    arrivals: dict[str, Arrival]
    against: str
    scale: str

    @property
    def places(self) -> tuple[float, ...]:
        """x_1 to x_A."""
        return next(iter(self.curves.values())).places

    @property
    def latents(self) -> tuple[str, ...]:
        """The latents that have rows, in the order of every table."""
        return tuple(next(iter(self.curves.values())).values)

    @property
    def margins_text(self) -> str:
        """The margins in words."""
        labels = {facts.name: facts.label for facts in self.metrics}
        there = f"what it is at {self.against}" if self.against else "its floor"
        return "; ".join(
            f"{labels[metric]} within {number_text(margin)} of {there}"
            for metric, margin in self.margins.items()
            if metric in labels
        )

    @property
    def sentences(self) -> list[str]:
        """One sentence a latent: what its interval carries."""
        return [found.sentence(latent, self.label) for latent, found in self.arrivals.items()]

    def arrival_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each latent, where it arrives."""
        places = [place_text(place) for place in self.places]
        header = ["latent", "arrives at", "95 % interval", "seeds"]
        header += [f"within at {place}" for place in places]
        lines = []
        for latent in self.latents:
            if (found := self.arrivals.get(latent)) is None:
                lines.append([latent, *["–"] * (len(header) - 1)])
                continue
            dropped = f", {found.num_dropped} dropped" if found.num_dropped else ""
            seeds = f"{len(found.seeds)}{dropped}"
            counts = zip(found.num_within, found.num_runs, strict=True)
            within = [f"{kept} of {num}" for kept, num in counts]
            lines.append([latent, found.place_text, found.interval_text, seeds, *within])
        return header, lines

    def mean_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each metric and latent, the mean at every place."""
        places = [f"at {place_text(place)}" for place in self.places]
        header = ["metric", "latent", *places, "floor"]
        lines = []
        for facts in self.metrics:
            curve, count = self.curves[facts.name], facts.is_count
            heading = arrowed(facts)
            for latent, means in curve.means.items():
                texts = [number_text(mean, count=count) for mean in means]
                lines.append([heading, latent, *texts, number_text(curve.floor, count=count)])
        return header, lines

    def difference_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each metric with a margin and each latent, its differences.

        They are those from the same latent and seed at the place that it is held against, with
        the sign turned so that more is worse: mean and 95 % interval.
        """
        header = ["metric", "latent", *(f"at {place_text(place)}" for place in self.places)]
        lines = []
        for facts in self.metrics:
            for latent, found in self.arrivals.items():
                if facts.name not in found.excesses:
                    continue
                texts = [
                    _difference_text(mean, interval)
                    for mean, interval in zip(
                        found.excesses[facts.name],
                        found.excess_intervals[facts.name],
                        strict=True,
                    )
                ]
                lines.append([facts.heading, latent, *texts])
        return header, lines


def _difference_text(mean: float, interval: tuple[float, float] | None) -> str:
    if mean == 0 and interval in (None, (0.0, 0.0)):
        return "0"
    text = number_text(mean, signed=True)
    if interval is None:
        return text
    return f"{text} [{', '.join(number_text(end, signed=True) for end in interval)}]"


def along_axis(rows: Sequence[Row], study: Mapping[str, Any]) -> tuple[Along, ...]:
    """Return every data set along the study's axis; none where it has no axis yet.

    Args:
        rows: of the study, as they were written.
        study: checked; its `axis` and `groups` say what lies where.

    Data sets with rows at a single place are left out: they are not along anything.

    Raises:
        ValueError: two rows at a place share data set, latent and seed.
    """
    if study["axis"] is None:
        return ()
    against = study["axis"].get("against", "")
    held = study["axis"]["of"][against] if against else None
    found = []
    for data, places in rows_along(rows, study).items():
        every = [row for at in places.values() for row in at]
        present = metric_names(every)
        margins = {m: float(margin) for m, margin in study["axis"]["margins"].items()}
        wanted = dict.fromkeys([*margins, *study["primary_metrics"]])
        names = [name for name in wanted if name in present] or present[:1]
        if len(places) < 2 or not names:
            continue
        found.append(
            Along(
                data=data,
                name=study["axis"]["name"],
                label=study["axis"]["label"],
                margins=margins,
                metrics=tuple(metric_facts(every, name) for name in names),
                curves={name: axis_curve(places, data, name, margins.get(name)) for name in names},
                arrivals=arrivals(places, data, margins, against=held) if margins else {},
                against=against,
                scale=study["axis"].get("scale", "linear"),
            )
        )
    return tuple(found)
