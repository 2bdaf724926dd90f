"""The array of a study that was given in Python, kept beside its rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["KeptArray", "kept_array"]


@dataclass(frozen=True)
class KeptArray:
    """Where the data of a study lie.

    Attributes:
        file: the user's own, or `data.npy` in the study's directory.
        is_new: whether it was written just now.
    """

    file: Path
    is_new: bool

    def discard(self) -> None:
        """Remove what was just written: bad data must not stand in the way of their repair."""
        if self.is_new:
            self.file.unlink(missing_ok=True)


def kept_array(data: np.ndarray | str | os.PathLike[str], directory: Path) -> KeptArray:
    """Return the file of the data, writing it first where they are an array.

    Raises:
        ValueError: the directory holds another array, or this one would need pickle.
    """
    if not isinstance(data, np.ndarray):
        return KeptArray(Path(data), is_new=False)
    file = directory / "data.npy"
    if file.exists():
        if not np.array_equal(np.load(file, allow_pickle=False), data):
            raise ValueError(f"{directory} holds a study of another array: choose another one")
        return KeptArray(file, is_new=False)
    directory.mkdir(parents=True, exist_ok=True)
    kept = KeptArray(file, is_new=True)
    try:
        np.save(file, data, allow_pickle=False)
    except ValueError:
        kept.discard()
        raise
    return kept
