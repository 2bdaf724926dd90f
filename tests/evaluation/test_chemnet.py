"""Activations and both conventions of the distance, against the package that brings the weights."""

import numpy as np
import pytest

from quantum_latents.evaluation.chemnet import NUM_ACTIVATIONS, activations
from quantum_latents.metrics import frechet_distance, moments
from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.baseline import connect_at_random
from quantum_latents.molecules.decode import decode
from quantum_latents.random import stream

fcd = pytest.importorskip("fcd")
# The package calls what numpy and scipy are about to drop; its figures are what is wanted here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NUM_MOLECULES, NUM_EACH = 600, 560


@pytest.fixture(scope="module")
def smiles():
    """600 small molecules, more varied in size than those of QM9."""
    layout = GraphLayout(num_atoms=12, elements=("C", "N", "O", "F", "S", "Cl"))
    draw = stream(0, "test").generator()
    nodes = 1 + draw.choice(6, p=[0.65, 0.12, 0.13, 0.03, 0.04, 0.03], size=(1500, 12))
    nodes[np.arange(12) >= draw.integers(2, 13, size=(1500, 1))] = 0
    codes = connect_at_random(layout, nodes, draw.integers(4, size=1500), draw)
    return list(decode(layout, codes).molecules)[:NUM_MOLECULES]


@pytest.fixture(scope="module")
def ours(smiles):
    return activations(smiles)


@pytest.fixture(scope="module")
def theirs(smiles):
    return fcd.get_predictions(fcd.load_ref_model(), smiles, n_jobs=0, device="cpu")


def test_activations_are_the_packages(smiles, ours, theirs):
    assert len(set(smiles)) == NUM_MOLECULES
    assert ours.shape == (NUM_MOLECULES, NUM_ACTIVATIONS)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < 1e-5


def test_both_conventions_agree_with_the_package(ours, theirs):
    times = stream(0, "times").generator().integers(1, 4, size=NUM_EACH)
    for multiplicities in (np.ones(NUM_EACH, int), times):  # unique, and all valid
        package = np.repeat(theirs[:NUM_EACH], multiplicities, axis=0), theirs[-NUM_EACH:]
        expected = fcd.calculate_frechet_distance(
            *(f(rows.T) for rows in package for f in (lambda x: x.mean(1), np.cov))
        )
        found = frechet_distance(
            moments(ours[:NUM_EACH], multiplicities), moments(ours[-NUM_EACH:])
        )
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_molecule_does_not_depend_on_its_company(smiles, ours):
    few = [0, 17, 399]
    alone = np.concatenate([activations([smiles[i]]) for i in few])
    assert np.abs(alone - ours[few]).max() < 1e-5


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 30, 340, 348, 349])
def test_every_length_up_to_the_last_place(length):
    theirs = fcd.get_predictions(fcd.load_ref_model(), ["C" * length], n_jobs=0, device="cpu")
    assert np.abs(activations(["C" * length]) - theirs).max() < 1e-5


def test_nothing_has_no_rows():
    assert activations([]).shape == (0, NUM_ACTIVATIONS)
