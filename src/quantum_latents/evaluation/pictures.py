"""Pictures of generated molecules, drawn by RDKit when a run is evaluated.

A picture is a small SVG that can stand in a page many times: no XML header, no ids, no classes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

import numpy as np

from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.decode import Decoded, import_rdkit, to_molecule

__all__ = ["NUM_PICTURES", "draw_molecules"]

NUM_PICTURES = 24
"""As many first draws are drawn; nothing is picked."""

_WIDTH, _HEIGHT = 160, 120
_DEFAULTS = (
    "fill-rule:evenodd;",
    ";stroke-linecap:butt",
    ";stroke-linejoin:miter",
    ";stroke-miterlimit:10",
    ";stroke-opacity:1",
    "opacity:1.0;",
    ";stroke:none",
)
"""What RDKit spells out and every browser takes for granted."""


def draw_molecules(
    layout: GraphLayout, codes: np.ndarray, decoded: Decoded, known: Collection[str]
) -> list[dict[str, Any]]:
    """Return pictures of the first `NUM_PICTURES` graphs, valid or not.

    Args:
        layout: places and elements.
        codes: graphs (N, P + n).
        decoded: what `decode` says of them.
        known: canonical SMILES of the training set.

    Returns:
        Of each `svg`, `smiles` ("" if invalid), `valid`, `novel` (valid and not known) and
        `reason` (why it is invalid, else "").
    """
    pictures = []
    for code, smiles, reason in zip(
        codes[:NUM_PICTURES], decoded.smiles, decoded.reasons, strict=False
    ):
        molecule = to_molecule(layout, code, sanitise=bool(smiles))
        pictures.append(
            {
                "svg": _svg(molecule, is_valid=bool(smiles)),
                "smiles": smiles,
                "valid": bool(smiles),
                "novel": bool(smiles) and smiles not in known,
                "reason": reason,
            }
        )
    return pictures


def _svg(molecule: Any, is_valid: bool) -> str:
    """Return a drawing; a graph that RDKit cannot lay out is drawn on a circle."""
    chem = import_rdkit()
    from rdkit import rdBase
    from rdkit.Chem.rdDepictor import Compute2DCoords

    if not is_valid:
        chem.FastFindRings(molecule)
    with rdBase.BlockLogs():
        if not molecule.GetNumAtoms():
            return _drawn(molecule, is_valid)
        try:
            Compute2DCoords(molecule)
            return _drawn(molecule, is_valid)
        except RuntimeError:  # far too many bonds put two atoms on one point
            _lay_on_circle(molecule)
            return _drawn(molecule, is_valid)


def _drawn(molecule: Any, is_valid: bool) -> str:
    from rdkit.Chem.Draw import rdMolDraw2D

    drawing = rdMolDraw2D.MolDraw2DSVG(_WIDTH, _HEIGHT)
    options = drawing.drawOptions()
    options.padding = 0.08
    options.fixedBondLength = 24
    if not is_valid:  # what is no molecule is drawn as it stands
        options.prepareMolsBeforeDrawing = False
    if molecule.GetNumAtoms():
        drawing.DrawMolecule(molecule)
    else:
        drawing.ClearDrawing()
    drawing.FinishDrawing()
    return _bare(drawing.GetDrawingText())


def _lay_on_circle(molecule: Any) -> None:
    chem = import_rdkit()
    from rdkit.Geometry import Point3D

    num_atoms = molecule.GetNumAtoms()
    radius = 1.5 / (2 * math.sin(math.pi / max(num_atoms, 2)))
    layout = chem.Conformer(num_atoms)
    for atom in range(num_atoms):
        angle = 2 * math.pi * atom / num_atoms
        layout.SetAtomPosition(
            atom, Point3D(radius * math.cos(angle), radius * math.sin(angle), 0.0)
        )
    molecule.RemoveAllConformers()
    molecule.AddConformer(layout)


def _bare(svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s(xmlns:\w+|version|baseProfile|xml:space|class|id)='[^']*'", "", svg)
    for default in _DEFAULTS:
        svg = svg.replace(default, "")
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()
