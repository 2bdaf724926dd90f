"""Table I of the paper: synthetic discrete data under four latents.

Source: arXiv 2508.19857, section 4 and Appendix D. Settings: `quantum_latents.recipes.discrete`.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantum_latents.recipes.discrete import (
    DATA_SETS,
    DIM,
    DISCRETE_PRESETS,
    DISCRETE_SOURCES,
    NUM_PHOTONS,
    SAME_FAMILY,
    discrete_data,
    discrete_runs,
    discrete_size,
)
from quantum_latents.recipes.presets import stated
from quantum_latents.recipes.study import LATENTS, Study, four_latents, reference_of

__all__ = ["table1"]


def table1(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    data_sets: Sequence[str] = DATA_SETS,
) -> Study:
    """Return the study behind Table I.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of the four.
        data_sets: `quantum`, `bernoulli` or both.

    Raises:
        ValueError: an unknown preset, latent or data set, or no seed.
    """
    size = discrete_size(preset, num_seeds=num_seeds)
    specs = four_latents(
        tuple(latents),
        dim=DIM,
        num_photons=NUM_PHOTONS,
        interferometer="haar",
        sharing="independent",
        scaling="centred",
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )
    changed, notes = stated(preset, size, DISCRETE_PRESETS["paper"])
    return Study(
        name="table1",
        title="Table I: synthetic discrete data",
        question="Does a quantum latent help a GAN to learn photon counts, or plain bits?",
        preset=preset,
        runs=discrete_runs(discrete_data(data_sets, size), specs, size),
        primary_metrics=("l1_to_integer", "energy_distance"),
        equivalence_margins={"l1_to_integer": 0.005},
        notes=(*notes, SAME_FAMILY) if "quantum" in data_sets else notes,
        sources=DISCRETE_SOURCES | changed,
        reference=reference_of(latents),
    )
