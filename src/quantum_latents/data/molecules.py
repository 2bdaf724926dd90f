"""Molecules: QM9, or any file of SMILES, as graphs of a fixed size.

Notation: N molecules, n places for heavy atoms, P = n (n - 1) / 2 pairs; *codes* uint8 (N, P + n)
and one-hot rows as in `quantum_latents.molecules.graphs`; f the fraction held out of training.

A *set* is what is left of a file: neutral molecules in one piece, kekulised, without
stereochemistry, with the counts of what was dropped. It lies in the cache under the SHA-256 of
its content, so that a run's name does not depend on where a file lies or how it is written. Where
a molecule goes depends on itself alone: its SMILES hashed is a number u in [0, 1), and u < 1 - f
trains, u < 1 - f / 2 is held out, the rest is the floor's reference. The molecules of a set stand
in the order of u, so that the first k of any part are a random sample of it.

Source of QM9: Ramakrishnan, Dral, Rupp and von Lilienfeld, Scientific Data 1, 140022 (2014), CC0.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.download import QM9_ARCHIVE, QM9_UNCHARACTERISED, fetch
from quantum_latents.data.molecule_sets import (
    SET_FORMAT,
    PreparedSet,
    place_of,
    rdkit_version,
    read_set,
    take_prepared,
    write_set,
)
from quantum_latents.data.smiles_files import read_archive, read_smiles, smiles_suffix
from quantum_latents.data.tables import file_sha256
from quantum_latents.disk import write_atomically
from quantum_latents.molecules import GraphLayout, MoleculeGraphs, Progress, graphs_from_smiles

__all__ = [
    "LARGEST_BY_DEFAULT",
    "MoleculesSpec",
    "load_molecules",
    "molecules_spec",
    "write_prepared",
]

LARGEST_BY_DEFAULT = 38
"""Heavy atoms beyond which a molecule is dropped unless the caller says otherwise (ZINC's 38)."""

_PREPARED = ".npz"


# The same names in the same order as `metrics.molecules.MOLECULE_METRICS`: data sets import no
# metrics, and tests/contracts compares the two.
_METRICS = (
    "valid_and_unique",
    "novel",
    "fcd_unique",
    "fcd_valid",
    "fcd_unique_2522",
    "fcd_unique_1000",
    "validity",
    "molgan_validity",
    "uniqueness",
    "bond_type_distance",
    "atom_type_distance",
    "ring_distance",
    "functional_group_distance",
    "qed_distance",
    "sa_distance",
    "logp_distance",
    "nearest_similarity",
    "internal_diversity",
)


@dataclass(frozen=True, kw_only=True)
class MoleculesSpec:
    """A set of molecules as a data set; `molecules_spec` makes one from a file.

    Attributes:
        name: "qm9", or the file's name without its suffix.
        sha256: of the set's content (molecules, graphs, and what was dropped), not of the file.
        num_atoms: n, places for heavy atoms.
        elements: symbols of the node classes 1, 2, ..., by atomic number.
        held_out_fraction: f in (0, 1), of which one half is the floor's reference.
        order: of the atoms' places, for critics that see them: `canonical`, as in the canonical
            SMILES, or `rings_first` (`quantum_latents.molecules.order`). The molecules are the
            same, and so is every metric.

    Raises:
        TypeError, ValueError: a field is out of its range.
    """

    name: str
    sha256: str
    num_atoms: int
    elements: tuple[str, ...]
    held_out_fraction: float = 0.2
    # Left out of a run's name at its default: runs named before keep their names.
    order: Literal["canonical", "rings_first"] = field(
        default="canonical", metadata={"omit_default": True}
    )

    def __post_init__(self) -> None:
        if self.order not in ("canonical", "rings_first"):
            raise ValueError(f"order is 'canonical' or 'rings_first', not {self.order!r}")
        if not self.name:
            raise ValueError("a set of molecules has a name, such as 'qm9'")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(
                f"sha256 is 64 hexadecimal digits, not {self.sha256!r}; "
                "molecules_spec(FILE, cache) computes it"
            )
        if not 0 < self.held_out_fraction < 1:
            raise ValueError(f"held_out_fraction is in (0, 1), not {self.held_out_fraction}")
        _ = self.layout

    @property
    def layout(self) -> GraphLayout:
        """The shape of the graphs."""
        return GraphLayout(num_atoms=self.num_atoms, elements=self.elements)


def molecules_spec(
    source: str | Path,
    cache: Path,
    *,
    max_atoms: int | None = None,
    keep_uncharacterised: bool = True,
    on_progress: Progress = lambda what, done, total: None,
    **settings: Any,
) -> MoleculesSpec:
    r"""Return the spec of the molecules in `source`, whose set is then in the cache.

    The first call converts the file (QM9: below a minute); later ones find the set by the file's
    SHA-256, check it and are quick. A damaged set is made again.

    Args:
        source: "qm9" for the official archive, downloaded into `cache` / molecules (86 MB) unless
            it is there; a file, see `quantum_latents.data.smiles_files`; or a set that
            `write_prepared` wrote (.npz), which needs no RDKit and is taken into the cache.
        cache: where sets are kept.
        max_atoms: drop molecules of more heavy atoms, 1 to 64; by default 9 for "qm9" (which has
            no larger ones) and 38 for a file. The graphs have no more places than the largest
            molecule left needs.
        keep_uncharacterised: of QM9's archive, keep the 3,054 molecules whose geometry its authors
            found inconsistent (all figures for QM9 here are with them); without them the list of
            their numbers is downloaded too.
        on_progress: called with what is being done, how much is done and of how much.
        settings: the other fields of `MoleculesSpec`.

    Raises:
        ValueError: the file is missing, damaged, of no known kind or without molecules that can be
            kept; or the download failed, with what to put where instead.
        ImportError: RDKit is not installed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> file = folder / "alcohols.smi"
    >>> _ = file.write_text("\n".join("C" * k + "O" for k in range(1, 30)))
    >>> spec = molecules_spec(file, folder, held_out_fraction=0.4)
    >>> spec.name, spec.num_atoms, spec.elements
    ('alcohols', 30, ('C', 'O'))
    >>> data = load_molecules(spec, folder)
    >>> len(data.train) + len(data.held_out) + len(data.floor_reference)
    29
    """
    folder = Path(cache) / "molecules"
    if str(source).endswith(_PREPARED):
        if max_atoms is not None or not keep_uncharacterised:
            raise ValueError(f"{str(source)!r} is prepared: no molecule can be dropped any more")
        found = take_prepared(Path(source), folder)
        return _spec_of(found, Path(source).name.removesuffix(_PREPARED), settings)
    if str(source) == "qm9":
        file = fetch(QM9_ARCHIVE, folder, on_progress)
        name, default = "qm9", 9
    else:
        file = Path(source)
        suffix = smiles_suffix(file)
        name, default = file.name[: -len(suffix)] or file.name, LARGEST_BY_DEFAULT
    limit = default if max_atoms is None else max_atoms
    without: Path | None = None
    if not keep_uncharacterised:
        if smiles_suffix(file) != ".tar.bz2":
            raise ValueError(
                f"keep_uncharacterised=False needs QM9's archive, not {str(file)!r}: only the "
                "archive numbers its molecules as the list of uncharacterised ones does"
            )
        without = fetch(QM9_UNCHARACTERISED, folder, on_progress)

    made_from = {
        "format": SET_FORMAT,
        "file": file_sha256(file),
        "kind": smiles_suffix(file),
        "max_atoms": limit,
        "without": without and file_sha256(without),
        "rdkit": rdkit_version(),
    }
    entry = folder / "sources" / f"{_digest(made_from)}.json"
    found = _from_index(entry, folder)
    if found is None:
        graphs, extra = _convert(file, limit, without, on_progress)
        found = write_set(folder, graphs, extra)
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(entry, json.dumps({"sha256": found.sha256, **made_from}).encode())
    return _spec_of(found, name, settings)


def write_prepared(spec: MoleculesSpec, cache: Path, out: Path) -> Path:
    """Write a set as it lies in the cache, for a machine that has no RDKit; return the file.

    Args:
        spec: made by `molecules_spec`.
        cache: the folder of that call.
        out: ends in .npz. Without that it names the data set, as every file of molecules does.

    Raises:
        ValueError: another suffix; or the set is not in the cache, or is damaged.
    """
    if not out.name.endswith(_PREPARED):
        raise ValueError(f"a prepared set is written to {_PREPARED}, not to {out.name!r}")
    file = Path(cache) / "molecules" / f"{spec.sha256}.npz"
    read_set(file)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, file.read_bytes())
    return out


def load_molecules(spec: MoleculesSpec, cache: Path) -> DataSet:
    """Return the set of `spec`, split; once in a process, so that runs share its memory.

    Facts: `layout`; `train_smiles` (frozenset), `held_out_smiles` and `floor_smiles` (tuples), the
    canonical SMILES of the parts, written by the RDKit that is installed; `reference_cache`, the
    folder for statistics derived from the set, and `reference_key`, which names it and its split.

    Args:
        spec: made by `molecules_spec`.
        cache: the folder of that call.

    Raises:
        ValueError: the set is not in the cache or is damaged, or too small to be split.
    """
    return _load(spec, Path(cache).absolute())


@functools.lru_cache(maxsize=4)
def _load(spec: MoleculesSpec, cache: Path) -> DataSet:
    folder = cache / "molecules"
    file = folder / f"{spec.sha256}.npz"
    again = (
        "give the file of the molecules again: qlat run ... --data FILE (or --data qm9), or "
        "qlat prepare FILE"
    )
    if not file.is_file():
        raise ValueError(f"the molecules of {spec.name!r} are not at {str(file)!r}; {again}")
    try:
        found = read_set(file)
    except ValueError as error:
        raise ValueError(f"{error}; delete it, and {again}") from error
    if found.layout != spec.layout:
        raise ValueError(
            f"{spec.name!r} has {found.layout.num_atoms} places and elements "
            f"{found.layout.elements}, not {spec.num_atoms} and {spec.elements}; "
            "make the spec with molecules_spec(FILE, cache)"
        )
    places = _places(found.smiles)
    first = int(np.searchsorted(places, 1 - spec.held_out_fraction))
    second = int(np.searchsorted(places, 1 - spec.held_out_fraction / 2))
    sizes = (first, second - first, len(places) - second)
    if min(sizes) < 2:
        raise ValueError(
            f"held_out_fraction={spec.held_out_fraction} of the {len(places)} molecules of "
            f"{spec.name!r} leaves {sizes[0]} to train on, {sizes[1]} held out and {sizes[2]} for "
            "the floor; each needs at least 2"
        )
    smiles = _as_written_here(found)
    codes = found.codes
    if spec.order == "rings_first":
        from quantum_latents.molecules.order import rings_first

        codes = rings_first(found.layout, codes)
    key = {"set": spec.sha256, "held_out_fraction": float(spec.held_out_fraction)}
    return DataSet.of_graphs(
        name=spec.name,
        layout=found.layout,
        train=codes[:first],
        held_out=codes[first:second],
        floor_reference=codes[second:],
        metrics=_METRICS,
        facts={
            "layout": found.layout,
            "train_smiles": frozenset(smiles[:first]),
            "held_out_smiles": smiles[first:second],
            "floor_smiles": smiles[second:],
            "reference_cache": folder,
            "reference_key": _digest(key),
        },
        notes=(
            *found.notes,
            "Split by a hash of each molecule's SMILES; a held-out molecule counts as novel.",
        ),
    )


def _convert(
    file: Path, max_atoms: int, without: Path | None, on_progress: Progress
) -> tuple[MoleculeGraphs, list[str]]:
    notes: list[str] = []
    if without is None:
        smiles = read_smiles(file, on_progress)
    else:
        ids = {int(number) for number in re.findall(r"(?m)^\s*(\d+)\s", without.read_text())}
        numbered = read_archive(file, on_progress)
        smiles = tuple(text for number, text in numbered if number not in ids)
        notes.append(
            f"{len(numbered) - len(smiles):,} molecules that QM9's authors list as "
            "uncharacterised were left out."
        )
    try:
        return graphs_from_smiles(smiles, max_atoms=max_atoms, on_progress=on_progress), notes
    except ValueError as error:
        raise ValueError(f"{str(file)!r}: {error}") from error


def _spec_of(found: PreparedSet, name: str, settings: dict[str, Any]) -> MoleculesSpec:
    """Return the spec of a set, named as its file is."""
    if found.is_qm9:
        name = "qm9"
    elif name == "qm9":  # the whole of QM9 alone is called so in tables
        name = "qm9-part"
    return MoleculesSpec(
        name=name,
        sha256=found.sha256,
        num_atoms=found.layout.num_atoms,
        elements=found.layout.elements,
        **settings,
    )


def _from_index(entry: Path, folder: Path) -> PreparedSet | None:
    """Return the set that an earlier call made of the same file, or None if it must be made."""
    try:
        sha256 = json.loads(entry.read_bytes())["sha256"]
        return read_set(folder / f"{sha256}.npz")
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing or damaged, and the source is at hand to make it again


def _places(smiles: tuple[str, ...]) -> np.ndarray:
    return np.array([place_of(text) for text in smiles])


def _as_written_here(found: PreparedSet) -> tuple[str, ...]:
    """Return the SMILES as the installed RDKit writes them, to be compared with its others."""
    if rdkit_version() in (None, found.rdkit):
        return found.smiles
    from rdkit import Chem

    return tuple(Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in found.smiles)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
