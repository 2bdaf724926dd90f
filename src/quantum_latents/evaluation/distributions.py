"""Distributions of molecules that a page draws beside the data's.

Notation: *shares* are of the valid draws; the *edges* (3, bins + 1) of histograms of the three
properties follow from the reference molecules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from quantum_latents.metrics.molecules import MoleculeSet, NotDefined
from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.descriptors import FUNCTIONAL_GROUPS, RINGS

__all__ = ["distributions", "edges_of", "rounded"]

_NUM_BINS = 24
_PROPERTY_LABELS = {"qed": "QED", "sa": "SA score", "logp": "logP"}


def edges_of(reference: MoleculeSet) -> np.ndarray:
    """Return the edges (3, bins + 1) of the histograms of properties, from the reference."""
    values = reference.properties[reference.first_multiplicities > 0]
    low, high = values.min(0), values.max(0)
    return np.linspace(low, np.where(high > low, high, low + 1), _NUM_BINS + 1, axis=1)


def distributions(
    found: MoleculeSet, layout: GraphLayout, edges: np.ndarray
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield the distributions that a page draws: what each is, and shares; zeros if there are
    no valid molecules.
    """
    num_valid = max(found.num_valid, 1)
    sizes = np.bincount(
        found.atoms.sum(1), weights=found.multiplicities, minlength=layout.num_atoms + 1
    )
    numbers = [str(size) for size in range(1, layout.num_atoms + 1)]
    yield (
        {"name": "size", "label": "heavy atoms", "unit": "", "categories": numbers},
        sizes[1:] / num_valid,
    )
    for name, label, categories in (
        ("atoms", "atoms by element", list(layout.elements)),
        ("bonds", "bonds by order", ["single", "double", "triple"]),
        ("rings", "molecules with a ring of so many atoms", list(RINGS)),
        ("functional_groups", "molecules with a functional group", list(FUNCTIONAL_GROUPS)),
    ):
        try:
            shares = found.shares(name)
        except NotDefined:
            shares = np.zeros(len(categories))
        yield {"name": name, "label": label, "unit": "", "categories": categories}, shares
    weights = found.first_multiplicities
    for column, (name, label) in enumerate(_PROPERTY_LABELS.items()):
        # The end bins hold what lies beyond the reference's range.
        inside = np.clip(found.properties[:, column], edges[column, 0], edges[column, -1])
        counts, _ = np.histogram(inside, edges[column], weights=weights)
        description = {"name": name, "label": label, "unit": "", "edges": rounded(edges[column])}
        yield description, counts / max(weights.sum(), 1)


def rounded(values: np.ndarray) -> list[float]:
    """Return numbers as a row keeps them, to five digits."""
    return np.round(np.asarray(values, dtype=np.float64), 5).tolist()
