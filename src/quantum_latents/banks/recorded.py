"""A file of counts while it is read, and what goes wrong in one.

Notation: a file holds N shots of m modes, one row or line a shot, and is read block by block, so
that it need not fit into memory. Lines and shots are counted from 1 in errors, modes from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

__all__ = ["BLOCK_ROWS", "RecordedFile", "are_counts", "lines_of", "no_count", "one_line"]

BLOCK_ROWS = 65536
"""Rows that are in memory at once."""

_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class RecordedFile:
    """A file that has been opened, and what it will give.

    Attributes:
        blocks: counts, (some rows, m), in the order of the file; it raises ValueError where the
            file goes wrong.
        num_samples: N where the file says so beforehand, else None.
        notes: how something was read that could have been meant otherwise.
        keeps_order: whether the rows are in the order in which the shots were taken.
    """

    blocks: Iterator[np.ndarray]
    num_samples: int | None
    notes: tuple[str, ...] = ()
    keeps_order: bool = True


def no_count(value: Any) -> str:
    """Say why a number is no count."""
    if np.isnan(value):
        return "a missing value (NaN) is no count"
    if value < 0:
        return f"{value:g} is negative: no count"
    if value > 255:
        return f"{value:g} does not fit: counts are stored as uint8, 0 to 255"
    return f"{value:g} is no whole number"


def are_counts(values: np.ndarray) -> bool:
    """Return whether all numbers are whole and in [0, 255]."""
    return bool(((values >= 0) & (values <= 255) & (values == np.floor(values))).all())


def lines_of(path: Path) -> Iterator[str]:
    """Give the lines of a file, without their ends; an empty one may only be the last ones."""
    empty = 0
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            for number, line in enumerate(_shortlines_of(path, file), 1):
                if not line.strip():
                    empty = empty or number
                    continue
                if empty:
                    raise ValueError(
                        f"{str(path)!r}, line {empty} is empty: a shot is missing; delete the line "
                        "if there is none"
                    )
                yield line.rstrip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is no text: {one_line(error)}") from error


def _shortlines_of(path: Path, file: TextIO) -> Iterator[str]:
    """Give lines; refuse a file that is one endless line before it fills the memory."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"{str(path)!r} has a line of over a million characters: no shot")
        yield line


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
