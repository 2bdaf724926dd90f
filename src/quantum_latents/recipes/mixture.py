"""Figure 2 of the paper: seven blobs on a circle under four latents.

Source: arXiv 2508.19857, section 4 and Appendix C, and the authors' released demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.data import MixtureSpec
from quantum_latents.latents import LatentSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.banks import BANK_SOURCES, bank_latents
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import (
    LATENTS,
    Study,
    four_latents,
    length_of_z,
    reference_of,
)
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = [
    "MIXTURE_SOURCES",
    "mixture",
    "mixture_latents",
    "mixture_network",
    "mixture_run",
]

_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(64, 64), batch_size=32, num_steps=300, num_seeds=2, num_samples=1000,
        num_train=20_000, bank_size=20_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(128, 128), batch_size=32, num_steps=1500, num_seeds=10, num_samples=2000,
        num_train=100_000, bank_size=100_000,
    ),
    "paper": ShrunkenGAN(
        hidden=(256, 256), batch_size=32, num_steps=5000, num_seeds=5, num_samples=10_000,
        num_train=1_000_000, bank_size=1_000_000,
    ),
}  # fmt: skip

_DELAYS = (1, 3, 9)

_PAPER, _DEMO = "paper, Figure 2 and Appendix C", "the authors' released demo"
MIXTURE_SOURCES = {
    "data": _DEMO,
    "data.num_train": "ours: large enough that few samples recur",
    "data.num_held_out": "ours: as many as are generated",
    "latent": _PAPER,
    "latent.dim": "ours: the paper does not say; as in Table I",
    "latent.num_photons": "paper: half the modes",
    "latent.scaling": "paper, Appendix C: centred to mean 0 (the demo subtracts 0.5 instead)",
    "latent.sharing": "paper: one interferometer for both photonic latents",
    "latent.bank_size": "paper: drawn once into a bank; its size here is ours",
    "latent.num_held_out": "ours: as many as are generated",
    "model": _PAPER,
    "model.generator.negative_slope": "ours: the paper does not say; PyTorch's default",
    "model.critic.negative_slope": "ours: the paper does not say; PyTorch's default",
    "model.generator.initialisation": _DEMO,
    "model.critic.initialisation": _DEMO,
    "model.generator.reinject_latent": _DEMO,
    "model.critic.reinject_latent": "by definition: a critic sees no latent",
    "model.generator.non_decreasing": "ours: 256 to 2 narrows, so no certificate is asked for",
    "model.critic.non_decreasing": "by definition: a critic ends in one number",
    "training": _DEMO,
    "training.num_steps": _PAPER,
    "training.optimiser.alpha": "does not apply to Adam",
    "training.optimiser.epsilon": "ours: PyTorch's default",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "evaluation.num_samples": "ours: the paper does not say",
    "seed": "ours: five, as in the independent reproduction",
}


def mixture(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study behind Figure 2.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of the four.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset or latent, no seed, fewer modes than the longest loop
            needs, or a bank that cannot be used or has another number of modes.
    """
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    specs, banks = mixture_latents(latents, latent_dim, size, bank_folders, cache)
    network = mixture_network(size.hidden)
    runs = tuple(
        mixture_run(latent, GANSpec(generator=network, critic=network), size, seed)
        for seed in range(size.num_seeds)
        for latent in (*specs, *banks)
    )
    changed, notes = stated(preset, size, _PRESETS["paper"])
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="mixture",
        title="Figure 2: seven blobs on a circle",
        question="Does a quantum latent help a GAN to keep the blobs of a mixture apart?",
        preset=preset,
        runs=runs,
        primary_metrics=("share_outside", "energy_distance"),
        equivalence_margins={"share_outside": 0.02},
        notes=(*notes, *length_note),
        sources=MIXTURE_SOURCES | changed | other_length | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def mixture_latents(
    names: Sequence[str],
    latent_dim: int,
    size: ShrunkenGAN,
    bank_folders: Sequence[str],
    cache: Path | None,
) -> tuple[tuple[LatentSpec, ...], tuple[LatentSpec, ...]]:
    """Return the named latents, and those that draw from the banks in the folders.

    Raises:
        ValueError: as `mixture`.
    """
    if latent_dim <= max(_DELAYS) and {"quantum", "distinguishable"} & set(names):
        raise ValueError(
            f"--latent-dim {latent_dim} is too short for the loops of delay "
            f"{', '.join(map(str, _DELAYS))}: give {max(_DELAYS) + 1} or more, or leave the "
            "photonic latents out"
        )
    specs = four_latents(
        tuple(names),
        dim=latent_dim,
        num_photons=max(1, latent_dim // 2),
        interferometer=f"time-bin:{','.join(map(str, _DELAYS))}",
        sharing="shared",
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
    return specs, tuple(banks)


def mixture_network(hidden: tuple[int, ...]) -> MLPSpec:
    """Return the perceptron of the mixture with these hidden widths."""
    return MLPSpec(
        hidden=hidden,
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation="xavier_uniform",
    )


def mixture_run(latent: LatentSpec, model: GANSpec, size: ShrunkenGAN, seed: int) -> RunSpec:
    """Return the run of a model on the mixture, trained as in the authors' released demo."""
    return RunSpec(
        data=MixtureSpec(num_train=size.num_train, num_held_out=size.num_samples),
        latent=latent,
        model=model,
        training=WGANSpec(
            num_steps=size.num_steps,
            batch_size=size.batch_size,
            critic_steps=5,
            gradient_penalty=10.0,
            optimiser=OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9)),
        ),
        evaluation=EvaluationSpec(num_samples=size.num_samples),
        seed=seed,
    )
