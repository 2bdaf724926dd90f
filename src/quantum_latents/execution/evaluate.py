"""Metrics of a study computed again from its stored samples, without training.

Every row of a finished run whose samples are stored is measured anew. Where the outcome differs,
by other metrics or another version of one, the new row takes the old one's place and its
provenance says when and with what it was evaluated; the old file is kept beside the new one. A
row whose metrics come out the same stays as it is, byte for byte. Pictures of molecules are drawn
again beside the rows. No row is made up: a run with
samples and without a row is named and left to `qlat run`.

What is evaluated lies in ``evaluated.jsonl`` until all is, so that an interrupted call goes on.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import quantum_latents
from quantum_latents.execution.directory import lock_directory
from quantum_latents.execution.machine import commit_of_source, default_cache
from quantum_latents.results import RowStore, deterministic_part, read_study, seal_of, sealed

__all__ = ["Evaluated", "evaluate_study"]

_LIBRARIES = ("numpy", "scipy", "rdkit", "fcd")
"""Libraries that a metric's last digits may depend on."""


@dataclass
class Evaluated:
    """What became of a study's rows.

    Attributes:
        study: its name.
        num_rows: rows of the study.
        num_evaluated: rows measured from stored samples.
        changed: runs whose row is new.
        diverged: runs that diverged, with nothing to measure.
        without_samples: finished runs whose samples are not here; their rows stay.
        without_row: runs with samples and no row; `qlat run` finishes them.
        kept_as: name of the file with the old rows; None if no row changed.
    """

    study: str
    num_rows: int
    num_evaluated: int = 0
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
    """Compute the metrics of a study again; resume where an interrupted call stopped.

    Args:
        directory: of the study.
        cache: folder of banks and data sets; None is `default_cache`.
        on_progress: called with the number of rows evaluated and their total.

    Raises:
        ValueError: there is no study or no row, a row or a file of samples is damaged, or the
            directory is in use.
        KeyboardInterrupt: what is evaluated so far is kept for the next call.
    """
    study = read_study(directory)
    store = RowStore(directory)
    if not store.read():
        raise ValueError(f"no rows in {directory}: not one run of this study has finished yet")
    with lock_directory(directory):
        return _evaluate(study["study"], directory, store, cache or default_cache(), on_progress)


def _evaluate(
    study: str,
    directory: Path,
    store: RowStore,
    cache: Path,
    on_progress: Callable[[int, int], None],
) -> Evaluated:
    from quantum_latents.evaluation import read_milestones, read_samples, remake_row  # torch
    from quantum_latents.training import RunSpec, data_of

    rows = store.read()
    evaluated = Evaluated(study=study, num_rows=len(rows))
    there = {path.parent.name for path in directory.glob("runs/*/samples.safetensors")}
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
        spec = RunSpec.from_json(row["spec"])
        samples, data = read_samples(directory, row["run"]), data_of(spec, cache)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        provenance = {"evaluated_at": time, "evaluated_with": versions}
        new = remake_row(
            row,
            samples,
            data,
            milestones=read_milestones(directory, row["run"]),
            provenance=provenance,
            directory=directory,
        )
        # As it will be read: the comparison below must not see a tuple beside a list.
        new = json.loads(json.dumps(new, allow_nan=False))
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


def _versions() -> dict[str, str]:
    """Return what the metrics are computed with."""
    found = {"quantum-latents": quantum_latents.__version__, "commit": commit_of_source()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
