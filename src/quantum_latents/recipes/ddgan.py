"""Denoising diffusion GANs of images, from any latent: handwritten digits, or CIFAR-10.

Source: arXiv 2508.19857, Appendix F, where a DDGAN (Xiao, Kreis, Vahdat 2022, arXiv 2112.07804)
takes a quantum latent on CIFAR-10, and of which no settings are known to us. Training and diffusion
are those that Xiao et al. released for CIFAR-10, and so are the networks of its images; those of
digits are of the same kind, and smaller, as digits of 8 x 8 pixels are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quantum_latents.data import Cifar10Spec, DigitsSpec
from quantum_latents.models import DDGANSpec, Diffusion
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import challenger_latents, notes_of, sources_of
from quantum_latents.recipes.data_sets import SHARED_METRIC, data_notes, data_sources
from quantum_latents.recipes.ddgan_sizes import (
    CIFAR10_PRESETS,
    CIFAR10_SETTINGS,
    CIFAR10_SOURCES,
    DIGITS_PRESETS,
    DIGITS_SETTINGS,
    DIGITS_SOURCES,
    Cifar10Size,
    DigitsSize,
)
from quantum_latents.recipes.presets import size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, reference_of
from quantum_latents.training import DenoisingSpec, EvaluationSpec, OptimiserSpec, RunSpec

__all__ = ["ddgan"]

_DIGITS = "grey_digits"
_LEAST_RATE = 1e-5

_NOTE = (
    "Every image is made in {steps} steps back, each with a latent of its own and with normal "
    "noise beside it: whatever the latent, most of an image's randomness is normal. "
)


@dataclass(frozen=True, kw_only=True)
class _Images:
    """What differs between the data sets.

    Attributes:
        title, question: as of `Study`.
        presets: sizes by preset.
        settings: what each size decides.
        sources: as of `Study`.
        primary_metric: beside the shared one.
        note: on what images are measured by, and how training differs.
        notes: on the data.
    """

    title: str
    question: str
    presets: Mapping[str, DigitsSize]
    settings: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, str]
    primary_metric: str
    note: str
    notes: tuple[str, ...] = ()


_OF_DIGITS = _Images(
    title="Denoising diffusion GANs from any latent: handwritten digits",
    question="Does a diffusion GAN draw better digits from a quantum latent?",
    presets=DIGITS_PRESETS,
    settings=DIGITS_SETTINGS,
    sources=DIGITS_SOURCES | data_sources([_DIGITS]),
    primary_metric="frechet_feature_distance",
    note=(
        "Features are those of a small network trained on the digits, so the Fréchet distance is "
        "no FID of Inception, and compares with that of this network alone."
    ),
    notes=data_notes([_DIGITS]),
)
_OF_CIFAR10 = _Images(
    title="Denoising diffusion GANs from any latent: CIFAR-10",
    question="Does a diffusion GAN make better photographs from a quantum latent?",
    presets=CIFAR10_PRESETS,
    settings=CIFAR10_SETTINGS,
    sources=CIFAR10_SOURCES,
    primary_metric="frechet_inception_distance",
    note=(
        "Of Xiao et al.'s training it lacks mirrored images, and of their generator FIR filters "
        "and the residual path of the input."
    ),
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
    data: Cifar10Spec | None = None,
) -> Study:
    """Return the study of denoising diffusion GANs of images with different latents.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS` but the learned prior, whose scales a U-Net has not.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.
        data: CIFAR-10, of which the preset takes as many images as it has, or all there are; None
            is the digits.

    Raises:
        ValueError: an unknown preset or latent, or as `challengers`.

    >>> study = ddgan("smoke", num_seeds=1, latents=("quantum", "gaussian"))
    >>> [run.latent.name for run in study.runs], study.runs[0].model.diffusion.num_timesteps
    (['quantum', 'gaussian'], 4)
    """
    images = _OF_DIGITS if data is None else _OF_CIFAR10
    size = size_of(images.presets, preset, num_seeds=num_seeds, bank_size=bank_size)
    chosen, size = _data(data, size)
    model, training = _model(size, chosen.image_shape), _training(size)
    specs, banks = challenger_latents(
        latents,
        latent_dim,
        size,
        bank_folders,
        cache,
        num_held_out=size.num_samples * model.latents_per_sample,
    )
    runs = tuple(
        RunSpec(
            data=chosen,
            latent=latent,
            model=model,
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for latent in (*specs, *banks)
    )
    changed, notes = stated(preset, size, images.presets["paper"], images.settings)
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="ddgan",
        title=images.title,
        question=images.question,
        preset=preset,
        runs=runs,
        primary_metrics=(images.primary_metric, SHARED_METRIC),
        equivalence_margins={},
        notes=(
            *notes,
            _NOTE.format(steps=model.diffusion.num_timesteps) + images.note,
            *length_note,
            *notes_of(specs),
            *images.notes,
        ),
        sources=dict(images.sources)
        | sources_of(specs)
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def _data(
    data: Cifar10Spec | None, size: DigitsSize
) -> tuple[DigitsSpec | Cifar10Spec, DigitsSize]:
    """Return the data of a study, and its size where there are fewer images than that asks for."""
    if data is None or not isinstance(size, Cifar10Size):
        return DigitsSpec(threshold=None), size
    num_train = min(size.num_train, data.num_train)
    num_held_out = min(size.num_held_out, data.num_held_out)
    size = replace(
        size,
        num_train=num_train,
        num_held_out=num_held_out,
        num_samples=min(size.num_samples, num_held_out),
    )
    return replace(data, num_train=num_train, num_held_out=num_held_out), size


def _model(size: DigitsSize, image_shape: tuple[int, int, int]) -> DDGANSpec:
    return DDGANSpec(
        image_shape=image_shape,
        diffusion=Diffusion(num_timesteps=4, beta_min=0.1, beta_max=20.0),
        generator=size.generator,
        critic=size.critic,
    )


def _training(size: DigitsSize) -> DenoisingSpec:
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
