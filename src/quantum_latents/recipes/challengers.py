"""The ladder of classical challengers: each shares a little more with the quantum latent.

From nothing but its length (Gaussian) over its mean occupancies (distinguishable photons), its
single-mode laws (shuffled), its means and variances, photon total and pair correlations, to other
light and fermions in the same interferometer. What a challenger shares, its card says; the rung up
to which they do as well as the quantum latent is what of that latent helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from quantum_latents.latents import PRIORS, RIVALS, LatentSpec, latent_names, named_latent
from quantum_latents.recipes.banks import BANK_SOURCES, bank_latents
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
    discrete_data,
    discrete_runs,
    discrete_size,
)
from quantum_latents.recipes.presets import stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, reference_of

__all__ = [
    "CHALLENGERS",
    "LADDER",
    "challenger_latents",
    "challengers",
    "check_existence",
    "notes_of",
    "sources_of",
]

LADDER = (
    "quantum",
    "distinguishable",
    "shuffled",
    "dispersed",
    "copula",
    "dirichlet_multinomial",
    "pairwise",
    "learned",
    "mean_field",
    "thermal",
    "fermions",
    "bernoulli",
    "gaussian",
)
"""What is compared unless the user names latents."""

CHALLENGERS = tuple(
    dict.fromkeys(
        (
            *LATENTS,
            *RIVALS,
            "learned",
            *PRIORS,
            *("learned_prior", "gbs", "iqp", "ising"),
            *latent_names(),
        )
    )
)
"""What a user may name: all latents that have a name, those of other packages last."""

_SOURCES = {
    "latent.sharing": "ours: every challenger has the quantum latent's interferometer",
}


def challengers(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LADDER,
    data_sets: Sequence[str] = ("quantum",),
    latent_dim: int = DIM,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study of the ladder.

    Args:
        preset: `smoke`, `quick` or `paper`: the sizes of Table I.
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS`.
        data_sets: which of `DATA_SETS`.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset, latent or data set, no seed, a challenger that cannot be
            made for the interferometer of a seed, named with the reason, or a bank that cannot be
            used or has another number of modes.
    """
    size = discrete_size(preset, num_seeds=num_seeds, bank_size=bank_size)
    specs, banks = challenger_latents(latents, latent_dim, size, bank_folders, cache)
    sources = _SOURCES | sources_of(specs)
    if banks:
        sources |= BANK_SOURCES
    changed, notes = stated(preset, size, DISCRETE_PRESETS["paper"])
    other_length, length_note = length_of_z(latent_dim)
    notes = (*notes, *length_note, *notes_of(specs))
    return Study(
        name="challengers",
        title="Classical challengers of the quantum latent",
        question="Which classical latents do as well as the quantum one, and what do they share?",
        preset=preset,
        runs=discrete_runs(discrete_data(data_sets, size), (*specs, *banks), size),
        primary_metrics=primary_of(data_sets),
        equivalence_margins=margins_of(data_sets),
        notes=(*notes, *data_notes(data_sets)),
        sources=DISCRETE_SOURCES | data_sources(data_sets) | sources | changed | other_length,
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


class _Sizes(Protocol):
    """What latents take from a preset's sizes."""

    @property
    def num_seeds(self) -> int: ...

    @property
    def num_samples(self) -> int: ...

    @property
    def bank_size(self) -> int | None: ...


def challenger_latents(
    names: Sequence[str],
    latent_dim: int,
    size: _Sizes,
    bank_folders: Sequence[str],
    cache: Path | None,
    *,
    num_held_out: int | None = None,
) -> tuple[tuple[LatentSpec, ...], tuple[LatentSpec, ...]]:
    """Return the named latents, all of which exist, and those of the banks in the folders.

    Args:
        names: which of `CHALLENGERS`.
        latent_dim: of all.
        size: of the study.
        bank_folders: of the banks.
        cache: where banks are found again.
        num_held_out: of every latent; None is one for every sample.

    Raises:
        ValueError: as `challengers`.
    """
    num_held_out = size.num_samples if num_held_out is None else num_held_out
    shared: dict[str, Any] = {
        "dim": latent_dim,
        "scaling": "centred",
        "bank_size": size.bank_size,
        "num_held_out": num_held_out,
    }
    specs = tuple(named_latent(name, **shared) for name in names)
    banks = bank_latents(
        bank_folders,
        cache,
        latent_dims=(latent_dim,),
        scaling="centred",
        bank_size=size.bank_size,
        num_held_out=num_held_out,
    )
    check_existence(specs, size.num_seeds)
    return specs, banks


def sources_of(specs: Sequence[LatentSpec]) -> dict[str, str]:
    """Return the sources of the settings that only some of these latents have."""
    found = [type(spec).setting_sources for spec in specs]
    return {name: source for sources in found for name, source in sources.items()}


def notes_of(specs: Sequence[LatentSpec]) -> tuple[str, ...]:
    """Return what a reader must be told of some of these latents."""
    return tuple(note for spec in specs for note in spec.notes())


def check_existence(specs: Sequence[LatentSpec], num_seeds: int, *, first: int = 0) -> None:
    """Refuse a challenger that cannot be made for the interferometer of one of the seeds.

    Args:
        specs: of latents; others exist for every seed.
        num_seeds: how many seeds.
        first: the first of them.

    Raises:
        ValueError: as said, with the reason.
    """
    for spec in specs:
        for seed in range(first, first + num_seeds):
            try:
                spec.check_exists(seed)
            except ValueError as error:
                raise ValueError(
                    f"{spec.name} does not exist for seed {seed}: {error}; "
                    "leave it out of the latents"
                ) from error
