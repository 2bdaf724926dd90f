"""Appendix H of the paper: does the order of the latents survive other training settings?

Source: arXiv 2508.19857, Appendix H: at a higher learning rate and a shorter schedule no difference
between the latents is significant. Here the generator's initialisation and the learning rate are
crossed, on a shorter schedule. Every latent meets every setting with the same seeds, so none is
tuned more than another, and each setting is a comparison of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from quantum_latents.data import MoleculesSpec
from quantum_latents.recipes.molecules import (
    EQUIVALENCE_MARGINS,
    INTERFEROMETERS,
    PRIMARY_METRICS,
    SETUPS,
    latents_of,
    molecule_runs,
    molecule_size,
    molecule_sources,
    refuse_unknown,
)
from quantum_latents.recipes.study import LATENTS, Study, reference_of
from quantum_latents.training import RunSpec

__all__ = ["hyperparameters"]

_INITIALISATIONS = (
    ("pytorch", 1.0),
    ("xavier_uniform", 1.0),
    ("orthogonal", 1.5),
    ("orthogonal", 2.2),
)
_LEARNING_RATES = (1e-4, 3e-4, 1e-3)
_SCHEDULE = 4
"""The schedule is this many times shorter than Table II's."""

_FACTOR = "ours: a factor of this study"
_FACTORS = {
    "model.generator.initialisation": _FACTOR,
    "model.generator.gain": _FACTOR,
    "training.optimiser.learning_rate": _FACTOR + "; the paper's Table II has 1e-4",
    "training.num_steps": f"ours: {_SCHEDULE} times shorter than Table II's of this preset",
}


def hyperparameters(
    data: MoleculesSpec,
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dims: Sequence[int] = (16,),
    interferometers: Sequence[str] = ("haar",),
) -> Study:
    """Return the study behind Appendix H.

    Args:
        data: from `quantum_latents.data.molecules_spec`.
        preset: `smoke` or `quick` (the four extreme settings), or `paper`.
        num_seeds: None takes the preset's.
        latents: which of the four.
        latent_dims: lengths of z.
        interferometers: `haar`, `1-1` or `1-3-9`.

    Raises:
        ValueError: an unknown preset, latent or interferometer, or no seed.
    """
    size = molecule_size(preset, num_seeds=num_seeds)
    refuse_unknown("interferometer", interferometers, tuple(INTERFEROMETERS))
    shorter = replace(size, num_steps=max(1, size.num_steps // _SCHEDULE))
    settings = list(itertools.product(_INITIALISATIONS, _LEARNING_RATES))
    if preset != "paper":  # the corners alone
        ends = itertools.product(
            _INITIALISATIONS[:: len(_INITIALISATIONS) - 1], _LEARNING_RATES[::2]
        )
        settings = list(ends)
    groups: dict[RunSpec, tuple[str, ...]] = {}
    for seed, dim, interferometer in itertools.product(
        range(size.num_seeds), latent_dims, interferometers
    ):
        for (initialisation, gain), rate in settings:
            setup = replace(
                SETUPS["paper"],
                initialisation=initialisation,
                gain=gain,
                learning_rate=rate,
            )
            name = initialisation if gain == 1 else f"{initialisation} {gain:g}"
            group = f"d_z {dim}, {interferometer}, {name}, rate {rate:g}"
            specs = latents_of(latents, size, setup, dim, interferometer)
            for run in molecule_runs(data, specs, shorter, setup, seed):
                groups[run] = (*groups.get(run, ()), group)
    sources, notes = molecule_sources(preset, shorter, "paper")
    return Study(
        name="hyperparameters",
        title=f"Appendix H: training settings as factors, molecules of {data.name}",
        question="Does the order of the latents survive other training settings?",
        preset=preset,
        runs=tuple(groups),
        primary_metrics=PRIMARY_METRICS,
        equivalence_margins=EQUIVALENCE_MARGINS,
        notes=notes,
        sources=sources | _FACTORS,
        reference=reference_of(latents),
        groups=tuple(groups.values()),
    )
