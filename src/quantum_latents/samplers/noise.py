"""The noise of a real device: what may go wrong with a photon, from its source to its click.

Notation: m modes, n photons of the occupation in input columns c_1 .. c_n; ``S_kl`` is the
overlap ``<phi_k | phi_l>`` of the internal states (wavelength, time, polarisation) of photons
k and l; x is the overlap when it is the same for all pairs. A transmission is the probability
that a photon gets through.

A photon's way, in the order in which noise acts:

1. which photons of the occupation are asked for in this shot (`input_photons`);
2. whether their sources emit, and one photon or two (`emission`, `g2`);
3. the way to the interferometer (`input_transmission`);
4. interference (`interference` or `gram`), with loss in the loops (`loop_transmission`);
5. the way to the detector and the detector itself (`output_transmission`,
   `detector_efficiency`), its dark counts (`dark_counts`), and whether it counts (`threshold`);
6. which shots are kept (`at_least`, `exactly`), by the sum of the counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from quantum_latents.samplers.occupation import MAX_PHOTONS, Occupation, checked_occupation

__all__ = ["MIN_ACCEPTANCE", "Noise", "dark_count_table", "double_emission"]

MIN_ACCEPTANCE = 1e-6
"""Least share of shots that a post-selection may keep."""

PerMode = float | tuple[float, ...]
"""One number for all modes, or one a mode."""

_PROBABILITIES = ("emission", "input_transmission", "output_transmission", "detector_efficiency")

_GRAM_TOLERANCE = 1e-9
"""Largest deviation of a Gram matrix from Hermitian, unit diagonal and no negative eigenvalue."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise of a device; ``Noise()`` is the ideal one.

    Attributes:
        interference: x in [0, 1]. Every photon is in one common internal state with probability
            x, and else shares its state with nobody. For at most one photon in each input mode
            this is exactly ``S_kl = x`` for all pairs; for bunched inputs it is the definition.
            Two photons on a balanced splitter dip by x**2, the visibility of Hong, Ou and
            Mandel; Perceval's `indistinguishability` is that visibility, x**2.
        gram: the overlaps S_kl instead, Hermitian with unit diagonal and no negative
            eigenvalue, (n, n), in the order of the input columns; None for `interference`.
            Photons that share an input mode are put there by the creation operators of their
            states, and the state is normalised. For small systems.
        emission: probability that a source emits at all, in [0, 1]; one number or one a mode.
        input_photons: so many photons of the occupation, chosen uniformly, are asked for in
            each shot; None for all. With one photon in every mode: k of m modes.
        g2: g2(0) of the sources, in [0, 1/2]. A source emits two photons with probability p2
            and one with probability p1 = emission - p2, where
            ``g2 = 2 p2 / (p1 + 2 p2)**2``.
        extra_photon: the second photon is ``"distinguishable"``, interfering with nobody (the
            usual model of a quantum dot), or ``"indistinguishable"``, in the common state
            whatever x is. Both are Perceval's.
        input_transmission: before the interferometer, in [0, 1]; one number or one a mode.
        loop_transmission: of one passage of the delay line, in [0, 1], one number a loop, for
            time-bin interferometers: bin i is damped on its way to meet bin i + d. None for 1.
        output_transmission: after the interferometer, in [0, 1]; one number or one a mode.
        detector_efficiency: in [0, 1]; one number or one a mode.
        dark_counts: mean number of dark counts in a mode and shot, Poisson distributed and
            independent of the light; one number or one a mode.
        threshold: detectors that click or not: counts are clipped at 1, after dark counts.
        at_least: keep the shots with at least so many counts in all; None keeps all.
        exactly: keep the shots with exactly so many counts in all; None keeps all.

    Raises:
        TypeError, ValueError: a field out of range, named; fields that exclude each other.

    Sources: Renema et al., arXiv 1707.02793, and Moylett et al., arXiv 1907.00022, for the mixture
    of x; Shchesnovich, arXiv 1410.1506, for the overlaps; Pont et al., arXiv 2211.15626, for the
    source.

    >>> Noise(interference=0.9, detector_efficiency=0.8).is_ideal
    False
    >>> Noise.from_json(Noise(g2=0.01).to_json()) == Noise(g2=0.01)
    True
    """

    interference: float = 1.0
    gram: tuple[tuple[complex, ...], ...] | None = None
    emission: PerMode = 1.0
    input_photons: int | None = None
    g2: float = 0.0
    extra_photon: Literal["distinguishable", "indistinguishable"] = "distinguishable"
    input_transmission: PerMode = 1.0
    loop_transmission: tuple[float, ...] | None = None
    output_transmission: PerMode = 1.0
    detector_efficiency: PerMode = 1.0
    dark_counts: PerMode = 0.0
    threshold: bool = False
    at_least: int | None = None
    exactly: int | None = None

    def __post_init__(self) -> None:
        def settle(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        settle("interference", _number("interference", self.interference, 1.0))
        settle("g2", _number("g2", self.g2, 0.5))
        for name in _PROBABILITIES:
            settle(name, _per_mode(name, getattr(self, name), 1.0))
        settle("dark_counts", _per_mode("dark_counts", self.dark_counts, math.inf))
        if self.loop_transmission is not None:
            loops = _per_mode("loop_transmission", self.loop_transmission, 1.0)
            if not isinstance(loops, tuple):
                raise TypeError(
                    f"loop_transmission holds one number a loop, such as ({loops:g},), not {loops}"
                )
            settle("loop_transmission", loops)
        if self.gram is not None:
            settle("gram", _checked_gram(self.gram))
            if self.interference != 1:
                raise ValueError(
                    "overlaps are given once: interference, the same for all pairs, or gram"
                )
        if self.extra_photon not in ("distinguishable", "indistinguishable"):
            raise ValueError(
                "extra_photon is 'distinguishable' or 'indistinguishable', "
                f"not {self.extra_photon!r}"
            )
        if not isinstance(self.threshold, bool):
            raise TypeError(f"threshold is True or False, not {self.threshold!r}")
        for name in ("input_photons", "at_least", "exactly"):
            if (value := getattr(self, name)) is not None:
                settle(name, _whole(name, value))
        if self.at_least is not None and self.exactly is not None:
            raise ValueError("shots are kept by at_least or by exactly, not by both")

    @property
    def is_ideal(self) -> bool:
        """Whether this is ``Noise()``, field by field."""
        return self == Noise()

    @property
    def selects(self) -> bool:
        """Whether shots may be discarded."""
        return self.exactly is not None or (self.at_least or 0) > 0

    def selected(self, totals: np.ndarray) -> np.ndarray:
        """Return which shots with so many counts in all are kept, bool (N,)."""
        if self.exactly is not None:
            return totals == self.exactly
        return totals >= (self.at_least or 0)

    def in_modes(self, name: str, num_modes: int) -> np.ndarray:
        """Return a field of one number or one a mode, float64 (m,).

        Raises:
            ValueError: as many numbers as modes are not given.
        """
        value = getattr(self, name)
        if isinstance(value, tuple) and len(value) != num_modes:
            raise ValueError(
                f"{name} of {num_modes} modes is one number or {num_modes}, not {len(value)}"
            )
        return np.broadcast_to(np.array(value, dtype=np.float64), (num_modes,)).copy()

    def checked(self, num_modes: int, occupation: Occupation) -> tuple[int, ...]:
        """Return the occupation, once this noise is known to fit it.

        Raises:
            TypeError, ValueError: a bad occupation; a field of another number of modes or
                photons; a combination that is not exact, named; counts that may exceed 255.
        """
        t = checked_occupation(occupation, num_modes)
        for name in (*_PROBABILITIES, "dark_counts"):
            self.in_modes(name, num_modes)
        num_photons = sum(t)
        if self.input_photons is not None and self.input_photons > num_photons:
            raise ValueError(
                f"input_photons is at most the {num_photons} photons of the occupation, "
                f"not {self.input_photons}"
            )
        if self.gram is not None:
            if len(self.gram) != num_photons:
                raise ValueError(
                    f"the Gram matrix of {num_photons} photons is {num_photons} by "
                    f"{num_photons}, not {len(self.gram)} by {len(self.gram)}"
                )
            if self.g2 > 0:
                raise ValueError("a Gram matrix with g2 is not supported: give interference")
            if self.input_photons is not None:
                raise ValueError(
                    "a Gram matrix with input_photons is not supported: give interference"
                )
        most = num_photons * (2 if self.g2 > 0 else 1)
        if not self.threshold:
            dark = dark_count_table(self.in_modes("dark_counts", num_modes)).shape[1] - 1
            if most + dark > MAX_PHOTONS:
                raise ValueError(
                    f"counts are uint8: {most} photons and {dark} dark counts in one mode exceed "
                    f"{MAX_PHOTONS}; use fewer, or threshold detectors"
                )
        elif most > MAX_PHOTONS:
            raise ValueError(
                f"counts are uint8: at most {MAX_PHOTONS} photons a shot, and g2 makes {most} "
                "of them possible"
            )
        return t

    def to_json(self) -> dict[str, Any]:
        """Return the noise as a JSON-able dict; complex numbers are pairs [re, im]."""
        content: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            content[field.name] = list(value) if isinstance(value, tuple) else value
        if self.gram is not None:
            content["gram"] = [[[z.real, z.imag] for z in row] for row in self.gram]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Noise:
        """Return the noise that `to_json` wrote.

        Raises:
            TypeError: not a dict.
            ValueError: a missing or an unknown field.
        """
        if not isinstance(content, Mapping):
            raise TypeError(f"a noise is a dict, not {content!r}")
        names = {field.name for field in fields(cls)}
        if unknown := set(content) - names:
            raise ValueError(f"a noise has no fields {sorted(unknown)}")
        if missing := names - set(content):
            raise ValueError(f"a noise lacks {sorted(missing)}")
        values = dict(content)
        if values["gram"] is not None:
            try:
                values["gram"] = [[complex(*pair) for pair in row] for row in values["gram"]]
            except TypeError as error:
                raise TypeError(f"gram is written as rows of pairs [re, im]: {error}") from error
        return cls(**values)


def double_emission(g2: float, emission: np.ndarray) -> np.ndarray:
    """Return the probability that a source which emits emits two photons, float64.

    With q = p2 / emission, ``g2 emission (1 + q)**2 = 2 q``; the smaller root.

    >>> q = double_emission(0.2, np.array([1.0, 0.5]))
    >>> p1, p2 = 0.5 * (1 - q[1]), 0.5 * q[1]
    >>> round(float(2 * p2 / (p1 + 2 * p2) ** 2), 12)
    0.2
    """
    g = g2 * np.asarray(emission, dtype=np.float64)
    # (1 - g - sqrt(1 - 2 g)) / g, without its cancellation at small g.
    return g / (1 - g + np.sqrt(1 - 2 * g))


def dark_count_table(means: np.ndarray) -> np.ndarray:
    """Return the running sums of Poisson laws up to where a double ends, float64 (m, K).

    Row i holds ``P(dark counts <= k)``, k = 0 .. K - 1; it ends with 1, since no uniform number
    of 53 bits lies beyond.

    Raises:
        ValueError: a mean above 200, more than uint8 counts can hold.

    >>> dark_count_table(np.array([0.0])).tolist()
    [[1.0]]
    """
    if means.max(initial=0.0) > 200:
        raise ValueError(
            f"counts are uint8: a mean of {means.max():g} dark counts is too many, use at most 200"
        )
    rows = []
    for mean in means.tolist():
        term = total = math.exp(-mean)
        row = [total]
        while total < 1 - 2**-53 and (len(row) <= mean or term > 2**-60):
            term *= mean / len(row)
            total += term
            row.append(total)
        row[-1] = 1.0
        rows.append(row)
    longest = max(map(len, rows), default=1)
    return np.array([row + [1.0] * (longest - len(row)) for row in rows])


def _number(name: str, value: object, most: float) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"{name} is a number, not {value!r}")
    if not 0 <= value <= most or value == math.inf:
        bounds = "finite and at least 0" if most == math.inf else f"between 0 and {most:g}"
        raise ValueError(f"{name} is {bounds}, not {value}")
    return float(value)


def _per_mode(name: str, value: object, most: float) -> PerMode:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"{name} is one number or one for each, not none")
        return tuple(_number(name, entry, most) for entry in value)
    return _number(name, value, most)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} is at least 0, not {value}")
    return int(value)


def _checked_gram(gram: object) -> tuple[tuple[complex, ...], ...]:
    try:
        matrix = np.array(gram, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise TypeError(f"gram is a square matrix of numbers: {error}") from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"gram is a square matrix, not of shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("gram holds NaN or infinite entries")
    for what, deviation in (
        ("Hermitian", np.abs(matrix - matrix.conj().T)),
        ("of unit diagonal", np.abs(np.diag(matrix) - 1)),
    ):
        if deviation.max(initial=0.0) > _GRAM_TOLERANCE:
            raise ValueError(f"gram is {what}; this one is off by {deviation.max():.3g}")
    if len(matrix) and (least := np.linalg.eigvalsh(matrix).min()) < -_GRAM_TOLERANCE:
        raise ValueError(
            f"gram has no negative eigenvalue, or no states have these overlaps; not {least:.3g}"
        )
    return tuple(tuple(row) for row in matrix.tolist())
