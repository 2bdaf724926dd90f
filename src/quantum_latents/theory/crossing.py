"""From which size on a processor draws faster than this machine.

Notation: m modes, n photons; a *family* is a sequence of systems of which member n has n photons.

- Haar (and a unitary of one's own, of which no structure is used): m = ceil(r n), r modes a photon.
- Time bins: the delays stay, the input is repeated until n photons have entered.

The processor is taken to keep its rate at every size. In time bins one pulse follows another, so
there it is the time of a bin that it keeps: a shot of m bins takes m / m_0 times as long as one of
the m_0 bins that the rate was measured with. Both are kind to the processor: with a transmission
eta a photon, the shots that keep n photons fall as eta**n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.samplers.occupation import MAX_PHOTONS
from quantum_latents.theory.exact_algorithms import Count, counts_of
from quantum_latents.theory.speeds import Estimate, Speeds

__all__ = ["PT2", "Crossing", "ProcessorRate", "crossing", "family_member", "seconds_of"]


_MOST_SETTLED = 1000
"""Photons of the longest train of time bins that is looked at."""


@dataclass(frozen=True)
class ProcessorRate:
    """How fast a processor delivers shots.

    Attributes:
        name: of the processor.
        shots_per_second: those that are kept.
        num_modes: of a shot, at that rate; None takes the system that it is held against.
        source: where the rate is from.

    Raises:
        ValueError: a rate that is not positive and finite.
    """

    name: str
    shots_per_second: float
    num_modes: int | None
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.shots_per_second < math.inf:
            raise ValueError(
                f"a processor's rate is a positive number of shots a second, "
                f"not {self.shots_per_second}"
            )


PT2 = ProcessorRate(
    "ORCA PT-2",
    500_000 / 2400,
    32,
    "500,000 shots of 16 photons in 32 time bins in 40 minutes: Bacarreza et al., arXiv 2508.19857",
)
"""The paper's processor; its interferometer is two loops of delay 1."""


@dataclass(frozen=True)
class Crossing:
    """Where the processor overtakes, within a family.

    Attributes:
        family: in words.
        outcome: `crosses`; `never`, where the classical time stays below at every size; or
            `not found`, where it stays below up to the largest member looked at.
        num_photons, num_modes: of the first member from which the processor is faster, None
            where there is none.
        interval: that number of photons if every classical time is at the high and at the low
            end of its interval; None in the place of a number where there is no crossing.
        factor_at_most: classical over processor time for ever more time bins; None where it
            grows without bound.
        factor_interval: of that factor, by the interval of the classical time.
        searched_to: photons of the largest member looked at.
        extrapolated: whether the classical time at the crossing (or at the largest member) is
            extrapolated.
    """

    family: str
    outcome: Literal["crosses", "never", "not found"]
    num_photons: int | None
    num_modes: int | None
    interval: tuple[int | None, int | None]
    factor_at_most: float | None
    factor_interval: tuple[float, float] | None
    searched_to: int
    extrapolated: bool

    def to_json(self) -> dict[str, Any]:
        """Return the crossing as a JSON-able dict."""
        content = {**asdict(self), "interval": list(self.interval)}
        if self.factor_interval is not None:
            content["factor_interval"] = list(self.factor_interval)
        return content


def seconds_of(count: Count, speeds: Speeds, num_samples: int) -> Estimate:
    """Return the core-seconds of a shot, what is done once spread over `num_samples`.

    One core does that while the others wait, so it counts for all of them.
    """
    shot = speeds.of(count.algorithm).predict(count.features)
    if count.once_features:
        once = speeds.of(f"{count.algorithm}, once").predict(count.once_features)
        return shot.plus(once.scaled(speeds.num_threads / num_samples))
    return shot


def family_member(
    recipe: Mapping[str, Any], occupation: tuple[int, ...], num_photons: int
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the recipe's kind, modes and delays, and the input, of the member with n photons.

    >>> device = {"kind": "time-bin", "num_modes": 4, "delays": [1]}
    >>> family_member(device, (1, 0, 2, 0), 4)[1]
    (1, 0, 2, 0, 1, 0)
    """
    period, photons = len(occupation), sum(occupation)
    if recipe["kind"] != "time-bin":
        num_modes = math.ceil(period * num_photons / photons)
        spread = (
            evenly_spread(num_modes, num_photons)
            if num_photons <= num_modes
            else _piled(num_modes, num_photons)
        )
        return {"kind": recipe["kind"], "num_modes": num_modes}, spread
    whole, left = divmod(num_photons, photons)
    tail: list[int] = []
    # The last period goes on while photons are left, and through the empty bins behind them.
    for number in occupation if left else ():
        if sum(tail) >= left and number:
            break
        tail.append(min(number, left - sum(tail)))
    filled = occupation * whole + tuple(tail)
    shortest = max(recipe["delays"]) + 1
    filled += (0,) * (shortest - len(filled))
    return {"kind": "time-bin", "num_modes": len(filled), "delays": recipe["delays"]}, filled


def crossing(
    recipe: Mapping[str, Any],
    occupation: tuple[int, ...],
    speeds: Speeds,
    rate: ProcessorRate = PT2,
    *,
    num_samples: int = 500_000,
    interference: float = 1.0,
    transmission: float = 1.0,
) -> Crossing:
    """Return from how many photons on the processor is faster than the best algorithm here.

    The algorithms are those of `counts_of` within this library's limits of memory; that no
    more than 40 photons are drawn by Clifford-Clifford is no limit here, its time is told by
    formula. All cores of the speeds draw at once.

    Args:
        recipe: of the interferometer whose family is asked about.
        occupation: its input; its photons a mode are the family's.
        speeds: of this machine.
        rate: of the processor.
        num_samples: shots over which the law that enumeration writes out is spread.
        interference: overlap of two photons, as in `counts_of`.
        transmission: probability that a photon enters.

    Raises:
        ValueError: an input without photons, or a speed that is missing.
    """
    if sum(occupation) < 1:
        raise ValueError("a family grows with its photons: put one in")
    noise = {"interference": interference, "transmission": transmission}
    period = _period(occupation)
    per_bin = recipe["kind"] == "time-bin"
    reference = len(occupation) if rate.num_modes is None else rate.num_modes

    @cache
    def race(num_photons: int) -> tuple[Estimate, bool]:
        """Classical over processor time of a member, and whether it is extrapolated."""
        member, filled = family_member(recipe, period, num_photons)
        count, seconds = _best(counts_of(member, filled, **noise), speeds, num_samples)
        size = len(filled) / reference if per_bin else 1.0
        ratio = seconds.scaled(rate.shots_per_second / size / speeds.num_threads)
        return ratio, not speeds.of(count.algorithm).reaches(count.features)

    family = _family_words(recipe, occupation)
    if per_bin and interference == 1:
        settled = _settled(recipe, period)
        if settled is not None:
            limit = _limit(recipe, period, settled, speeds).scaled(
                rate.shots_per_second * reference / speeds.num_threads
            )
            return _of_bins(family, race, settled, limit, recipe, period)
    return _of_growth(family, race, recipe, period)


Race = Callable[[int], tuple[Estimate, bool]]
End = Literal["seconds", "low", "high"]


def _first(race: Race, end: End, most: int) -> int | None:
    """The first member, of at most so many photons, that the processor wins; None if none.

    By doubling and bisection: the classical time grows with n.
    """
    lost, won = 0, 1
    while getattr(race(won)[0], end) <= 1:
        if won == most:
            return None
        lost, won = won, min(2 * won, most)
    while won - lost > 1:
        middle = (lost + won) // 2
        if getattr(race(middle)[0], end) <= 1:
            lost = middle
        else:
            won = middle
    return won


def _of_growth(
    family: str, race: Race, recipe: Mapping[str, Any], occupation: tuple[int, ...]
) -> Crossing:
    """A classical time that grows beyond every bound, looked at up to so many photons."""
    found = _first(race, "seconds", MAX_PHOTONS)
    at = MAX_PHOTONS if found is None else found
    return Crossing(
        family,
        "not found" if found is None else "crosses",
        found,
        None if found is None else len(family_member(recipe, occupation, found)[1]),
        (_first(race, "high", MAX_PHOTONS), _first(race, "low", MAX_PHOTONS)),
        None,
        None,
        at,
        race(at)[1],
    )


def _of_bins(
    family: str,
    race: Race,
    settled: int,
    limit: Estimate,
    recipe: Mapping[str, Any],
    occupation: tuple[int, ...],
) -> Crossing:
    """A classical time that becomes linear in the bins: its slope decides."""

    def first(end: End) -> int | None:
        slope = getattr(limit, end)
        if slope <= 1:
            return None
        found = _first(race, end, settled)
        if found is not None:
            return found
        # From here on the ratio is slope - gap / n: where it passes 1 follows.
        gap = (slope - getattr(race(settled)[0], end)) * settled
        return max(settled + 1, math.ceil(gap / (slope - 1)))

    found = first("seconds")
    at = settled if found is None else found
    return Crossing(
        family,
        "never" if found is None else "crosses",
        found,
        None if found is None else len(family_member(recipe, occupation, found)[1]),
        (first("high"), first("low")),
        limit.seconds,
        (limit.low, limit.high),
        at,
        race(min(at, settled))[1],
    )


def _best(counts: tuple[Count, ...], speeds: Speeds, num_samples: int) -> tuple[Count, Estimate]:
    """The least time of those that fit into memory; Clifford-Clifford always does."""
    timed = [
        (count, seconds_of(count, speeds, num_samples))
        for count in counts
        if not count.refusal or count.algorithm == "clifford-clifford"
    ]
    return min(timed, key=lambda one: one[1].seconds)


def _settled(recipe: Mapping[str, Any], occupation: tuple[int, ...]) -> int | None:
    """Photons of a member whose loops hold what they will ever hold; None if memory does not."""
    held = sum(recipe["delays"]) + 1
    periods = math.ceil(8 * held / len(occupation)) + 1
    num_photons = max(2, periods * sum(occupation))
    if num_photons > _MOST_SETTLED:
        return None
    count = counts_of(*family_member(recipe, occupation, num_photons))[-1]
    measurable = count.algorithm == "progressive" and not count.refusal
    return num_photons if measurable else None


def _limit(
    recipe: Mapping[str, Any], occupation: tuple[int, ...], settled: int, speeds: Speeds
) -> Estimate:
    """Seconds of one core that a bin more takes, from two members that have settled."""
    more = settled + sum(occupation)
    small, large = (
        counts_of(*family_member(recipe, occupation, n))[-1].features for n in (settled, more)
    )
    period = large[0] - small[0]
    added = tuple((b - a) / period for a, b in zip(small, large, strict=True))
    return speeds.of("progressive").predict(added)


def _period(occupation: tuple[int, ...]) -> tuple[int, ...]:
    """The shortest input that the occupation is a repetition of."""
    size = len(occupation)
    lengths = (k for k in range(1, size + 1) if size % k == 0)
    return next(occupation[:k] for k in lengths if occupation[:k] * (size // k) == occupation)


def _family_words(recipe: Mapping[str, Any], occupation: tuple[int, ...]) -> str:
    per_photon = f"{len(occupation) / sum(occupation):.3g}"
    if recipe["kind"] == "time-bin":
        delays = "-".join(str(delay) for delay in recipe["delays"])
        bins = "bin" if per_photon == "1" else "bins"
        return f"time bins with delays {delays}, {per_photon} {bins} a photon"
    kind = "Haar" if recipe["kind"] == "haar" else "unitaries without structure that is used"
    return f"{kind}, {per_photon} modes a photon"


def _piled(num_modes: int, num_photons: int) -> tuple[int, ...]:
    whole, left = divmod(num_photons, num_modes)
    return tuple(whole + (i < left) for i in range(num_modes))
