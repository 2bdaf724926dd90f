"""Generated graphs to metrics of molecules, with the floor and the trivial rival of each.

Notation: N generated graphs, codes (N, P + n); a metric's *value* is of these, its *floor* and
*trivial* value as in `quantum_latents.evaluation.molecule_statistics`. An FCD is computed from n
molecules and its floor from n, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quantum_latents.data import DataSet
from quantum_latents.evaluation.chemnet import fcd_version
from quantum_latents.evaluation.distributions import distributions, rounded
from quantum_latents.evaluation.images import check_network
from quantum_latents.evaluation.molecule_sets import analyse
from quantum_latents.evaluation.molecule_statistics import (
    Statistics,
    is_fcd_possible,
    statistics_of,
    value_of,
)
from quantum_latents.evaluation.pictures import draw_molecules
from quantum_latents.metrics import lookup
from quantum_latents.metrics.frechet import frechet_distance, moments
from quantum_latents.metrics.molecules import FEWEST_FOR_FCD, MoleculeSet, num_compared
from quantum_latents.molecules.decode import decode, import_rdkit
from quantum_latents.random import Stream, stream

__all__ = ["check_libraries", "evaluate_molecules"]


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
    with_chemnet = is_fcd_possible(len(codes), data)
    statistics = statistics_of(data, len(codes), with_chemnet)
    decoded = decode(layout, codes)
    generated = analyse(layout, codes, decoded, with_chemnet=with_chemnet)
    draws = stream(seed, "metrics")
    metrics = {name: _entry(name, generated, statistics, data, draws) for name in data.metrics}
    preview = {
        "kind": "molecules",
        "distributions": [
            {
                **description,
                "data": rounded(statistics.shares[description["name"]]),
                "generated": rounded(shares),
                "trivial": rounded(statistics.trivial_shares[description["name"]]),
            }
            for description, shares in distributions(generated, layout, statistics.edges)
        ],
    }
    return metrics, preview, draw_molecules(layout, codes, decoded, data.facts["train_smiles"])


def check_libraries(num_draws: int, data: DataSet) -> None:
    """Refuse to measure where a library of the metrics is missing, before anything is computed.

    Args:
        num_draws: N; too few need no ChemNet.
        data: whose metrics are meant; of vectors, photographs' alone need more than this library.

    Raises:
        ImportError: RDKit, fcd or torch-fidelity is not installed, with the line that installs it.
        ValueError, ConnectionError: as `inception.check_inception`.
    """
    if data.layout is None:
        check_network(data)
        return
    import_rdkit()
    if is_fcd_possible(num_draws, data):
        fcd_version()


def _entry(
    name: str, generated: MoleculeSet, statistics: Statistics, data: DataSet, draws: Stream
) -> dict[str, Any]:
    facts = {**data.facts, "chemnet_reference": statistics.chemnet_reference}
    value, reason = value_of(name, generated, statistics.reference, facts, draws)
    entry = {
        "value": value,
        "reason": reason,
        "floor": statistics.floor.get(name),
        "trivial": statistics.trivial[name],
        **lookup(name).declared,
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
