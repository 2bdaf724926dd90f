"""What produced the rows of a study: machines, versions, times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from quantum_latents.report.tables import Table
from quantum_latents.results.wording import number_text

__all__ = ["provenance", "versions"]

Row = Mapping[str, Any]


def versions(rows: Sequence[Row]) -> Counter[str]:
    """Return the number of rows of each version and commit."""
    parts = [(_of(row, "version"), _of(row, "commit")) for row in rows]
    return Counter(" ".join(str(part) for part in pair if part) for pair in parts)


def provenance(
    rows: Sequence[Row], study: Mapping[str, Any], numbers: Table
) -> list[tuple[str, str]]:
    """Return what produced the rows, as (name, value) for readers."""
    machines = Counter(_described(_of(row, "machine")) for row in rows)
    seconds = [_of(row, "seconds") for row in rows if _of(row, "seconds") is not None]
    finished = sorted(str(_of(row, "finished_at")) for row in rows if _of(row, "finished_at"))
    entries = [
        ("machine", _counted(machines)),
        ("quantum-latents", _counted(versions(rows))),
        ("runs", f"{len(rows)}, {number_text(sum(seconds))} s of training" if seconds else ""),
        ("finished", " to ".join(dict.fromkeys([finished[0], finished[-1]])) if finished else ""),
        ("frozen", numbers.standing.summary if numbers.standing else ""),
        ("planned with", " ".join(filter(None, [study["version"], study["commit"]]))),
    ]
    return [(name, value) for name, value in entries if value]


def _of(row: Row, name: str) -> Any:
    return row.get("provenance", {}).get(name)


def _described(machine: Any) -> str:
    if isinstance(machine, Mapping):
        return ", ".join(f"{name} {value}" for name, value in machine.items())
    return str(machine) if machine else ""


def _counted(counter: Counter[str]) -> str:
    known = [(name, number) for name, number in counter.most_common() if name]
    if len(known) == 1:
        return known[0][0]
    return "; ".join(f"{name} ({number} runs)" for name, number in known)
