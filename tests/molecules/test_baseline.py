import numpy as np
import pytest

from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.baseline import connect_at_random, random_valence_graphs
from quantum_latents.molecules.decode import decode
from quantum_latents.molecules.valence import MOST_BONDS, is_connected
from quantum_latents.random import stream

LAYOUT = GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))


def generator_of(name, seed=0):
    return stream(seed, "test", name).generator()


def drawn(num, layout=LAYOUT, shares=(0.7, 0.15, 0.14, 0.01), most_extra=4):
    """Return random graphs of 5 atoms or more of the given shares."""
    draw = generator_of("drawn")
    nodes = 1 + draw.choice(len(shares), p=shares, size=(num, layout.num_atoms))
    sizes = draw.integers(5, layout.num_atoms + 1, size=num)
    nodes[np.arange(layout.num_atoms) >= sizes[:, None]] = 0
    return connect_at_random(layout, nodes, draw.integers(most_extra + 1, size=num), draw)


def extra_orders(codes):
    atoms = (LAYOUT.nodes(codes) > 0).sum(1)
    return codes[:, : LAYOUT.num_pairs].sum(1, dtype=int) - atoms + 1


def test_valences_are_respected_and_nearly_all_are_molecules():
    codes = drawn(2000)
    bonds, nodes = LAYOUT.bonds(codes), LAYOUT.nodes(codes)
    most = np.array([0, *MOST_BONDS.values()])
    assert (bonds.sum(2) <= most[nodes]).all()
    assert bonds.max() == 3
    decoded = decode(LAYOUT, codes)
    assert decoded.num_valid == is_connected(LAYOUT, codes).sum() > 0.995 * len(codes)
    assert len(decoded.molecules) > 0.9 * len(codes)


def test_atoms_and_orders_are_those_of_a_molecule_and_bonds_are_not():
    known = drawn(3000)
    known = known[is_connected(LAYOUT, known)]
    codes = random_valence_graphs(5000, LAYOUT, known, generator_of("graphs"))

    def kinds(graphs):
        counts = [(LAYOUT.nodes(graphs) == node).sum(1) for node in range(5)]
        return {tuple(row) for row in np.stack([*counts, extra_orders(graphs)], 1).tolist()}

    # Few orders find no place; whatever all find is a combination that is known.
    found = codes[is_connected(LAYOUT, codes)]
    assert sum(kind in kinds(known) for kind in kinds(found)) > 0.98 * len(kinds(found))
    assert extra_orders(codes).mean() == pytest.approx(extra_orders(known).mean(), abs=0.1)
    assert len(set(decode(LAYOUT, codes).molecules) - set(decode(LAYOUT, known).molecules)) > 2000


def test_every_place_and_pair_is_used_alike():
    layout = GraphLayout(num_atoms=4, elements=("C",))
    codes = random_valence_graphs(
        20_000, layout, np.array([[1, 1, 1, 0, 0, 0, 1, 1, 1, 1]]), generator_of("pairs")
    )
    # The first two are always bonded; others are bonded to one of those before them.
    share = (codes[:, : layout.num_pairs] > 0).mean(0)
    expected = {
        (0, 1): 1,
        (0, 2): 1 / 2,
        (1, 2): 1 / 2,
        (0, 3): 1 / 3,
        (1, 3): 1 / 3,
        (2, 3): 1 / 3,
    }
    pairs = zip(*np.triu_indices(4, 1), strict=True)
    assert share == pytest.approx([expected[int(i), int(j)] for i, j in pairs], abs=0.02)


def test_a_stream_gives_the_same_graphs():
    known = drawn(10)
    first, again, other = (
        random_valence_graphs(50, LAYOUT, known, generator_of("graphs", seed)) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert random_valence_graphs(0, LAYOUT, known, generator_of("a")).shape == (0, 45)
    with pytest.raises(ValueError, match="there are none"):
        random_valence_graphs(5, LAYOUT, known[:0], generator_of("a"))


def test_an_atom_without_a_partner_stays_alone():
    layout = GraphLayout(num_atoms=3, elements=("F",))
    codes = connect_at_random(layout, np.ones((5, 3), int), np.ones(5, int), generator_of("a"))
    assert codes.sum(1).tolist() == [4] * 5  # one bond, three atoms
    assert set(decode(layout, codes).reasons) == {"more than one piece"}


@pytest.mark.parametrize("element", ["S", "Cl", "P", "Si", "B", "Se"])
def test_other_elements_make_molecules_too(element):
    layout = GraphLayout(num_atoms=5, elements=("C", element))
    codes = drawn(200, layout, (0.8, 0.2), most_extra=1)
    assert decode(layout, codes).num_valid > 150
