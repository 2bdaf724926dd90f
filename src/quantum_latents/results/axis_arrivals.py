"""How far along an axis of a study a latent must go until it is as good as the data.

Notation: an axis, such as the depth of the generator, has the places x_1 < .. < x_A, one or more
groups of runs at each. The *excess* e_sa of seed s at x_a is the metric's value minus its own
sampling floor, its sign turned so that more is worse; or, where the axis names a place x_r that
latents are held *against*, minus the value of the same latent and seed there. A margin m is
declared beforehand for every metric that must be met. With the mean excess e_a over the seeds, a
latent *arrives* at

    x* = min { x_a : e_b <= m for every metric and every b >= a },

the first place from which on it stays within all margins. To be there once and to leave again is
not to arrive, and where the last place misses a margin there is no x*: never, as far as the study
went. Places in between, which no run has, are not spoken of.

The interval is that of a bootstrap of the seeds (Efron 1979): n of them are drawn with
replacement, each with all its places, and x* is taken from every such sample, with never beyond
all places. It runs between the percentiles of those, taken outwards and widened to hold x* itself.
It is approximate, and says how the answer moves with the seeds, nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from quantum_latents.random import stream
from quantum_latents.results.axis import Row, place_text
from quantum_latents.results.selection import latents, values_by_seed
from quantum_latents.results.sign_flip import MIN_PAIRS_INTERVAL, mean_interval
from quantum_latents.results.verdicts import MIN_SEEDS_VERDICT

__all__ = ["Arrival", "arrival", "arrivals"]

_RESAMPLES = 9_999


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Where along an axis a latent arrives.

    Attributes:
        places: x_1 to x_A.
        seeds: those with every metric at every place, ascending.
        num_dropped: seeds left out because something is missing.
        excesses: metric -> mean excess at each place.
        place: x*; None for never.
        confidence: of the interval.
        interval: by bootstrap of the seeds, an end None for never; None as a whole where there
            are too few seeds for one.
        num_within: runs at each place that keep to all margins by themselves.
        num_runs: runs at each place, those that diverged included.
        excess_intervals: metric -> at each place, the typical-value interval of the mean excess;
            None where there are too few seeds for one.
        against: the place that the latent is held against, where its excess is 0 by definition,
            so that to arrive there alone is not to arrive; None for the floor.
    """

    places: tuple[float, ...]
    seeds: tuple[int, ...]
    num_dropped: int
    excesses: dict[str, tuple[float, ...]]
    place: float | None
    confidence: float
    interval: tuple[float | None, float | None] | None
    num_within: tuple[int, ...]
    num_runs: tuple[int, ...]
    excess_intervals: dict[str, tuple[tuple[float, float] | None, ...]]
    against: float | None = None

    @property
    def code(self) -> Literal["too few", "arrives", "never", "undecided"]:
        """What the interval carries: a place, none, or neither; nothing below ten seeds."""
        if len(self.seeds) < MIN_SEEDS_VERDICT or self.interval is None:
            return "too few"
        low, high = self.interval
        if high is not None:
            return "arrives"
        return "never" if low is None else "undecided"

    @property
    def place_text(self) -> str:
        """x*, or that there is none as far as the study went."""
        last = f"never within {place_text(self.places[-1])}"
        if self.place is not None and self.place == self.against:
            return f"nowhere before {place_text(self.place)}"
        return last if self.place is None else self._text(self.place)

    @property
    def interval_text(self) -> str:
        """The interval in brackets, or a dash."""
        if self.interval is None:
            return "–"
        low, high = map(self._text, self.interval)
        return f"[{low}, {high}]"

    def sentence(self, latent: str, label: str) -> str:
        """Return what can be said of the latent, and no more.

        Args:
            latent: its name.
            label: what is counted along the axis, such as "hidden layers".
        """
        last = place_text(self.places[-1])
        if self.code == "too few":
            return (
                f"Too few seeds to say where {latent} arrives: {len(self.seeds)} of at least "
                f"{MIN_SEEDS_VERDICT}."
            )
        if self.code == "never":
            return f"{latent} does not arrive within {last} {label}, {len(self.seeds)} seeds."
        interval = f"the 95 % interval {self.interval_text}, {len(self.seeds)} seeds"
        if self.confidence != 0.95:
            interval = interval.replace("95 %", f"{100 * self.confidence:g} %")
        if self.place is not None and self.place == self.against:
            return (
                f"{latent} comes within the margins nowhere before {self._text(self.place)} "
                f"{label}, where it is held against itself; {interval}."
            )
        if self.code == "arrives":
            return f"{latent} arrives at {self.place_text} {label}; {interval}."
        return f"Whether {latent} arrives within {last} {label} is undecided; {interval}."

    def _text(self, place: float | None) -> str:
        return "never" if place is None else place_text(place)


def arrivals(
    places: Mapping[float, Sequence[Row]],
    data: str,
    margins: Mapping[str, float],
    *,
    against: float | None = None,
) -> dict[str, Arrival]:
    """Return where each latent arrives; those of which nothing can be said are left out.

    Args:
        places: x -> its rows, from `rows_along`.
        data: name of the data set.
        margins: by metric, all of which must be met.
        against: the place x_r whose values of the same latent and seed take the floor's part;
            None for the floor.

    A latent without a seed that has every metric, with its floor, at every place is left out.

    Raises:
        ValueError: a margin is negative, or two rows at a place cannot be told apart.
    """
    every = [row for rows in places.values() for row in rows]
    found = {}
    for latent in latents(every):
        excesses = {
            metric: {x: _excesses(rows, data, latent, metric) for x, rows in places.items()}
            for metric in margins
        }
        if against is not None:
            excesses = {metric: _less(of, against) for metric, of in excesses.items()}
        if (arrived := arrival(excesses, margins)) is not None:
            found[latent] = replace(arrived, against=against)
    return found


def arrival(
    excesses: Mapping[str, Mapping[float, Mapping[int, float | None]]],
    margins: Mapping[str, float],
    *,
    confidence: float = 0.95,
) -> Arrival | None:
    """Return where the mean over the seeds arrives, or None if no seed has all that it takes.

    Args:
        excesses: metric -> place -> seed -> excess over the floor; None for a run that diverged.
        margins: by metric.
        confidence: of the interval.

    Raises:
        ValueError: no metric, another metric than the margins name, metrics at different places,
            fewer than two places, or a number that is not finite or, of a margin, negative.

    >>> e = {1.0: {0: 0.3, 1: 0.2}, 2.0: {0: 0.0, 1: 0.04}, 4.0: {0: 0.01, 1: 0.0}}
    >>> found = arrival({"share_between": e}, {"share_between": 0.02})
    >>> found.place, found.num_within, found.interval
    (2.0, (0, 1, 2), None)
    """
    places = _checked(excesses, margins, confidence)
    at = {x: [excesses[metric].get(x, {}) for metric in margins] for x in places}
    every = sorted({seed for of_metrics in at.values() for of in of_metrics for seed in of})
    seeds = [s for s in every if all(of.get(s) is not None for x in places for of in at[x])]
    if not seeds:
        return None
    e = np.array([[[of[s] for s in seeds] for of in at[x]] for x in places], dtype=float)
    if not np.isfinite(e).all():
        raise ValueError(f"an excess is a finite number, not {float(e[~np.isfinite(e)][0])}")
    m = np.array([margins[metric] for metric in margins])
    one_each = np.full((1, len(seeds)), 1 / len(seeds))
    first = int(_first_within(e, m, one_each)[0])
    num_runs = tuple(len({seed for of in at[x] for seed in of}) for x in places)
    num_within = tuple(
        sum(
            all(_keeps(of.get(seed), margin) for of, margin in zip(at[x], m, strict=True))
            for seed in every
        )
        for x in places
    )
    beyond: list[float | None] = [*places, None]
    return Arrival(
        places=places,
        seeds=tuple(seeds),
        num_dropped=len(every) - len(seeds),
        excesses={
            metric: tuple(e[:, index].mean(1).tolist()) for index, metric in enumerate(margins)
        },
        place=beyond[first],
        confidence=confidence,
        interval=_interval(e, m, first, confidence, beyond),
        num_within=num_within,
        num_runs=num_runs,
        excess_intervals={
            metric: tuple(mean_interval(at_place) for at_place in e[:, index])
            for index, metric in enumerate(margins)
        },
    )


def _interval(
    e: np.ndarray, m: np.ndarray, first: int, confidence: float, beyond: Sequence[float | None]
) -> tuple[float | None, float | None] | None:
    """Return the percentiles of x* over bootstrap samples; e is (A, metrics, n)."""
    num_seeds = e.shape[2]
    if num_seeds < MIN_PAIRS_INTERVAL:
        return None
    drawn = (
        stream(0, "results", "axis")
        .generator()
        .multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=_RESAMPLES)
    )
    found = np.sort(_first_within(e, m, drawn / num_seeds))
    cut = math.floor((1 - confidence) / 2 * (_RESAMPLES + 1) + 1e-9)
    low, high = found[max(0, cut - 1)], found[min(_RESAMPLES, _RESAMPLES - cut + 1) - 1]
    return beyond[min(int(low), first)], beyond[max(int(high), first)]


def _first_within(e: np.ndarray, m: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return for each row of weights (B, n) the index of x*, A for never."""
    means = np.einsum("bn,akn->bak", weights, e)
    # What is equal to the margin but for rounding keeps to it.
    within = (means <= m + 1e-12 * np.maximum(1, np.abs(m))).all(axis=2)
    stays = np.logical_and.accumulate(within[:, ::-1], axis=1)
    return e.shape[0] - stays.sum(axis=1)


def _keeps(excess: float | None, margin: float) -> bool:
    return excess is not None and excess <= margin + 1e-12 * max(1, abs(margin))


def _excesses(rows: Sequence[Row], data: str, latent: str, metric: str) -> dict[int, float | None]:
    """Return the excess of each seed over its own floor; None without a value or a floor."""
    floors = {
        row["spec"]["seed"]: (entry.get("floor"), entry.get("direction"))
        for row in rows
        if row["spec"]["latent"]["name"] == latent
        for entry in [row["metrics"].get(metric, {})]
    }
    excesses: dict[int, float | None] = {}
    for seed, value in values_by_seed(rows, data, latent, metric).items():
        floor, direction = floors[seed]
        if value is None or floor is None:
            excesses[seed] = None
        else:
            excesses[seed] = value - floor if direction == "lower" else floor - value
    return excesses


def _less(
    excesses: Mapping[float, Mapping[int, float | None]], against: float
) -> dict[float, dict[int, float | None]]:
    """Return the excesses over those of the same seed at one of the places.

    Floors cancel: what is compared is one latent with itself on the same data.
    """
    zero = excesses.get(against, {})

    def less(seed: int, excess: float | None) -> float | None:
        there = zero.get(seed)
        return None if excess is None or there is None else excess - there

    return {x: {s: less(s, e) for s, e in of.items()} for x, of in excesses.items()}


def _checked(
    excesses: Mapping[str, Mapping[float, Any]], margins: Mapping[str, float], confidence: float
) -> tuple[float, ...]:
    """Return the places, ascending."""
    if not margins or set(excesses) != set(margins):
        raise ValueError(
            f"every metric needs a margin and its excesses: {sorted(excesses)}, {sorted(margins)}"
        )
    for metric, margin in margins.items():
        if not (math.isfinite(margin) and margin >= 0):
            raise ValueError(f"the margin of {metric!r} is a number >= 0, not {margin!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence!r}")
    sets = {tuple(sorted(of)) for of in excesses.values()}
    if len(sets) > 1:
        raise ValueError(f"metrics lie at different places of the axis: {sorted(sets)}")
    (places,) = sets
    if len(places) < 2 or not all(math.isfinite(x) for x in places):
        raise ValueError(f"an axis has two finite places or more, not {list(places)}")
    return places
