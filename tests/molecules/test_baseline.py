import numpy as np
import pytest

from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.baseline import Histograms, histograms, random_valence_graphs
from quantum_latents.molecules.decode import decode
from quantum_latents.molecules.valence import MOST_BONDS, is_connected
from quantum_latents.random import stream

LAYOUT = GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))
FOUND = Histograms(
    sizes=np.array([0, 0, 0, 0, 0, 0.1, 0, 0.1, 0.3, 0.5]),
    elements=np.array([0.7, 0.15, 0.14, 0.01]),
    extra_orders=np.array([0.1, 0.2, 0.4, 0.2, 0.1]),
)


def draws(num, layout=LAYOUT, found=FOUND, seed=0):
    return random_valence_graphs(num, layout, found, stream(seed, "test").generator())


def test_valences_are_respected_and_nearly_all_are_molecules():
    codes = draws(2000)
    bonds, nodes = LAYOUT.bonds(codes), LAYOUT.nodes(codes)
    most = np.array([0, *MOST_BONDS.values()])
    assert (bonds.sum(2) <= most[nodes]).all()
    assert bonds.max() == 3
    decoded = decode(LAYOUT, codes)
    assert decoded.num_valid == is_connected(LAYOUT, codes).sum() > 0.995 * len(codes)
    assert len(decoded.molecules) > 0.9 * len(codes)


def test_the_histograms_come_back():
    found = histograms(LAYOUT, draws(20_000))
    assert np.abs(found.sizes - FOUND.sizes).max() < 0.02
    assert np.abs(found.elements - FOUND.elements).max() < 0.02
    # Few orders find no place, so that the last shares are a little lower.
    assert np.abs(found.extra_orders - FOUND.extra_orders).max() < 0.03


def test_a_seed_gives_the_same_graphs():
    assert np.array_equal(draws(50), draws(50))
    assert not np.array_equal(draws(50), draws(50, seed=1))
    assert draws(0).shape == (0, LAYOUT.code_width)


def test_an_atom_without_a_partner_stays_alone():
    layout = GraphLayout(num_atoms=3, elements=("F",))
    found = Histograms(np.array([0, 0, 0, 1.0]), np.ones(1), np.ones(1))
    assert draws(5, layout, found).sum(1).tolist() == [4] * 5  # one bond, three atoms
    assert set(decode(layout, draws(5, layout, found)).reasons) == {"more than one piece"}


@pytest.mark.parametrize("element", ["S", "Cl", "P", "Si", "B", "Se"])
def test_other_elements_make_molecules_too(element):
    layout = GraphLayout(num_atoms=5, elements=("C", element))
    found = Histograms(np.eye(6)[5], np.array([0.8, 0.2]), np.array([0.5, 0.5]))
    assert decode(layout, draws(200, layout, found)).num_valid > 150
