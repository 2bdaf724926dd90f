"""SMILES to graphs: which molecules the classes of a `GraphLayout` can hold, and their codes.

Notation: n places for heavy atoms, P = n (n - 1) / 2 pairs, *codes* uint8 (N, P + n) as in
`quantum_latents.molecules.graphs`.

Only neutral molecules in one piece are kept, kekulised, without stereochemistry. Their hydrogens
follow from the bonds, so that the graph says everything: building it again with RDKit gives the
molecule's canonical SMILES. The atoms stand in the order of the canonical SMILES, and so do the
alternating bonds of rings: a molecule has one row of codes however a file writes it.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.molecules.graphs import GraphLayout

__all__ = ["MOST_ATOMS", "MoleculeGraphs", "Progress", "graphs_from_smiles"]

MOST_ATOMS = 64
"""No layout has more places than this."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""

_STEP = 2000  # molecules between two reports of progress
_FEWEST_TO_SHARE = 20_000  # fewer are converted before other processes have started

# A canonical SMILES of these characters alone has no charge, isotope, radical, dummy atom, second
# fragment or bond beyond the triple one, and hydrogens by the rules that give them back.
_PLAIN = re.compile(r"[A-Za-z0-9()=#%-]*")
_SYMBOL = re.compile("Cl|Br|[BCNOPSFIbcnops]")
_NUMBERS = {"B": 5, "C": 6, "N": 7, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}
_NUMBERS |= {symbol.lower(): number for symbol, number in _NUMBERS.items()}
_AROMATIC = re.compile("[bcnops]")  # or an element such as Si, for which it does no harm
_STEREO = re.compile(r"[@/\\]")


@dataclass(frozen=True, eq=False)
class MoleculeGraphs:
    """Molecules as graphs, and what became of those that are not there.

    Attributes:
        layout: places and elements; the elements in the order of their atomic numbers.
        codes: uint8 (N, P + n).
        smiles: the N canonical SMILES, without stereochemistry.
        num_read: SMILES that were looked at, kept or dropped.
        dropped: reason -> how many were dropped for it; only reasons that occurred.
        num_stereo: kept molecules whose SMILES said something of stereochemistry.
    """

    layout: GraphLayout
    codes: np.ndarray
    smiles: tuple[str, ...]
    num_read: int
    dropped: Mapping[str, int]
    num_stereo: int


def graphs_from_smiles(
    smiles: Sequence[str],
    *,
    max_atoms: int = MOST_ATOMS,
    on_progress: Progress = lambda what, done, total: None,
) -> MoleculeGraphs:
    """Return the molecules that graphs can hold, in the order given.

    The layout is the smallest that holds them: as many places as the largest kept molecule has
    heavy atoms (at least 2), and the elements that occur. A molecule is dropped, and counted,
    if RDKit cannot read it or refuses a valence or an aromatic ring of it; if it has several
    fragments, more than `max_atoms` heavy atoms, a charged atom, an isotope, an atom of no
    element, a radical, a hydrogen between others, a bond beyond the triple one, or hydrogens
    that its bonds do not imply.

    Args:
        smiles: one a molecule; repeats are kept.
        max_atoms: larger molecules are dropped, 1 to 64.
        on_progress: see `Progress`.

    Raises:
        ValueError: `max_atoms` is out of range, or no molecule is left.
        ImportError: RDKit is not installed.

    >>> graphs = graphs_from_smiles(["OC", "C#N", "[NH4+]", "C("])
    >>> graphs.smiles, graphs.layout.elements, dict(graphs.dropped)
    (('CO', 'C#N'), ('C', 'N', 'O'), {'charged': 1, 'not readable as SMILES': 1})
    >>> graphs.codes
    array([[1, 1, 3],
           [3, 1, 2]], dtype=uint8)
    """
    if isinstance(max_atoms, bool) or not isinstance(max_atoms, int):
        raise TypeError(f"max_atoms is an integer, not {max_atoms!r}")
    if not 1 <= max_atoms <= MOST_ATOMS:
        raise ValueError(f"max_atoms is 1 to {MOST_ATOMS}, not {max_atoms}")
    chem = _rdkit()
    kept: list[_Graph] = []
    dropped: dict[str, int] = {}
    num_stereo = 0
    on_progress("converting molecules", 0, len(smiles))
    for start, graphs in _graphs_by_step(smiles, max_atoms):
        for text, graph in zip(smiles[start : start + _STEP], graphs, strict=True):
            if isinstance(graph, str):
                dropped[graph] = dropped.get(graph, 0) + 1
            else:
                kept.append(graph)
                num_stereo += _has_stereo(text)
        on_progress("converting molecules", start + len(graphs), len(smiles))
    if not kept:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in dropped.items())
        raise ValueError(
            f"none of {len(smiles):,} molecules is left: {reasons or 'there are none'}; "
            "neutral molecules of one fragment, written as SMILES, are needed"
        )
    layout, codes = _assemble(chem, kept)
    return MoleculeGraphs(
        layout=layout,
        codes=codes,
        smiles=tuple(graph.smiles for graph in kept),
        num_read=len(smiles),
        dropped=dict(sorted(dropped.items())),
        num_stereo=num_stereo,
    )


@dataclass(frozen=True, slots=True)
class _Graph:
    """One molecule before the places of the others are known."""

    smiles: str
    numbers: bytes  # atomic numbers
    bonds: bytes  # orders of the pairs of its own atoms, as in `GraphLayout`


def _graphs_by_step(
    smiles: Sequence[str], max_atoms: int
) -> Iterator[tuple[int, list[_Graph | str]]]:
    """Yield where each step of molecules starts and what `_graph` makes of it, in order.

    Many molecules are shared out among the cores; each is converted by itself, so that their
    number changes nothing but the time.
    """
    starts = range(0, len(smiles), _STEP)
    parts = ((smiles[start : start + _STEP], max_atoms) for start in starts)
    if len(smiles) < _FEWEST_TO_SHARE:
        yield from zip(starts, itertools.starmap(_graphs, parts), strict=True)
        return
    from joblib import Parallel, delayed

    work: Any = Parallel(n_jobs=-1, return_as="generator")
    yield from zip(starts, work(delayed(_graphs)(*part) for part in parts), strict=True)


def _graphs(smiles: Sequence[str], max_atoms: int) -> list[_Graph | str]:
    chem = _rdkit()
    from rdkit.rdBase import BlockLogs

    with BlockLogs():  # RDKit would write a line for every molecule that it refuses
        return [_graph(chem, text, max_atoms) for text in smiles]


def _has_stereo(text: str) -> bool:
    return _STEREO.search(text) is not None


def _graph(chem: Any, text: str, max_atoms: int) -> _Graph | str:
    """Return the graph of one SMILES, or the reason why there is none."""
    molecule = _read(chem, text)
    if molecule is None:
        if chem.MolFromSmiles(text, sanitize=False) is None:
            return "not readable as SMILES"
        return "a valence or an aromatic ring that RDKit refuses"
    if molecule.GetNumAtoms() == 0:
        return "without atoms"
    if "." in text and len(chem.GetMolFrags(molecule)) > 1:
        return "several fragments"
    if molecule.GetNumAtoms() > max_atoms:
        return f"more than {max_atoms} heavy atoms"
    if _has_stereo(text):
        chem.RemoveStereochemistry(molecule)
    canonical = chem.MolToSmiles(molecule)
    plain = _PLAIN.fullmatch(canonical) is not None
    if not plain and (reason := _reason_against(molecule)):
        return reason
    if _AROMATIC.search(canonical):
        # Alternating bonds can be laid in two ways: let the canonical SMILES alone choose.
        molecule = _read(chem, canonical)
        if molecule is None:
            return "an aromatic ring that RDKit cannot read back"
        chem.Kekulize(molecule, clearAromaticFlags=True)
        order = list(range(molecule.GetNumAtoms()))
    else:
        order = json.loads(molecule.GetProp("_smilesAtomOutputOrder").replace(",]", "]"))
    if plain:  # reading the text is several times faster than asking every atom
        numbers = [_NUMBERS[symbol] for symbol in _SYMBOL.findall(canonical)]
    else:
        every = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
        numbers = [every[k] for k in order]
    orders = chem.GetAdjacencyMatrix(molecule, useBO=True)[order][:, order]
    graph = _Graph(
        smiles=canonical,
        numbers=bytes(numbers),
        bonds=orders[_upper(len(order))].astype(np.uint8).tobytes(),
    )
    if not plain and _built_again(chem, graph) != canonical:
        return "hydrogens that the bonds do not imply"
    return graph


def _read(chem: Any, text: str) -> Any:
    """Return the molecule of a SMILES, with everything that its canonical SMILES needs, or None."""
    if "[" in text:
        return chem.MolFromSmiles(text)
    # Without brackets there are no hydrogens to be merged, and stereochemistry is not wanted:
    # the steps that remain take half the time of all.
    molecule = chem.MolFromSmiles(text, sanitize=False)
    if molecule is None or chem.SanitizeMol(molecule, _steps(chem), catchErrors=True):
        return None
    return molecule


@functools.cache
def _steps(chem: Any) -> int:
    flags = chem.SanitizeFlags
    return (
        flags.SANITIZE_CLEANUP
        | flags.SANITIZE_PROPERTIES
        | flags.SANITIZE_SYMMRINGS
        | flags.SANITIZE_KEKULIZE
        | flags.SANITIZE_FINDRADICALS
        | flags.SANITIZE_SETAROMATICITY
        | flags.SANITIZE_ADJUSTHS
    )


def _reason_against(molecule: Any) -> str:
    for atom in molecule.GetAtoms():
        if atom.GetFormalCharge():
            return "charged"
        if atom.GetIsotope():
            return "isotopes"
        if atom.GetAtomicNum() == 0:
            return "atoms of no element"
        if atom.GetNumRadicalElectrons():
            return "radicals"
        if atom.GetAtomicNum() == 1:
            return "hydrogen as an atom of its own"
    if any(bond.GetBondTypeAsDouble() not in (1, 1.5, 2, 3) for bond in molecule.GetBonds()):
        return "bonds other than single, double, triple and aromatic"
    if any(str(bond.GetBondType()).startswith("DATIVE") for bond in molecule.GetBonds()):
        return "bonds other than single, double, triple and aromatic"
    return ""


def _built_again(chem: Any, graph: _Graph) -> str:
    molecule = chem.RWMol()
    for number in graph.numbers:
        molecule.AddAtom(chem.Atom(number))
    kinds = (None, chem.BondType.SINGLE, chem.BondType.DOUBLE, chem.BondType.TRIPLE)
    for first, second, order in zip(*_upper(len(graph.numbers)), graph.bonds, strict=True):
        if order:
            molecule.AddBond(int(first), int(second), kinds[order])
    if chem.SanitizeMol(molecule, catchErrors=True):
        return ""
    return chem.MolToSmiles(molecule)


_UPPER: dict[int, tuple[np.ndarray, np.ndarray]] = {}


def _upper(num_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    # `triu_indices` takes longer than everything that is done with it.
    if num_atoms not in _UPPER:
        _UPPER[num_atoms] = np.triu_indices(num_atoms, 1)
    return _UPPER[num_atoms]


def _assemble(chem: Any, kept: list[_Graph]) -> tuple[GraphLayout, np.ndarray]:
    table = chem.GetPeriodicTable()
    present = sorted(set().union(*(graph.numbers for graph in kept)))
    layout = GraphLayout(
        num_atoms=max(2, max(len(graph.numbers) for graph in kept)),
        elements=tuple(table.GetElementSymbol(number) for number in present),
    )
    node_class = np.zeros(256, dtype=np.uint8)
    node_class[present] = np.arange(1, len(present) + 1)
    codes = np.zeros((len(kept), layout.code_width), dtype=np.uint8)
    sizes = np.array([len(graph.numbers) for graph in kept])
    n = layout.num_atoms
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        first, second = _upper(int(size))
        columns = first * n - first * (first + 1) // 2 + second - first - 1
        bonds = b"".join(kept[row].bonds for row in rows)
        nodes = b"".join(kept[row].numbers for row in rows)
        codes[rows[:, None], columns] = np.frombuffer(bonds, np.uint8).reshape(len(rows), -1)
        codes[rows, layout.num_pairs : layout.num_pairs + size] = node_class[
            np.frombuffer(nodes, np.uint8).reshape(len(rows), -1)
        ]
    return layout, codes


def _rdkit() -> Any:
    try:
        from rdkit import Chem
    except ImportError as error:
        raise ImportError(
            "reading molecules needs RDKit: pip install 'quantum-latents[molecules]'"
        ) from error
    return Chem
