"""`qlat prepare`: molecules as codes, for a machine that cannot read SMILES."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from quantum_latents.cli.progress import Line
from quantum_latents.cli.words import check_folder

__all__ = ["COMMANDS", "Prepare"]


@dataclass(frozen=True)
class Prepare:
    """Write a set of molecules as codes, so that a machine without RDKit can train on it.

    There: --data FILE.npz. The set is in this machine's cache then, as evaluating needs it.
    """

    data: Annotated[str, tyro.conf.Positional]
    """qm9 (downloaded), a file of SMILES (csv, tsv, smi, txt, each also as .gz), or a prepared
    .npz, which is only taken into the cache."""
    out: Path | None = None
    """File to write (NAME.npz by default)."""
    json: bool = False
    """Print machine-readable output alone: what was written."""


def _prepare(command: Prepare, arguments: Sequence[str]) -> int:
    from quantum_latents.data import load, molecules_spec, write_prepared
    from quantum_latents.execution import default_cache
    from quantum_latents.random import stream

    if command.out is not None:
        check_folder(command.out)
    line = Line(quiet=command.json)
    spec = molecules_spec(
        command.data,
        default_cache(),
        on_progress=lambda what, done, total: line.show(f"{what}: {done:,} of {total:,}"),
    )
    line.close()
    out = None
    if command.out is not None or not command.data.endswith(".npz"):
        out = write_prepared(spec, default_cache(), command.out or Path(f"{spec.name}.npz"))
    data = load(spec, stream(0, "data"), default_cache())
    num = len(data.train) + len(data.held_out) + len(data.floor_reference)
    if command.json:
        told = {"name": spec.name, "sha256": spec.sha256, "molecules": num}
        print(json.dumps(told | {"out": None if out is None else str(out)}, indent=1))
        return 0
    print(f"{spec.name}: {num:,} molecules of at most {spec.num_atoms} heavy atoms, in the cache")
    if out is not None:
        print(f"written: {out} ({out.stat().st_size:,} bytes)")
    return 0


COMMANDS = {"prepare": (Prepare, _prepare)}
