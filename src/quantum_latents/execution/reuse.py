"""Rows of runs that another study has already made: taken over, never trained twice.

A run is named by the hash of everything its result depends on, so the same run in two studies has
the same row, but for the study's name and its provenance. A row that is taken over keeps its
provenance and says there where it comes from; its samples, generator and pictures are copied
first, where the other study still has them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from quantum_latents.evaluation.stored import run_folder
from quantum_latents.recipes import Study
from quantum_latents.results import REUSED, RowStore, read_rows, unevaluated
from quantum_latents.training import RunSpec

__all__ = ["reused_runs", "take_over"]


def take_over(
    study: Study, directory: Path, sources: Sequence[Path], planned: Collection[str] = ()
) -> int:
    """Append the rows that other studies have of this one's runs; return how many.

    Args:
        study: whose runs are looked for.
        directory: where its rows are.
        planned: digests of the runs that are to be trained here, as planned before.
        sources: directories of other studies; of a run that several have, the first counts.

    Runs that already have a row here are left alone, so a call that was killed can be repeated.

    Raises:
        ValueError: a source is this study itself, has no rows, has trained one of the runs and not
            measured it, or has a row whose run is not the hash of its spec.
    """
    store = RowStore(directory)
    present = {row["run"] for row in store.read()}
    wanted = {run.digest for run in study.runs} - present - set(planned)
    num_taken = 0
    for source in sources:
        if source.resolve() == directory.resolve():
            raise ValueError(f"{source} is the study itself: name another one's directory")
        waiting = [one for one in unevaluated(source) if one["run"] in wanted]
        if waiting:  # they would be trained a second time
            raise ValueError(
                f"{source} has trained {len(waiting)} of these runs and not measured them: "
                f"qlat evaluate {source}"
            )
        for row in read_rows(source):
            digest = row["run"]
            if digest not in wanted:
                continue
            if RunSpec.from_json(row["spec"]).digest != digest:
                raise ValueError(
                    f"{source}: the row of run {digest} is not of the spec it holds, so it cannot "
                    "be taken over: restore its rows.jsonl"
                )
            _copy_files(source, directory, row)
            origin = {REUSED: f"{row['study']} ({source.resolve().name})"}
            provenance = {**row.get("provenance", {}), **origin}
            store.append({**row, "study": study.name, "provenance": provenance})
            wanted.discard(digest)
            num_taken += 1
    return num_taken


def reused_runs(directory: Path) -> frozenset[str]:
    """Return the runs of a study whose rows come from another one."""
    rows = RowStore(directory).read()
    return frozenset(row["run"] for row in rows if REUSED in row.get("provenance", {}))


def _copy_files(source: Path, directory: Path, row: Mapping[str, Any]) -> None:
    """Copy what the other study keeps of a run, each file whole or not at all."""
    digest = row["run"]
    theirs, ours = run_folder(source, digest), run_folder(directory, digest)
    pairs = [(path, ours / path.name) for path in theirs.glob("*.safetensors")]
    pictures = Path("pictures") / f"{digest}.json"
    if (source / pictures).is_file():
        pairs.append((source / pictures, directory / pictures))
    for old, new in pairs:
        new.parent.mkdir(parents=True, exist_ok=True)
        partial = new.with_name(f"{new.name}.{os.getpid()}.part")
        shutil.copyfile(old, partial)
        os.replace(partial, new)
