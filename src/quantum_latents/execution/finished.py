"""What a study has finished: rows, and records of runs that wait for their metrics.

Whoever owns the study's directory appends through this, and nobody else: a run that has a row or a
record is not trained again, whatever sends it a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quantum_latents.results import (
    TRAINED,
    RowStore,
    next_number,
    sealed,
    trained_store,
)

__all__ = ["FinishedRuns"]


class FinishedRuns:
    """The finished runs of a study's directory, sealed under its newest spec.

    Args:
        directory: of the study.
        spec: hash of the spec that rows are made under; "" where there is none.

    Attributes:
        rows: what was there at the start, in the order of writing.
        runs: digests that have a row or a record.
        waiting: those of them that have a record and no row.
    """

    def __init__(self, directory: Path, spec: str) -> None:
        self._spec = spec
        self._rows, self._records = RowStore(directory), trained_store(directory)
        records = self._records.read()
        self.rows = self._rows.read()
        self._next_row, self._next_record = next_number(self.rows), next_number(records)
        measured = {row["run"] for row in self.rows}
        self.waiting = {record["run"] for record in records} - measured
        self.runs = measured | self.waiting

    def append(self, row: Mapping[str, Any]) -> bool:
        """Write a row, or a record; return whether it was new.

        A stack that was killed between two rows and trained again sends its first ones twice.
        """
        if row["run"] in self.runs:
            return False
        if row["status"] == TRAINED:
            number, self._next_record = self._next_record, self._next_record + 1
            self._records.append(self._sealed(row, number))
            self.waiting.add(row["run"])
        else:
            number, self._next_row = self._next_row, self._next_row + 1
            self._rows.append(self._sealed(row, number))
        self.runs.add(row["run"])
        return True

    def _sealed(self, row: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        return sealed(row, self._spec, number) if self._spec else row
