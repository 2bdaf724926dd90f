import subprocess
import sys

import numpy as np
import pytest
from rdkit import Chem

from quantum_latents.molecules import GraphLayout, graphs_from_smiles
from quantum_latents.molecules.baseline import connect_at_random
from quantum_latents.molecules.decode import REASONS, decode, to_molecule
from quantum_latents.molecules.valence import Verdict
from quantum_latents.random import stream

SMILES = ["CCO", "c1ccccc1", "C#N", "C", "O=C1CC1", "FC(F)F", "c1cc[nH]c1", "OC1CC2CC12"]
GRAPHS = graphs_from_smiles(SMILES)
LAYOUT = GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))


def shuffled(layout, codes):
    """Return the same graphs with their places in another order."""
    order = stream(0, "test").generator().permutation(layout.num_atoms)
    return layout.codes(layout.bonds(codes)[:, order][:, :, order], layout.nodes(codes)[:, order])


def test_molecules_come_back_whatever_the_order_of_their_places():
    for codes in (GRAPHS.codes, shuffled(GRAPHS.layout, GRAPHS.codes)):
        decoded = decode(GRAPHS.layout, codes)
        assert decoded.smiles == tuple(map(Chem.CanonSmiles, SMILES))
        assert decoded.reasons == ("",) * len(SMILES)
        assert tuple(decoded.molecules) == decoded.smiles
        assert decoded.is_loosely_valid.all()


def test_repeats_are_one_molecule_at_its_first_draw():
    codes = np.concatenate([GRAPHS.codes, shuffled(GRAPHS.layout, GRAPHS.codes)[::-1]])
    decoded = decode(GRAPHS.layout, codes)
    assert decoded.smiles == decoded.smiles[::-1]
    assert decoded.first.tolist() == list(range(len(SMILES)))
    assert decoded.num_valid == len(codes)


def graph(nodes, *bonds):
    orders = np.zeros((1, 9, 9), np.uint8)
    for i, j, order in bonds:
        orders[0, i, j] = orders[0, j, i] = order
    padded = [["", *LAYOUT.elements].index(e) for e in nodes] + [0] * (9 - len(nodes))
    return LAYOUT.codes(orders, np.array([padded]))[0]


NITROMETHANE = graph(["C", "N", "O", "O"], (0, 1, 1), (1, 2, 2), (1, 3, 2))
CASES = {
    # name: (graph, SMILES, reason, loosely valid)
    "nothing": (graph([]), "", Verdict.NO_ATOM, True),
    "bonds between pads": (graph([], (0, 1, 3)), "", Verdict.NO_ATOM, True),
    "a bond to a pad is dropped": (graph(["C"], (0, 1, 1)), "C", None, True),
    "and does not count": (graph(["F"], (0, 1, 2)), "F", None, False),
    "pads join nothing": (graph(["C", "", "C"], (0, 1, 1), (1, 2, 1)), "", Verdict.FRAGMENTS, True),
    "two pieces": (graph(["C", "C"]), "", Verdict.FRAGMENTS, True),
    "five bonds": (graph(["C", "C", "O"], (0, 1, 3), (0, 2, 2)), "", Verdict.VALENCE, False),
    "pieces come first": (
        graph(["C", "C", "O", "C"], (0, 1, 3), (0, 2, 2)),
        "",
        Verdict.FRAGMENTS,
        False,
    ),
    "nitro": (NITROMETHANE, "C[N+](=O)[O-]", None, True),
    "hypervalent nitrogen": (graph(["N", "C", "N"], (0, 1, 2), (0, 2, 3)), "", None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_valid_and_why_not(name):
    code, smiles, reason, is_loose = CASES[name]
    if is_loose is None:  # RDKit decides
        molecule = Chem.MolFromSmiles("C=N#N")
        smiles, is_loose = ("", False) if molecule is None else (Chem.MolToSmiles(molecule), True)
        reason = Verdict.ASK if molecule is None else None
    decoded = decode(LAYOUT, code[None])
    assert decoded.smiles == (smiles,)
    assert decoded.reasons == ("" if reason is None else REASONS[reason],)
    assert decoded.is_loosely_valid.tolist() == [is_loose]


def test_equal_graphs_have_equal_answers_and_order_is_kept():
    draw = stream(0, "test").generator()
    nodes = 1 + draw.choice(4, p=[0.6, 0.2, 0.1, 0.1], size=(300, 9))
    nodes[:, 7:] = 0
    codes = connect_at_random(LAYOUT, nodes, draw.integers(4, size=300), draw)
    codes[::7, :36] = 0
    whole = decode(LAYOUT, codes)
    alone = [decode(LAYOUT, code[None]) for code in codes]
    assert whole.smiles == tuple(one.smiles[0] for one in alone)
    assert whole.reasons == tuple(one.reasons[0] for one in alone)
    assert list(whole.molecules) == list(dict.fromkeys(filter(None, whole.smiles)))


def test_what_is_no_molecule_can_still_be_built_for_a_picture():
    code = CASES["five bonds"][0]
    assert to_molecule(LAYOUT, code) is None
    drawn = to_molecule(LAYOUT, code, sanitise=False)
    assert drawn is not None
    assert drawn.GetNumAtoms() == 3
    assert to_molecule(LAYOUT, CASES["nothing"][0], sanitise=False).GetNumAtoms() == 0


def test_bad_classes_are_refused():
    code = graph(["C"])
    code[0] = 4
    with pytest.raises(ValueError, match="bond classes are 0 to 3 here, not 0 to 4"):
        decode(LAYOUT, code[None])
    code = graph(["C"])
    code[-1] = 5
    with pytest.raises(ValueError, match="node classes are 0 to 4 here, not 0 to 5"):
        decode(LAYOUT, code[None])
    assert decode(LAYOUT, np.zeros((0, 45), np.uint8)).smiles == ()


def test_without_rdkit_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['rdkit'] = None\n"
        "import numpy as np\n"
        "from quantum_latents.molecules import GraphLayout\n"
        "from quantum_latents.molecules.decode import decode\n"
        "try: decode(GraphLayout(num_atoms=2, elements=('C',)), np.array([[1, 1, 1]]))\n"
        "except ImportError as error: sys.exit('quantum-latents[molecules]' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
