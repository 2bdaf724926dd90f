"""Images, or any wide rows, through an autoencoder: a GAN or a flow in the space of its codes.

Ours; no table of the paper. With it samples of any size can be tried with a quantum latent on a
small machine: latents meet codes of a dozen numbers, whatever the size of an image. Network, batch
and optimiser of the GAN are those of `compare`, Table I's, of the flow those of `moons`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from quantum_latents.data import (
    AutoencoderSpec,
    DataSet,
    DigitsSpec,
    EncodedSpec,
    array_spec,
    load,
)
from quantum_latents.latents import LatentSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import challenger_latents, notes_of, sources_of
from quantum_latents.recipes.data_sets import SHARED_METRIC, data_notes, data_sources
from quantum_latents.recipes.moons import FLOW_SOURCES, FlowSettings, flow_of
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, model_on, reference_of
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = ["autoencoder"]

_DIGITS = "grey_digits"


@dataclass(frozen=True, kw_only=True)
class _Size(ShrunkenGAN):
    """The sizes of the GAN or the flow, and of the autoencoder's fit.

    Attributes:
        fit_steps: of the autoencoder.
    """

    fit_steps: int


_PRESETS = {
    "smoke": _Size(
        hidden=(64, 64), batch_size=64, num_steps=100, num_seeds=2, num_samples=200, num_train=0,
        bank_size=20_000, fit_steps=200,
    ),
    "quick": _Size(
        hidden=(128, 128), batch_size=100, num_steps=1000, num_seeds=10, num_samples=400,
        num_train=0, bank_size=100_000, fit_steps=4000,
    ),
    "paper": _Size(
        hidden=(512, 512), batch_size=500, num_steps=40_000, num_seeds=12, num_samples=10_000,
        num_train=0, bank_size=1_000_000, fit_steps=20_000,
    ),
}  # fmt: skip

_SETTINGS = {
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "latent.num_held_out"),
    "num_train": (),
    "bank_size": ("latent.bank_size",),
    "fit_steps": ("data.autoencoder.num_steps",),
}
_HIDDEN = {
    "gan": ("model.generator.hidden", "model.critic.hidden"),
    "flow": ("model.velocity.hidden",),
}

_OURS = "ours: Table I's settings"
_SOURCES = {
    "data": "ours: the digits, or your file",
    "data.autoencoder": "ours",
    "data.autoencoder.code_penalty": "ours: the penalty of codes is of Ghosh et al. 2020",
    "latent": "ours: as in Table I",
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "evaluation.num_samples": "ours: as many as are held out, at most the preset's number",
    "seed": "ours: the paper's Table I runs 12",
}
_GAN_SOURCES = {
    "model": _OURS,
    "model.generator.negative_slope": "ours: PyTorch's default",
    "model.critic.negative_slope": "ours: PyTorch's default",
    "training": _OURS,
}
_ONE_FIT = (
    "All runs share one split and one autoencoder: intervals cover training, latents and "
    "interferometers, neither which rows were sampled nor how the autoencoder was fitted."
)


def autoencoder(
    preset: str,
    *,
    model: Literal["gan", "flow"] = "gan",
    file: str | None = None,
    code_dim: int = 12,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study of latents in the space of an autoencoder's codes.

    Args:
        preset: `smoke`, `quick` or `paper`.
        model: what makes codes.
        file: your rows (npy, npz, csv or parquet), such as flattened images; None is the digits.
        code_dim: k, the numbers of a code.
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS`; the learned prior with a GAN alone.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: the file cannot be read, k is not below its width, an unknown preset, model or
            latent, or as `challengers`.

    >>> study = autoencoder("smoke", num_seeds=1, latents=("quantum", "gaussian"))
    >>> study.runs[0].data.name, study.runs[0].data.dim
    ('encoded_grey_digits', 12)
    """
    if model not in ("gan", "flow"):
        raise ValueError(f"model is 'gan' or 'flow', not {model!r}")
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    full = _PRESETS["paper"]
    plain = DigitsSpec(threshold=None) if file is None else array_spec(file)
    loaded = load(plain, stream(0, "data"), Path("unused"))
    if not 1 <= code_dim < loaded.dim:
        raise ValueError(
            f"a code is shorter than a row: code_dim is from 1 to {loaded.dim - 1} for "
            f"{loaded.name!r}, not {code_dim}"
        )
    if (limit := len(loaded.held_out)) < size.num_samples:
        size = replace(size, num_samples=limit)
    full = replace(full, num_samples=min(full.num_samples, limit))
    data = EncodedSpec(data=plain, autoencoder=_autoencoder(size, code_dim, loaded))
    specs, banks = challenger_latents(latents, latent_dim, size, bank_folders, cache)
    runs = tuple(
        _run(model, data, latent, size, seed)
        for seed in range(size.num_seeds)
        for latent in (*specs, *banks)
    )
    settings = {"hidden": _HIDDEN[model], **_SETTINGS}
    changed, notes = stated(preset, size, full, settings)
    other_length, length_note = length_of_z(latent_dim)
    what = "A GAN" if model == "gan" else "A flow"
    return Study(
        name="autoencoder",
        title=f"Through an autoencoder: {loaded.name}",
        question=f"Does a quantum latent help {what.lower()} in an autoencoder's codes?",
        preset=preset,
        runs=runs,
        primary_metrics=_primary(loaded),
        equivalence_margins={},
        notes=(
            *notes,
            f"{what} makes codes of {code_dim} numbers; a decoder makes rows of {loaded.dim} of "
            "them. What the autoencoder loses counts against every latent alike; each run's notes "
            "say what data score that went through it and back.",
            _ONE_FIT,
            *length_note,
            *notes_of(specs),
            *(data_notes([_DIGITS]) if file is None else loaded.notes),
        ),
        sources=_SOURCES
        | (_GAN_SOURCES if model == "gan" else FLOW_SOURCES)
        | _data_sources(file)
        | sources_of(specs)
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def _primary(data: DataSet) -> tuple[str, ...]:
    of_features = "frechet_feature_distance"
    return (of_features, SHARED_METRIC) if of_features in data.metrics else (SHARED_METRIC,)


def _data_sources(file: str | None) -> dict[str, str]:
    if file is not None:
        return {"data.data": "your file"}
    found = data_sources([_DIGITS])
    return {name.replace("data.", "data.data.", 1): source for name, source in found.items()}


def _autoencoder(size: _Size, code_dim: int, data: DataSet) -> AutoencoderSpec:
    return AutoencoderSpec(
        hidden=(256, 64),
        code_dim=code_dim,
        num_steps=size.fit_steps,
        batch_size=min(64, len(data.train)),
        learning_rate=2e-3,
        code_penalty=1e-3,
        weight_decay=0.1,
    )


def _run(model: str, data: EncodedSpec, latent: LatentSpec, size: _Size, seed: int) -> RunSpec:
    evaluation = EvaluationSpec(num_samples=size.num_samples)
    if model == "flow":
        flow, training, _ = flow_of(size, latent.dim, data.dim, FlowSettings())
        return RunSpec(
            data=data,
            latent=latent,
            model=flow,
            training=training,
            evaluation=evaluation,
            seed=seed,
        )
    network = MLPSpec(
        hidden=size.hidden, activation="leaky_relu", negative_slope=0.01, initialisation="pytorch"
    )
    return RunSpec(
        data=data,
        latent=latent,
        model=model_on(latent, GANSpec(generator=network, critic=network)),
        training=WGANSpec(
            num_steps=size.num_steps,
            batch_size=size.batch_size,
            critic_steps=5,
            gradient_penalty=10.0,
            optimiser=OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99),
        ),
        evaluation=evaluation,
        seed=seed,
    )
