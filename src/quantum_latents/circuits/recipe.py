"""From words and recipes to interferometers.

Notation: a *recipe* is the JSON-able dict an `Interferometer` carries; a *specification* is
what a user types, such as ``haar:16``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.circuits.haar import haar
from quantum_latents.circuits.interferometer import (
    Interferometer,
    from_unitary,
    unpack_unitary,
)
from quantum_latents.circuits.time_bin import time_bin
from quantum_latents.random import Stream, stream

__all__ = ["parse", "rebuild"]

_FIELDS = {
    "haar": ({"num_modes", "stream"}, set()),
    "time-bin": ({"num_modes", "delays"}, {"stream", "angles", "phases"}),
    "unitary": ({"num_modes", "sha256", "entries"}, set()),
}
"""Kind of a recipe -> (required fields, optional fields)."""


def rebuild(recipe: Mapping[str, Any]) -> Interferometer:
    """Return the interferometer of a recipe, the same bit for bit.

    Raises:
        TypeError: the recipe is not a mapping.
        ValueError: an unknown kind, a missing or an unknown field.

    >>> from quantum_latents.random import stream
    >>> first = haar(3, stream(0, "interferometer"))
    >>> bool((rebuild(first.recipe).unitary == first.unitary).all())
    True
    """
    if not isinstance(recipe, Mapping):
        raise TypeError(f"an interferometer's recipe is a dict, not {recipe!r}")
    fields = dict(recipe)
    kind = fields.pop("kind", None)
    if kind not in _FIELDS:
        raise ValueError(f"the recipe's kind is one of {sorted(_FIELDS)}, not {kind!r}")
    required, optional = _FIELDS[kind]
    if missing := required - set(fields):
        raise ValueError(f"the recipe of kind {kind!r} lacks {sorted(missing)}")
    if unknown := set(fields) - required - optional:
        raise ValueError(f"the recipe of kind {kind!r} has unknown fields {sorted(unknown)}")
    if kind == "haar":
        return haar(fields["num_modes"], _stream(fields["stream"]))
    if kind == "time-bin":
        drawn = _stream(fields["stream"]) if "stream" in fields else None
        return time_bin(
            fields["num_modes"],
            fields["delays"],
            stream=drawn,
            angles=fields.get("angles"),
            phases=fields.get("phases"),
        )
    return from_unitary(unpack_unitary(**fields))


def parse(text: str, stream: Stream) -> Interferometer:
    """Return the interferometer a user typed.

    Args:
        text: ``haar:16``; ``time-bin:32:1,3,9`` (or ``1-3-9``); or ``FILE.npy``, a unitary.
        stream: where a random interferometer is drawn from.

    Raises:
        ValueError: the text is none of these, or the file does not hold a unitary.
        FileNotFoundError: there is no such file.

    >>> from quantum_latents.random import stream
    >>> parse("time-bin:8:1,3", stream(0, "interferometer"))
    Interferometer(kind='time-bin', num_modes=8)
    """
    kind, *rest = text.split(":")
    if kind == "haar" and len(rest) == 1:
        return haar(_whole_number(text, rest[0]), stream)
    if kind == "time-bin" and len(rest) == 2:
        delays = [_whole_number(text, word) for word in rest[1].replace("-", ",").split(",")]
        return time_bin(_whole_number(text, rest[0]), delays, stream=stream)
    if text.endswith(".npy"):
        return from_unitary(_load(Path(text)))
    raise ValueError(f"an interferometer is haar:16, time-bin:32:1,3,9 or FILE.npy, not {text!r}")


def _load(path: Path) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"there is no unitary at {path}")
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a .npy array of numbers: {error}") from error


def _whole_number(text: str, word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{word!r} in {text!r} is not a whole number") from None


def _stream(path: Any) -> Stream:
    if not isinstance(path, (list, tuple)) or not path:
        raise ValueError(f"a stream is written as [seed, name, ...], not {path!r}")
    return stream(*path)
