"""An interferometer: a unitary and the recipe that made it.

Notation: `U` is the unitary, complex128 (m, m), of an interferometer of m modes, with
``a_out = U a_in``: photon k enters mode k and leaves in mode j with amplitude ``U[j, k]``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["UNITARITY_TOLERANCE", "Interferometer", "from_unitary", "unpack_unitary"]

UNITARITY_TOLERANCE = 1e-8
"""Largest entry of ``|U U^dagger - 1|`` that still counts as unitary."""


class Interferometer:
    """A frozen unitary with its recipe; equality and hash are the recipe's.

    Build one with `haar`, `time_bin`, `from_unitary`, `parse` or `rebuild`.

    Attributes:
        unitary: `U`, complex128 (m, m), read-only.

    Raises:
        ValueError: the matrix is not square, not finite, or not unitary to 1e-8.
    """

    __slots__ = ("_recipe_text", "unitary")

    unitary: np.ndarray

    def __init__(self, unitary: np.ndarray, recipe: Mapping[str, Any]) -> None:
        object.__setattr__(self, "unitary", _checked_unitary(unitary))
        text = json.dumps(recipe, sort_keys=True, allow_nan=False)
        object.__setattr__(self, "_recipe_text", text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Interferometer is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an Interferometer is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return Interferometer, (np.array(self.unitary), self.recipe)

    @property
    def recipe(self) -> dict[str, Any]:
        """A JSON-able dict from which `rebuild` gives the same unitary bit for bit (a copy)."""
        return json.loads(self._recipe_text)

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return self.unitary.shape[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interferometer):
            return NotImplemented
        return self._recipe_text == other._recipe_text

    def __hash__(self) -> int:
        return hash(self._recipe_text)

    def __repr__(self) -> str:
        return f"Interferometer(kind={self.recipe.get('kind')!r}, num_modes={self.num_modes})"


def from_unitary(array: np.ndarray) -> Interferometer:
    """Return the interferometer of a user's own unitary.

    The recipe holds the SHA-256 of the matrix and its entries (base64 of little-endian
    complex128, row by row), so it is rebuilt without the file it came from.

    Args:
        array: `U`, real or complex, (m, m).

    Raises:
        ValueError: not square, not finite, or not unitary to 1e-8 (its deviation is named).

    >>> hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    >>> from_unitary(hadamard).num_modes
    2
    """
    unitary = _checked_unitary(array)
    data = np.ascontiguousarray(unitary, dtype="<c16").tobytes()
    recipe = {
        "kind": "unitary",
        "num_modes": unitary.shape[0],
        "sha256": hashlib.sha256(data).hexdigest(),
        "entries": base64.b64encode(data).decode("ascii"),
    }
    return Interferometer(unitary, recipe)


def unpack_unitary(num_modes: int, sha256: str, entries: str) -> np.ndarray:
    """Return the matrix packed in the recipe of `from_unitary`, complex128 (m, m).

    Raises:
        ValueError: the entries do not match the SHA-256 or the number of modes.
    """
    data = base64.b64decode(entries, validate=True)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the entries of the recipe do not match its sha256 {sha256!r}")
    if len(data) != 16 * num_modes**2:
        raise ValueError(
            f"the recipe says {num_modes} modes but holds {len(data) // 16} complex entries"
        )
    return np.frombuffer(data, dtype="<c16").reshape(num_modes, num_modes).astype(np.complex128)


def _checked_unitary(array: np.ndarray) -> np.ndarray:
    try:
        unitary = np.array(array, dtype=np.complex128, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"a unitary is a matrix of numbers: {error}") from error
    if unitary.ndim != 2 or unitary.shape[0] != unitary.shape[1] or unitary.shape[0] == 0:
        raise ValueError(f"a unitary is a square matrix, not an array of shape {unitary.shape}")
    if not np.isfinite(unitary).all():
        raise ValueError("the matrix holds NaN or infinite entries; a unitary is finite")
    deviation = float(np.abs(unitary @ unitary.conj().T - np.eye(len(unitary))).max())
    if deviation > UNITARITY_TOLERANCE:
        raise ValueError(
            f"the matrix is not unitary: max |U U^dagger - 1| is {deviation:.3g}, "
            f"above {UNITARITY_TOLERANCE:g}; normalise it (for example by its polar factor)"
        )
    unitary.flags.writeable = False
    return unitary
