"""A set of molecules at rest: one file, named by the SHA-256 of its content.

Notation: N molecules; *codes* uint8 (N, P + n) as in `quantum_latents.molecules.graphs`; u, the
number in [0, 1) that a molecule's SMILES is hashed to. The molecules of a set stand in the order of
u, so that where one goes depends on itself alone and the first k are a random sample.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from quantum_latents.disk import write_atomically
from quantum_latents.molecules import GraphLayout, MoleculeGraphs

__all__ = [
    "SET_FORMAT",
    "PreparedSet",
    "place_of",
    "rdkit_version",
    "read_set",
    "take_prepared",
    "write_set",
]

SET_FORMAT = 1
"""Of the file; part of what a set is named by."""

# What every copy of the whole of QM9 has in common, however its SMILES are written: molecules
# kept, atoms C, N, O, F, and single, double and triple bonds.
_QM9 = (132_040, 837_550, 136_157, 184_300, 3_306, 1_065_030, 141_162, 36_785)


@dataclass(frozen=True, eq=False)
class PreparedSet:
    """A set as it lies in the cache: molecules in the order of u, and what was dropped."""

    sha256: str
    layout: GraphLayout
    codes: np.ndarray
    smiles: tuple[str, ...]
    notes: tuple[str, ...]
    rdkit: str

    @property
    def is_qm9(self) -> bool:
        """Whether it is the whole of QM9."""
        if len(self.smiles) != _QM9[0] or self.layout.elements != ("C", "N", "O", "F"):
            return False
        bonds, nodes = np.split(self.codes, [self.layout.num_pairs], axis=1)
        atoms = np.bincount(nodes.ravel(), minlength=5)[1:5]
        orders = np.bincount(bonds.ravel(), minlength=4)[1:4]
        return (*atoms.tolist(), *orders.tolist()) == _QM9[1:]


def write_set(folder: Path, graphs: MoleculeGraphs, notes: list[str]) -> PreparedSet:
    """Write the set of these graphs into a folder, with notes on what was dropped."""
    notes += [
        f"{count:,} of {graphs.num_read:,} molecules were dropped: {reason}."
        for reason, count in graphs.dropped.items()
    ]
    if graphs.num_stereo:
        notes.append(f"Stereochemistry was left out of {graphs.num_stereo:,} molecules.")
    if repeats := len(graphs.smiles) - len(set(graphs.smiles)):
        notes.append(f"{repeats:,} molecules repeat another one as a graph and were kept.")
    order = sorted(range(len(graphs.smiles)), key=lambda k: (place_of(graphs.smiles[k]), k))
    smiles = tuple(graphs.smiles[k] for k in order)
    codes = graphs.codes[order]
    # Repeats have the same codes, so the order of a file leaves no trace in the set.
    made = PreparedSet(
        _content_hash(graphs.layout, codes, smiles, tuple(notes)),
        graphs.layout,
        codes,
        smiles,
        tuple(notes),
        rdkit_version() or "",
    )
    facts = {
        "format": SET_FORMAT,
        "num_atoms": made.layout.num_atoms,
        "elements": list(made.layout.elements),
        "notes": notes,
        "rdkit": made.rdkit,
    }
    content = io.BytesIO()
    np.savez_compressed(
        content,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        codes=codes,
        smiles=np.frombuffer("\n".join(smiles).encode(), np.uint8),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{made.sha256}.npz", content.getvalue())
    return made


def read_set(file: Path, *, is_named_by_content: bool = True) -> PreparedSet:
    """Read and check a set; ValueError names a damaged file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            codes = arrays["codes"]
            smiles = tuple(arrays["smiles"].tobytes().decode().split("\n"))
        layout = GraphLayout(num_atoms=facts["num_atoms"], elements=tuple(facts["elements"]))
        notes = tuple(facts["notes"])
        sha256 = _content_hash(layout, codes, smiles, notes)
        is_other = is_named_by_content and f"{sha256}.npz" != file.name
        if facts["format"] != SET_FORMAT or is_other:
            raise ValueError("its content is not what its name says")
    except (
        OSError,
        EOFError,
        KeyError,
        TokenError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as e:
        raise ValueError(f"{str(file)!r} is damaged: {' '.join(str(e).split())}") from e
    return PreparedSet(sha256, layout, codes, smiles, notes, facts["rdkit"])


def take_prepared(file: Path, folder: Path) -> PreparedSet:
    """Return a prepared set, which is in the cache then.

    Raises:
        ValueError: there is no such file, or it is damaged or no set of molecules.
    """
    if not file.is_file():
        raise ValueError(f"there is no file {str(file)!r}: qlat prepare writes one")
    found = read_set(file, is_named_by_content=False)
    kept = folder / f"{found.sha256}.npz"
    try:
        read_set(kept)
    except ValueError:  # missing or damaged
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, file.read_bytes())
    return found


def place_of(smiles: str) -> float:
    """Return u: 53 bits of a hash, so that it is exact in a float64."""
    digest = hashlib.sha256(b"quantum-latents molecules " + smiles.encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def rdkit_version() -> str | None:
    """Return the version of the RDKit that is installed; None where there is none."""
    try:
        return importlib.metadata.version("rdkit")
    except importlib.metadata.PackageNotFoundError:
        return None


def _content_hash(
    layout: GraphLayout, codes: np.ndarray, smiles: tuple[str, ...], notes: tuple[str, ...]
) -> str:
    # The notes are part of it: rows carry them, and rows follow from the spec alone.
    facts = [SET_FORMAT, layout.num_atoms, layout.elements, notes]
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(np.ascontiguousarray(codes, dtype=np.uint8).tobytes())
    digest.update("\n".join(smiles).encode())
    return digest.hexdigest()
