import gzip
import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from quantum_latents.molecules import GraphLayout, graphs_from_smiles, smiles

BY_HAND = [
    line.split()[0]
    for line in (Path(__file__).parent / "by_hand.smi").read_text().splitlines()
    if not line.startswith("#")
]
ORDERS = (None, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)


def build(layout, codes):
    """Return the canonical SMILES of one row of codes: RDKit's own way back, nothing of ours."""
    nodes = layout.nodes(codes[None])[0]
    molecule = Chem.RWMol()
    for node in nodes[nodes > 0]:
        molecule.AddAtom(Chem.Atom(layout.elements[node - 1]))
    for i, j in zip(*np.nonzero(np.triu(layout.bonds(codes[None])[0])), strict=True):
        molecule.AddBond(int(i), int(j), ORDERS[layout.bonds(codes[None])[0, i, j]])
    Chem.SanitizeMol(molecule)
    return Chem.MolToSmiles(molecule)


def test_every_molecule_comes_back():
    graphs = graphs_from_smiles(BY_HAND)
    assert graphs.layout == GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))
    assert graphs.smiles == tuple(map(Chem.CanonSmiles, BY_HAND))
    assert [build(graphs.layout, row) for row in graphs.codes] == list(graphs.smiles)
    assert graphs.codes.dtype == np.uint8
    assert graphs.codes.shape == (len(BY_HAND), graphs.layout.code_width)
    assert (graphs.num_read, graphs.dropped, graphs.num_stereo) == (len(BY_HAND), {}, 0)
    # Places are filled from the first one, and no bond leads to an empty one.
    filled = graphs.layout.nodes(graphs.codes) > 0
    assert (filled[:, 1:] <= filled[:, :-1]).all()
    bonded = graphs.layout.bonds(graphs.codes).any(axis=1)
    assert not (bonded & ~filled).any()


@given(st.sampled_from(BY_HAND), st.randoms(use_true_random=False), st.booleans())
def test_a_molecule_has_one_row_however_it_is_written(text, shuffle: random.Random, kekulised):
    molecule = Chem.MolFromSmiles(text)
    order = list(range(molecule.GetNumAtoms()))
    shuffle.shuffle(order)
    molecule = Chem.RenumberAtoms(molecule, order)
    if kekulised:
        Chem.Kekulize(molecule, clearAromaticFlags=True)
    again = Chem.MolToSmiles(molecule, canonical=False, kekuleSmiles=kekulised)
    expected, found = graphs_from_smiles([text]), graphs_from_smiles([again])
    assert found.smiles == expected.smiles
    assert found.codes.tolist() == expected.codes.tolist()


def test_explicit_hydrogens_and_stereochemistry_are_left_out():
    written = ["[H]OC([H])([H])[H]", "C[C@H](O)F", "C[C@@H](O)F", "F/C=C/F", r"F/C=C\F"]
    graphs = graphs_from_smiles(written)
    assert graphs.smiles == ("CO", "CC(O)F", "CC(O)F", "FC=CF", "FC=CF")
    assert graphs.num_stereo == 4
    assert (graphs.codes[1] == graphs.codes[2]).all()


def test_any_elements_in_the_order_of_their_numbers():
    written = ["CS(C)(=O)=O", "ClC(Br)I", "CP(C)(C)=O", "C[SiH3]", "CB(O)O", "FS(F)(F)(F)(F)F"]
    graphs = graphs_from_smiles(written)
    assert graphs.layout.elements == ("B", "C", "O", "F", "Si", "P", "S", "Cl", "Br", "I")
    assert graphs.smiles == tuple(map(Chem.CanonSmiles, written))
    assert [build(graphs.layout, row) for row in graphs.codes] == list(graphs.smiles)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("C(", "not readable as SMILES"),
        ("hello", "not readable as SMILES"),
        ("C(C)(C)(C)(C)C", "a valence or an aromatic ring that RDKit refuses"),
        ("c1cccc1", "a valence or an aromatic ring that RDKit refuses"),
        ("", "without atoms"),
        ("C.O", "several fragments"),
        ("[Na+].[Cl-]", "several fragments"),
        ("C[N+](=O)[O-]", "charged"),
        ("CN(=O)=O", "charged"),
        ("[NH4+]", "charged"),
        ("[13CH4]", "isotopes"),
        ("[2H]O[2H]", "isotopes"),
        ("C*", "atoms of no element"),
        ("[CH3]", "radicals"),
        ("[H][H]", "hydrogen as an atom of its own"),
        ("[Mo]$[Mo]", "bonds other than single, double, triple and aromatic"),
        ("C[PH4]", "hydrogens that the bonds do not imply"),
        ("C" * 10, "more than 9 heavy atoms"),
    ],
)
def test_what_a_graph_cannot_hold_is_dropped_and_counted(text, reason):
    graphs = graphs_from_smiles(["CO", text, text], max_atoms=9)
    assert graphs.dropped == {reason: 2}
    assert graphs.smiles == ("CO",)
    assert graphs.num_read == 3
    with pytest.raises(ValueError, match="none of 1 molecules is left"):
        graphs_from_smiles([text], max_atoms=9)


def test_rings_without_a_dot_are_one_fragment():
    assert graphs_from_smiles(["C1.C1"]).smiles == ("CC",)


def test_layouts_have_at_least_two_places():
    assert graphs_from_smiles(["C"]).layout == GraphLayout(num_atoms=2, elements=("C",))


def test_the_largest_molecules():
    assert graphs_from_smiles(["C" * 64]).layout.num_atoms == 64
    with pytest.raises(ValueError, match=r"more than 64 heavy atoms \(1\)"):
        graphs_from_smiles(["C" * 65])


@pytest.mark.parametrize("max_atoms", [0, 65, -1])
def test_limits_are_checked(max_atoms):
    with pytest.raises(ValueError, match="max_atoms is 1 to 64"):
        graphs_from_smiles(["C"], max_atoms=max_atoms)
    with pytest.raises(TypeError, match="integer"):
        graphs_from_smiles(["C"], max_atoms=9.0)  # type: ignore[arg-type]


def test_no_molecules_at_all():
    with pytest.raises(ValueError, match="there are none"):
        graphs_from_smiles([])


def test_progress_ends_with_everything():
    seen = []
    graphs_from_smiles(BY_HAND, on_progress=lambda *progress: seen.append(progress))
    assert seen[0] == ("converting molecules", 0, len(BY_HAND))
    assert seen[-1] == ("converting molecules", len(BY_HAND), len(BY_HAND))


def test_shared_among_processes_it_is_the_same(monkeypatch):
    texts = [*BY_HAND, "[NH4+]", "C(", "C/C=C/C"]
    alone = graphs_from_smiles(texts)
    monkeypatch.setattr(smiles, "_FEWEST_TO_SHARE", 0)
    monkeypatch.setattr(smiles, "_STEP", 7)
    seen = []
    shared = graphs_from_smiles(texts, on_progress=lambda what, done, total: seen.append(done))
    assert seen == [*range(0, len(texts), 7), len(texts)]
    assert (shared.codes == alone.codes).all()
    for name in ("layout", "smiles", "num_read", "dropped", "num_stereo"):
        assert getattr(shared, name) == getattr(alone, name)


QM9 = Path(os.environ.get("QLAT_QM9") or "nowhere")


@pytest.mark.slow
@pytest.mark.skipif(not QM9.is_file(), reason="QLAT_QM9 names no csv.gz file of QM9")
def test_all_of_qm9_comes_back():
    lines = gzip.decompress(QM9.read_bytes()).decode().splitlines()
    column = lines[0].split(",").index("smiles")
    written = [line.split(",")[column] for line in lines[1:]]
    graphs = graphs_from_smiles(written)
    assert graphs.layout == GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))
    assert (len(graphs.smiles), len(set(graphs.smiles))) == (132_040, 131_954)
    assert graphs.dropped == {"charged": 1_845}
    assert [build(graphs.layout, row) for row in graphs.codes] == list(graphs.smiles)
    neutral = [Chem.CanonSmiles(text) for text in written[::50]]
    kept = set(graphs.smiles)
    assert all(("+" in text) != (text in kept) for text in neutral)
