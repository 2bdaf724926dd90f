"""The metrics by name: what they are called, which way is better, and what they need.

A data set names its metrics and states its facts; this module resolves the names. Notation:
`generated` (N, d) and `reference` (M, d) in the data's own units; `facts`, a mapping from
names to what the data set knows about itself; `stream`, where random directions come from.

Facts that metrics read:

- `mode_centres` (K, d), `mode_sigma`, `mode_weights` (K,), `mode_minimum_share`: a mixture;
- `board_squares`, `board_half_width`: a checkerboard, see `quantum_latents.metrics.modes`;
- `photon_total`: the number of photons of every sample;
- `collision_probability`: that two samples of a discrete law are equal;
- `coordinate_scale` (d,), optional: the two-sample metrics and those of moments divide every
  coordinate by it first, so that they do not depend on the units of a table's columns. Without it
  they take the coordinates as they are;
- `selection_share`, optional, in (0, 1): this leading share of the rows of both sets only chooses
  between restarts of a run; `wasserstein_1_selection` reads it, the other two-sample metrics leave
  it out. Without it they take all rows;
- `feature_network`: weights of a network of images, see `quantum_latents.metrics.features`, which
  takes coordinates in their scale;
- `train_smiles`: the canonical SMILES that a generator was trained on;
- `chemnet_reference`: moments of the reference molecules' activations, see
  `quantum_latents.metrics.frechet`.

Metrics of the domain "molecules" take sets of molecules (`quantum_latents.metrics.molecules`)
where the others take arrays, and may have no value for some of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics import (
    discrete,
    features,
    modes,
    molecules,
    moment_errors,
    transport,
    two_sample,
)
from quantum_latents.metrics.molecules import MOLECULE_METRICS, MoleculeSet
from quantum_latents.metrics.samples import as_samples_pair
from quantum_latents.random import Stream

__all__ = ["METRICS", "Metric", "compute", "floor", "lookup"]

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """What a table and a verdict must know about a metric.

    Attributes:
        name: the key in `METRICS`, in specs and in rows.
        label: the name in words, for a table's head or an axis.
        direction: which way is better, "lower" or "higher".
        unit: the value's unit; "" for a pure number or a length in the data's own unit.
        constant_wins: whether some constant output, learned from nothing, reaches the best
            value. Such a metric gives no verdict alone.
        corroborated_by: two-sample metrics, one of which must agree where a constant wins.
        needs: the facts without which the metric is not defined.
        compute: (generated, reference, facts, stream) -> value; call `compute` of this module,
            which checks the facts, instead.
        domain: what the samples are, "vectors" or "molecules".
    """

    name: str
    label: str
    direction: Literal["lower", "higher"]
    unit: str
    constant_wins: bool
    corroborated_by: tuple[str, ...]
    needs: tuple[str, ...]
    compute: Callable[[Any, Any, Facts, Stream], float] = field(repr=False, compare=False)
    domain: Literal["vectors", "molecules"] = "vectors"


def lookup(name: str) -> Metric:
    """Return the metric called `name`.

    Raises:
        ValueError: there is none; the error names the nearest ones.

    >>> lookup("mmd").direction
    'lower'
    >>> lookup("mode_weigth_error")
    Traceback (most recent call last):
    ...
    ValueError: no metric is called 'mode_weigth_error'; did you mean 'mode_weight_error'?
    """
    if name in METRICS:
        return METRICS[name]
    near = difflib.get_close_matches(str(name), METRICS, n=2)
    if near:
        hint = f"did you mean {' or '.join(map(repr, near))}?"
    else:
        hint = f"there are {', '.join(METRICS)}"
    raise ValueError(f"no metric is called {name!r}; {hint}")


def compute(
    name: str,
    generated: ArrayLike | MoleculeSet,
    reference: ArrayLike | MoleculeSet,
    facts: Facts,
    stream: Stream,
) -> float:
    """Return the metric called `name` of generated samples against reference samples.

    Args:
        name: a key of `METRICS`.
        generated: samples (N, d), N >= 2, in the data's own units; or a set of molecules.
        reference: held-out data (M, d), M >= 2, in the same units; or a set of molecules.
        facts: what the data set knows about itself; see the module's first lines.
        stream: where random directions come from; the same stream gives the same metric.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        TypeError: molecules for a metric of vectors, or vectors for one of molecules.
        ValueError: no such metric, or a fact that it needs is missing.
        NotDefined: a metric of molecules has no value for these, with the reason.

    >>> from quantum_latents.random import stream
    >>> x, y = [[0.25], [1.0]], [[0.0], [1.0]]
    >>> compute("l1_to_integer", x, y, {}, stream(0, "metrics"))
    0.125
    """
    metric = lookup(name)
    missing = [fact for fact in metric.needs if fact not in facts]
    if missing:
        raise ValueError(
            f"metric {name!r} needs the data set's {', '.join(missing)}, "
            f"which is not among its facts ({', '.join(sorted(facts)) or 'none'})"
        )
    for samples in (generated, reference):
        if isinstance(samples, MoleculeSet) != (metric.domain == "molecules"):
            raise TypeError(
                f"metric {name!r} is one of {metric.domain}, not of {type(samples).__name__}"
            )
    if metric.domain == "vectors":
        generated, reference = as_samples_pair(generated, reference)  # type: ignore[arg-type]
    return metric.compute(generated, reference, facts, stream)


def floor(
    name: str,
    held_out_a: ArrayLike | MoleculeSet,
    held_out_b: ArrayLike | MoleculeSet,
    facts: Facts,
    stream: Stream,
) -> float:
    """Return the metric between two disjoint sets of the data themselves: its sampling floor.

    The value that a perfect model would reach up to sampling noise: set a takes the place of
    the generated samples. Give it as many rows as are generated, and set b the rows that the
    metric is computed against; for a metric of higher direction it is a ceiling.

    Args and raises: as `compute`.

    >>> from quantum_latents.random import stream
    >>> floor("l1_to_integer", [[2.0], [1.0]], [[0.0], [1.0]], {}, stream(0, "metrics"))
    0.0
    """
    return compute(name, held_out_a, held_out_b, facts, stream)


def _scaled(
    generated: ArrayLike, reference: ArrayLike, facts: Facts
) -> tuple[np.ndarray, np.ndarray]:
    """Return what two-sample metrics compare: coordinates in their scale, reported rows alone."""
    x, y = (_split(rows, facts)[1] for rows in as_samples_pair(generated, reference))
    return _in_scale(x, y, facts)


def _split(rows: np.ndarray, facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that choose between restarts, and those that are reported."""
    share = facts.get("selection_share", 0.0)
    if "selection_share" in facts and not 0 < share < 1:
        raise ValueError(f"selection_share is in (0, 1), not {share}")
    first = int(share * len(rows))
    return rows[:first], rows[first:]


def _in_scale(x: np.ndarray, y: np.ndarray, facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    if "coordinate_scale" not in facts:
        return x, y
    scale = np.asarray(facts["coordinate_scale"], dtype=np.float64)
    if scale.shape != (x.shape[1],) or not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(
            f"coordinate_scale must be {x.shape[1]} numbers > 0, one a coordinate, "
            f"not shape {scale.shape} with least {scale.min(initial=np.inf)}"
        )
    return x / scale, y / scale


def _mmd(generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream) -> float:
    return two_sample.mmd_squared(*_scaled(generated, reference, facts))


def _energy(generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream) -> float:
    return two_sample.energy_distance(*_scaled(generated, reference, facts))


def _sliced(generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream) -> float:
    return two_sample.sliced_wasserstein(*_scaled(generated, reference, facts), stream)


def _mean_error(generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream) -> float:
    return moment_errors.mean_error(*_scaled(generated, reference, facts))


def _covariance_error(
    generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream
) -> float:
    return moment_errors.covariance_error(*_scaled(generated, reference, facts))


def _wasserstein(generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream) -> float:
    return transport.wasserstein_1(*_scaled(generated, reference, facts))


def _wasserstein_selection(
    generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream
) -> float:
    x, y = (_split(rows, facts)[0] for rows in as_samples_pair(generated, reference))
    return transport.wasserstein_1(*_in_scale(x, y, facts))


def _of_features(
    name: str,
    label: str,
    direction: Literal["lower", "higher"],
    compute: Callable[[np.ndarray, np.ndarray], float],
    *,
    constant_wins: bool = False,
) -> Metric:
    def in_features(x: ArrayLike, y: ArrayLike, facts: Facts, stream: Stream) -> float:
        network = facts["feature_network"]
        both = (features.features_of(rows, network) for rows in _scaled(x, y, facts))
        return compute(*both)

    return Metric(
        name=name,
        label=label,
        direction=direction,
        unit="",
        constant_wins=constant_wins,
        corroborated_by=_TWO_SAMPLE if constant_wins else (),
        needs=("feature_network",),
        compute=in_features,
    )


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


def _of_molecules(
    name: str,
    label: str,
    direction: Literal["lower", "higher"],
    compute: Callable[[Any, Any, Facts, Stream], float],
    *,
    unit: str = "",
    constant_wins: bool = False,
    needs: tuple[str, ...] = (),
) -> Metric:
    return Metric(
        name=name,
        label=label,
        direction=direction,
        unit=unit,
        constant_wins=constant_wins,
        corroborated_by=_FCD if constant_wins else (),
        needs=needs,
        compute=compute,
        domain="molecules",
    )


def _shares_distance(
    kind: str, distance: Callable[[np.ndarray, np.ndarray], float]
) -> Callable[[Any, Any, Facts, Stream], float]:
    return lambda x, y, facts, stream: distance(x.shares(kind), y.shares(kind))


def _property_distance(name: str) -> Callable[[Any, Any, Facts, Stream], float]:
    return lambda x, y, facts, stream: molecules.property_distance(x, y, name)


_FCD = ("fcd_unique", "fcd_valid")

_MOLECULES = (
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
assert tuple(metric.name for metric in _MOLECULES) == MOLECULE_METRICS

_TWO_SAMPLE = ("energy_distance", "mmd", "sliced_wasserstein")

_FEATURES = (
    _of_features(
        "frechet_feature_distance",
        "Fréchet distance of features",
        "lower",
        features.frechet_feature_distance,
    ),
    _of_features(
        "kernel_feature_distance",
        "kernel distance of features",
        "lower",
        features.kernel_feature_distance,
    ),
    # One image of the data, or one far from all, has the best value of some of these.
    *(
        _of_features(
            f"feature_{name}",
            label,
            "higher",
            lambda x, y, name=name: getattr(features.manifolds(x, y), name),
            constant_wins=name in ("precision", "density"),
        )
        for name, label in (
            ("precision", "precision: generated images among the data"),
            ("recall", "recall: data among the generated images"),
            ("density", "density of the data about generated images"),
            ("coverage", "coverage: data with a generated image near"),
        )
    ),
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="l1_to_integer",
            label="L1 distance to the nearest integer",
            direction="lower",
            unit="",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=(),
            compute=lambda x, y, facts, stream: discrete.l1_to_integer(x),
        ),
        Metric(
            name="total_photon_error",
            label="error of the photon total",
            direction="lower",
            unit="photons",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=("photon_total",),
            compute=lambda x, y, facts, stream: discrete.total_photon_error(
                x, facts["photon_total"]
            ),
        ),
        Metric(
            name="rounded_total_photon_error",
            label="error of the photon total, coordinates rounded",
            direction="lower",
            unit="photons",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=("photon_total",),
            compute=lambda x, y, facts, stream: discrete.total_photon_error(
                x, facts["photon_total"], rounded=True
            ),
        ),
        Metric(
            name="share_outside",
            label="share of points outside every mode",
            direction="lower",
            unit="",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=("mode_centres", "mode_sigma"),
            compute=lambda x, y, facts, stream: modes.share_outside(
                x, facts["mode_centres"], facts["mode_sigma"]
            ),
        ),
        Metric(
            name="share_between",
            label="share of points between the modes",
            direction="lower",
            unit="",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=("mode_centres",),
            compute=lambda x, y, facts, stream: modes.share_between(x, facts["mode_centres"]),
        ),
        Metric(
            name="mode_coverage",
            label="share of modes found",
            direction="higher",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=("mode_centres", "mode_sigma", "mode_minimum_share"),
            compute=lambda x, y, facts, stream: modes.mode_coverage(
                x,
                facts["mode_centres"],
                facts["mode_sigma"],
                minimum_share=facts["mode_minimum_share"],
            ),
        ),
        Metric(
            name="mode_weight_error",
            label="error of the modes' weights",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=("mode_centres", "mode_sigma", "mode_weights"),
            compute=lambda x, y, facts, stream: modes.mode_weight_error(
                x, facts["mode_centres"], facts["mode_sigma"], facts["mode_weights"]
            ),
        ),
        Metric(
            name="share_off_board",
            label="share of points off the board",
            direction="lower",
            unit="",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=("board_squares", "board_half_width"),
            compute=lambda x, y, facts, stream: modes.share_off_board(
                x, facts["board_squares"], facts["board_half_width"]
            ),
        ),
        Metric(
            name="mean_error",
            label="error of the coordinates' means",
            direction="lower",
            unit="",
            constant_wins=True,
            corroborated_by=_TWO_SAMPLE,
            needs=(),
            compute=_mean_error,
        ),
        Metric(
            name="covariance_error",
            label="error of the pairs' covariances",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=(),
            compute=_covariance_error,
        ),
        Metric(
            name="energy_distance",
            label="energy distance",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=(),
            compute=_energy,
        ),
        Metric(
            name="mmd",
            label="squared maximum mean discrepancy",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=(),
            compute=_mmd,
        ),
        Metric(
            name="sliced_wasserstein",
            label="sliced Wasserstein-1 distance",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=(),
            compute=_sliced,
        ),
        Metric(
            name="outcome_distance",
            label="relative squared distance of the laws of outcomes",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=("collision_probability",),
            compute=lambda x, y, facts, stream: discrete.outcome_distance(
                x, y, facts["collision_probability"]
            ),
        ),
        Metric(
            name="wasserstein_1",
            label="Wasserstein-1 distance",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=(),
            compute=_wasserstein,
        ),
        Metric(
            name="wasserstein_1_selection",
            label="Wasserstein-1 distance that chose the restart",
            direction="lower",
            unit="",
            constant_wins=False,
            corroborated_by=(),
            needs=("selection_share",),
            compute=_wasserstein_selection,
        ),
        *_FEATURES,
        *_MOLECULES,
    )
}
"""Every metric, by its name."""
