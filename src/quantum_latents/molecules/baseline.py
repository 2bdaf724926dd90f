"""A trivial rival of molecular generators: random graphs that respect valences.

Notation: graphs are codes (N, P + n), see `quantum_latents.molecules.graphs`. Nothing is learned
but three histograms: how many atoms, which elements, and how many bond orders beyond a tree.
Such graphs are nearly all valid, unique and novel, so validity and novelty alone mean nothing;
what a generator adds shows in the distances to the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantum_latents.molecules.graphs import GraphLayout
from quantum_latents.molecules.valence import MOST_BONDS

__all__ = ["Histograms", "histograms", "random_valence_graphs"]

_ORDINARY = {"H": 1, "B": 3, "Si": 4, "P": 3, "S": 2, "Cl": 1, "Br": 1, "I": 1} | MOST_BONDS
_OTHERWISE = 1  # what any element but a noble gas can do


@dataclass(frozen=True, eq=False)
class Histograms:
    """The three histograms, as shares that sum to 1.

    Attributes:
        sizes: float64 (n + 1,), shares of graphs with 0, 1, ..., n atoms.
        elements: float64 (E,), shares of the atoms.
        extra_orders: float64 (K,), shares of graphs whose bond orders sum to their atoms less one
            and 0, 1, ... more.
    """

    sizes: np.ndarray
    elements: np.ndarray
    extra_orders: np.ndarray


def histograms(layout: GraphLayout, codes: np.ndarray) -> Histograms:
    """Return the three histograms of connected graphs, such as a training set.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> found = histograms(layout, np.array([[1, 1, 0, 1, 1, 2], [2, 0, 0, 1, 2, 0]]))
    >>> found.sizes.tolist(), found.elements.tolist(), found.extra_orders.tolist()
    ([0.0, 0.0, 0.5, 0.5], [0.6, 0.4], [0.5, 0.5])
    """
    nodes = layout.nodes(codes)
    num_atoms = (nodes > 0).sum(1)
    orders = codes[:, : layout.num_pairs].sum(1, dtype=np.int64)
    return Histograms(
        sizes=_shares(np.bincount(num_atoms, minlength=layout.num_atoms + 1)),
        elements=_shares(np.bincount(nodes[nodes > 0], minlength=layout.num_node_classes)[1:]),
        extra_orders=_shares(np.bincount(np.maximum(orders - num_atoms + 1, 0))),
    )


def random_valence_graphs(
    num_graphs: int, layout: GraphLayout, found: Histograms, generator: np.random.Generator
) -> np.ndarray:
    """Return random graphs of the given histograms that respect valences, codes uint8 (N, P + n).

    The number of atoms, every element and the number of extra orders are drawn independently.
    Every atom after the first is bonded to one of those before it, chosen at random among those
    with free valence; then one extra order after the other goes to a random pair of atoms with
    free valence, at most three to a pair. What finds no place is left out: an atom without a
    partner stays alone, and its graph is then no molecule.

    >>> layout = GraphLayout(num_atoms=2, elements=("C",))
    >>> found = histograms(layout, np.array([[2, 1, 1]]))
    >>> random_valence_graphs(2, layout, found, np.random.default_rng(0)).tolist()
    [[2, 1, 1], [2, 1, 1]]
    """
    n = layout.num_atoms
    num_atoms = generator.choice(n + 1, p=found.sizes, size=num_graphs)
    nodes = 1 + generator.choice(len(layout.elements), p=found.elements, size=(num_graphs, n))
    nodes[np.arange(n) >= num_atoms[:, None]] = 0
    num_extra = generator.choice(len(found.extra_orders), p=found.extra_orders, size=num_graphs)

    most = np.array([0, *(_ORDINARY.get(element, _OTHERWISE) for element in layout.elements)])
    free = most[nodes]
    bonds = np.zeros((num_graphs, n, n), dtype=np.uint8)
    graphs = np.arange(num_graphs)
    for atom in range(1, n):
        may = (free[:, :atom] > 0) & (free[:, [atom]] > 0)
        partner = _choose(may, generator)
        one = may.any(1)
        _add_order(bonds, free, graphs[one], partner[one], np.full(one.sum(), atom))
    first, second = np.triu_indices(n, 1)
    for step in range(len(found.extra_orders) - 1):
        may = (free[:, first] > 0) & (free[:, second] > 0) & (bonds[:, first, second] < 3)
        may &= (num_extra > step)[:, None]
        pair = _choose(may, generator)
        one = may.any(1)
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


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / max(counts.sum(), 1)
