"""What studies on synthetic discrete data share: sizes, networks, training, where each comes from.

Source: arXiv 2508.19857, section 4 and Appendix D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quantum_latents.data import (
    BitsSpec,
    DataSpec,
    GaussianBosonSpec,
    IQPSpec,
    IsingSpec,
    PhotonCountsSpec,
    ThermalSpec,
)
from quantum_latents.latents import LatentSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.presets import ShrunkenGAN, size_of
from quantum_latents.recipes.study import model_on
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = [
    "DATA_SETS",
    "DIM",
    "DISCRETE_PRESETS",
    "DISCRETE_SOURCES",
    "LAW_NOTES",
    "LAW_SETS",
    "LAW_SOURCES",
    "NUM_PHOTONS",
    "SAME_FAMILY",
    "discrete_data",
    "discrete_runs",
    "discrete_size",
]

DATA_SETS = ("quantum", "bernoulli")
"""Photon counts of a boson sampler, and fair bits."""

LAW_SETS = ("gbs", "thermal", "iqp", "ising")
"""Gaussian boson sampling, thermal light, bits of commuting circuits, and critical Ising spins."""

DIM, NUM_PHOTONS = 16, 8
"""Of the data and of the latents."""

DISCRETE_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(64, 64), batch_size=64, num_steps=100, num_seeds=2, num_samples=1000,
        num_train=20_000, bank_size=20_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(128, 128), batch_size=100, num_steps=800, num_seeds=10, num_samples=2000,
        num_train=100_000, bank_size=100_000,
    ),
    "paper": ShrunkenGAN(
        hidden=(512, 512), batch_size=500, num_steps=40_000, num_seeds=12, num_samples=10_000,
        num_train=1_000_000, bank_size=1_000_000,
    ),
}  # fmt: skip

SAME_FAMILY = (
    "The quantum data are boson sampling themselves, so the quantum latent shares their family; "
    "the distinguishable control matches mean occupancies alone. A difference between the two "
    "does not isolate interference."
)
"""What a reader must be told of the quantum data."""

LAW_NOTES = {
    "gbs": "The gbs data are Gaussian boson sampling of an interferometer of their own; a latent "
    "of the same name shares their family.",
    "thermal": "The thermal data are thermal light in an interferometer of their own; a latent of "
    "the same name shares their family.",
    "iqp": "The iqp data have next to no correlations of few bits: of their metrics the distance "
    "of the laws of outcomes is the one that can tell them from fair bits.",
    "ising": "The ising data are a classical law. A latent of the same name has it on a smaller "
    "lattice, unless z is as long as a sample.",
}
"""What a reader must be told of each of `LAW_SETS`."""

LAW_SOURCES = {
    "gbs": {
        "data.num_squeezed": "ours: every mode is squeezed",
        "data.mean_photons": "ours: 4 in 16 modes, of which at most 10 keep nine tenths",
        "data.max_photons": "ours: what is written out in a second",
    },
    "thermal": {"data.num_lit": "ours: as many as the quantum data have photons"},
    "iqp": {"data.num_qubits": "ours: as long as the paper's bits"},
    "ising": {
        "data.side": "ours: as large as the handwritten digits",
        "data.temperature": "ours: the infinite lattice is critical there (Onsager)",
    },
}
"""Where the settings of each of `LAW_SETS` come from, but for those that all data sets have."""

_PAPER = "paper, Appendix D"
DISCRETE_SOURCES = {
    "data": _PAPER,
    "data.num_train": "ours: the paper does not say; large enough that few samples recur",
    "data.num_held_out": "ours: as many as are generated",
    "latent": _PAPER,
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "latent.sharing": "paper, section 4b: independent matrices for both photonic latents",
    "latent.bank_size": "paper: drawn once into a bank; a million is its size at 48 modes",
    "latent.num_held_out": "ours: as many as are generated",
    "model": _PAPER,
    "model.generator.initialisation": "ours: the paper does not say; PyTorch's default",
    "model.critic.initialisation": "ours: the paper does not say; PyTorch's default",
    "model.generator.reinject_latent": "ours: no re-injection is mentioned for this table",
    "model.critic.reinject_latent": "by definition: a critic sees no latent",
    "model.generator.non_decreasing": "ours: 512 to 16 narrows, so no certificate is asked for",
    "model.critic.non_decreasing": "by definition: a critic ends in one number",
    "training": _PAPER,
    "training.gradient_penalty": "ours: the paper leaves penalty or clipping open; 10 is usual",
    "training.optimiser.alpha": "ours: PyTorch's default",
    "training.optimiser.epsilon": "ours: PyTorch's default",
    "training.optimiser.betas": "does not apply to RMSProp",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "evaluation.num_samples": "ours: the paper does not say",
    "seed": "ours: the paper runs 12",
}


def discrete_size(
    preset: str, *, num_seeds: int | None, bank_size: int | None = None
) -> ShrunkenGAN:
    """Return a preset's sizes, with what the user changed.

    Raises:
        ValueError: there is no such preset.
    """
    size = size_of(DISCRETE_PRESETS, preset)
    if num_seeds is not None:
        size = replace(size, num_seeds=num_seeds)
    return size if bank_size is None else replace(size, bank_size=bank_size)


def discrete_data(
    names: Sequence[str], size: ShrunkenGAN, known: Sequence[str] = DATA_SETS
) -> tuple[DataSpec, ...]:
    """Return the named data sets.

    Args:
        names: which.
        size: how many samples.
        known: those that the study is made for, of `DATA_SETS` and `LAW_SETS`.

    Raises:
        ValueError: a name that is none of the known ones.
    """
    sizes: dict[str, Any] = {"num_train": size.num_train, "num_held_out": size.num_samples}
    data: dict[str, DataSpec] = {
        "quantum": PhotonCountsSpec(num_modes=DIM, num_photons=NUM_PHOTONS, **sizes),
        "bernoulli": BitsSpec(num_bits=DIM, **sizes),
        "gbs": GaussianBosonSpec(num_modes=DIM, num_squeezed=DIM, **sizes),
        "thermal": ThermalSpec(num_modes=DIM, num_lit=NUM_PHOTONS, **sizes),
        "iqp": IQPSpec(num_qubits=DIM, **sizes),
        "ising": IsingSpec(**sizes),
    }
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no data set is called {unknown[0]!r}: choose among {', '.join(known)}")
    return tuple(data[name] for name in names)


def discrete_runs(
    data: Sequence[DataSpec], latents: Sequence[LatentSpec], size: ShrunkenGAN
) -> tuple[RunSpec, ...]:
    """Return one run a seed, data set and latent, alike in everything else."""
    network = MLPSpec(
        hidden=size.hidden, activation="relu", negative_slope=0.0, initialisation="pytorch"
    )
    training = WGANSpec(
        num_steps=size.num_steps,
        batch_size=size.batch_size,
        critic_steps=5,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99),
    )
    return tuple(
        RunSpec(
            data=one,
            latent=latent,
            model=model_on(latent, GANSpec(generator=network, critic=network)),
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for one in data
        for latent in latents
    )
