"""Generated samples as files that other programs read.

Notation: samples (N, d), vectors float32 or codes of graphs uint8. A *draw* is a row of them,
numbered from 0. What is in a file follows from its suffix:

    .npy  the samples as they are (codes of graphs)
    .csv  vectors: a column a coordinate, x0, x1, ...; graphs: index, smiles, valid, reason
    .smi  graphs: canonical SMILES of the valid draws, one a line
    .sdf  graphs: the valid draws with RDKit's 2D coordinates, named by their SMILES
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quantum_latents.disk import write_atomically
from quantum_latents.molecules import GraphLayout

__all__ = ["SUFFIXES", "check_suffix", "write_samples"]

SUFFIXES = {"vectors": (".npy", ".csv"), "molecules": (".smi", ".sdf", ".csv", ".npy")}
"""The kinds of file for each kind of sample."""


def check_suffix(path: Path, layout: GraphLayout | None) -> None:
    """Refuse a file of a kind that cannot hold the samples, or that needs what is not installed.

    Args:
        path: the file to be written.
        layout: of graphs; None for vectors.

    Raises:
        ValueError: another suffix.
        ImportError: molecules need RDKit.

    >>> check_suffix(Path("mine.xyz"), None)
    Traceback (most recent call last):
    ...
    ValueError: vectors are written to .npy or .csv, not to 'mine.xyz'
    """
    kind = "vectors" if layout is None else "molecules"
    if path.suffix not in SUFFIXES[kind]:
        allowed = ", ".join(SUFFIXES[kind][:-1]) + f" or {SUFFIXES[kind][-1]}"
        raise ValueError(f"{kind} are written to {allowed}, not to {path.name!r}")
    if layout is not None and path.suffix != ".npy":
        _import_rdkit()


def write_samples(
    path: Path, samples: np.ndarray, layout: GraphLayout | None = None
) -> tuple[int, int | None]:
    """Write samples, whole or not at all; see the module's first lines.

    Args:
        path: ends in one of `SUFFIXES`.
        samples: (N, d).
        layout: of graphs, whose samples are codes; None for vectors.

    Returns:
        How many are in the file, and how many are valid molecules (None if nobody looked: for
        vectors, and for codes written as they are).

    Raises:
        ValueError, ImportError: as `check_suffix`.
    """
    check_suffix(path, layout)
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, samples, allow_pickle=False)
        write_atomically(path, buffer.getvalue())
        return len(samples), None
    if layout is None:
        text = io.StringIO()
        header = ",".join(f"x{column}" for column in range(samples.shape[1]))
        np.savetxt(text, samples, fmt="%.9g", delimiter=",", header=header, comments="")
        write_atomically(path, text.getvalue().encode())
        return len(samples), None
    from quantum_latents.molecules.decode import decode

    decoded = decode(layout, samples)
    num_valid = sum(map(bool, decoded.smiles))
    writers: dict[str, Callable[[], str]] = {
        ".smi": lambda: "".join(f"{smiles}\n" for smiles in decoded.smiles if smiles),
        ".csv": lambda: _csv(decoded.smiles, decoded.reasons),
        ".sdf": lambda: _sdf(decoded.smiles, decoded.molecules),
    }
    write_atomically(path, writers[path.suffix]().encode())
    return len(samples) if path.suffix == ".csv" else num_valid, num_valid


def _csv(smiles: tuple[str, ...], reasons: tuple[str, ...]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "smiles", "valid", "reason"))
    for index, (name, reason) in enumerate(zip(smiles, reasons, strict=True)):
        writer.writerow((index, name, "true" if name else "false", reason))
    return text.getvalue()


def _sdf(smiles: tuple[str, ...], molecules: dict) -> str:
    chem = _import_rdkit()
    from rdkit.Chem import AllChem

    drawn = {}
    for name, molecule in molecules.items():
        drawn[name] = chem.Mol(molecule)
        AllChem.Compute2DCoords(drawn[name])  # type: ignore[attr-defined]
    text = io.StringIO()
    writer = chem.SDWriter(text)
    for index, name in enumerate(smiles):
        if name:
            molecule = drawn[name]
            molecule.SetProp("_Name", name)
            molecule.SetIntProp("index", index)
            writer.write(molecule)
    writer.close()
    return text.getvalue()


def _import_rdkit():
    from quantum_latents.molecules.decode import import_rdkit

    return import_rdkit()
