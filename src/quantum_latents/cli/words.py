"""Reading what a user typed: names with near misses, files to write; and a length of time said."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["check_folder", "duration", "names_in", "near_miss"]


def names_in(text: str | None, known: Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(name for name in (text or "").split(",") if name)
    for name in names:
        if name not in known:
            raise ValueError(f"no {what} is called {name!r}; {near_miss(name, known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a {what} is named twice in {text!r}")
    return names


def near_miss(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def check_folder(file: Path) -> None:
    # Before the measuring, not after it.
    if not file.parent.is_dir():
        raise FileNotFoundError(f"no folder {file.parent} for {file.name}")


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
