"""A trivial rival of molecular generators: random bonds between the atoms of known molecules.

Notation: graphs are codes (N, P + n), see `quantum_latents.molecules.graphs`. A graph's *extra
orders* are the sum of its bond orders less that of a tree, which is its atoms less one: rings,
double and triple bonds.

Nothing is learned but which atoms and how many extra orders a molecule has. Such graphs are nearly
all valid, unique and novel, so validity and novelty alone mean nothing; what a generator adds
shows in the distances to the data.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.molecules.graphs import GraphLayout
from quantum_latents.molecules.valence import MOST_BONDS

__all__ = ["connect_at_random", "random_valence_graphs"]

_ORDINARY = {"H": 1, "B": 3, "Si": 4, "P": 3, "S": 2, "Cl": 1, "Br": 1, "I": 1} | MOST_BONDS
_OTHERWISE = 1  # what any element but a noble gas can do


def random_valence_graphs(
    num_graphs: int, layout: GraphLayout, codes: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return graphs with the atoms of random molecules and random bonds, uint8 (N, P + n).

    Each takes atoms, in random order, and the number of extra orders from one of `codes`, drawn
    with replacement, and bonds from `connect_at_random`.

    Args:
        num_graphs: N.
        layout: places and elements.
        codes: molecules, such as a training set.
        generator: where random numbers come from.

    Raises:
        ValueError: there are no molecules, or they are not of this layout.

    >>> layout = GraphLayout(num_atoms=2, elements=("C",))
    >>> random_valence_graphs(2, layout, np.array([[2, 1, 1]]), np.random.default_rng(0)).tolist()
    [[2, 1, 1], [2, 1, 1]]
    """
    if len(codes) == 0:
        raise ValueError("random graphs take their atoms from molecules, and there are none")
    like = codes[generator.integers(len(codes), size=num_graphs)]
    nodes = layout.nodes(like)
    orders = like[:, : layout.num_pairs].sum(1, dtype=np.int64)
    num_extra = np.maximum(orders - (nodes > 0).sum(1) + 1, 0)
    # In random order, with the pads behind.
    order = np.argsort(generator.random(nodes.shape) + (nodes == 0), axis=1)
    nodes = np.take_along_axis(nodes, order, axis=1)
    return connect_at_random(layout, nodes, num_extra, generator)


def connect_at_random(
    layout: GraphLayout,
    nodes: np.ndarray,
    num_extra: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return random graphs of given atoms that respect their valences, uint8 (N, P + n).

    Every atom after the first is bonded to one of those before it, chosen at random among those
    with free valence; then one extra order after the other goes to a random pair of atoms with
    free valence, at most three to a pair. What finds no place is left out: an atom without a
    partner stays alone, and its graph is then no molecule.

    Args:
        layout: places and elements.
        nodes: node classes (N, n), the pads behind the atoms.
        num_extra: extra orders of each graph, (N,).
        generator: where random numbers come from.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "F"))
    >>> nodes, num_extra = np.array([[2, 1, 2]]), np.array([5])
    >>> connect_at_random(layout, nodes, num_extra, np.random.default_rng(0)).tolist()
    [[1, 0, 1, 2, 1, 2]]
    """
    most = np.array([0, *(_ORDINARY.get(element, _OTHERWISE) for element in layout.elements)])
    free = most[nodes]
    bonds = np.zeros((len(nodes), layout.num_atoms, layout.num_atoms), dtype=np.uint8)
    graphs = np.arange(len(nodes))
    for atom in range(1, layout.num_atoms):
        may = (free[:, :atom] > 0) & (free[:, [atom]] > 0)
        partner, one = _choose(may, generator), may.any(1)
        _add_order(bonds, free, graphs[one], partner[one], np.full(one.sum(), atom))
    first, second = np.triu_indices(layout.num_atoms, 1)
    for step in range(num_extra.max(initial=0)):
        may = (free[:, first] > 0) & (free[:, second] > 0) & (bonds[:, first, second] < 3)
        may &= (num_extra > step)[:, None]
        pair, one = _choose(may, generator), may.any(1)
        _add_order(bonds, free, graphs[one], first[pair[one]], second[pair[one]])
    return layout.codes(bonds, nodes)


def _choose(may: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return one of the true columns of each row, at random; any where there is none."""
    return np.where(may, generator.random(may.shape), -1.0).argmax(1)


def _add_order(
    bonds: np.ndarray, free: np.ndarray, graphs: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    bonds[graphs, a, b] += 1
    bonds[graphs, b, a] += 1
    free[graphs, a] -= 1
    free[graphs, b] -= 1
