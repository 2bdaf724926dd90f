"""Which modes the photons enter.

Notation: an *occupation* t has one entry a mode, the number of photons that enter it; its sum
is n. The input columns of an occupation list mode k t_k times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = [
    "MAX_BOSON_PHOTONS",
    "MAX_PHOTONS",
    "Occupation",
    "check_boson_photons",
    "check_fermions",
    "check_photons",
    "checked_occupation",
    "input_columns",
]

MAX_PHOTONS = 255
"""Most photons of a mode: counts are uint8. So of a shot, where all may leave in one mode."""

MAX_BOSON_PHOTONS = 40
"""Most photons that interfere all at once: beyond, float64 recursions lose their accuracy (total
variation 5e-12 at 40 photons, 2e-9 at 60, none left at 120) and permanents do not end in time.
Time bins that are measured one by one (`samplers.progressive`) hold few of theirs at once."""

Occupation = Sequence[int] | np.ndarray
"""Photons in each input mode, (m,)."""


def checked_occupation(occupation: Occupation, num_modes: int) -> tuple[int, ...]:
    """Return the occupation as a tuple of m ints.

    Raises:
        TypeError: the entries are not numbers.
        ValueError: wrong length, negative or fractional entries, or more than 255 in a mode.

    >>> checked_occupation([1, 0, 2], 3)
    (1, 0, 2)
    """
    array = np.asarray(occupation)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an occupation holds whole numbers, one a mode, not {occupation!r}")
    if array.shape != (num_modes,):
        raise ValueError(
            f"an occupation of {num_modes} modes has shape ({num_modes},), not {array.shape}"
        )
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError(f"an occupation holds whole numbers of photons, not {array.tolist()}")
    values = tuple(int(value) for value in array.tolist())
    if min(values, default=0) < 0:
        raise ValueError(f"an occupation has no negative entries, not {values}")
    if max(values, default=0) > MAX_PHOTONS:
        raise ValueError(
            f"counts are uint8: at most {MAX_PHOTONS} photons a mode, not {max(values)}"
        )
    return values


def check_photons(occupation: tuple[int, ...]) -> None:
    """Refuse more photons than a count can hold, should all leave in one mode.

    Raises:
        ValueError: more than 255 photons.
    """
    if sum(occupation) > MAX_PHOTONS:
        raise ValueError(
            f"counts are uint8: at most {MAX_PHOTONS} photons a shot, not {sum(occupation)}"
        )


def check_boson_photons(occupation: tuple[int, ...]) -> None:
    """Refuse more photons than interfere exactly in double precision.

    Raises:
        ValueError: more than 40 photons.
    """
    if sum(occupation) > MAX_BOSON_PHOTONS:
        raise ValueError(
            f"exact interference of {sum(occupation)} photons is beyond double precision and "
            f"patience: use at most {MAX_BOSON_PHOTONS} indistinguishable photons"
        )


def check_fermions(occupation: tuple[int, ...]) -> None:
    """Refuse what Pauli's exclusion principle forbids: two fermions in one input mode.

    Raises:
        ValueError: a bunched input, its first mode named.
    """
    for mode, number in enumerate(occupation):
        if number > 1:
            raise ValueError(
                f"Pauli's exclusion principle: input mode {mode} takes at most one fermion, "
                f"not {number}; spread them one a mode"
            )


def input_columns(occupation: tuple[int, ...]) -> np.ndarray:
    """Return the input columns c_1 .. c_n, int64 (n,).

    >>> input_columns((1, 0, 2)).tolist()
    [0, 2, 2]
    """
    return np.repeat(np.arange(len(occupation)), occupation)
