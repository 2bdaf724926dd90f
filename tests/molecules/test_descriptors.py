import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import QED, AllChem, Crippen

from quantum_latents.molecules.descriptors import (
    FUNCTIONAL_GROUPS,
    RINGS,
    fingerprints,
    functional_groups,
    properties,
    rings,
)

GROUPS = {
    "CCO": {"alcohol"},
    "Oc1ccccc1": {"phenol or enol"},
    "COC": {"ether"},
    "C1CO1": {"epoxide"},
    "CC=O": {"aldehyde"},
    "C=O": {"aldehyde"},
    "CC(C)=O": {"ketone"},
    "CC(=O)O": {"carboxylic acid"},
    "CC(=O)OC": {"ester"},
    "CC(N)=O": {"amide"},
    "CN": {"primary amine"},
    "CNC": {"secondary amine"},
    "CN(C)C": {"tertiary amine"},
    "CC=NC": {"imine or amidine"},
    "CC#N": {"nitrile"},
    "CC=C": {"alkene"},
    "CC#C": {"alkyne"},
    "c1ccncc1": {"aromatic nitrogen"},
    "c1ccoc1": {"aromatic oxygen"},
    "CF": {"halogen"},
    "CC": set(),
}


def test_every_functional_group_is_found_and_no_other():
    assert set().union(*GROUPS.values()) == set(FUNCTIONAL_GROUPS)
    found = functional_groups([Chem.MolFromSmiles(smiles) for smiles in GROUPS])
    for row, (smiles, expected) in zip(found, GROUPS.items(), strict=True):
        names = {name for name, has in zip(FUNCTIONAL_GROUPS, row, strict=True) if has}
        assert names == expected, smiles


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CC", {"none"}),
        ("C1CC1", {"3"}),
        ("C1CC2CC12", {"3", "4"}),
        ("c1ccccc1", {"6", "aromatic"}),
        ("c1cc[nH]c1", {"5", "aromatic"}),
        ("C1CCCCCC1", {"7"}),
        ("C1CCCCCCCC1", {"8 or more"}),
    ],
)
def test_rings(smiles, expected):
    (row,) = rings([Chem.MolFromSmiles(smiles)])
    assert {name for name, has in zip(RINGS, row, strict=True) if has} == expected


def test_properties_and_fingerprints_are_rdkits():
    molecules = [Chem.MolFromSmiles(smiles) for smiles in GROUPS]
    found = properties(molecules)
    assert found[:, 0].tolist() == [QED.qed(molecule) for molecule in molecules]
    assert found[:, 2].tolist() == [Crippen.MolLogP(molecule) for molecule in molecules]
    assert ((found[:, 1] >= 1) & (found[:, 1] <= 10)).all()
    make = AllChem.GetMorganGenerator(radius=2, fpSize=2048)
    for row, molecule in zip(fingerprints(molecules), molecules, strict=True):
        expected = np.zeros(2048, np.uint8)
        DataStructs.ConvertToNumpyArray(make.GetFingerprint(molecule), expected)
        assert np.array_equal(np.unpackbits(row), expected)


def test_no_molecules_have_no_rows():
    assert rings([]).shape == (0, 8)
    assert functional_groups([]).shape == (0, len(FUNCTIONAL_GROUPS))
    assert properties([]).shape == (0, 3)
    assert fingerprints([]).shape == (0, 256)
