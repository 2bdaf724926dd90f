"""Two dials of the quantum latent: its interference, and its loss, dose by dose.

Photons that interfere with probability x each have an overlap of x with one another; at x = 1 the
latent is the quantum one, at x = 0 that of distinguishable photons, with the same mean occupancies
all the way. A latent that helps *because* photons interfere helps more with every dose; one that
helps for its mean occupancies, or for being whole numbers, helps at every dose alike.

Loss is another axis: photons that get in with probability eta interfere fully, but the occupancies
fall with eta and the photon total fluctuates, so a response to loss does not isolate interference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

__all__ = ["DOSES", "TRANSMISSIONS", "interference", "loss"]

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Overlaps x of the photons."""

TRANSMISSIONS = (0.25, 0.5, 0.75, 1.0)
"""Probabilities eta that a photon gets into the interferometer."""

_SHARED_SOURCES = {"latent.sharing": "ours: every dose has the quantum latent's interferometer"}
_SOURCES = {
    "latent.interference": "ours: the dose of this study",
    "latent.transmission": "ours: no loss, which would change the occupancies too",
}
_LOSS_SOURCES = {
    "latent.interference": "ours: full, whatever gets lost",
    "latent.transmission": "ours: the dose of this study",
}
_LOSS_NOTE = (
    "Loss changes the mean occupancies and lets the photon total fluctuate, beside thinning the "
    "interference: a response to it does not isolate interference. Every dose is centred by its "
    "own means."
)


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
    chosen = _checked(doses, "overlaps in [0, 1]")
    return _study(
        preset,
        num_seeds,
        data_sets,
        {noisy_name(x): {"interference": x} for x in chosen},
        chosen,
        name="interference",
        title="The interference dial: dose and response",
        question="Does a GAN learn better, the more the photons of its latent interfere?",
        dose_label="overlap x of the photons",
        sources=_SOURCES,
        notes=(),
    )


def loss(
    preset: str,
    *,
    num_seeds: int | None = None,
    doses: Sequence[float] = TRANSMISSIONS,
    data_sets: Sequence[str] = ("quantum",),
) -> Study:
    """Return the study of dose and response to loss.

    Args:
        preset: `smoke`, `quick` or `paper`: the sizes of Table I.
        num_seeds: None takes the preset's.
        doses: transmissions eta in (0, 1], three or more; 1 is added, as the reference.
        data_sets: which of `DATA_SETS`.

    Raises:
        ValueError: an unknown preset or data set, no seed, a dose out of range, or too few.

    >>> loss("smoke", doses=(0.5, 0.9)).doses
    {'transmission:0.5': 0.5, 'transmission:0.9': 0.9, 'quantum': 1.0}
    """
    chosen = _checked(doses, "transmissions in (0, 1]")
    return _study(
        preset,
        num_seeds,
        data_sets,
        {noisy_name(1.0, eta): {"transmission": eta} for eta in chosen},
        chosen,
        name="loss",
        title="The loss dial: dose and response",
        question="Does a GAN learn better, the fewer photons of its latent get lost?",
        dose_label="transmission: probability that a photon gets in",
        sources=_LOSS_SOURCES,
        notes=(_LOSS_NOTE,),
    )


def _checked(doses: Sequence[float], what: str) -> list[float]:
    """Return the doses, ascending, with 1 among them."""
    chosen = sorted({float(dose) for dose in (*doses, 1.0)})
    if len(chosen) < 3:
        raise ValueError(f"doses are three or more {what} with 1 among them, not {tuple(doses)}")
    return chosen


def _study(
    preset: str,
    num_seeds: int | None,
    data_sets: Sequence[str],
    changed_by_name: Mapping[str, Mapping[str, float]],
    doses: Sequence[float],
    *,
    name: str,
    title: str,
    question: str,
    dose_label: str,
    sources: dict[str, str],
    notes: tuple[str, ...],
) -> Study:
    """Return the study of the quantum latent and of it with one thing changed, dose by dose."""
    size = discrete_size(preset, num_seeds=num_seeds)
    shared: dict[str, Any] = {
        "dim": DIM,
        "num_photons": NUM_PHOTONS,
        "interferometer": "haar",
        "sharing": "shared",
        "scaling": "centred",
        "bank_size": size.bank_size,
        "num_held_out": size.num_samples,
    }
    of = {latent: dose for latent, dose in zip(changed_by_name, doses, strict=True) if dose != 1}
    specs: list[LatentSpec] = [PhotonicSpec(name="quantum", **shared)]
    specs += [NoisyPhotonicSpec(name=latent, **changed_by_name[latent], **shared) for latent in of]
    changed, shrunken = stated(preset, size, DISCRETE_PRESETS["paper"])
    notes = (*shrunken, *notes)
    return Study(
        name=name,
        title=title,
        question=question,
        preset=preset,
        runs=discrete_runs(discrete_data(data_sets, size), specs, size),
        primary_metrics=primary_of(data_sets),
        equivalence_margins=margins_of(data_sets),
        notes=(*notes, *data_notes(data_sets)),
        sources=DISCRETE_SOURCES | data_sources(data_sets) | _SHARED_SOURCES | sources | changed,
        doses=of | {"quantum": 1.0},
        dose_label=dose_label,
    )
