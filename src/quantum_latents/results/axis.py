"""The axis of a study: the places along which its groups of runs lie, and each metric there.

Notation: an axis, such as the depth of the generator, has the places x_1 < .. < x_A, one or more
groups of runs at each. `quantum_latents.results.axis_arrivals` says where a latent arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantum_latents.results.selection import data_sets, latents, metric_facts, values_by_seed
from quantum_latents.results.sign_flip import mean_interval
from quantum_latents.results.statistics import mean_standard_error

__all__ = ["AxisCurve", "Row", "axis_curve", "place_text", "rows_along"]

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AxisCurve:
    """One metric of every latent along an axis.

    Attributes:
        metric: its name.
        places: x_1 to x_A.
        values: latent -> at each place, the values of its seeds.
        means: latent -> at each place, their mean; None where there are none.
        intervals: latent -> at each place, the typical-value interval of the mean; None where
            there are too few seeds for one.
        floor: mean sampling floor of the metric; None where no row has one.
        margin: how far from the floor a latent may stay and arrive; None if none is declared.
    """

    metric: str
    places: tuple[float, ...]
    values: dict[str, tuple[tuple[float, ...], ...]]
    means: dict[str, tuple[float | None, ...]]
    intervals: dict[str, tuple[tuple[float, float] | None, ...]]
    floor: float | None
    margin: float | None


def place_text(place: float) -> str:
    """Return a place of an axis as it is written: whole numbers in full.

    >>> place_text(4.0), place_text(1e6), place_text(0.25)
    ('4', '1,000,000', '0.25')
    """
    return f"{int(place):,}" if place == int(place) and abs(place) < 1e15 else f"{place:g}"


def rows_along(rows: Iterable[Row], study: Mapping[str, Any]) -> dict[str, dict[float, list[Row]]]:
    """Return the rows of each data set at each place of the study's axis, in ascending order.

    Args:
        rows: of the study, as they were written.
        study: its `axis` gives a number to groups, its `groups` name those of each run; rows of
            no such group are left out.

    >>> row = {"run": "a", "spec": {"data": {"name": "mixture"}}}
    >>> study = {"axis": {"of": {"depth 2": 2.0}}, "groups": {"a": ["depth 2"]}}
    >>> {data: list(places) for data, places in rows_along([row], study).items()}
    {'mixture': [2.0]}
    """
    of = (study["axis"] or {}).get("of", {})
    placed: list[tuple[float, Row]] = []
    for row in rows:
        # A run in two groups at one place is one run there.
        places = {float(of[name]) for name in study["groups"].get(row["run"], ()) if name in of}
        placed += [(place, row) for place in places]
    placed.sort(key=lambda entry: entry[0])
    found: dict[str, dict[float, list[Row]]] = {
        data: {} for data in data_sets(row for _, row in placed)
    }
    for place, row in placed:
        found[row["spec"]["data"]["name"]].setdefault(place, []).append(row)
    return found


def axis_curve(
    places: Mapping[float, Sequence[Row]],
    data: str,
    metric: str,
    margin: float | None = None,
) -> AxisCurve:
    """Return a metric of every latent along an axis.

    Args:
        places: x -> its rows, from `rows_along`.
        data: name of the data set.
        metric: name of the metric.
        margin: declared for it; None for none.

    Raises:
        ValueError: no row has the metric, or two rows at a place cannot be told apart.
    """
    every = [row for x in sorted(places) for row in places[x]]
    metric_facts(every, metric)
    values = {
        latent: tuple(
            tuple(v for v in values_by_seed(rows, data, latent, metric).values() if v is not None)
            for _, rows in sorted(places.items())
        )
        for latent in latents(every)
    }
    floors = [row["metrics"].get(metric, {}).get("floor") for row in every]
    known = [floor for floor in floors if floor is not None]
    return AxisCurve(
        metric=metric,
        places=tuple(sorted(places)),
        values=values,
        means={
            latent: tuple(mean_standard_error(at)[0] if at else None for at in of_latent)
            for latent, of_latent in values.items()
        },
        intervals={
            latent: tuple(mean_interval(at) if at else None for at in of_latent)
            for latent, of_latent in values.items()
        },
        floor=mean_standard_error(known)[0] if known else None,
        margin=margin,
    )
