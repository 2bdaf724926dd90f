"""How fast the exact algorithms are on this machine: measured at small sizes, fitted, bounded.

Notation: f are the features of a `Count` and c coefficients in seconds; a shot takes ``c . f``
seconds of one core. c is the non-negative least-squares fit of ``c . f / t`` to 1 over the sizes
measured, t being the median of a size's rounds.

The interval of a prediction is no confidence interval: it is the hull of the refits that leave
one size out, or the longest ones up to a third of all, widened by the fit's worst misfit and by
the worst spread of a size's rounds. It answers to noise, to a formula that is a little wrong and to
a speed that still changes with the size, not to what only large sizes meet, such as a cache that
overflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

__all__ = ["Estimate", "Measurement", "Speed", "Speeds", "fit_speed", "planted_speed"]


@dataclass(frozen=True)
class Estimate:
    """A length of time in seconds, and the interval that it is known to.

    >>> Estimate(2.0, 1.0, 4.0).scaled(0.5)
    Estimate(seconds=1.0, low=0.5, high=2.0)
    """

    seconds: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        """Return so many times as long."""
        return Estimate(self.seconds * factor, self.low * factor, self.high * factor)

    def plus(self, other: Estimate) -> Estimate:
        """Return one after the other."""
        return Estimate(self.seconds + other.seconds, self.low + other.low, self.high + other.high)

    def to_json(self) -> dict[str, float]:
        """Return the three numbers as a JSON-able dict."""
        return {"seconds": self.seconds, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Measurement:
    """An algorithm timed at one size.

    Attributes:
        what: a speed's name: an algorithm, or an algorithm and `, once`.
        num_photons, num_modes: n and m.
        features: those of the size.
        rounds: CPU seconds of a shot (or of what is done once) on one thread, one a round.
    """

    what: str
    num_photons: int
    num_modes: int
    features: tuple[float, ...]
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median round, in seconds."""
        return float(np.median(self.rounds))

    @property
    def estimate(self) -> Estimate:
        """The median round, between the second least and the second greatest of five or more.

        One round at either end may be an accident (a table that grew, a burst of other work).
        """
        ends = sorted(self.rounds)[1:-1] if len(self.rounds) >= 5 else self.rounds
        return Estimate(self.median, min(ends), max(ends))

    @property
    def spread(self) -> float:
        """Factor, at least 1, by which the ends of `estimate` are off the median, at worst."""
        one = self.estimate
        return max(one.high / one.seconds, one.seconds / one.low)


@dataclass(frozen=True)
class Speed:
    """How fast one algorithm is.

    Attributes:
        what: its name, see `Measurement`.
        coefficients: c, seconds of a core for each feature.
        refits: c without one of the sizes, for each of them, and without several of the longest.
        widening: factor by which the hull of the refits is widened both ways, at least 1.
        measurements: what it was fitted to; empty if it was given.
        count_low_by: factor, at least 1, by which the counts of sizes that were not measured may
            be low; it widens the high end.
    """

    what: str
    coefficients: tuple[float, ...]
    refits: tuple[tuple[float, ...], ...] = ()
    widening: float = 1.0
    measurements: tuple[Measurement, ...] = ()
    count_low_by: float = 1.0

    def predict(self, features: Sequence[float]) -> Estimate:
        """Return the seconds of one core for a size with these features.

        >>> planted_speed("independent", (1e-6, 2e-6)).predict((1.0, 8.0)).seconds
        1.7e-05
        """
        if len(features) != len(self.coefficients):
            raise ValueError(
                f"the speed of {self.what!r} has {len(self.coefficients)} coefficients, "
                f"not {len(features)}, one a feature"
            )
        middle = float(np.dot(self.coefficients, features))
        hull = [middle, *(float(np.dot(refit, features)) for refit in self.refits)]
        high = max(hull) * self.widening * self.count_low_by
        return Estimate(middle, min(hull) / self.widening, high)

    def anchored(self, measurement: Measurement) -> Speed:
        """Return the speed scaled so that it predicts the median of this measurement.

        For a count that is off by a factor of its family, as that of progressive measurement is:
        the scaled speed tells larger members better, and smaller ones as too slow.
        """
        factor = measurement.median / self.predict(measurement.features).seconds
        return replace(
            self,
            coefficients=tuple(factor * c for c in self.coefficients),
            refits=tuple(tuple(factor * c for c in refit) for refit in self.refits),
            measurements=(*self.measurements, measurement),
        )

    def reaches(self, features: Sequence[float]) -> bool:
        """Whether a size as large or larger was measured, so that a prediction interpolates."""
        longest = max((self.predict(one.features).seconds for one in self.measurements), default=0)
        return self.predict(features).seconds <= longest


@dataclass(frozen=True)
class Speeds:
    """The speeds of a machine.

    Attributes:
        machine: the processor in words.
        num_threads: cores that share the shots: shots are drawn independently, so the time of a
            core is divided by them (docs/speed.md holds measured ratios).
        speeds: one for each algorithm that was measured.
    """

    machine: str
    num_threads: int
    speeds: tuple[Speed, ...]

    def with_speed(self, speed: Speed) -> Speeds:
        """Return these speeds with another one in the place of that of its name."""
        swapped = (speed if one.what == speed.what else one for one in self.speeds)
        return replace(self, speeds=tuple(swapped))

    def of(self, what: str) -> Speed:
        """Return the speed of this name.

        Raises:
            ValueError: it is not among them.
        """
        for speed in self.speeds:
            if speed.what == what:
                return speed
        known = ", ".join(speed.what for speed in self.speeds)
        raise ValueError(f"no speed of {what!r} was given, only of: {known or 'nothing'}")


def planted_speed(what: str, coefficients: Sequence[float]) -> Speed:
    """Return a speed that was not measured: its interval is a point.

    Raises:
        ValueError: a coefficient that is negative or not finite, or none above 0.
    """
    values = tuple(float(value) for value in coefficients)
    if not values or not np.isfinite(values).all() or min(values) < 0 or max(values) == 0:
        raise ValueError(f"coefficients are seconds, none below 0 and one above, not {values}")
    return Speed(what, values)


def fit_speed(measurements: Sequence[Measurement]) -> Speed:
    """Return the speed that fits the measurements of one algorithm.

    Raises:
        ValueError: none, or of several algorithms, or of fewer than three sizes.

    >>> sizes = [(1.0, 10.0 * k) for k in range(1, 5)]
    >>> timed = [Measurement("x", 1, 1, f, (2e-6 * f[1],)) for f in sizes]
    >>> [float(f"{c:.3g}") for c in fit_speed(timed).coefficients]
    [0.0, 2e-06]
    """
    names = [name for name, _ in groupby(measurements, lambda one: one.what)]
    if len(names) != 1 or len(measurements) < 3:
        raise ValueError(
            f"a speed is fitted to three sizes of one algorithm or more, not to "
            f"{len(measurements)} of {names}"
        )
    features = np.array([one.features for one in measurements])
    medians = np.array([one.median for one in measurements])
    coefficients = _fit(features, medians)
    longest = np.argsort(-medians)
    left_out = [[i] for i in range(len(medians))]
    left_out += [longest[:k] for k in range(2, len(medians) // 3 + 1)]
    refits = [_fit(np.delete(features, i, 0), np.delete(medians, i)) for i in left_out]
    ratios = features @ coefficients / medians
    misfit = float(np.maximum(ratios, 1 / ratios).max())
    spread = max(one.spread for one in measurements)
    return Speed(
        names[0],
        tuple(coefficients.tolist()),
        tuple(tuple(refit.tolist()) for refit in refits),
        misfit * spread,
        tuple(measurements),
    )


def _fit(features: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Least squares of the ratios: every size counts alike, whatever it takes."""
    from scipy.optimize import nnls  # slow to import

    ratios = features / seconds[:, None]
    scale = ratios.max(axis=0)
    scale[scale == 0] = 1.0
    coefficients, _ = nnls(ratios / scale, np.ones(len(seconds)))
    return coefficients / scale
