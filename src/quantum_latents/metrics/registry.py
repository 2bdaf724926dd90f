"""The metrics by name: what they are called, which way is better, and what they need.

A data set names its metrics and states its facts; this module resolves the names. Notation:
`generated` (N, d) and `reference` (M, d) in the data's own units; `facts`, a mapping from
names to what the data set knows about itself; `stream`, where random directions come from.

Facts that metrics read:

- `mode_centres` (K, d), `mode_sigma`, `mode_weights` (K,), `mode_minimum_share`: a mixture;
- `photon_total`: the number of photons of every sample;
- `coordinate_scale` (d,), optional: the two-sample metrics divide every coordinate by it first,
  so that they do not depend on the units of a table's columns. Without it they take the
  coordinates as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantum_latents.metrics import discrete, modes, two_sample
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
    """

    name: str
    label: str
    direction: Literal["lower", "higher"]
    unit: str
    constant_wins: bool
    corroborated_by: tuple[str, ...]
    needs: tuple[str, ...]
    compute: Callable[[ArrayLike, ArrayLike, Facts, Stream], float] = field(
        repr=False, compare=False
    )


def lookup(name: str) -> Metric:
    """Return the metric called `name`.

    Raises:
        ValueError: there is none; the error names the nearest ones.

    >>> lookup("mmd").direction
    'lower'
    >>> lookup("energy_distanse")
    Traceback (most recent call last):
    ...
    ValueError: no metric is called 'energy_distanse'; did you mean 'energy_distance'?
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
    name: str, generated: ArrayLike, reference: ArrayLike, facts: Facts, stream: Stream
) -> float:
    """Return the metric called `name` of generated samples against reference samples.

    Args:
        name: a key of `METRICS`.
        generated: samples (N, d), N >= 2, in the data's own units.
        reference: held-out data (M, d), M >= 2, in the same units.
        facts: what the data set knows about itself; see the module's first lines.
        stream: where random directions come from; the same stream gives the same metric.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.
        ValueError: no such metric, or a fact that it needs is missing.

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
    x, y = as_samples_pair(generated, reference)
    return metric.compute(x, y, facts, stream)


def floor(
    name: str, held_out_a: ArrayLike, held_out_b: ArrayLike, facts: Facts, stream: Stream
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
    x, y = as_samples_pair(generated, reference)
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


_TWO_SAMPLE = ("energy_distance", "mmd", "sliced_wasserstein")

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
    )
}
"""Every metric, by its name."""
