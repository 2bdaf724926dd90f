"""MOLECULES: small molecules as graphs of a fixed size, to and from SMILES.

Imported by data sets, metrics and pictures alike; RDKit is loaded when it is used.
"""

from quantum_latents.molecules.graphs import BOND_CLASSES, GraphLayout

__all__ = ["BOND_CLASSES", "GraphLayout"]
