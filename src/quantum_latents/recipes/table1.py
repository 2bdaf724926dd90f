"""Table I of the paper: synthetic discrete data under four latents.

Source: arXiv 2508.19857, section 4 and Appendix D. Settings: `quantum_latents.recipes.discrete`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.recipes.banks import BANK_SOURCES, bank_latents
from quantum_latents.recipes.data_sets import (
    TABLE1_DATA,
    data_notes,
    data_sources,
    margins_of,
    primary_of,
)
from quantum_latents.recipes.discrete import (
    DIM,
    DISCRETE_PRESETS,
    DISCRETE_SOURCES,
    discrete_data,
    discrete_runs,
    discrete_size,
)
from quantum_latents.recipes.presets import stated
from quantum_latents.recipes.study import (
    LATENTS,
    PaperFigure,
    PaperFigures,
    Study,
    four_latents,
    length_of_z,
    reference_of,
)

__all__ = ["table1"]


def table1(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    data_sets: Sequence[str] = TABLE1_DATA,
    latent_dim: int = DIM,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study behind Table I.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of the four.
        data_sets: which of `DATA_SETS`.
        latent_dim: d_z, the modes of every latent, 16 in the paper; half as many photons. The
            data stay the paper's.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset, latent or data set, no seed, or a bank that cannot be used
            or has another number of modes.
    """
    size = discrete_size(preset, num_seeds=num_seeds, bank_size=bank_size)
    specs = four_latents(
        tuple(latents),
        dim=latent_dim,
        num_photons=max(1, latent_dim // 2),
        interferometer="haar",
        sharing="independent",
        scaling="centred",
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )
    banks = bank_latents(
        bank_folders,
        cache,
        latent_dims=(latent_dim,),
        scaling="centred",
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )
    changed, notes = stated(preset, size, DISCRETE_PRESETS["paper"])
    other_length, length_note = length_of_z(latent_dim)
    notes = (*notes, *length_note)
    is_papers = set(data_sets) <= set(TABLE1_DATA)
    title, learned = (
        ("Table I: synthetic discrete data", "photon counts, or plain bits")
        if is_papers
        else ("Table I's model on other data too", ", ".join(data_sets))
    )
    return Study(
        name="table1",
        title=title,
        question=f"Does a quantum latent help a GAN to learn {learned}?",
        preset=preset,
        runs=discrete_runs(discrete_data(data_sets, size), (*specs, *banks), size),
        primary_metrics=primary_of(data_sets),
        equivalence_margins=margins_of(data_sets),
        notes=(*notes, *data_notes(data_sets)),
        sources=DISCRETE_SOURCES
        | data_sources(data_sets)
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
        paper=_PAPER if preset == "paper" and latent_dim == DIM else None,
    )


# Data set, latent: L1 to the nearest integer and its standard error over 12 runs.
_PAPER_FIGURES = {
    ("quantum", "quantum"): (0.036, 0.001),
    ("quantum", "distinguishable"): (0.041, 0.002),
    ("quantum", "bernoulli"): (0.065, 0.001),
    ("quantum", "gaussian"): (0.061, 0.001),
    ("bernoulli", "quantum"): (0.015, 0.002),
    ("bernoulli", "distinguishable"): (0.017, 0.002),
    ("bernoulli", "bernoulli"): (0.020, 0.013),
    ("bernoulli", "gaussian"): (0.012, 0.002),
}
_PAPER = PaperFigures(
    source="arXiv 2508.19857, Table I (12 runs, 40,000 steps)",
    figures=tuple(
        PaperFigure(data=data, latent=latent, metric="l1_to_integer", mean=mean, standard_error=se)
        for (data, latent), (mean, se) in _PAPER_FIGURES.items()
    ),
)
