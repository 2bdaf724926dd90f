"""Graphs to molecules: canonical SMILES, and why a graph is none.

Notation: graphs are codes (N, P + n), see `quantum_latents.molecules.graphs`; strict and loose
validity are defined in `quantum_latents.molecules.valence`. SMILES are RDKit's canonical ones.
RDKit is loaded when the first graph needs it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.molecules.graphs import GraphLayout
from quantum_latents.molecules.valence import Verdict, judge, judge_loosely

__all__ = ["REASONS", "Decoded", "decode", "import_rdkit", "to_molecule"]

REASONS = {
    Verdict.NO_ATOM: "no atom",
    Verdict.FRAGMENTS: "more than one piece",
    Verdict.VALENCE: "too many bonds at an atom",
    Verdict.ASK: "not sanitised by RDKit",
}
"""Why a graph is not strictly a molecule, in the order in which it is looked at."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What N graphs are.

    Attributes:
        smiles: canonical SMILES of each graph, "" where it is not strictly a molecule.
        reasons: why it is none, from `REASONS`; "" where it is one.
        is_loosely_valid: bool (N,), MolGAN's looser validity.
        molecules: RDKit molecules by their canonical SMILES, in the order of first appearance.
        first: int64, the graph at which each of the molecules first appears.
    """

    smiles: tuple[str, ...]
    reasons: tuple[str, ...]
    is_loosely_valid: np.ndarray
    molecules: dict[str, Any]
    first: np.ndarray

    @property
    def num_valid(self) -> int:
        """How many of the graphs are strictly molecules."""
        return sum(map(bool, self.smiles))


def import_rdkit() -> Any:
    """Return the module `rdkit.Chem`.

    Raises:
        ImportError: RDKit is not installed; the error says how to install it.
    """
    try:
        from rdkit import Chem
    except ImportError as error:
        raise ImportError(
            "molecules need RDKit: pip install 'quantum-latents[molecules]'"
        ) from error
    return Chem


def decode(layout: GraphLayout, codes: np.ndarray) -> Decoded:
    """Return what the graphs are. Equal graphs are decoded once.

    Args:
        layout: places and elements.
        codes: classes (N, P + n).

    Raises:
        ValueError: codes are not of this layout, or a class is out of range.
        ImportError: RDKit is not installed.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> decoded = decode(layout, np.array([[1, 1, 0, 1, 1, 2], [0, 2, 0, 2, 2, 1]]))
    >>> decoded.smiles, decoded.reasons
    (('CCO', ''), ('', 'more than one piece'))
    """
    codes = np.asarray(codes)
    _check_classes(layout, codes)
    chem = import_rdkit()
    from rdkit import rdBase

    distinct, first, inverse = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    verdicts, loose_verdicts = judge(layout, distinct), judge_loosely(layout, distinct)
    smiles, reasons = [""] * len(distinct), [""] * len(distinct)
    is_loose = loose_verdicts == Verdict.VALID
    made = {}
    with rdBase.BlockLogs():
        # In the order of first appearance, so that the molecules are.
        for i in np.argsort(first):
            verdict = verdicts[i]
            if verdict in (Verdict.VALID, Verdict.ASK):
                molecule = to_molecule(layout, distinct[i])
                if molecule is not None:
                    smiles[i] = chem.MolToSmiles(molecule)
                    made.setdefault(smiles[i], (molecule, first[i]))
                else:
                    assert verdict == Verdict.ASK, distinct[i]
            if not smiles[i]:
                reasons[i] = REASONS[Verdict(verdict)]
            if loose_verdicts[i] == Verdict.ASK:
                loose = to_molecule(layout, distinct[i], with_pads=True)
                is_loose[i] = loose is not None
    inverse = inverse.reshape(-1)
    return Decoded(
        smiles=tuple(smiles[i] for i in inverse),
        reasons=tuple(reasons[i] for i in inverse),
        is_loosely_valid=is_loose[inverse],
        molecules={name: molecule for name, (molecule, _) in made.items()},
        first=np.array([index for _, index in made.values()], dtype=np.int64),
    )


def to_molecule(
    layout: GraphLayout, code: np.ndarray, *, with_pads: bool = False, sanitise: bool = True
) -> Any | None:
    """Return one graph as an RDKit molecule, None if RDKit does not sanitise it as it stands.

    Args:
        layout: places and elements.
        code: classes (P + n,).
        with_pads: keep the pads and their bonds, as wildcard atoms `*`.
        sanitise: False returns the graph as it is drawn, molecule or not.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> to_molecule(layout, np.array([1, 1, 0, 1, 1, 2])).GetNumAtoms()
    3
    """
    chem = import_rdkit()
    atoms, orders, pairs = _pieces(layout)
    classes = code.tolist()
    molecule = chem.RWMol()
    places = [-1] * layout.num_atoms
    for place, node in enumerate(classes[layout.num_pairs :]):
        if node or with_pads:
            places[place] = molecule.AddAtom(atoms[node])
    for order, (first, second) in zip(classes, pairs, strict=False):
        if order and places[first] >= 0 and places[second] >= 0:
            molecule.AddBond(places[first], places[second], orders[order])
    if not sanitise:
        molecule.UpdatePropertyCache(strict=False)
    elif chem.SanitizeMol(molecule, catchErrors=True):
        return None
    return molecule


@functools.lru_cache(maxsize=8)
def _pieces(layout: GraphLayout) -> tuple[list[Any], list[Any], list[tuple[int, int]]]:
    """Return the atoms by node class, the bonds by bond class, and the places of the pairs."""
    chem = import_rdkit()
    atoms = [chem.Atom(symbol) for symbol in ("*", *layout.elements)]
    orders = [None, chem.BondType.SINGLE, chem.BondType.DOUBLE, chem.BondType.TRIPLE]
    first, second = np.triu_indices(layout.num_atoms, 1)
    return atoms, orders, list(zip(first.tolist(), second.tolist(), strict=True))


def _check_classes(layout: GraphLayout, codes: np.ndarray) -> None:
    bonds, nodes = codes[:, : layout.num_pairs], layout.nodes(codes)
    for name, values, most in (
        ("bond", bonds, 3),
        ("node", nodes, len(layout.elements)),
    ):
        if values.size and not (values.min() >= 0 and values.max() <= most):
            raise ValueError(
                f"{name} classes are 0 to {most} here, not {values.min()} to {values.max()}"
            )
