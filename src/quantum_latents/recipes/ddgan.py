"""Denoising diffusion GANs of handwritten digits, from any latent.

Source: arXiv 2508.19857, Appendix F, where a DDGAN (Xiao, Kreis, Vahdat 2022, arXiv 2112.07804)
takes a quantum latent on CIFAR-10, and of which no settings are known to us. Training and diffusion
are those that Xiao et al. released for CIFAR-10; the networks are of the same kind, and smaller,
as digits of 8 x 8 pixels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quantum_latents.data import DigitsSpec
from quantum_latents.models import DDGANSpec, Diffusion, TimeCriticSpec, UNetSpec
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import challenger_latents, notes_of, sources_of
from quantum_latents.recipes.data_sets import SHARED_METRIC, data_notes, data_sources
from quantum_latents.recipes.presets import size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, reference_of
from quantum_latents.training import DenoisingSpec, EvaluationSpec, OptimiserSpec, RunSpec

__all__ = ["ddgan"]

_DATA = "grey_digits"
_LEAST_RATE = 1e-5


@dataclass(frozen=True, kw_only=True)
class _Size:
    """The sizes in which the presets differ.

    Attributes:
        channels, num_blocks: of generator and critic.
        batch_size, num_steps, averaging: of training.
        learning_rate, critic_learning_rate: of generator and critic.
        gradient_penalty, penalty_every: gamma of R1, and in how manieth critic step it is taken.
        num_seeds: runs of each latent.
        num_samples: images generated.
        bank_size: kept draws of every latent.
    """

    channels: int
    num_blocks: int
    batch_size: int
    num_steps: int
    averaging: float
    learning_rate: float
    critic_learning_rate: float
    gradient_penalty: float
    penalty_every: int
    num_seeds: int
    num_samples: int
    bank_size: int | None


_PRESETS = {
    "smoke": _Size(
        channels=4, num_blocks=1, batch_size=16, num_steps=32, averaging=0.9,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=100, bank_size=10_000,
    ),
    "quick": _Size(
        channels=16, num_blocks=1, batch_size=32, num_steps=560, averaging=0.99,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=400, bank_size=100_000,
    ),
    "paper": _Size(
        channels=32, num_blocks=2, batch_size=64, num_steps=20_000, averaging=0.9999,
        learning_rate=1.6e-4, critic_learning_rate=1.25e-4, gradient_penalty=0.02,
        penalty_every=15, num_seeds=10, num_samples=400, bank_size=1_000_000,
    ),
}  # fmt: skip

_SETTINGS = {
    "channels": ("model.generator.channels", "model.critic.channels"),
    "num_blocks": ("model.generator.num_blocks",),
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "averaging": ("training.averaging",),
    "learning_rate": ("training.optimiser.learning_rate",),
    "critic_learning_rate": ("training.critic_learning_rate",),
    "gradient_penalty": ("training.gradient_penalty",),
    "penalty_every": ("training.penalty_every",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "latent.num_held_out"),
    "bank_size": ("latent.bank_size",),
}

_XIAO = "Xiao et al. 2022, released for CIFAR-10"
_SOURCES = {
    "data": "ours: the data set of this study",
    "data.num_held_out": "ours: see the data's notes",
    "latent": "paper, Appendix F: a quantum latent; the others as in its tables",
    "latent.dim": "ours: the paper's settings are not known; as in Table I",
    "latent.num_photons": "paper: half the modes",
    "latent.interferometer": "ours: as in Table I",
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "latent.sharing": "ours: every latent of a seed has one interferometer",
    "latent.bank_size": "paper: drawn once into a bank; its size here is ours",
    "latent.num_held_out": "ours: one for every step of every image",
    "model": "paper, Appendix F: a DDGAN",
    "model.image_shape": "of the data",
    "model.diffusion": _XIAO,
    "model.generator": "ours: the kind of Xiao et al., smaller, for 8 x 8 pixels",
    "model.generator.mapping_layers": _XIAO,
    "model.generator.normalise_latent": _XIAO,
    "model.critic": "ours: the kind of Xiao et al., smaller, for 8 x 8 pixels",
    "model.critic.group": _XIAO,
    "training": _XIAO,
    "training.num_steps": "ours",
    "training.optimiser.alpha": "does not apply to Adam",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "evaluation.num_samples": "ours: as many as are held out",
    "seed": "ours: ten, the fewest that a verdict takes",
}

_NOTE = (
    "Every image is made in {steps} steps back, each with a latent of its own and with normal "
    "noise beside it: whatever the latent, most of an image's randomness is normal. Features are "
    "those of a small network trained on the digits, so the Fréchet distance is no FID of "
    "Inception, and compares with that of this network alone."
)


def ddgan(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study of denoising diffusion GANs of digits with different latents.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS` but the learned prior, whose scales a U-Net has not.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: an unknown preset or latent, or as `challengers`.

    >>> study = ddgan("smoke", num_seeds=1, latents=("quantum", "gaussian"))
    >>> [run.latent.name for run in study.runs], study.runs[0].model.diffusion.num_timesteps
    (['quantum', 'gaussian'], 4)
    """
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    model, training = _model(size), _training(size)
    specs, banks = challenger_latents(
        latents,
        latent_dim,
        size,
        bank_folders,
        cache,
        num_held_out=size.num_samples * model.latents_per_sample,
    )
    data = DigitsSpec(threshold=None)
    runs = tuple(
        RunSpec(
            data=data,
            latent=latent,
            model=model,
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for latent in (*specs, *banks)
    )
    changed, notes = stated(preset, size, _PRESETS["paper"], _SETTINGS)
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="ddgan",
        title="Denoising diffusion GANs from any latent: handwritten digits",
        question="Does a diffusion GAN draw better digits from a quantum latent?",
        preset=preset,
        runs=runs,
        primary_metrics=("frechet_feature_distance", SHARED_METRIC),
        equivalence_margins={},
        notes=(
            *notes,
            _NOTE.format(steps=model.diffusion.num_timesteps),
            *length_note,
            *notes_of(specs),
            *data_notes([_DATA]),
        ),
        sources=_SOURCES
        | data_sources([_DATA])
        | sources_of(specs)
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def _model(size: _Size) -> DDGANSpec:
    return DDGANSpec(
        image_shape=DigitsSpec.image_shape,
        diffusion=Diffusion(num_timesteps=4, beta_min=0.1, beta_max=20.0),
        generator=UNetSpec(
            channels=size.channels,
            multipliers=(1, 2),
            num_blocks=size.num_blocks,
            attention=(),
            style_width=4 * size.channels,
            mapping_layers=4,
            normalise_latent=True,
        ),
        critic=TimeCriticSpec(
            channels=size.channels, multipliers=(1, 2, 4), time_width=4 * size.channels, group=4
        ),
    )


def _training(size: _Size) -> DenoisingSpec:
    return DenoisingSpec(
        num_steps=size.num_steps,
        batch_size=size.batch_size,
        optimiser=OptimiserSpec(name="adam", learning_rate=size.learning_rate, betas=(0.5, 0.9)),
        critic_learning_rate=size.critic_learning_rate,
        least_learning_rate=_LEAST_RATE,
        gradient_penalty=size.gradient_penalty,
        penalty_every=size.penalty_every,
        averaging=size.averaging,
    )
