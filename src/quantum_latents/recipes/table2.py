"""Table II of the paper: molecules of QM9 under four latents.

Source: arXiv 2508.19857, section 4 and Appendix E. Set-ups: `quantum_latents.recipes.molecules`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from quantum_latents.data import MoleculesSpec
from quantum_latents.recipes.banks import BANK_SOURCES, bank_latents
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
from quantum_latents.recipes.study import (
    LATENTS,
    PaperFigure,
    PaperFigures,
    Study,
    reference_of,
)
from quantum_latents.training import RunSpec

__all__ = ["table2"]


def table2(
    data: MoleculesSpec,
    preset: str,
    *,
    num_seeds: int | None = None,
    bank_size: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dims: Sequence[int] = (16,),
    interferometers: Sequence[str] = ("haar",),
    setup: str = "paper",
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study behind Table II, or some blocks of it.

    Args:
        data: from `quantum_latents.data.molecules_spec`.
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        bank_size: kept draws of every latent; None takes the preset's.
        latents: which of the four.
        latent_dims: lengths of z, the paper's are 16, 32 and 48; half as many photons.
        interferometers: `haar`, `1-1` or `1-3-9`. Each length with each interferometer is a
            comparison of its own; latents without photons are trained once a length.
        setup: `paper`, `tuned` or `placed`.
        bank_folders: banks that are latents too, each in the comparisons of its length.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset, latent, interferometer or set-up, no seed, or a bank that
            cannot be used or has as many modes as no length of z.
    """
    size = molecule_size(preset, num_seeds=num_seeds, bank_size=bank_size)
    refuse_unknown("interferometer", interferometers, tuple(INTERFEROMETERS))
    refuse_unknown("set-up", (setup,), tuple(SETUPS))
    chosen = SETUPS[setup]
    banks = bank_latents(
        bank_folders,
        cache,
        latent_dims=latent_dims,
        scaling=chosen.scaling,
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )
    groups: dict[RunSpec, tuple[str, ...]] = {}
    for seed in range(size.num_seeds):
        for dim, interferometer in itertools.product(latent_dims, interferometers):
            specs = latents_of(latents, size, chosen, dim, interferometer)
            of_length = [bank for bank in banks if bank.dim == dim]
            for run in molecule_runs(data, (*specs, *of_length), size, chosen, seed):
                groups[run] = (*groups.get(run, ()), f"d_z {dim}, {interferometer}")
    sources, notes = molecule_sources(preset, size, setup)
    return Study(
        name="table2",
        title=f"Table II: molecules of {data.name}",
        question="Does a quantum latent help a GAN to make molecules?",
        preset=preset,
        runs=tuple(groups),
        primary_metrics=PRIMARY_METRICS,
        equivalence_margins=EQUIVALENCE_MARGINS,
        notes=notes,
        sources=sources | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
        paper=_paper(data, latent_dims, interferometers),
        groups=tuple(groups.values()),
    )


# d_z, latent: FCD, valid and unique, novel, each with its standard error over 20 seeds.
_PAPER_FIGURES = {
    (16, "quantum"): ((1.160, 0.06), (2522, 65), (1331, 37)),
    (16, "distinguishable"): ((1.333, 0.07), (1954, 103), (1067, 54)),
    (16, "gaussian"): ((1.529, 0.08), (1814, 115), (1017, 64)),
    (16, "bernoulli"): ((1.822, 0.09), (1244, 102), (702, 56)),
    (32, "quantum"): ((1.536, 0.08), (1791, 106), (951, 37)),
    (32, "gaussian"): ((1.823, 0.07), (1320, 53), (768, 35)),
    (48, "quantum"): ((1.696, 0.08), (1528, 65), (856, 40)),
    (48, "distinguishable"): ((1.713, 0.06), (1307, 77), (746, 43)),
}


def _paper(
    data: MoleculesSpec, latent_dims: Sequence[int], interferometers: Sequence[str]
) -> PaperFigures | None:
    """Return what the paper's Table II says of these latents, None where it says nothing."""
    metrics = ("fcd_unique", "valid_and_unique", "novel")
    figures = tuple(
        PaperFigure(
            data=f"{data.name}, d_z {dim}, haar",
            latent=latent,
            metric=metric,
            mean=mean,
            standard_error=error,
        )
        for (dim, latent), row in _PAPER_FIGURES.items()
        if dim in latent_dims
        for metric, (mean, error) in zip(metrics, row, strict=True)
    )
    if data.name != "qm9" or "haar" not in interferometers or not figures:
        return None
    return PaperFigures(
        source="arXiv 2508.19857, Table II (20 seeds, 20,000 steps)", figures=figures
    )
