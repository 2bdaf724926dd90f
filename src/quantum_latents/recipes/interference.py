"""The interference dial: the quantum latent with its interference turned down, dose by dose.

Photons that interfere with probability x each have an overlap of x with one another; at x = 1 the
latent is the quantum one, at x = 0 that of distinguishable photons, with the same mean occupancies
all the way. A latent that helps *because* photons interfere helps more with every dose; one that
helps for its mean occupancies, or for being whole numbers, helps at every dose alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quantum_latents.latents import LatentSpec, NoisyPhotonicSpec, PhotonicSpec, noisy_name
from quantum_latents.recipes.data_sets import (
    data_notes,
    data_sources,
    margins_of,
    primary_of,
)
from quantum_latents.recipes.discrete import (
    DIM,
    DISCRETE_PRESETS,
    DISCRETE_SOURCES,
    NUM_PHOTONS,
    discrete_data,
    discrete_runs,
    discrete_size,
)
from quantum_latents.recipes.presets import stated
from quantum_latents.recipes.study import Study

__all__ = ["DOSES", "interference"]

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Overlaps x of the photons."""

_SOURCES = {
    "latent.interference": "ours: the dose of this study",
    "latent.transmission": "ours: no loss, which would change the occupancies too",
    "latent.sharing": "ours: every dose has the quantum latent's interferometer",
}


def interference(
    preset: str,
    *,
    num_seeds: int | None = None,
    doses: Sequence[float] = DOSES,
    data_sets: Sequence[str] = ("quantum",),
) -> Study:
    """Return the study of dose and response.

    Args:
        preset: `smoke`, `quick` or `paper`: the sizes of Table I.
        num_seeds: None takes the preset's.
        doses: overlaps x in [0, 1], three or more; 1 is added, as the reference.
        data_sets: which of `DATA_SETS`.

    Raises:
        ValueError: an unknown preset or data set, no seed, a dose out of range, or too few.
    """
    size = discrete_size(preset, num_seeds=num_seeds)
    chosen = sorted({float(dose) for dose in (*doses, 1.0)})
    if len(chosen) < 3:
        raise ValueError(
            f"doses are three or more overlaps in [0, 1] with 1 among them, not {tuple(doses)}"
        )
    shared: dict[str, Any] = {
        "dim": DIM,
        "num_photons": NUM_PHOTONS,
        "interferometer": "haar",
        "sharing": "shared",
        "scaling": "centred",
        "bank_size": size.bank_size,
        "num_held_out": size.num_samples,
    }
    specs: list[LatentSpec] = [PhotonicSpec(name="quantum", **shared)]
    specs += [
        NoisyPhotonicSpec(name=noisy_name(dose), interference=dose, **shared)
        for dose in chosen
        if dose != 1
    ]
    changed, notes = stated(preset, size, DISCRETE_PRESETS["paper"])
    return Study(
        name="interference",
        title="The interference dial: dose and response",
        question="Does a GAN learn better, the more the photons of its latent interfere?",
        preset=preset,
        runs=discrete_runs(discrete_data(data_sets, size), specs, size),
        primary_metrics=primary_of(data_sets),
        equivalence_margins=margins_of(data_sets),
        notes=(*notes, *data_notes(data_sets)),
        sources=DISCRETE_SOURCES | data_sources(data_sets) | _SOURCES | changed,
        doses={noisy_name(dose): dose for dose in chosen if dose != 1} | {"quantum": 1.0},
        dose_label="overlap x of the photons",
    )
