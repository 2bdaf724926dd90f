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
- `inception_features`: from generated and reference images to their compared features
  (`quantum_latents.metrics.features.ComparedFeatures`) in Inception; evaluation states it;
- `train_smiles`: the canonical SMILES that a generator was trained on;
- `chemnet_reference`: moments of the reference molecules' activations, see
  `quantum_latents.metrics.frechet`.

Metrics of the domain "molecules" take sets of molecules (`quantum_latents.metrics.molecules`)
where the others take arrays, and may have no value for some of them.
"""

from __future__ import annotations

import difflib

from numpy.typing import ArrayLike

from quantum_latents.metrics.metric import Facts, Metric
from quantum_latents.metrics.molecules import MoleculeSet
from quantum_latents.metrics.of_molecules import METRICS_OF_MOLECULES
from quantum_latents.metrics.of_vectors import METRICS_OF_VECTORS
from quantum_latents.metrics.samples import as_samples_pair
from quantum_latents.random import Stream

__all__ = ["METRICS", "compute", "floor", "lookup"]

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*METRICS_OF_VECTORS, *METRICS_OF_MOLECULES)
}
"""Every metric, by its name."""


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
