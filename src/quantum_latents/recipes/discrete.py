"""What studies on synthetic discrete data share: sizes, networks, training, where each comes from.

Source: arXiv 2508.19857, section 4 and Appendix D.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantum_latents.latents import LatentSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.data_sets import NamedSpec, specs_of
from quantum_latents.recipes.presets import ShrunkenGAN, size_of
from quantum_latents.recipes.study import model_on
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = [
    "DIM",
    "DISCRETE_PRESETS",
    "DISCRETE_SOURCES",
    "NUM_PHOTONS",
    "discrete_data",
    "discrete_runs",
    "discrete_size",
]

DIM, NUM_PHOTONS = 16, 8
"""Of the latents, and of the paper's data."""

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
    return size_of(DISCRETE_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)


def discrete_data(names: Sequence[str], size: ShrunkenGAN) -> tuple[NamedSpec, ...]:
    """Return the named data sets in a preset's sizes.

    Raises:
        ValueError: a name that is none of `quantum_latents.recipes.data_sets.DATA_SETS`.
    """
    return specs_of(names, num_train=size.num_train, num_held_out=size.num_samples)


def discrete_runs(
    data: Sequence[NamedSpec], latents: Sequence[LatentSpec], size: ShrunkenGAN
) -> tuple[RunSpec, ...]:
    """Return one run a seed, data set and latent, alike in everything else.

    As many samples are generated as the preset says, or as the data hold out where these are fewer.
    """
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
            evaluation=EvaluationSpec(num_samples=min(size.num_samples, one.num_held_out)),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for one in data
        for latent in latents
    )
