"""Metrics of a study computed from its stored samples, without training.

Runs that were trained where their metrics could not be computed, or were to wait, are measured
first: each gets its row in ``rows.jsonl`` as soon as it is done, sealed under the spec that it was
trained under, so that an interrupted call goes on. While there are such runs nothing else is
touched.

Where there are none, every row of a finished run whose samples are stored is measured anew. Where
the outcome differs, by other metrics or another version of one, the new row takes the old one's
place and its provenance says when and with what it was evaluated; the old file is kept beside the
new one. A row whose metrics come out the same stays as it is, byte for byte. What is evaluated lies
in ``evaluated.jsonl`` until all is, so that an interrupted call goes on.

Pictures of molecules are drawn beside the rows. No row is made up: a run with samples and neither
a row nor a record is named and left to `qlat run`.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.execution.directory import lock_directory
from quantum_latents.execution.machine import commit_of_source, default_cache
from quantum_latents.execution.pack import PACKED_STUDY, unpack_study
from quantum_latents.results import (
    RowStore,
    checksum,
    deterministic_part,
    next_number,
    read_study,
    seal_of,
    sealed,
    unevaluated,
)

__all__ = ["Evaluated", "evaluate_study"]

_LIBRARIES = ("numpy", "scipy", "rdkit", "fcd", "torch", "torch-fidelity")
"""Libraries that a metric's last digits may depend on."""


@dataclass
class Evaluated:
    """What became of a study's rows.

    Attributes:
        study: its name.
        num_rows: rows of the study.
        num_evaluated: rows measured from stored samples.
        first_measured: those of them that had waited for their metrics and have a row now.
        changed: runs whose row is new.
        diverged: runs that diverged or failed, with nothing to measure.
        without_samples: finished runs whose samples are not here; their rows stay, and where they
            wait for one, they go on waiting.
        without_row: runs with samples, no row and no record; `qlat run` finishes them.
        kept_as: name of the file with the old rows; None if no row changed.
    """

    study: str
    num_rows: int
    num_evaluated: int = 0
    first_measured: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    without_samples: list[str] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)
    kept_as: str | None = None


def evaluate_study(
    directory: Path,
    *,
    cache: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluated:
    """Compute the metrics of a study, those that wait first; go on where a call was interrupted.

    A packed study that was copied into the directory is unpacked first.

    Args:
        directory: of the study.
        cache: folder of banks and data sets; None is `default_cache`.
        on_progress: called with the number of rows evaluated and their total.

    Raises:
        ValueError: there is no study or nothing trained, a row, a record or a file of samples is
            damaged, a record was edited, or the directory is in use.
        ImportError: a library that the metrics need is not installed.
        KeyboardInterrupt: what is evaluated so far is kept for the next call.
    """
    if (directory / PACKED_STUDY).is_file():
        with lock_directory(directory):
            unpack_study(directory)
    study = read_study(directory)
    store = RowStore(directory)
    if not store.read() and not unevaluated(directory):
        raise ValueError(f"no rows in {directory}: not one run of this study has finished yet")
    cache = cache or default_cache()
    with lock_directory(directory):
        if waiting := unevaluated(directory):
            return _measure(study["study"], directory, waiting, cache, on_progress)
        return _evaluate(study["study"], directory, store, cache, on_progress)


def _measure(
    study: str,
    directory: Path,
    waiting: Sequence[dict[str, Any]],
    cache: Path,
    on_progress: Callable[[int, int], None],
) -> Evaluated:
    """Give the runs that wait for their metrics their rows."""
    store = RowStore(directory)
    rows = store.read()
    there = _runs_with_samples(directory)
    evaluated = Evaluated(study=study, num_rows=len(rows))
    evaluated.without_samples = [one["run"] for one in waiting if one["run"] not in there]
    todo = [one for one in waiting if one["run"] in there]
    versions, number = _versions(), next_number(rows)
    on_progress(0, len(todo))
    for done, record in enumerate(todo, start=1):
        seal = seal_of(record)
        if seal is not None and seal["checksum"] != checksum(record):
            raise ValueError(
                f"the record of run {record['run']} in {directory} was edited after the run was "
                "trained: restore trained.jsonl"
            )
        new = _measured(record, directory, cache, versions)
        store.append(new if seal is None else sealed(new, seal["spec"], number))
        evaluated.first_measured.append(record["run"])
        number += 1
        on_progress(done, len(todo))
    evaluated.num_evaluated = len(todo)
    evaluated.num_rows += len(todo)
    return evaluated


def _evaluate(
    study: str,
    directory: Path,
    store: RowStore,
    cache: Path,
    on_progress: Callable[[int, int], None],
) -> Evaluated:
    """Measure all rows again."""
    rows = store.read()
    evaluated = Evaluated(study=study, num_rows=len(rows))
    there = _runs_with_samples(directory)
    evaluated.without_row = sorted(there - {row["run"] for row in rows})
    finished = [row for row in rows if row["status"] == "finished"]
    evaluated.diverged = [row["run"] for row in rows if row["status"] != "finished"]
    evaluated.without_samples = [row["run"] for row in finished if row["run"] not in there]
    todo = [row for row in finished if row["run"] in there]

    versions = _versions()
    partial = RowStore(directory / "evaluated.jsonl")
    left = partial.read()
    known = {row["run"]: row for row in left if row["provenance"]["evaluated_with"] == versions}
    if len(known) < len(left):  # of a call with other versions: nothing to go on with
        partial.path.unlink()
        known = {}
    on_progress(len(known), len(todo))
    for row in todo:
        if row["run"] in known:
            continue
        new = _measured(row, directory, cache, versions)
        if (seal := seal_of(row)) is not None:
            new = sealed(new, seal["spec"], seal["number"])
        partial.append(new)
        known[row["run"]] = new
        on_progress(len(known), len(todo))
    evaluated.num_evaluated = len(todo)
    evaluated.changed = [
        row["run"]
        for row in todo
        if deterministic_part(known[row["run"]]) != deterministic_part(row)
    ]
    if evaluated.changed:
        changed = set(evaluated.changed)
        new_rows = [known[row["run"]] if row["run"] in changed else row for row in rows]
        evaluated.kept_as = store.replace(new_rows).name
    partial.path.unlink(missing_ok=True)
    return evaluated


def _runs_with_samples(directory: Path) -> set[str]:
    return {path.parent.name for path in directory.glob("runs/*/samples.safetensors")}


def _measured(
    row: Mapping[str, Any], directory: Path, cache: Path, versions: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row, or a record's row, measured from what its run stored; not sealed."""
    from quantum_latents.evaluation import (  # torch
        check_libraries,
        read_milestones,
        read_samples,
        remake_row,
    )
    from quantum_latents.training import any_run_spec, data_of

    spec = any_run_spec(row["spec"])
    samples, data = read_samples(directory, row["run"]), data_of(spec, cache)
    check_libraries(len(samples), data)
    time = datetime.now(UTC).isoformat(timespec="seconds")
    new = remake_row(
        row,
        samples,
        data,
        milestones=read_milestones(directory, row["run"]),
        provenance={"evaluated_at": time, "evaluated_with": versions},
        directory=directory,
    )
    # As it will be read: whoever compares must not see a tuple beside a list.
    return json.loads(json.dumps(new, allow_nan=False))


def _versions() -> dict[str, str]:
    """Return what the metrics are computed with."""
    found = {"quantum-latents": quantum_latents.__version__, "commit": commit_of_source()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
