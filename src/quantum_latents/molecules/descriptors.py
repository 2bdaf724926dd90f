"""What RDKit says of molecules: rings, functional groups, QED, SA, logP and fingerprints.

Notation: U molecules, one row each. QED is the quantitative estimate of drug-likeness
(Bickerton et al., Nature Chemistry 4, 2012; 0 to 1), SA the synthetic accessibility score
(Ertl and Schuffenhauer, Journal of Cheminformatics 1, 2009; 1 easy to 10 hard), logP Crippen's
partition coefficient (Wildman and Crippen, JCICS 39, 1999).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from quantum_latents.molecules.decode import import_rdkit

__all__ = [
    "FINGERPRINT_BITS",
    "FUNCTIONAL_GROUPS",
    "RINGS",
    "fingerprints",
    "functional_groups",
    "properties",
    "rings",
]

FINGERPRINT_BITS = 2048
"""Morgan fingerprints of radius 2 are folded to this many bits."""

RINGS = ("none", "3", "4", "5", "6", "7", "8 or more", "aromatic")
"""What `rings` looks for: no ring, a ring of so many atoms, an aromatic ring."""

_ALKYL = "[#6;!$(C=[O,N,S])]"
FUNCTIONAL_GROUPS = {
    "alcohol": "[OX2H][CX4]",
    "phenol or enol": "[OX2H][#6;X3;!$(C=O)]",
    "ether": f"[OX2;!$([O;r3])]({_ALKYL}){_ALKYL}",
    "epoxide": "[OX2;r3]",
    "aldehyde": "[CX3H1,CX3H2](=O)",
    "ketone": "[#6][CX3](=O)[#6]",
    "carboxylic acid": "[CX3](=O)[OX2H]",
    "ester": "[CX3](=O)[OX2][#6]",
    "amide": "[CX3](=O)[NX3]",
    "primary amine": f"[NX3H2]{_ALKYL}",
    "secondary amine": f"[NX3H1]({_ALKYL}){_ALKYL}",
    "tertiary amine": f"[NX3H0]({_ALKYL})({_ALKYL}){_ALKYL}",
    "imine or amidine": "[CX3]=[NX2]",
    "nitrile": "C#N",
    "alkene": "C=C",
    "alkyne": "C#C",
    "aromatic nitrogen": "n",
    "aromatic oxygen": "o",
    "halogen": "[F,Cl,Br,I]",
}
"""SMARTS of the functional groups that `functional_groups` looks for; they may overlap."""


def rings(molecules: Sequence[Any]) -> np.ndarray:
    """Return which of `RINGS` each molecule has, bool (U, 8), of RDKit's smallest rings.

    >>> chem = import_rdkit()
    >>> rings([chem.MolFromSmiles("C1CC1C"), chem.MolFromSmiles("CC")]).astype(int).tolist()
    [[0, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]]
    """
    found = np.zeros((len(molecules), len(RINGS)), dtype=bool)
    for row, molecule in zip(found, molecules, strict=True):
        info = molecule.GetRingInfo()
        for atoms, bonds in zip(info.AtomRings(), info.BondRings(), strict=True):
            row[min(len(atoms), 8) - 2] = True
            row[-1] |= all(molecule.GetBondWithIdx(bond).GetIsAromatic() for bond in bonds)
        row[0] = info.NumRings() == 0
    return found


def functional_groups(molecules: Sequence[Any]) -> np.ndarray:
    """Return which of `FUNCTIONAL_GROUPS` each molecule has, bool (U, 19).

    >>> chem = import_rdkit()
    >>> found = functional_groups([chem.MolFromSmiles("OCC#N")])[0]
    >>> [name for name, has in zip(FUNCTIONAL_GROUPS, found) if has]
    ['alcohol', 'nitrile']
    """
    patterns = _patterns()
    found = [[m.HasSubstructMatch(pattern) for pattern in patterns] for m in molecules]
    return np.array(found, dtype=bool).reshape(len(molecules), len(patterns))


def properties(molecules: Sequence[Any]) -> np.ndarray:
    """Return QED, SA and logP, float64 (U, 3). About a millisecond a molecule.

    >>> properties([import_rdkit().MolFromSmiles("CCO")]).round(2).tolist()
    [[0.41, 1.98, -0.0]]
    """
    import_rdkit()
    from rdkit import rdBase
    from rdkit.Chem import QED
    from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors
    from rdkit.Contrib.SA_Score import sascorer  # type: ignore[import-not-found]

    with rdBase.BlockLogs():
        rows = [
            (
                QED.qed(molecule),
                sascorer.calculateScore(molecule),
                CalcCrippenDescriptors(molecule)[0],
            )
            for molecule in molecules
        ]
    return np.array(rows, dtype=np.float64).reshape(len(molecules), 3)


def fingerprints(molecules: Sequence[Any]) -> np.ndarray:
    """Return Morgan fingerprints of radius 2, 2048 bits packed, uint8 (U, 256).

    >>> fingerprints([import_rdkit().MolFromSmiles("C")]).shape
    (1, 256)
    """
    import_rdkit()
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    make = GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS).GetFingerprintAsNumPy
    packed = [np.packbits(make(molecule)) for molecule in molecules]
    return np.array(packed, dtype=np.uint8).reshape(len(molecules), FINGERPRINT_BITS // 8)


@functools.cache
def _patterns() -> tuple[Any, ...]:
    chem = import_rdkit()
    return tuple(chem.MolFromSmarts(smarts) for smarts in FUNCTIONAL_GROUPS.values())
