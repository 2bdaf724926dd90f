"""The survey: the same model on every data set that is not the quantum latent's own.

On photon counts of its own kind a quantum latent learns what it already is. So here it meets all
other data sets, beside cheap rivals, all with one model and one budget: a verdict for each data
set, and a league of latents over all of them. Two of them, `gbs` and `thermal`, are counts of other
light, which is nearer kin than the rest; their notes say what they are. The metric is the energy
distance, which every data set has, which no constant output wins, and which alone is primary, so
that nobody chooses among metrics afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import (
    challenger_latents,
    notes_of,
    sources_of,
)
from quantum_latents.recipes.data_sets import (
    DATA_SETS,
    NON_CIRCULAR,
    SHARED_METRIC,
    data_notes,
    data_sources,
)
from quantum_latents.recipes.discrete import (
    DIM,
    DISCRETE_PRESETS,
    DISCRETE_SOURCES,
    discrete_data,
    discrete_runs,
)
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, reference_of

__all__ = ["SURVEY_LATENTS", "survey"]

SURVEY_LATENTS = (*LATENTS, "dirichlet_multinomial", "gaussian_mixture")
"""The paper's four; a rival with the quantum latent's photon total and dispersion, which came
closest in the independent reproduction; and a continuous latent of many pieces."""

_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(64, 64), batch_size=32, num_steps=96, num_seeds=2, num_samples=500,
        num_train=10_000, bank_size=10_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(64, 64), batch_size=32, num_steps=512, num_seeds=10, num_samples=1000,
        num_train=50_000, bank_size=50_000,
    ),
    "paper": DISCRETE_PRESETS["paper"],
}  # fmt: skip

_SOURCES = {
    "latent.sharing": "ours: every latent of a seed has one interferometer",
}


def survey(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = SURVEY_LATENTS,
    data_sets: Sequence[str] = NON_CIRCULAR,
    latent_dim: int = DIM,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study of latents across data sets.

    Args:
        preset: `smoke`, `quick` or `paper` (Table I's network, batch and budget).
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS`.
        data_sets: which of `DATA_SETS`; by default all that are not of the quantum latent's own
            family.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset, latent or data set, no seed, a rival that cannot be made for
            the interferometer of a seed, named with the reason, or a bank that cannot be used or
            has another number of modes.
    """
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    specs, banks = challenger_latents(latents, latent_dim, size, bank_folders, cache)
    data = discrete_data(data_sets, size)
    sources = _SOURCES | sources_of(specs)
    changed, notes = stated(preset, size, _PRESETS["paper"])
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="survey",
        title="The survey: latents across data sets",
        question="Does a quantum latent help on data that are not its own?",
        preset=preset,
        runs=discrete_runs(data, (*specs, *banks), size),
        primary_metrics=(SHARED_METRIC,),
        equivalence_margins={},
        notes=(
            *notes,
            *length_note,
            *notes_of(specs),
            *data_notes(data_sets),
            *_own_families(latents, data_sets),
        ),
        sources=DISCRETE_SOURCES
        | sources
        | data_sources(data_sets)
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def _own_families(latents: Sequence[str], data_sets: Sequence[str]) -> tuple[str, ...]:
    """Return whose own family a data set is of, where its note does not say so already."""
    return tuple(
        f"The {name} data are of the {family} latent's own family: that it does well on them is "
        "no news."
        for name in data_sets
        if (family := DATA_SETS[name].family) in latents and not DATA_SETS[name].note
    )
