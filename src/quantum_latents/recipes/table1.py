"""Table I of the paper: synthetic discrete data under four latents.

Source: arXiv 2508.19857, section 4 and Appendix D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quantum_latents.data import BitsSpec, PhotonCountsSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, four_latents, reference_of
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = ["DATA_SETS", "table1"]

DATA_SETS = ("quantum", "bernoulli")

_DIM, _NUM_PHOTONS = 16, 8

_PRESETS = {
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

_SAME_FAMILY = (
    "The quantum data are boson sampling themselves, so the quantum latent shares their family; "
    "the distinguishable control matches mean occupancies alone. A difference between the two "
    "does not isolate interference."
)
_PAPER = "paper, Appendix D"
_SOURCES = {
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
    size = size_of(_PRESETS, preset)
    if num_seeds is not None:
        size = replace(size, num_seeds=num_seeds)
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
    sizes: dict[str, Any] = {"num_train": size.num_train, "num_held_out": size.num_samples}
    data = {
        "quantum": PhotonCountsSpec(num_modes=_DIM, num_photons=_NUM_PHOTONS, **sizes),
        "bernoulli": BitsSpec(num_bits=_DIM, **sizes),
    }
    if unknown := [name for name in data_sets if name not in data]:
        raise ValueError(f"no data set is called {unknown[0]!r}: choose among {', '.join(data)}")
    specs = four_latents(
        tuple(latents),
        dim=_DIM,
        num_photons=_NUM_PHOTONS,
        interferometer="haar",
        sharing="independent",
        scaling="centred",
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )
    seeds = range(size.num_seeds)
    runs = tuple(
        RunSpec(
            data=data[name],
            latent=latent,
            model=GANSpec(generator=network, critic=network),
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in seeds
        for name in data_sets
        for latent in specs
    )
    changed, notes = stated(preset, size, _PRESETS["paper"])
    return Study(
        name="table1",
        title="Table I: synthetic discrete data",
        question="Does a quantum latent help a GAN to learn photon counts, or plain bits?",
        preset=preset,
        runs=runs,
        primary_metrics=("l1_to_integer", "energy_distance"),
        equivalence_margins={"l1_to_integer": 0.005},
        notes=(*notes, _SAME_FAMILY) if "quantum" in data_sets else notes,
        sources=_SOURCES | changed,
        reference=reference_of(latents),
    )
