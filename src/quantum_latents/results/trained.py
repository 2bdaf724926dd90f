"""Runs that are trained and not yet measured (``trained.jsonl``).

Notation: a *record* is a row without its metrics: ``status`` is "trained", ``metrics`` is empty,
there is no preview, and all else stands as in the row. A machine that lacks the libraries of a
metric writes records; ``qlat evaluate`` measures the stored samples on another one and appends
each run's row to ``rows.jsonl``. A record whose run has a row is done with. Records are never
rows: no table, figure or choice reads them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from quantum_latents.results.store import TRAINED_FILE, RowStore

__all__ = ["TRAINED", "trained_store", "unevaluated"]

TRAINED = "trained"
"""The status of a record."""


def trained_store(directory: str | os.PathLike[str]) -> RowStore:
    """Return the records of the study in a directory; it survives whatever `RowStore` does."""
    return RowStore(Path(directory) / TRAINED_FILE, statuses=(TRAINED,))


def unevaluated(directory: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the records of a study's runs that have no row yet, in the order of writing.

    Raises:
        ValueError: a line of either file is damaged, or too new.

    >>> import tempfile
    >>> unevaluated(tempfile.mkdtemp())
    []
    """
    if not (records := trained_store(directory).read()):
        return []
    measured = {row["run"] for row in RowStore(Path(directory)).read()}
    return [record for record in records if record["run"] not in measured]
