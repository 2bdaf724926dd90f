"""Whether a study stands as it was frozen: what a reader must know before the numbers.

Notation: `quantum_latents.results.frozen` says what is frozen and how rows are sealed. A *finding*
is one thing that differs. An *alarm* is one that no way of running a study leaves behind: somebody
changed what was declared, or rows. A *note* is what may be done openly: more seeds after results
were known, rows that are older than the declaration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from quantum_latents.results.frozen import (
    FROZEN,
    REUSED,
    FrozenSpec,
    checksum,
    declaration_of,
    read_frozen,
    rows_hash,
    seal_of,
)
from quantum_latents.results.store import read_rows

__all__ = ["TUNING_FOLDER", "Finding", "Standing", "standing"]

Row = Mapping[str, Any]

TUNING_FOLDER = "tuning"
"""Folder of the first phase inside an equally tuned study's."""

_MAX_TEXT, _MAX_NAMED = 120, 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing in which a study differs from what was frozen.

    Attributes:
        kind: `record`, `declaration`, `runs`, `foreign`, `edited`, `missing`, `tuning`,
            `extended` or `older`.
        sentence: what a reader must know.
        is_alarm: see the module's first lines.
    """

    kind: str
    sentence: str
    is_alarm: bool


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stands.

    Attributes:
        state: `not frozen` of studies made before they were; `changed` with an alarm; `extended`
            where runs were added after rows were known; else `as frozen`.
        frozen_at: when the first spec was written; "" where none was before the first run.
        hash: of the newest spec; "" without.
        findings: alarms first.
    """

    state: Literal["not frozen", "as frozen", "extended", "changed"]
    frozen_at: str = ""
    hash: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def headline(self) -> str:
        """What stands over the findings; "" where there are none."""
        if not self.findings:
            return ""
        return {
            "changed": "This study was changed after it was frozen",
            "extended": "This study was extended after results were known",
        }.get(self.state, "What came before this study was frozen")

    @property
    def summary(self) -> str:
        """One line on when and how the study was frozen."""
        if self.state == "not frozen":
            return "not frozen: made before specs were hashed"
        since = f"{self.frozen_at}, before the first run" if self.frozen_at else "after its runs"
        return f"{since}; SHA-256 {self.hash[:16]}…"


def standing(directory: str | os.PathLike[str], rows: Iterable[Row]) -> Standing:
    """Return how the study in a directory stands.

    Args:
        directory: with ``study.json`` and, if it was frozen, ``frozen.json``.
        rows: of the study, as `read_rows` gives them.

    Raises:
        ValueError: ``frozen.json`` or ``runs.json`` is damaged, or the first of a newer version.

    >>> import tempfile
    >>> standing(tempfile.mkdtemp(), []).state
    'not frozen'
    """
    directory, rows = Path(directory), list(rows)
    specs = read_frozen(directory)
    num_sealed = sum(seal_of(row) is not None and not _is_reused(row) for row in rows)
    if not specs and not num_sealed:
        return Standing(state="not frozen")
    if not specs:
        sentence = (
            f"{FROZEN} is missing: what was frozen cannot be compared, though rows name it "
            f"({num_sealed:,} of {len(rows):,})."
        )
        return Standing(state="changed", findings=(_alarm("record", sentence),))
    study = _declared(directory)
    planned = _planned(directory)
    written = specs[-1]
    if _is_begun(specs, planned, rows):
        written, planned = specs[-2], set(specs[-1].runs)
    if declaration_of(study) == specs[-1].declaration:  # written out before runs.json
        written = specs[-1]
    found = [
        *_of_record(specs, planned),
        *_of_declaration(written, study),
        *_of_rows(specs, rows),
        *_of_tuning(study, directory),
        *_of_extensions(specs),
    ]
    found.sort(key=lambda finding: not finding.is_alarm)
    state: Literal["as frozen", "extended", "changed"] = "as frozen"
    if any(finding.kind == "extended" for finding in found):
        state = "extended"
    if any(finding.is_alarm for finding in found):
        state = "changed"
    return Standing(state=state, frozen_at=specs[0].at, hash=specs[-1].hash, findings=tuple(found))


def _declared(directory: Path) -> dict[str, Any]:
    """Return ``study.json`` as it stands: what is compared is not filled in."""
    path = directory / "study.json"
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(study, dict):
            raise ValueError("it is no object")
        return study
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore the file") from error


def _planned(directory: Path) -> set[str] | None:
    """Return the runs of ``runs.json``, None where it is not there."""
    path = directory / "runs.json"
    if not path.exists():
        return None
    try:
        return set(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore the file") from error


def _is_begun(specs: Sequence[FrozenSpec], planned: set[str] | None, rows: Sequence[Row]) -> bool:
    """Whether the last extension was recorded, and killed before it was written out."""
    if planned is None or len(specs) < 2 or planned != set(specs[-2].runs):
        return False
    return planned.issuperset(row["run"] for row in rows)


def _of_record(specs: Sequence[FrozenSpec], planned: set[str] | None) -> list[Finding]:
    found = []
    if not all(spec.is_as_written for spec in specs):
        sentence = f"{FROZEN} itself was edited: its hash is not that of its content."
        found.append(_alarm("record", sentence))
    if planned is not None and planned != set(specs[-1].runs):
        more, fewer = planned - set(specs[-1].runs), set(specs[-1].runs) - planned
        sentence = (
            f"runs.json was edited: {len(more)} of its runs are not in the frozen spec, and "
            f"{len(fewer)} frozen ones are not in it."
        )
        found.append(_alarm("record", sentence))
    return found


def _of_declaration(spec: FrozenSpec, study: Mapping[str, Any]) -> list[Finding]:
    now, then = declaration_of(study), spec.declaration
    names = [name for name in {**then, **now} if now.get(name) != then.get(name)]
    return [
        _alarm(
            "declaration",
            f"study.json was edited: {name} is {_shown(now, name)}; frozen was "
            f"{_shown(then, name)}.",
        )
        for name in names
    ]


def _shown(declaration: Mapping[str, Any], name: str) -> str:
    if name not in declaration:
        return "not there"
    text = json.dumps(declaration[name], ensure_ascii=False)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _of_rows(specs: Sequence[FrozenSpec], rows: Sequence[Row]) -> list[Finding]:
    runs, hashes = set(specs[-1].runs), {spec.hash for spec in specs}
    frozen_at = specs[0].at
    ours, taken, foreign = [], [], []
    for row in rows:
        seal = seal_of(row)
        if seal is not None and seal["spec"] in hashes and not _is_reused(row):
            ours.append((row, seal))
        elif _is_reused(row) or _finished_at(row) < frozen_at:
            taken.append(row)
        elif frozen_at:
            foreign.append(row)
    found = []
    if unknown := [row for row in rows if row["run"] not in runs]:
        sentence = f"Rows of runs that are not in the frozen spec: {_runs_text(unknown)}."
        found.append(_alarm("runs", sentence))
    if edited := [row for row, seal in ours if seal["checksum"] != checksum(row)]:
        sentence = f"Rows that were edited after they were written: {_runs_text(edited)}."
        found.append(_alarm("edited", sentence))
    numbers = {seal["number"] for _, seal in ours}
    if missing := max(numbers, default=0) - len(numbers):
        sentence = f"Rows that were taken out, made again or not: {missing:,}."
        found.append(_alarm("missing", sentence))
    if foreign:
        sentence = (
            "Rows that were written after this spec was frozen and not under it: "
            f"{_runs_text(foreign)}."
        )
        found.append(_alarm("foreign", sentence))
    if taken:
        sentence = (
            "Rows of other studies, or older than this spec, so that it could have been made in "
            f"knowledge of them: {len(taken):,} of {len(rows):,}."
        )
        found.append(Finding(kind="older", sentence=sentence, is_alarm=False))
    return found


def _of_tuning(study: Mapping[str, Any], directory: Path) -> list[Finding]:
    """Compare the rows that the trials were chosen by with those that are there, if any are."""
    folder = directory / TUNING_FOLDER
    if not study.get("tuning") or not (folder / "rows.jsonl").exists():
        return []
    by_run = {row["run"]: row for row in read_rows(folder)}
    changed = []
    for choice in study["tuning"]["choices"]:
        of_choice = [by_run[run] for run in choice["runs"] if run in by_run]
        if rows_hash(of_choice) != choice["rows_hash"]:
            changed.append(f"{choice['latent']} on {choice['data']}")
    if not changed:
        return []
    sentence = f"The tuning rows were changed after the trials were chosen: {_some(changed)}."
    return [_alarm("tuning", sentence)]


def _of_extensions(specs: Sequence[FrozenSpec]) -> list[Finding]:
    found = []
    for before, spec in pairwise(specs):
        if not spec.num_rows:
            continue  # nothing was known: no look that could have led to it
        sentence = (
            f"{_added_text(spec.added)} added at {spec.at}, after {spec.num_rows:,} of "
            f"{len(before.runs):,} rows were known (hash {before.hash[:8]}… before, "
            f"{spec.hash[:8]}… since). If what they showed led to it, intervals are too narrow and "
            "p too small."
        )
        found.append(Finding(kind="extended", sentence=sentence, is_alarm=False))
    if not specs[0].at:
        sentence = "It was frozen when it was first extended, not before its first run."
        found.append(Finding(kind="older", sentence=sentence, is_alarm=False))
    return found


def _added_text(added: Mapping[str, Any]) -> str:
    """Return what an extension added, as the subject of a sentence.

    >>> _added_text({"runs": 24, "seeds": [6, 7, 8], "latents": [], "data": []})
    '3 seeds (6 to 8) were'
    >>> _added_text({"runs": 6, "seeds": [], "latents": ["thermal"], "data": []})
    '1 latent (thermal) was'
    """
    parts, number = [], 0
    if seeds := added["seeds"]:
        shown = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        parts.append(f"{len(seeds)} seed{'s' * (len(seeds) > 1)} ({shown})")
        number += len(seeds)
    for what, names in (("latent", added["latents"]), ("data set", added["data"])):
        if names:
            parts.append(f"{len(names)} {what}{'s' * (len(names) > 1)} ({_some(names)})")
            number += len(names)
    if not parts:
        number = added["runs"]
        parts.append(f"{number} run{'s' * (number > 1)}")
    return f"{' and '.join(parts)} {'was' if number == 1 else 'were'}"


def _is_reused(row: Row) -> bool:
    return bool(row.get("provenance", {}).get(REUSED))


def _finished_at(row: Row) -> str:
    """Return when a run ended, as text that sorts by time; the end of time where it is not said."""
    return str(row.get("provenance", {}).get("finished_at") or "9999")


def _alarm(kind: str, sentence: str) -> Finding:
    return Finding(kind=kind, sentence=sentence, is_alarm=True)


def _runs_text(rows: Sequence[Row]) -> str:
    return f"{len(rows):,} ({_some([str(row['run']) for row in rows])})"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    return shown if len(names) <= _MAX_NAMED else f"{shown} and {len(names) - _MAX_NAMED} more"
