"""The metrics of arrays by name, declared.

Notation: `x` are generated samples (N, d), `y` those of the reference (M, d); `facts` and `stream`
as in `quantum_latents.metrics.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics import (
    discrete,
    features,
    modes,
    moment_errors,
    transport,
    two_sample,
)
from quantum_latents.metrics.metric import Facts, Metric, declared
from quantum_latents.metrics.samples import as_samples_pair
from quantum_latents.random import Stream

__all__ = ["METRICS_OF_VECTORS"]

_TWO_SAMPLE = ("energy_distance", "mmd", "sliced_wasserstein")


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


def _two_sample(
    compute: Callable[[np.ndarray, np.ndarray], float],
) -> Callable[[Any, Any, Facts, Stream], float]:
    return lambda x, y, facts, stream: compute(*_scaled(x, y, facts))


def _wasserstein_selection(
    generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream
) -> float:
    x, y = (_split(rows, facts)[0] for rows in as_samples_pair(generated, reference))
    return transport.wasserstein_1(*_in_scale(x, y, facts))


_of_vectors = partial(declared, domain="vectors", two_sample=_TWO_SAMPLE)


_Compare = Callable[[ArrayLike, ArrayLike, Facts], features.ComparedFeatures]


def _by_perceptron(x: ArrayLike, y: ArrayLike, facts: Facts) -> features.ComparedFeatures:
    network = facts["feature_network"]
    both = (features.features_of(rows, network) for rows in _scaled(x, y, facts))
    return features.ComparedFeatures(*both)


def _by_inception(x: ArrayLike, y: ArrayLike, facts: Facts) -> features.ComparedFeatures:
    both = (_split(rows, facts)[1] for rows in as_samples_pair(x, y))
    return facts["inception_features"](*both)


def _of_features(
    what: str, compare: _Compare, needs: str, frechet: str, kernel: str
) -> Iterator[Metric]:
    """Yield the metrics in the features of one network.

    Args:
        what: the middle of the names.
        compare: takes images to their features.
        needs: the fact that it reads.
        frechet: label of the one distance.
        kernel: of the other.
    """

    def declare(
        name: str,
        label: str,
        direction: Literal["lower", "higher"],
        value: Callable[[features.ComparedFeatures], float],
        constant_wins: bool = False,
    ) -> Metric:
        return _of_vectors(
            name,
            label,
            direction,
            lambda x, y, facts, stream: value(compare(x, y, facts)),
            constant_wins=constant_wins,
            needs=(needs,),
        )

    yield declare(f"frechet_{what}_distance", frechet, "lower", lambda found: found.frechet)
    yield declare(f"kernel_{what}_distance", kernel, "lower", lambda found: found.kernel)
    for name, label in (
        ("precision", "precision: generated images among the data"),
        ("recall", "recall: data among the generated images"),
        ("density", "density of the data about generated images"),
        ("coverage", "coverage: data with a generated image near"),
    ):
        yield declare(
            f"{what}_{name}",
            label,
            "higher",
            lambda found, name=name: getattr(found.manifolds, name),
            # One image of the data, or one far from all, has the best value of some of these.
            constant_wins=name in ("precision", "density"),
        )


_FEATURES = (
    *_of_features(
        *("feature", _by_perceptron, "feature_network"),
        frechet="Fréchet distance of features",
        kernel="kernel distance of features",
    ),
    *_of_features(
        *("inception", _by_inception, "inception_features"),
        frechet="Fréchet Inception distance",
        kernel="kernel Inception distance",
    ),
)

METRICS_OF_VECTORS = (
    _of_vectors(
        "l1_to_integer",
        "L1 distance to the nearest integer",
        "lower",
        lambda x, y, facts, stream: discrete.l1_to_integer(x),
        constant_wins=True,
    ),
    _of_vectors(
        "total_photon_error",
        "error of the photon total",
        "lower",
        lambda x, y, facts, stream: discrete.total_photon_error(x, facts["photon_total"]),
        unit="photons",
        constant_wins=True,
        needs=("photon_total",),
    ),
    _of_vectors(
        "rounded_total_photon_error",
        "error of the photon total, coordinates rounded",
        "lower",
        lambda x, y, facts, stream: discrete.total_photon_error(
            x, facts["photon_total"], rounded=True
        ),
        unit="photons",
        constant_wins=True,
        needs=("photon_total",),
    ),
    _of_vectors(
        "share_outside",
        "share of points outside every mode",
        "lower",
        lambda x, y, facts, stream: modes.share_outside(
            x, facts["mode_centres"], facts["mode_sigma"]
        ),
        constant_wins=True,
        needs=("mode_centres", "mode_sigma"),
    ),
    _of_vectors(
        "share_between",
        "share of points between the modes",
        "lower",
        lambda x, y, facts, stream: modes.share_between(x, facts["mode_centres"]),
        constant_wins=True,
        needs=("mode_centres",),
    ),
    _of_vectors(
        "mode_coverage",
        "share of modes found",
        "higher",
        lambda x, y, facts, stream: modes.mode_coverage(
            x,
            facts["mode_centres"],
            facts["mode_sigma"],
            minimum_share=facts["mode_minimum_share"],
        ),
        needs=("mode_centres", "mode_sigma", "mode_minimum_share"),
    ),
    _of_vectors(
        "mode_weight_error",
        "error of the modes' weights",
        "lower",
        lambda x, y, facts, stream: modes.mode_weight_error(
            x, facts["mode_centres"], facts["mode_sigma"], facts["mode_weights"]
        ),
        needs=("mode_centres", "mode_sigma", "mode_weights"),
    ),
    _of_vectors(
        "share_off_board",
        "share of points off the board",
        "lower",
        lambda x, y, facts, stream: modes.share_off_board(
            x, facts["board_squares"], facts["board_half_width"]
        ),
        constant_wins=True,
        needs=("board_squares", "board_half_width"),
    ),
    _of_vectors(
        "mean_error",
        "error of the coordinates' means",
        "lower",
        _two_sample(moment_errors.mean_error),
        constant_wins=True,
    ),
    _of_vectors(
        "covariance_error",
        "error of the pairs' covariances",
        "lower",
        _two_sample(moment_errors.covariance_error),
    ),
    _of_vectors(
        "energy_distance",
        "energy distance",
        "lower",
        _two_sample(two_sample.energy_distance),
    ),
    _of_vectors(
        "mmd",
        "squared maximum mean discrepancy",
        "lower",
        _two_sample(two_sample.mmd_squared),
    ),
    _of_vectors(
        "sliced_wasserstein",
        "sliced Wasserstein-1 distance",
        "lower",
        lambda x, y, facts, stream: two_sample.sliced_wasserstein(*_scaled(x, y, facts), stream),
    ),
    _of_vectors(
        "outcome_distance",
        "relative squared distance of the laws of outcomes",
        "lower",
        lambda x, y, facts, stream: discrete.outcome_distance(x, y, facts["collision_probability"]),
        needs=("collision_probability",),
    ),
    _of_vectors(
        "wasserstein_1",
        "Wasserstein-1 distance",
        "lower",
        _two_sample(transport.wasserstein_1),
    ),
    _of_vectors(
        "wasserstein_1_selection",
        "Wasserstein-1 distance that chose the restart",
        "lower",
        _wasserstein_selection,
        needs=("selection_share",),
    ),
    *_FEATURES,
)
"""In the order in which they are listed."""
