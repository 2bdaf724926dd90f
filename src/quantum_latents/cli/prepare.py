"""`qlat prepare`: data in the cache before they are trained on.

Molecules are also written as codes, for a machine that cannot read SMILES.
"""

from __future__ import annotations

import json
import os
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
    Of CIFAR-10, take the images into the cache, and the network that measures them.
    """

    data: Annotated[str, tyro.conf.Positional]
    """qm9 (downloaded), a file of SMILES (csv, tsv, smi, txt, each also as .gz), or a prepared
    .npz, which is only taken into the cache; or cifar10 (downloaded, 170 MB, and 96 MB of weights),
    or a folder of its binary version."""
    out: Path | None = None
    """File of molecules to write (NAME.npz by default)."""
    json: bool = False
    """Print machine-readable output alone: what was written."""


def _prepare(command: Prepare, arguments: Sequence[str]) -> int:
    from quantum_latents.data import load, molecules_spec, write_prepared
    from quantum_latents.execution import default_cache
    from quantum_latents.random import stream

    if command.out is not None:
        check_folder(command.out)
    if _is_of_cifar10(command.data):
        return _prepare_cifar10(command)
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


def _is_of_cifar10(source: str) -> bool:
    """Return whether CIFAR-10 is meant: by name, or by what alone it lies in."""
    if source in ("qm9", "cifar10"):  # the names are the downloads', whatever folder is here
        return source == "cifar10"
    return os.path.isdir(source) or source.lower().endswith(".tar.gz")


def _prepare_cifar10(command: Prepare) -> int:
    from quantum_latents.cli.studies import cifar10_of_call

    if command.out is not None:
        raise ValueError(
            "--out is for molecules: CIFAR-10's archive goes as it is to another machine, whose "
            "--data FOLDER names it"
        )
    spec = cifar10_of_call(command.data, quiet=command.json, is_measured=True)
    if command.json:
        told = {"name": spec.name, "sha256": spec.sha256, "out": None}
        print(json.dumps(told, indent=1))
        return 0
    print(f"{spec.name}: the images and the network that measures them are in the cache")
    return 0


COMMANDS = {"prepare": (Prepare, _prepare)}
