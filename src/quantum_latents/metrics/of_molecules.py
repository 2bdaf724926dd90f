"""The metrics of molecules by name, declared.

Notation: `x` is the set of generated molecules, `y` the reference set, both a `MoleculeSet`;
`facts` and `stream` as in `quantum_latents.metrics.registry`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from quantum_latents.metrics import molecules
from quantum_latents.metrics.metric import Facts, declared
from quantum_latents.metrics.molecules import MOLECULE_METRICS, MoleculeSet
from quantum_latents.random import Stream

__all__ = ["METRICS_OF_MOLECULES"]


def _fcd_of_subsample(num_molecules: int) -> Callable[[Any, Any, Facts, Stream], float]:
    def fcd(generated: MoleculeSet, reference: MoleculeSet, facts: Facts, stream: Stream) -> float:
        # One order for all sizes and for all runs of a seed: a smaller subsample is part of a
        # larger one, and latents are paired.
        keys = stream.child("subsample").generator().random(generated.num_draws)
        return molecules.fcd_unique(generated, facts["chemnet_reference"], num_molecules, keys)

    return fcd


def _uniqueness(generated: MoleculeSet) -> float:
    if generated.num_valid == 0:
        raise molecules.NotDefined("no valid molecule")
    return generated.num_unique / generated.num_valid


_of_molecules = partial(declared, domain="molecules", two_sample=("fcd_unique", "fcd_valid"))


def _shares_distance(
    kind: str, distance: Callable[[np.ndarray, np.ndarray], float]
) -> Callable[[Any, Any, Facts, Stream], float]:
    return lambda x, y, facts, stream: distance(x.shares(kind), y.shares(kind))


def _property_distance(name: str) -> Callable[[Any, Any, Facts, Stream], float]:
    return lambda x, y, facts, stream: molecules.property_distance(x, y, name)


METRICS_OF_MOLECULES = (
    _of_molecules(
        "valid_and_unique",
        "valid and unique molecules",
        "higher",
        lambda x, y, facts, stream: float(x.num_unique),
        unit="molecules",
    ),
    _of_molecules(
        "novel",
        "valid and unique molecules that are not in the training set",
        "higher",
        lambda x, y, facts, stream: float(molecules.num_novel(x, facts["train_smiles"])),
        unit="molecules",
        needs=("train_smiles",),
    ),
    _of_molecules(
        "fcd_unique",
        "Fréchet ChemNet distance of unique valid molecules",
        "lower",
        lambda x, y, facts, stream: molecules.fcd_unique(x, facts["chemnet_reference"]),
        needs=("chemnet_reference",),
    ),
    _of_molecules(
        "fcd_valid",
        "Fréchet ChemNet distance of all valid draws",
        "lower",
        lambda x, y, facts, stream: molecules.fcd_valid(x, facts["chemnet_reference"]),
        needs=("chemnet_reference",),
    ),
    *(
        _of_molecules(
            f"fcd_unique_{num_molecules}",
            f"Fréchet ChemNet distance of {num_molecules:,} unique valid molecules",
            "lower",
            _fcd_of_subsample(num_molecules),
            needs=("chemnet_reference",),
        )
        for num_molecules in (2522, 1000)
    ),
    _of_molecules(
        "validity",
        "share of draws that are strictly valid",
        "higher",
        lambda x, y, facts, stream: x.num_valid / x.num_draws,
        constant_wins=True,
    ),
    _of_molecules(
        "molgan_validity",
        "share of draws that are valid in MolGAN's looser sense",
        "higher",
        lambda x, y, facts, stream: x.num_loosely_valid / x.num_draws,
        constant_wins=True,
    ),
    _of_molecules(
        "uniqueness",
        "share of distinct molecules among the valid draws",
        "higher",
        lambda x, y, facts, stream: _uniqueness(x),
    ),
    # One molecule can have bonds and atoms in the data's own shares.
    _of_molecules(
        "bond_type_distance",
        "total variation of bond types",
        "lower",
        _shares_distance("bonds", molecules.total_variation),
        constant_wins=True,
    ),
    _of_molecules(
        "atom_type_distance",
        "total variation of atom types",
        "lower",
        _shares_distance("atoms", molecules.total_variation),
        constant_wins=True,
    ),
    _of_molecules(
        "ring_distance",
        "mean total variation of having rings of each kind",
        "lower",
        _shares_distance("rings", molecules.mean_total_variation),
    ),
    _of_molecules(
        "functional_group_distance",
        "mean total variation of having each functional group",
        "lower",
        _shares_distance("functional_groups", molecules.mean_total_variation),
    ),
    *(
        _of_molecules(
            f"{name}_distance",
            f"Wasserstein-1 distance of {label}",
            "lower",
            _property_distance(name),
        )
        for name, label in (("qed", "QED"), ("sa", "SA score"), ("logp", "logP"))
    ),
    _of_molecules(
        "nearest_similarity",
        "Tanimoto similarity to the nearest reference molecule",
        "higher",
        lambda x, y, facts, stream: molecules.nearest_similarity(x, y),
        constant_wins=True,
    ),
    _of_molecules(
        "internal_diversity",
        "internal diversity of the valid draws",
        "higher",
        lambda x, y, facts, stream: molecules.internal_diversity(x),
    ),
)
"""In the order of `MOLECULE_METRICS`."""

assert tuple(metric.name for metric in METRICS_OF_MOLECULES) == MOLECULE_METRICS
