"""Graphs to what the metrics see of them, which can be kept as arrays.

Notation: N graphs, codes (N, P + n), as in `quantum_latents.molecules`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from quantum_latents.evaluation.chemnet import activations
from quantum_latents.evaluation.kept import Arrays
from quantum_latents.metrics.molecules import FEWEST_FOR_FCD, PROPERTIES, MoleculeSet
from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.decode import Decoded
from quantum_latents.molecules.descriptors import (
    fingerprints,
    functional_groups,
    properties,
    rings,
)

__all__ = ["FIRST_DRAWS", "Arrays", "analyse", "as_arrays", "from_arrays"]

FIRST_DRAWS = 5_000
"""Properties and similarities are compared over this many first valid draws: of both, the time
is a millisecond a molecule.
"""


def analyse(
    layout: GraphLayout, codes: np.ndarray, decoded: Decoded, *, with_chemnet: bool
) -> MoleculeSet:
    """Return what the metrics see of graphs.

    Args:
        layout: places and elements.
        codes: the graphs (N, P + n).
        decoded: what `decode` says of them.
        with_chemnet: compute ChemNet's activations, if the molecules are enough for an FCD.
    """
    names = tuple(decoded.molecules)
    place = {name: row for row, name in enumerate(names)}
    which = np.array([place[name] for name in decoded.smiles if name], dtype=np.int64)
    multiplicities = np.bincount(which, minlength=len(names))
    looked_at = np.bincount(which[:FIRST_DRAWS], minlength=len(names))
    found = list(decoded.molecules.values())
    values = np.zeros((len(names), len(PROPERTIES)))
    values[looked_at > 0] = properties([found[row] for row in np.flatnonzero(looked_at)])
    distinct = codes[decoded.first]
    nodes, bonds = layout.nodes(distinct), layout.bonds(distinct)
    bonds = np.triu(bonds * ((nodes > 0)[:, :, None] & (nodes > 0)[:, None, :]))
    return MoleculeSet(
        num_draws=len(codes),
        num_loosely_valid=int(decoded.is_loosely_valid.sum()),
        smiles=names,
        first=decoded.first,
        multiplicities=multiplicities,
        atoms=np.stack([(nodes == k + 1).sum(1) for k in range(len(layout.elements))], axis=1),
        bonds=np.stack([(bonds == order).sum((1, 2)) for order in (1, 2, 3)], axis=1),
        rings=rings(found),
        functional_groups=functional_groups(found),
        properties=values,
        first_multiplicities=looked_at,
        fingerprints=fingerprints(found),
        activations=(activations(names) if with_chemnet and len(which) >= FEWEST_FOR_FCD else None),
    )


def as_arrays(found: MoleculeSet) -> Arrays:
    """Return what a set of molecules consists of, by name; nothing for what it has not."""
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {name: np.asarray(value) for name, value in fields.items() if value is not None}


def from_arrays(arrays: Arrays) -> MoleculeSet:
    """Return the set that `as_arrays` was given."""
    numbers = {name: int(arrays[name]) for name in ("num_draws", "num_loosely_valid")}
    return MoleculeSet(**{**arrays, **numbers, "smiles": tuple(arrays["smiles"].tolist())})
