"""The places of a molecule's atoms: ring first, where the order of the SMILES does not put it.

Notation: a graph of n places, bond orders B (n, n) and node classes X (n,), 0 is no atom; *codes*
as in `quantum_latents.molecules.graphs`. A *ring* is a shortest cycle through a bond; read from one
of its atoms in one direction it is a *walk* v_1, ..., v_k.

A critic that sees places learns what stands where, and in canonical SMILES a ring begins behind
whatever hangs on it. Ring first, it always begins at place 0: of all walks of all rings the first
is taken by, in this order,

1. most double bonds, if k is 5 or 6 (an aromatic ring has two or three);
2. most atoms;
3. the least sequence of bond orders B[v_1, v_2], ..., B[v_k, v_1];
4. the greatest sequence of node classes X[v_1], ..., X[v_k].

The other atoms follow breadth-first, from v_1 on, the neighbours of one atom by falling bond order,
then by rising node class. Of walks that are equal so far the one with the greatest sequence of all
pairs' bond orders is taken; what is then still equal stands as in the SMILES. A molecule without a
ring keeps its order.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.molecules.graphs import GraphLayout

__all__ = ["rings_first"]

_COMPARED = 64 + 64 + 2


@numba.njit(cache=True)
def _shortest_cycle(bonds, first, second, path):
    """Write a shortest cycle through a bond to `path`; return its length, 0 if there is none."""
    n = len(bonds)
    before = np.full(n, -1)
    queue = np.empty(n, np.int64)
    queue[0], begin, end = first, 0, 1
    before[first] = first
    while begin < end and before[second] < 0:
        u = queue[begin]
        begin += 1
        for v in range(n):
            if bonds[u, v] and before[v] < 0 and not (u == first and v == second):
                before[v] = u
                queue[end] = v
                end += 1
    if before[second] < 0:
        return 0
    path[0], length = second, 1
    while path[length - 1] != first:
        path[length] = before[path[length - 1]]
        length += 1
    return length


@numba.njit(cache=True)
def _key(bonds, nodes, walk, length, key):
    """Write what walks are compared by; the least is taken."""
    key[:] = 0
    double = 0
    for t in range(length):
        order = bonds[walk[t], walk[(t + 1) % length]]
        double += order == 2
        key[2 + t] = order
        key[66 + t] = -nodes[walk[t]]
    key[0] = -double if length == 5 or length == 6 else 0
    key[1] = -length


@numba.njit(cache=True)
def _is_less(a, b):
    for i in range(len(a)):
        if a[i] != b[i]:
            return a[i] < b[i]
    return False


@numba.njit(cache=True)
def _complete(bonds, nodes, order, num_placed):
    """Write the other places behind the first `num_placed`, breadth-first."""
    n = len(bonds)
    is_placed = np.zeros(n, np.bool_)
    for place in order[:num_placed]:
        is_placed[place] = True
    at = 0
    while at < num_placed:
        u = order[at]
        at += 1
        while True:
            chosen, rank = -1, 0
            for v in range(n):
                # Bond orders first, then node classes: both are below 256.
                this = 256 * int(bonds[u, v]) - nodes[v]
                if bonds[u, v] and not is_placed[v] and (chosen < 0 or this > rank):
                    chosen, rank = v, this
            if chosen < 0:
                break
            order[num_placed] = chosen
            is_placed[chosen] = True
            num_placed += 1
    for v in range(n):  # other fragments, and places without an atom
        if not is_placed[v]:
            order[num_placed] = v
            num_placed += 1


@numba.njit(cache=True)
def _is_greater_matrix(bonds, a, b):
    """Return whether the bonds in order a are the greater sequence of pairs than in order b."""
    n = len(bonds)
    for i in range(n):
        for j in range(i + 1, n):
            x, y = bonds[a[i], a[j]], bonds[b[i], b[j]]
            if x != y:
                return x > y
    return False


@numba.njit(cache=True)
def _order(bonds, nodes, order):
    """Write the places in their new order."""
    n = len(bonds)
    path, trial = np.empty(n, np.int64), np.empty(n, np.int64)
    best, key = np.zeros(_COMPARED, np.int64), np.zeros(_COMPARED, np.int64)
    has_ring = False
    for first in range(n):
        for second in range(first + 1, n):
            if not bonds[first, second]:
                continue
            length = _shortest_cycle(bonds, first, second, path)
            for turn in range(2 * length):
                start, back = turn // 2, turn % 2
                for t in range(length):
                    trial[t] = path[(start - t if back else start + t) % length]
                _key(bonds, nodes, trial, length, key)
                if has_ring and _is_less(best, key):
                    continue
                _complete(bonds, nodes, trial, length)
                if not has_ring or _is_less(key, best) or _is_greater_matrix(bonds, trial, order):
                    best[:] = key
                    order[:] = trial
                    has_ring = True
    if not has_ring:
        for place in range(n):
            order[place] = place


@numba.njit(cache=True, nogil=True)
def _orders(bonds, nodes):
    orders = np.empty(nodes.shape, np.int64)
    for row in range(len(nodes)):
        _order(bonds[row], nodes[row].astype(np.int64), orders[row])
    return orders


def rings_first(layout: GraphLayout, codes: np.ndarray) -> np.ndarray:
    """Return the same molecules uint8 (N, P + n) with their atoms placed ring first.

    Args:
        layout: of the graphs.
        codes: uint8 (N, P + n), atoms in the order of the canonical SMILES.

    >>> layout = GraphLayout(num_atoms=4, elements=("C", "O"))
    >>> oxirane = layout.codes(np.array([[[0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]]]),
    ...                        np.array([[1, 1, 1, 2]]))  # CC1CO1
    >>> layout.nodes(rings_first(layout, oxirane))  # O, C, C around, then the methyl group
    array([[2, 1, 1, 1]], dtype=uint8)
    """
    if len(codes) == 0:
        return codes.copy()
    bonds, nodes = layout.bonds(codes), layout.nodes(codes)
    orders = _orders(bonds, np.ascontiguousarray(nodes))
    bonds = np.take_along_axis(bonds, orders[:, :, None], axis=1)
    bonds = np.take_along_axis(bonds, orders[:, None, :], axis=2)
    return layout.codes(bonds, np.take_along_axis(nodes, orders, axis=1))
