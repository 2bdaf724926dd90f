"""Re-use against fresh draws: what a finite bank of latents costs, for each latent.

A processor's shots are drawn once and trained on again and again; a simulated latent can be drawn
afresh. A run of T steps with batches of B and k critic steps a generator step takes
N = T B (k + 1) draws of z, so with a bank of K rows each row is met N / K times. Every latent is
compared with itself, drawn afresh, seed by seed: initial weights, data and batches are the same,
and only the rows of z differ. The interferometer of a seed is one at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
from quantum_latents.recipes.study import (
    LATENTS,
    Axis,
    Study,
    four_latents,
    length_of_z,
    reference_of,
    with_num_steps,
)
from quantum_latents.training import RunSpec, WGANSpec

__all__ = ["BANK_SIZES", "bank_sizes", "draws_of"]

BANK_SIZES = {
    "smoke": (100, 1000),
    "quick": (100, 1000, 10_000),
    "paper": (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000),
}
"""Rows of the banks of each preset; fresh draws are always compared too."""

_MARGINS = {"energy_distance": 0.005}
"""How much worse than the same latent drawn afresh still counts as good as it: a third of what the
quick Table I leaves."""

_FRESH = "fresh"

_SOURCES = {
    "latent.bank_size": "ours: the factor of this study; None draws afresh",
    "latent.sharing": "paper, section 4b: independent matrices for both photonic latents",
}


def bank_sizes(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    sizes: Sequence[int] | None = None,
    data_sets: Sequence[str] = ("quantum",),
    latent_dim: int = DIM,
    num_steps: int | None = None,
) -> Study:
    """Return the study of re-use.

    Args:
        preset: `smoke`, `quick` or `paper`: the sizes of Table I.
        num_seeds: None takes the preset's.
        latents: which of the four.
        sizes: rows of the banks, different numbers; None takes the preset's. Fresh draws are
            added.
        data_sets: which of `DATA_SETS`.
        latent_dim: d_z, the modes of every latent; half as many photons.
        num_steps: generator steps; None takes the preset's.

    Raises:
        TypeError: a size is not a whole number.
        ValueError: an unknown preset, latent or data set, no seed, no size, one below 1 or named
            twice, or one that is no smaller than the draws of a run.

    >>> study = bank_sizes("smoke", sizes=(50,))
    >>> study.axis.of
    {'bank 50': 50.0, 'fresh': 38400.0}
    """
    size = discrete_size(preset, num_seeds=num_seeds)
    chosen = _checked(BANK_SIZES[preset] if sizes is None else sizes)
    specs = four_latents(
        tuple(latents),
        dim=latent_dim,
        num_photons=max(1, latent_dim // 2),
        interferometer="haar",
        sharing="independent",
        scaling="centred",
        bank_size=None,
        num_held_out=size.num_samples,
    )
    runs: list[RunSpec] = []
    groups: list[tuple[str, ...]] = []
    for seed_runs in _by_seed(discrete_runs(discrete_data(data_sets, size), specs, size)):
        for num_rows in (*chosen, None):
            for run in seed_runs:
                runs.append(replace(run, latent=replace(run.latent, bank_size=num_rows)))
                groups.append((_group(num_rows),))
    changed, notes = stated(preset, replace(size, bank_size=None), _FULL)
    other_length, length_note = length_of_z(latent_dim)
    notes = (*notes, *length_note)
    study = Study(
        name="bank-sizes",
        title="Re-use: what a finite bank of latents costs",
        question=(
            "How many different draws of each latent does a GAN need, before more of them, or "
            "fresh ones at every step, no longer help?"
        ),
        preset=preset,
        runs=tuple(runs),
        primary_metrics=primary_of(data_sets),
        equivalence_margins=margins_of(data_sets),
        notes=(*notes, *data_notes(data_sets)),
        sources=DISCRETE_SOURCES | data_sources(data_sets) | _SOURCES | changed | other_length,
        reference=reference_of(latents),
        groups=tuple(groups),
    )
    if num_steps is not None:
        study = with_num_steps(study, num_steps)
    num_draws = draws_of(study.runs[0])
    if chosen[-1] >= num_draws:
        raise ValueError(
            f"a run of this study takes {num_draws:,} draws of z, so a bank of {chosen[-1]:,} "
            "rows is as good as fresh draws: name smaller ones"
        )
    note = (
        f"The last place of the axis is no bank: latents are drawn afresh, {num_draws:,} times in "
        "a run. A bank is as good as that from where the energy distance is within "
        f"{_MARGINS['energy_distance']} of the same latent's there, in the mean over the seeds."
    )
    places = {_group(num_rows): float(num_rows) for num_rows in chosen}
    return replace(
        study,
        notes=(*study.notes, note),
        axis=Axis(
            name="bank size",
            label="rows of the bank",
            of=places | {_FRESH: float(num_draws)},
            margins=_MARGINS,
            against=_FRESH,
            scale="log",
        ),
    )


_FULL = replace(DISCRETE_PRESETS["paper"], bank_size=None)


def draws_of(run: RunSpec) -> int:
    """Return the draws of z that the training of a run takes.

    >>> draws_of(bank_sizes("smoke").runs[0])  # 100 steps of 64, 5 critic steps each
    38400
    """
    training = run.training
    assert isinstance(training, WGANSpec)
    return training.num_steps * training.batch_size * (training.critic_steps + 1)


def _by_seed(runs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Return the runs seed by seed: a study that stops early has whole seeds."""
    of_seed: dict[int, list[RunSpec]] = {}
    for run in runs:
        of_seed.setdefault(run.seed, []).append(run)
    return list(of_seed.values())


def _checked(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes in ascending order, or say what is wrong with them."""
    if odd := [s for s in sizes if isinstance(s, bool) or not isinstance(s, int)]:
        raise TypeError(f"the size of a bank is a whole number of rows, not {odd[0]!r}")
    if few := [s for s in sizes if s < 1]:
        raise ValueError(f"a bank has one row or more, not {few[0]}")
    if not sizes or len(set(sizes)) != len(sizes):
        raise ValueError(f"name one size of bank or more, each once, not {tuple(sizes)}")
    return tuple(sorted(sizes))


def _group(num_rows: int | None) -> str:
    return _FRESH if num_rows is None else f"bank {num_rows:,}"
