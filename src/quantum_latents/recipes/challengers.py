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

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents import (
    PRIORS,
    RIVALS,
    AutoregressiveFitSpec,
    BernoulliSpec,
    CommutingSpec,
    GaussianSpec,
    IsingSpinsSpec,
    LatentSpec,
    LearnedPriorSpec,
    LearnedSpec,
    PhotonicSpec,
    PriorSpec,
    RivalSpec,
    SqueezedSpec,
    interferometer_of,
    rival_source,
)
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
    "LEARNED_FIT",
    "challenger_latents",
    "challenger_spec",
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
    dict.fromkeys((*LATENTS, *RIVALS, "learned", *PRIORS, "learned_prior", "gbs", "iqp", "ising"))
)
"""What a user may name."""

LEARNED_FIT = AutoregressiveFitSpec(
    hidden=96, num_shots=500_000, num_steps=1000, batch_size=256, learning_rate=0.01
)
"""Of the learned rival: small, and the same at every preset."""

# Rivals that some interferometers do not have: whether they have them is known at once.
_MAY_BE_MISSING = ("negative_binomial", "dirichlet_multinomial")

_SOURCES = {
    "latent.sharing": "ours: every challenger has the quantum latent's interferometer",
}

_SOURCES_OF: dict[type, dict[str, str]] = {
    PriorSpec: {"latent.parameter": "ours: the prior's usual one"},
    IsingSpinsSpec: {"latent.temperature": "ours: the infinite lattice is critical there"},
    LearnedSpec: {"latent.fit": "ours: a small fit, the same at every preset"},
    LearnedPriorSpec: {
        "model.generator.trainable_input_affine": "by definition: learned_prior alone"
    },
}
"""Of settings that only some latents have."""


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
    specs = tuple(challenger_spec(name, shared) for name in names)
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


def challenger_spec(name: str, shared: dict[str, Any]) -> LatentSpec:
    """Return one of `CHALLENGERS`, half as many photons as modes if it has any.

    Args:
        name: which.
        shared: what every latent of a study has: dim, scaling, bank_size, num_held_out.

    Raises:
        ValueError: there is none of this name.
    """
    photonic: dict[str, Any] = {
        "num_photons": max(1, shared["dim"] // 2),
        "interferometer": "haar",
        "sharing": "shared",
    }
    if name == "gaussian":
        return GaussianSpec(**shared)
    if name == "bernoulli":
        return BernoulliSpec(**shared)
    if name == "gbs":
        return SqueezedSpec(**photonic, **shared)
    if name == "iqp":
        return CommutingSpec(**shared)
    if name == "ising":
        return IsingSpinsSpec(**shared)
    if name in ("quantum", "distinguishable"):
        return PhotonicSpec(name=name, **photonic, **shared)  # type: ignore[arg-type]
    if name == "learned":
        return LearnedSpec(fit=LEARNED_FIT, **photonic, **shared)
    if name == "learned_prior":
        return LearnedPriorSpec(**shared)
    if name in RIVALS:
        return RivalSpec(name=name, **photonic, **shared)  # type: ignore[arg-type]
    if name in PRIORS:
        return PriorSpec(name=name, parameter=_usual(name, shared), **shared)  # type: ignore[arg-type]
    raise ValueError(f"no latent is called {name!r}: choose among {', '.join(CHALLENGERS)}")


def sources_of(specs: Sequence[LatentSpec]) -> dict[str, str]:
    """Return the sources of the settings that only some of these latents have."""
    found = [_SOURCES_OF.get(type(spec), {}) for spec in specs]
    return {name: source for sources in found for name, source in sources.items()}


def notes_of(specs: Sequence[LatentSpec]) -> tuple[str, ...]:
    """Return what a reader must be told of those of these latents that are learned."""
    notes: list[str] = []
    for spec in specs:
        if isinstance(spec, LearnedSpec):
            notes.append(
                f"learned is fitted, for every seed, to {spec.fit.num_shots:,} shots of the "
                "quantum latent that nothing else draws: the only rival that needs any. A row's "
                "fit says how near it came."
            )
        if isinstance(spec, LearnedPriorSpec):
            notes.append(
                "learned_prior is no fixed latent: its generator learns a scale and a shift of "
                f"every coordinate, {2 * spec.dim} parameters more than on any other latent."
            )
    return tuple(notes)


def _usual(name: str, shared: dict[str, Any]) -> float | None:
    """Return the parameter that a prior is compared with."""
    return {
        "student_t": 3.0,
        "gaussian_mixture": 3.0,
        "rounded_gaussian": 1.0,
        "poisson": max(1, shared["dim"] // 2) / shared["dim"],
    }.get(name)


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
        if not isinstance(spec, RivalSpec) or spec.name not in _MAY_BE_MISSING:
            continue
        occupation = evenly_spread(spec.dim, spec.num_photons)
        for seed in range(first, first + num_seeds):
            try:
                rival_source(spec.name, interferometer_of(spec, seed), occupation)
            except ValueError as error:
                raise ValueError(
                    f"{spec.name} does not exist for seed {seed}: {error}; "
                    "leave it out of the latents"
                ) from error
