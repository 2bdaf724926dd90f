"""The same model on one's own data under the paper's four latents, or any."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quantum_latents.data import array_spec, load
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import challenger_latents, notes_of, sources_of
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, model_on, reference_of
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = ["ONE_SPLIT", "compare"]

_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(64, 64), batch_size=64, num_steps=200, num_seeds=2, num_samples=1000,
        num_train=0, bank_size=20_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(128, 128), batch_size=100, num_steps=1500, num_seeds=10, num_samples=2000,
        num_train=0, bank_size=100_000,
    ),
    "paper": ShrunkenGAN(
        hidden=(512, 512), batch_size=500, num_steps=40_000, num_seeds=12, num_samples=10_000,
        num_train=0, bank_size=1_000_000,
    ),
}  # fmt: skip

ONE_SPLIT = (
    "All seeds share one split of the file: intervals cover training, latents and "
    "interferometers, not which rows were sampled."
)
"""What a reader must be told of data that exist once."""

_OURS = "ours: Table I's settings"
_SOURCES = {
    "data": "your file",
    "data.held_out_fraction": "ours",
    "data.scaling": "ours: each column to mean 0 and deviation 1 while training",
    "data.split_seed": "ours: one split for all runs",
    "latent": _OURS,
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "latent.sharing": "ours: one interferometer for both photonic latents of a seed",
    "model": _OURS,
    "model.generator.negative_slope": "ours: PyTorch's default",
    "model.critic.negative_slope": "ours: PyTorch's default",
    "training": _OURS,
    "evaluation.num_samples": "ours: as many as are held out, at most the preset's number",
    "seed": "ours: the paper's Table I runs 12",
}


def compare(
    file: str,
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return a study of latents on the user's own array.

    Args:
        file: npy, npz, csv or parquet, one row a sample; see `array_spec`.
        preset: `smoke`, `quick` or `paper` (Table I's network, batch and budget).
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS`; the paper's four unless named.
        latent_dim: d_z, the modes of the interferometer; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        ValueError: the file cannot be read or used, an unknown preset or latent, no seed, a
            latent that cannot be made for the interferometer of a seed, or a bank that cannot be
            used or has another number of modes; nothing has been written then.
    """
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    data = array_spec(file)
    with tempfile.TemporaryDirectory() as unused_cache:
        loaded = load(data, stream(0, "data"), Path(unused_cache))
    full = _PRESETS["paper"]
    if (limit := len(loaded.held_out)) < size.num_samples:
        size, full = replace(size, num_samples=limit), replace(full, num_samples=limit)
    network = MLPSpec(
        hidden=size.hidden,
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation="pytorch",
    )
    training = WGANSpec(
        num_steps=size.num_steps,
        batch_size=size.batch_size,
        critic_steps=5,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99),
    )
    specs, banks = challenger_latents(latents, latent_dim, size, bank_folders, cache)
    runs = tuple(
        RunSpec(
            data=data,
            latent=latent,
            model=model_on(latent, GANSpec(generator=network, critic=network)),
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for latent in (*specs, *banks)
    )
    changed, notes = stated(preset, size, full)
    return Study(
        name="compare",
        title=f"Your data: {data.name}",
        question=f"Does a quantum latent help a GAN to learn {data.name}?",
        preset=preset,
        runs=runs,
        primary_metrics=("energy_distance", "sliced_wasserstein"),
        equivalence_margins={},
        notes=(*notes, *notes_of(specs), *loaded.notes, ONE_SPLIT),
        sources=_SOURCES | sources_of(specs) | changed | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )
