"""Generated graphs to metrics of molecules, with the floor and the trivial rival of each.

Notation: N generated graphs, codes (N, P + n); a metric's *value* is of these, its *floor* of
molecules of the data that no generator has seen, its *trivial* value of as many random graphs
that respect valences (`quantum_latents.molecules.baseline`). An FCD is computed from n molecules
and its floor from n, too.

Rows of a data set of molecules are in the order of a hash, so its first rows are a fair sample.
What depends on the data set alone is computed once and kept in its cache, by the set, its split,
and the versions of RDKit, fcd and this module.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from quantum_latents.data import DataSet
from quantum_latents.evaluation.chemnet import activations, fcd_version
from quantum_latents.evaluation.pictures import draw_molecules
from quantum_latents.metrics import compute, lookup
from quantum_latents.metrics.frechet import Moments, frechet_distance, moments
from quantum_latents.metrics.molecules import (
    FEWEST_FOR_FCD,
    PROPERTIES,
    MoleculeSet,
    NotDefined,
    num_compared,
)
from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.baseline import random_valence_graphs
from quantum_latents.molecules.decode import Decoded, decode, import_rdkit
from quantum_latents.molecules.descriptors import (
    FUNCTIONAL_GROUPS,
    RINGS,
    fingerprints,
    functional_groups,
    properties,
    rings,
)
from quantum_latents.random import Stream, stream
from quantum_latents.training.checkpoint import write_atomically

__all__ = [
    "FIRST_DRAWS",
    "MOST_REFERENCE_MOLECULES",
    "analyse",
    "check_libraries",
    "evaluate_molecules",
]

MOST_REFERENCE_MOLECULES = 10_000
"""The FCD's reference is all held-out molecules, or this many of them."""

FIRST_DRAWS = 5_000
"""Properties and similarities are compared over this many first valid draws: of both, the time
is a millisecond a molecule.
"""

_VERSION = 3  # of the definitions below; part of the name of what is cached

_NUM_BINS = 24
_COUNT_METRICS = ("valid_and_unique", "novel")
_PROPERTY_LABELS = {"qed": "QED", "sa": "SA score", "logp": "logP"}

Arrays = dict[str, np.ndarray]


def evaluate_molecules(
    codes: np.ndarray, data: DataSet, seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
    """Return every metric of the data set, a preview, and pictures of the first graphs.

    Args:
        codes: generated graphs, uint8 (N, P + n).
        data: a data set of molecules.
        seed: the run's; what is drawn here follows from it and from the place of a draw alone,
            so it is the same for every latent.

    Returns:
        metrics: by name, `value` (None where it is not defined, with the `reason`), `floor` and
            `trivial` (None likewise), what a table must know, and for an FCD `num`, `floor_num`
            and `trivial_num`, from how many molecules each is, and its `reference`.
        preview: distributions beside the data's.
        pictures: see `quantum_latents.evaluation.pictures`.

    Raises:
        ValueError: `data` are not molecules, or `codes` are none of its layout.
        ImportError: RDKit or fcd is not installed.
    """
    layout = data.layout
    if layout is None or "train_smiles" not in data.facts:
        raise ValueError(f"{data.name!r} is no set of molecules")
    codes = np.asarray(codes)
    with_chemnet = _is_fcd_possible(len(codes), data)
    statistics = _statistics(data, len(codes), with_chemnet)
    decoded = decode(layout, codes)
    generated = analyse(layout, codes, decoded, with_chemnet=with_chemnet)
    draws = stream(seed, "metrics")
    metrics = {name: _entry(name, generated, statistics, data, draws) for name in data.metrics}
    preview = {
        "kind": "molecules",
        "distributions": [
            {
                **description,
                "data": _rounded(statistics.shares[description["name"]]),
                "generated": _rounded(shares),
                "trivial": _rounded(statistics.trivial_shares[description["name"]]),
            }
            for description, shares in _distributions(generated, layout, statistics.edges)
        ],
    }
    return metrics, preview, draw_molecules(layout, codes, decoded, data.facts["train_smiles"])


def check_libraries(num_draws: int, data: DataSet) -> None:
    """Refuse to measure where a library of the metrics is missing, before anything is computed.

    Args:
        num_draws: N; too few need no ChemNet.
        data: whose metrics are meant; of vectors none needs more than this library itself does.

    Raises:
        ImportError: RDKit or fcd is not installed, with the line that installs it.
    """
    if data.layout is None:
        return
    import_rdkit()
    if _is_fcd_possible(num_draws, data):
        fcd_version()


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


@dataclass(frozen=True, eq=False)
class _Statistics:
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


def _entry(
    name: str, generated: MoleculeSet, statistics: _Statistics, data: DataSet, draws: Stream
) -> dict[str, Any]:
    metric = lookup(name)
    facts = {**data.facts, "chemnet_reference": statistics.chemnet_reference}
    value, reason = _value(name, generated, statistics.reference, facts, draws)
    entry = {
        "value": value,
        "reason": reason,
        "floor": statistics.floor.get(name),
        "trivial": statistics.trivial[name],
        "direction": metric.direction,
        "label": metric.label,
        "unit": metric.unit,
        "constant_wins": metric.constant_wins,
        "corroborated_by": list(metric.corroborated_by),
    }
    num = num_compared(name, generated)
    if num is None:
        return entry
    # Never a floor from another number of molecules: FCD falls with it.
    rows = statistics.floor_activations[:num]
    is_enough = statistics.chemnet_reference is not None and len(rows) == num >= FEWEST_FOR_FCD
    if is_enough:
        assert statistics.chemnet_reference is not None
        entry["floor"] = frechet_distance(moments(rows), statistics.chemnet_reference)
    return {
        **entry,
        "num": num,
        "floor_num": num if is_enough else None,
        "trivial_num": statistics.trivial_num[name],
        "reference": statistics.chemnet_name,
    }


def _value(
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


def _is_fcd_possible(num_draws: int, data: DataSet) -> bool:
    is_asked = any("chemnet_reference" in lookup(name).needs for name in data.metrics)
    return is_asked and min(num_draws, len(data.held_out)) >= FEWEST_FOR_FCD


def _statistics(data: DataSet, num_draws: int, with_chemnet: bool) -> _Statistics:
    """Return what is cached for a data set, computed where it is not."""
    layout = data.layout
    assert layout is not None

    def analysed(codes: np.ndarray) -> MoleculeSet:
        return analyse(layout, codes, decode(layout, codes), with_chemnet=with_chemnet)

    def of_held_out() -> Arrays:
        decoded = decode(layout, data.held_out)
        return _to_arrays(analyse(layout, data.held_out, decoded, with_chemnet=False))

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
            for description, values in _distributions(found, layout, edges)
        }
        num = {name: num_compared(name, found) for name in data.metrics}
        values = _values(found, reference, facts, data, "trivial")
        return {"values": _packed(values), "num": _packed(num), **shares}

    reference = _from_arrays(_cached(data, "reference", {}, of_held_out))
    chemnet, chemnet_name = None, ""
    if with_chemnet:
        found = _cached(data, "chemnet", {"fcd": fcd_version()}, of_chemnet)
        chemnet = Moments(found["mean"], found["covariance"], int(found["num"]))
        chemnet_name = f"{chemnet.num_samples:,} of {reference.num_unique:,} held-out molecules"
        if chemnet.num_samples == reference.num_unique:
            chemnet_name = f"all {chemnet.num_samples:,} held-out molecules"
    facts = {**data.facts, "chemnet_reference": chemnet}
    edges = _edges(reference)
    what = {
        "num_draws": num_draws,
        "metrics": list(data.metrics),
        "fcd": fcd_version() if with_chemnet else None,
    }
    floor = _cached(data, "floor", what, of_floor)
    trivial = _cached(data, "trivial", what, of_trivial)
    return _Statistics(
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
            for description, values in _distributions(reference, layout, edges)
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
        values[name], _ = _value(name, found, reference, facts, stream(0, which))
    return values


def _random_valence_codes(data: DataSet, num_draws: int) -> np.ndarray:
    assert data.layout is not None
    known = data.layout.to_codes(data.train)
    generator = stream(0, "random valence graphs").generator()
    return random_valence_graphs(num_draws, data.layout, known, generator)


def _edges(reference: MoleculeSet) -> np.ndarray:
    """Return the edges (3, bins + 1) of the histograms of properties, from the reference."""
    values = reference.properties[reference.first_multiplicities > 0]
    low, high = values.min(0), values.max(0)
    return np.linspace(low, np.where(high > low, high, low + 1), _NUM_BINS + 1, axis=1)


def _distributions(
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
        description = {"name": name, "label": label, "unit": "", "edges": _rounded(edges[column])}
        yield description, counts / max(weights.sum(), 1)


def _cached(
    data: DataSet, kind: str, what: Mapping[str, Any], build: Callable[[], Arrays]
) -> Arrays:
    """Return arrays from the data set's cache, built and kept there if they are missing or
    damaged. Two processes build them once: the second waits.
    """
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
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    path = Path(folder) / f"{kind}-{digest}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    if (found := _read(path)) is not None:
        return found
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _read(path)
        if found is None:
            found = build()
            content = BytesIO()
            np.savez(content, **found)  # type: ignore[arg-type]
            write_atomically(path, content.getvalue())
    return found


def _read(path: Path) -> Arrays | None:
    """Return the arrays of a file, None if it is not there or damaged (each has a CRC)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, TokenError, zipfile.BadZipFile):
        return None


def _to_arrays(found: MoleculeSet) -> Arrays:
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {name: np.asarray(value) for name, value in fields.items() if value is not None}


def _from_arrays(arrays: Arrays) -> MoleculeSet:
    numbers = {name: int(arrays[name]) for name in ("num_draws", "num_loosely_valid")}
    return MoleculeSet(**{**arrays, **numbers, "smiles": tuple(arrays["smiles"].tolist())})


def _packed(values: Mapping[str, Any]) -> np.ndarray:
    return np.array(json.dumps(values))


def _unpacked(values: np.ndarray) -> dict[str, Any]:
    return json.loads(str(values))


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, dtype=np.float64), 5).tolist()
