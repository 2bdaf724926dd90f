"""Ring first: the same molecules, their atoms placed by the rule that `order` states."""

import itertools

import numpy as np
import pytest

from quantum_latents.molecules import GraphLayout, graphs_from_smiles
from quantum_latents.molecules.decode import decode
from quantum_latents.molecules.order import rings_first

SMILES = [
    "CCO",
    "C#CC(=O)N",
    "CC1CO1",
    "c1ccoc1",
    "Cc1ccoc1",
    "CCc1c[nH]cn1",
    "Nc1ccccn1",
    "OC1CC2CC1C2",
    "C1CC2CCC1O2",
    "O=C1C=CCC1",
    "CC1=CCC1",
    "C1CC12CC2",
    "FC(F)F",
    "C",
]


@pytest.fixture(scope="module")
def graphs():
    return graphs_from_smiles(SMILES)


@pytest.fixture(scope="module")
def placed(graphs):
    return rings_first(graphs.layout, graphs.codes)


def walks(bonds):
    """All shortest cycles through a bond, from every atom in both directions, by brute force."""
    n = len(bonds)
    found = []
    for length in range(3, n + 1):
        for walk in itertools.permutations(range(n), length):
            if walk[0] == min(walk) and all(
                bonds[walk[t], walk[(t + 1) % length]] for t in range(length)
            ):
                found.append(walk)
    shortest = {}
    for walk in found:
        for t in range(len(walk)):
            edge = frozenset((walk[t], walk[(t + 1) % len(walk)]))
            shortest[edge] = min(shortest.get(edge, n + 1), len(walk))
    rings = [
        walk
        for walk in found
        if any(
            shortest[frozenset((walk[t], walk[(t + 1) % len(walk)]))] == len(walk)
            for t in range(len(walk))
        )
    ]
    return {walk[k:] + walk[:k] for walk in rings for k in range(len(walk))}


def key(bonds, nodes, walk):
    around = [int(bonds[walk[t], walk[(t + 1) % len(walk)]]) for t in range(len(walk))]
    double = around.count(2) if len(walk) in (5, 6) else 0
    return -double, -len(walk), around, [-int(nodes[v]) for v in walk]


def test_molecules_stay_what_they_are(graphs, placed):
    def molecules(codes):
        return list(decode(graphs.layout, codes).molecules)

    assert molecules(placed) == molecules(graphs.codes)
    assert not np.array_equal(placed, graphs.codes)


@pytest.mark.parametrize("smiles", [s for s in SMILES if any(c in s for c in "12")])
def test_the_first_places_are_the_best_walk_around_a_ring(smiles):
    graphs = graphs_from_smiles([smiles])
    layout = graphs.layout
    bonds, nodes = layout.bonds(graphs.codes)[0], layout.nodes(graphs.codes)[0]
    best = min(key(bonds, nodes, walk) for walk in walks(bonds))
    codes = rings_first(layout, graphs.codes)
    bonds, nodes = layout.bonds(codes)[0], layout.nodes(codes)[0]
    assert key(bonds, nodes, tuple(range(-best[1]))) == best


def test_the_other_atoms_follow_breadth_first(graphs, placed):
    layout = graphs.layout
    for bonds, nodes, smiles in zip(
        layout.bonds(placed), layout.nodes(placed), SMILES, strict=True
    ):
        if not any(c in smiles for c in "12"):
            continue
        atoms = int((nodes > 0).sum())
        assert (nodes[:atoms] > 0).all(), "places without an atom come last"
        ring = next(k for k in range(3, atoms + 1) if bonds[0, k - 1] and k >= 3)
        parents = [int(np.flatnonzero(bonds[v])[0]) for v in range(ring, atoms)]
        assert parents == sorted(parents)


def test_a_molecule_without_a_ring_keeps_its_order(graphs, placed):
    for smiles in ("CCO", "C#CC(=O)N", "FC(F)F", "C"):
        row = SMILES.index(smiles)
        assert np.array_equal(placed[row], graphs.codes[row])


def test_furan_stands_alike_wherever_its_oxygen_was():
    layout = GraphLayout(num_atoms=5, elements=("C", "O"))
    base = graphs_from_smiles(["c1ccoc1"])
    bonds, nodes = base.layout.bonds(base.codes)[0], base.layout.nodes(base.codes)[0]
    rows = [
        layout.codes(bonds[np.ix_(p, p)][None], nodes[list(p)][None])
        for p in itertools.permutations(range(5))
    ]
    placed = rings_first(layout, np.concatenate(rows))
    assert len(np.unique(placed, axis=0)) == 1


def test_nothing_placed_is_nothing():
    layout = GraphLayout(num_atoms=5, elements=("C", "O"))
    empty = np.zeros((0, layout.code_width), np.uint8)
    assert rings_first(layout, empty).shape == empty.shape
