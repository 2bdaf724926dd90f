"""MOLECULES: small molecules as graphs of a fixed size, to and from SMILES.

Imported by data sets, metrics and pictures alike; RDKit is loaded when it is used.
"""

from quantum_latents.molecules.graphs import BOND_CLASSES, GraphLayout
from quantum_latents.molecules.smiles import MoleculeGraphs, Progress, graphs_from_smiles

__all__ = ["BOND_CLASSES", "GraphLayout", "MoleculeGraphs", "Progress", "graphs_from_smiles"]
