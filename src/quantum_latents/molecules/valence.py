"""Which graphs are molecules, decided exactly by sums of bond orders wherever that can be done.

Notation: graphs are codes (N, P + n), see `quantum_latents.molecules.graphs`. The *valence* of
an atom is the sum of its bonds' orders; hydrogens fill what is left of 4, 3, 2 and 1 for C, N, O
and F. A graph is *strictly* a molecule if, with the pads and their bonds dropped,

1. it has an atom,
2. it is connected,
3. RDKit sanitises it as it stands, without any correction.

For C, N, O and F the third is decided here as RDKit decides it: every valence within the bounds,
valid; any of C, O or F beyond them, invalid; N beyond them, invalid unless its valence is 5 with
an =O or a #N beside it. Those RDKit's clean-up may rescue (nitro groups, azides), so it is asked.
Graphs with any other element are RDKit's to decide too.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from quantum_latents.molecules.graphs import GraphLayout

__all__ = ["MOST_BONDS", "Verdict", "is_connected", "judge", "judge_loosely"]

MOST_BONDS = {"C": 4, "N": 3, "O": 2, "F": 1}
"""The elements that are decided without RDKit, and their greatest sums of bond orders."""

_BLOCK_CELLS = 2**23


class Verdict(IntEnum):
    """What the sums say of a graph; the first that holds, in this order, but for VALID and ASK."""

    VALID = 0
    NO_ATOM = 1
    FRAGMENTS = 2
    VALENCE = 3
    ASK = 4


def judge(layout: GraphLayout, codes: np.ndarray) -> np.ndarray:
    """Return a `Verdict` for each graph, uint8 (N,), of strict validity.

    Raises:
        ValueError: codes are not of this layout.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> graphs = np.array([[2, 2, 0, 1, 2, 2], [3, 0, 0, 1, 2, 0], [0, 0, 0, 1, 1, 1]])
    >>> [Verdict(v).name for v in judge(layout, graphs)]
    ['VALID', 'VALENCE', 'FRAGMENTS']
    """
    return _in_blocks(layout, codes, _judge)


def judge_loosely(layout: GraphLayout, codes: np.ndarray) -> np.ndarray:
    """Return a `Verdict` for each graph, uint8 (N,), of MolGAN's looser validity.

    Pads are wildcard atoms there, with their bonds and without a bound on them; no atom and any
    number of fragments will do; the rest is as in `judge`.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> [Verdict(v).name for v in judge_loosely(layout, np.array([[0] * 6, [3, 0, 0, 1, 2, 0]]))]
    ['VALID', 'VALENCE']
    """
    return _in_blocks(layout, codes, _judge_loosely)


def is_connected(layout: GraphLayout, codes: np.ndarray) -> np.ndarray:
    """Return whether the atoms of each graph hang together, bool (N,); true without any atom.

    >>> layout = GraphLayout(num_atoms=3, elements=("C",))
    >>> is_connected(layout, np.array([[1, 0, 0, 1, 1, 0], [1, 0, 0, 1, 1, 1]])).tolist()
    [True, False]
    """
    return _in_blocks(layout, codes, lambda *graph: _reaches_all(graph[1], graph[2] > 0)) > 0


def _in_blocks(layout: GraphLayout, codes: np.ndarray, judged) -> np.ndarray:
    rows = max(1, _BLOCK_CELLS // layout.num_atoms**2)
    blocks = [codes[start : start + rows] for start in range(0, max(len(codes), 1), rows)]
    parts = [judged(layout, layout.bonds(block), layout.nodes(block)) for block in blocks]
    return np.concatenate(parts).astype(np.uint8)


def _judge(layout: GraphLayout, bonds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    is_atom = nodes > 0
    bonds = bonds * (is_atom[:, :, None] & is_atom[:, None, :])
    verdicts = _by_valence(layout, bonds, nodes)
    verdicts[~_reaches_all(bonds, is_atom)] = Verdict.FRAGMENTS
    verdicts[~is_atom.any(1)] = Verdict.NO_ATOM
    return verdicts


def _judge_loosely(layout: GraphLayout, bonds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    return _by_valence(layout, bonds, nodes)


def _by_valence(layout: GraphLayout, bonds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return VALID, VALENCE or ASK, from the bonds as they are given."""
    valence = bonds.sum(2, dtype=np.int64)
    unbounded = np.iinfo(np.int64).max
    most = np.array([unbounded, *(MOST_BONDS.get(e, unbounded) for e in layout.elements)])
    too_many = valence > most[nodes]
    is_nitrogen, is_oxygen = (nodes == _class_of(layout, element) for element in ("N", "O"))
    beside = ((bonds == 2) & is_oxygen[:, None, :]) | ((bonds == 3) & is_nitrogen[:, None, :])
    rescued = too_many & is_nitrogen & (valence == 5) & beside.any(2)
    verdicts = np.full(len(nodes), Verdict.VALID, dtype=np.uint8)
    verdicts[rescued.any(1)] = Verdict.ASK
    verdicts[(too_many & ~rescued).any(1)] = Verdict.VALENCE
    is_known = np.array([True, *(element in MOST_BONDS for element in layout.elements)])
    verdicts[~is_known[nodes].all(1)] = Verdict.ASK
    return verdicts


def _class_of(layout: GraphLayout, element: str) -> int:
    return layout.elements.index(element) + 1 if element in layout.elements else -1


def _reaches_all(bonds: np.ndarray, is_atom: np.ndarray) -> np.ndarray:
    """Return whether every atom is reached from the first one, bool (N,)."""
    # A set of atoms is the bits of a word, so that a round is n passes over N words.
    num_atoms = is_atom.shape[1]
    bit = np.uint64(1) << np.arange(num_atoms, dtype=np.uint64)
    linked = (bonds > 0) & is_atom[:, :, None] & is_atom[:, None, :]
    neighbours = (linked * bit).sum(2, dtype=np.uint64)
    everyone = (is_atom * bit).sum(1, dtype=np.uint64)
    reached = everyone & (~everyone + np.uint64(1))  # the lowest bit
    while True:
        before = reached
        for atom in range(num_atoms):
            inside = (reached >> np.uint64(atom)) & np.uint64(1)
            reached = reached | neighbours[:, atom] * inside
        if np.array_equal(reached, before):
            return reached == everyone
