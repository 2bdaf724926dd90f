"""What metrics of molecules need of a data set and of N alone: reference, floors, trivial rival.

Notation: N generated graphs; a metric's *floor* is of molecules of the data that no generator has
seen, its *trivial* value of as many random graphs that respect valences
(`quantum_latents.molecules.baseline`).

Rows of a data set of molecules are in the order of a hash, so its first rows are a fair sample.
All is computed once and kept in the data set's cache, by the set, its split, and the versions of
RDKit, fcd and this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.data import DataSet
from quantum_latents.evaluation.chemnet import activations, fcd_version
from quantum_latents.evaluation.distributions import distributions, edges_of
from quantum_latents.evaluation.kept import kept
from quantum_latents.evaluation.molecule_sets import Arrays, analyse, as_arrays, from_arrays
from quantum_latents.metrics import compute, lookup
from quantum_latents.metrics.frechet import Moments, moments
from quantum_latents.metrics.molecules import (
    FEWEST_FOR_FCD,
    MoleculeSet,
    NotDefined,
    num_compared,
)
from quantum_latents.molecules.baseline import random_valence_graphs
from quantum_latents.molecules.decode import decode
from quantum_latents.molecules.descriptors import FUNCTIONAL_GROUPS
from quantum_latents.random import Stream, stream

__all__ = [
    "MOST_REFERENCE_MOLECULES",
    "Statistics",
    "is_fcd_possible",
    "statistics_of",
    "value_of",
]

MOST_REFERENCE_MOLECULES = 10_000
"""The FCD's reference is all held-out molecules, or this many of them."""

_VERSION = 3  # of the definitions in this room; part of the name of what is cached
_COUNT_METRICS = ("valid_and_unique", "novel")


@dataclass(frozen=True, eq=False)
class Statistics:
    """What depends on the data set and on N alone.

    Attributes:
        reference: the held-out molecules, without activations.
        chemnet_reference: moments of the activations of `chemnet_name`; None without.
        floor_activations: float32, of the first N molecules of the floor's reference.
        floor, trivial: values by metric, but the floors of FCDs.
        trivial_num: n of the trivial FCDs.
        edges: of the histograms of properties.
        shares, trivial_shares: the data's and the trivial sampler's distributions.
    """

    reference: MoleculeSet
    chemnet_reference: Moments | None
    chemnet_name: str
    floor_activations: np.ndarray
    floor: Mapping[str, float | None]
    trivial: Mapping[str, float | None]
    trivial_num: Mapping[str, int]
    edges: np.ndarray
    shares: Mapping[str, np.ndarray]
    trivial_shares: Mapping[str, np.ndarray]


def is_fcd_possible(num_draws: int, data: DataSet) -> bool:
    """Whether a distance of ChemNet is asked for, and there are molecules enough for one."""
    is_asked = any("chemnet_reference" in lookup(name).needs for name in data.metrics)
    return is_asked and min(num_draws, len(data.held_out)) >= FEWEST_FOR_FCD


def value_of(
    name: str,
    generated: MoleculeSet,
    reference: MoleculeSet,
    facts: Mapping[str, Any],
    draws: Stream,
) -> tuple[float | None, str]:
    """Return a metric's value, or None and why."""
    if "chemnet_reference" in lookup(name).needs and facts["chemnet_reference"] is None:
        few = min(generated.num_draws, reference.num_unique)
        whose = "draws" if few == generated.num_draws else "held-out molecules"
        return None, f"{few:,} {whose}, fewer than {FEWEST_FOR_FCD}"
    try:
        return compute(name, generated, reference, facts, draws), ""
    except NotDefined as undefined:
        return None, str(undefined)


def statistics_of(data: DataSet, num_draws: int, with_chemnet: bool) -> Statistics:
    """Return what is cached for a data set, computed where it is not.

    Args:
        data: a data set of molecules.
        num_draws: N.
        with_chemnet: whether FCDs are possible, see `is_fcd_possible`.
    """
    layout = data.layout
    assert layout is not None

    def analysed(codes: np.ndarray) -> MoleculeSet:
        return analyse(layout, codes, decode(layout, codes), with_chemnet=with_chemnet)

    def of_held_out() -> Arrays:
        decoded = decode(layout, data.held_out)
        return as_arrays(analyse(layout, data.held_out, decoded, with_chemnet=False))

    def of_chemnet() -> Arrays:
        smiles = reference.smiles[:MOST_REFERENCE_MOLECULES]
        found = moments(activations(smiles))
        return {"mean": found.mean, "covariance": found.covariance, "num": np.array(len(smiles))}

    def of_floor() -> Arrays:
        found = analysed(data.floor_reference[:num_draws])
        values = _values(found, reference, facts, data, "floor")
        if found.num_draws < num_draws:  # fewer draws make fewer molecules
            values.update(dict.fromkeys(_COUNT_METRICS))
        none = np.zeros((0, 0), dtype=np.float32)
        return {
            "values": _packed(values),
            "activations": none if found.activations is None else found.activations,
        }

    def of_trivial() -> Arrays:
        found = analysed(_random_valence_codes(data, num_draws))
        shares = {
            f"share_{description['name']}": values
            for description, values in distributions(found, layout, edges)
        }
        num = {name: num_compared(name, found) for name in data.metrics}
        values = _values(found, reference, facts, data, "trivial")
        return {"values": _packed(values), "num": _packed(num), **shares}

    reference = from_arrays(_cached(data, "reference", {}, of_held_out))
    chemnet, chemnet_name = None, ""
    if with_chemnet:
        found = _cached(data, "chemnet", {"fcd": fcd_version()}, of_chemnet)
        chemnet = Moments(found["mean"], found["covariance"], int(found["num"]))
        chemnet_name = f"{chemnet.num_samples:,} of {reference.num_unique:,} held-out molecules"
        if chemnet.num_samples == reference.num_unique:
            chemnet_name = f"all {chemnet.num_samples:,} held-out molecules"
    facts = {**data.facts, "chemnet_reference": chemnet}
    edges = edges_of(reference)
    what = {
        "num_draws": num_draws,
        "metrics": list(data.metrics),
        "fcd": fcd_version() if with_chemnet else None,
    }
    floor = _cached(data, "floor", what, of_floor)
    trivial = _cached(data, "trivial", what, of_trivial)
    return Statistics(
        reference=reference,
        chemnet_reference=chemnet,
        chemnet_name=chemnet_name,
        floor_activations=floor["activations"],
        floor=_unpacked(floor["values"]),
        trivial=_unpacked(trivial["values"]),
        trivial_num=_unpacked(trivial["num"]),
        edges=edges,
        shares={
            description["name"]: values
            for description, values in distributions(reference, layout, edges)
        },
        trivial_shares={
            name.removeprefix("share_"): values
            for name, values in trivial.items()
            if name.startswith("share_")
        },
    )


def _values(
    found: MoleculeSet,
    reference: MoleculeSet,
    facts: Mapping[str, Any],
    data: DataSet,
    which: str,
) -> dict[str, float | None]:
    """Return values of the floor's or the trivial sampler's molecules, by metric."""
    values: dict[str, float | None] = {}
    for name in data.metrics:
        if which == "floor" and "chemnet_reference" in lookup(name).needs:
            continue  # computed at the generated molecules' own number
        values[name], _ = value_of(name, found, reference, facts, stream(0, which))
    return values


def _random_valence_codes(data: DataSet, num_draws: int) -> np.ndarray:
    assert data.layout is not None
    known = data.layout.to_codes(data.train)
    generator = stream(0, "random valence graphs").generator()
    return random_valence_graphs(num_draws, data.layout, known, generator)


def _cached(
    data: DataSet, kind: str, what: Mapping[str, Any], build: Callable[[], Arrays]
) -> Arrays:
    """Return arrays from the data set's cache, built and kept there if they are not."""
    folder = data.facts.get("reference_cache")
    if folder is None:
        return build()
    from rdkit import rdBase

    identity = {
        "version": _VERSION,
        "set": data.facts["reference_key"],
        "rdkit": rdBase.rdkitVersion,
        "groups": FUNCTIONAL_GROUPS,
        **what,
    }
    return kept(Path(folder), kind, identity, build)


def _packed(values: Mapping[str, Any]) -> np.ndarray:
    return np.array(json.dumps(values))


def _unpacked(values: np.ndarray) -> dict[str, Any]:
    return json.loads(str(values))
