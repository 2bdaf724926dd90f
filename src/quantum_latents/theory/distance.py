"""The GAN-induced distance, estimated from what training found.

Notation: P_z is a latent's law, P_x that of the data, g a generator of a class G of bounded width,
depth and Lipschitz constant, and

    D^G(P_z, P_x) = inf over g in G of W_1(P_g(z), P_x)

(arXiv 2508.19857). Training gives *candidates* g_1, ..., g_k in G: restarts, and steps of them. One
is chosen by the Wasserstein-1 distance of n samples of its own from n of the data; of the chosen
one that distance is reported with other n samples of each. So the reported value is no lower for
having been the lowest of k.

The value v estimates D^G from above: E v >= W_1(P_g(z), P_x) for the chosen g, because W_1 is
convex in the pair of laws (Villani, *Optimal transport: old and new*, 2009, theorem 4.8), and that
is >= D^G, because an infimum is no larger. How far above, nobody knows from samples alone: the
first gap is of finite samples and shrinks as slowly as n^(-1/d) in d > 2 dimensions (Fournier and
Guillin 2015), the second of training. Beside v stands the *floor*: the same distance with fresh
samples of the data in the generator's place. It is v's own law where P_g(z) = P_x.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from quantum_latents.metrics import MAX_TRANSPORT, wasserstein_1
from quantum_latents.metrics.samples import as_samples
from quantum_latents.results import (
    above_floor,
    check_study,
    chosen_rows,
    data_sets,
    latents,
    mean_standard_error,
    select,
)

__all__ = [
    "BIASES",
    "InducedDistance",
    "InducedDistances",
    "gan_induced_distance",
    "gan_induced_distances",
]

BIASES = (
    "optimisation: the best generator found is no better than the best of the class",
    "finite samples: Wasserstein-1 between samples is larger in the mean than between their laws; "
    "the floor is its value where the laws agree",
)
"""Why an estimate lies above the GAN-induced distance in the mean; nothing pulls it below."""


@dataclass(frozen=True, kw_only=True)
class InducedDistance:
    """An estimate, from above, of the GAN-induced distance of one latent from some data.

    Attributes:
        value: Wasserstein-1 distance of the chosen candidate, by samples that did not choose it.
        floor: the same of fresh samples of the data.
        chosen: place of the chosen candidate.
        selection: the Wasserstein-1 distances that chose, one a candidate.
        num_samples: samples a side that `value` and `floor` were computed from.
    """

    value: float
    floor: float
    chosen: int
    selection: tuple[float, ...]
    num_samples: int

    def __str__(self) -> str:
        """The estimate, its floor, and in which direction it is biased."""
        return (
            f"at most {self.value:.4g} in the mean (floor {self.floor:.4g}, "
            f"{self.num_samples} samples a side, best of {len(self.selection)}); "
            f"biased upwards: {'; '.join(BIASES)}"
        )


def gan_induced_distance(
    candidates: Sequence[ArrayLike], held_out: ArrayLike, floor_reference: ArrayLike
) -> InducedDistance:
    """Estimate the GAN-induced distance from the samples of several generators.

    The first half of the rows of each array only chooses, the second half is only reported.

    Args:
        candidates: generated samples, (N, d) each, from latents that no training saw.
        held_out: the data, (M, d).
        floor_reference: as many fresh samples of the data as a candidate has, (N, d).

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples`.
        ValueError: no candidate, fewer than four samples, or arrays of unequal sizes.

    >>> import numpy as np
    >>> line = np.arange(8.0)[:, None]
    >>> gan_induced_distance([line + 3, line + 1], line, line).value
    1.0
    """
    if len(candidates) == 0:
        raise ValueError("no candidate: train at least one generator")
    arrays = [as_samples(samples, f"candidate {k}") for k, samples in enumerate(candidates)]
    data, fresh = as_samples(held_out, "held_out"), as_samples(floor_reference, "floor_reference")
    if len(shapes := {array.shape for array in (*arrays, data, fresh)}) != 1:
        raise ValueError(
            "candidates, held_out and floor_reference are compared sample for sample and need one "
            f"shape, not {sorted(shapes)}"
        )
    if len(data) < 4:
        raise ValueError(f"two halves of at least 2 samples need 4, not {len(data)}")
    half = len(data) // 2
    selection = tuple(wasserstein_1(array[:half], data[:half]) for array in arrays)
    chosen = min(range(len(arrays)), key=lambda k: selection[k])
    return InducedDistance(
        value=wasserstein_1(arrays[chosen][half:], data[half:]),
        floor=wasserstein_1(fresh[half:], data[half:]),
        chosen=chosen,
        selection=selection,
        num_samples=min(len(data) - half, MAX_TRANSPORT),
    )


@dataclass(frozen=True, kw_only=True)
class InducedDistances:
    """Estimates of one latent over the seeds of a study.

    Attributes:
        data: the data set's name, with that of the choice between restarts.
        latent: the latent's name.
        values, floors: by seed; see `InducedDistance`.
        mean, standard_error: of the values; None without any, or below two.
        above_floor: mean of value - floor, None without any.
        above_floor_interval: its 95 % interval by the exact sign-flip test, None below six seeds.
        biases: why the values lie above the GAN-induced distance in the mean.
    """

    data: str
    latent: str
    values: dict[int, float]
    floors: dict[int, float]
    mean: float | None
    standard_error: float | None
    above_floor: float | None
    above_floor_interval: tuple[float, float] | None
    biases: tuple[str, ...] = BIASES


def gan_induced_distances(
    rows: Iterable[Mapping[str, Any]],
    study: Mapping[str, Any],
    *,
    metric: str = "wasserstein_1",
) -> tuple[InducedDistances, ...]:
    """Return the estimates of a study with restarts, such as `qlat run corollary`.

    Seeds of which a restart has no row yet are left out, those of which all diverged too.

    Args:
        rows: as `quantum_latents.results.read_rows` gives them.
        study: the content of ``study.json``, whose `restarts` says how was chosen.
        metric: what is reported of the chosen generator.

    Returns:
        One entry for each choice between restarts and latent, in the order of tables.

    Raises:
        ValueError: the study has no restarts, so that nothing says how one was chosen.
    """
    study = check_study(study)
    if study["restarts"] is None:
        raise ValueError(
            f"study {study['study']!r} has no restarts to choose among: run `qlat run corollary`"
        )
    chosen = chosen_rows(rows, study)
    return tuple(
        _over_seeds(chosen, data, latent, metric)
        for data in data_sets(chosen)
        for latent in latents(select(chosen, data=data))
    )


def _over_seeds(
    rows: Sequence[Mapping[str, Any]], data: str, latent: str, metric: str
) -> InducedDistances:
    entries = {
        row["spec"]["seed"]: row["metrics"].get(metric, {})
        for row in select(rows, data=data, latent=latent)
    }
    found = {seed: entry for seed, entry in entries.items() if entry.get("value") is not None}
    values = {seed: float(entry["value"]) for seed, entry in found.items()}
    mean, error = mean_standard_error(list(values.values())) if values else (None, None)
    above = above_floor(rows, data, latent, metric)
    return InducedDistances(
        data=data,
        latent=latent,
        values=values,
        floors={seed: float(entry["floor"]) for seed, entry in found.items()},
        mean=mean,
        standard_error=error,
        above_floor=above.mean,
        above_floor_interval=above.interval,
    )
