"""Corollary 1 as an experiment: data that a quantum latent can make exactly, and who else can.

Notation: D^G(P_z, P_x) = inf over g in G of W_1(P_g(z), P_x), the GAN-induced distance of a latent
law P_z from a law of data P_x, for a class G of generators of bounded width, depth and Lipschitz
constant. Here P_x is the law of g*(quantum latent) for a random invertible g*, and G are the
perceptrons of g*'s widths whose matrices have spectral norms of at most g*'s. So g* is in G, and
D^G of the quantum latent is 0; every other latent tries to reach the same data from the same
starts, g* itself among them.

Source: arXiv 2508.19857, definition of D^G and Corollary 1. The experiment is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quantum_latents.data import PushforwardSpec
from quantum_latents.latents import LearnedPriorSpec, named_latent
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.challengers import (
    check_existence,
    notes_of,
    sources_of,
)
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import Restarts, Study, reference_of
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = ["COROLLARY_LATENTS", "corollary"]

COROLLARY_LATENTS = ("quantum", "distinguishable", "gaussian", "bernoulli")
"""What is compared unless the user names latents."""

ALL_STARTS, RANDOM_STARTS = "all starts", "random starts alone"
"""Names of the two choices between restarts."""

_SLOPE, _GAIN = 0.2, 1.0


@dataclass(frozen=True, kw_only=True)
class _Size(ShrunkenGAN):
    """Further sizes: of the latent, of what g* makes, of the critic, and random restarts."""

    latent_dim: int
    dim: int
    critic_hidden: tuple[int, ...]
    num_restarts: int


_PRESETS = {
    "smoke": _Size(
        latent_dim=8, hidden=(12, 16), dim=16, critic_hidden=(32, 32), batch_size=64,
        num_steps=160, num_seeds=2, num_samples=400, num_train=5000, bank_size=5000,
        num_restarts=2,
    ),
    "quick": _Size(
        latent_dim=16, hidden=(24, 32), dim=32, critic_hidden=(64, 64), batch_size=64,
        num_steps=1200, num_seeds=10, num_samples=1000, num_train=50_000, bank_size=50_000,
        num_restarts=2,
    ),
    "paper": _Size(
        latent_dim=16, hidden=(32, 48), dim=64, critic_hidden=(256, 256), batch_size=256,
        num_steps=20_000, num_seeds=12, num_samples=4000, num_train=500_000, bank_size=500_000,
        num_restarts=8,
    ),
}  # fmt: skip

_SETTINGS = {
    "hidden": ("model.generator.hidden", "data.hidden"),
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "data.num_held_out", "latent.num_held_out"),
    "num_train": ("data.num_train",),
    "bank_size": ("latent.bank_size",),
    "latent_dim": ("latent.dim", "latent.num_photons", "data.num_modes", "data.num_photons"),
    "dim": ("data.dim",),
    "critic_hidden": ("model.critic.hidden",),
    "num_restarts": ("restart",),
}

_IN_G = "ours: as g*'s, so that g* is in the class"
_SOURCES = {
    "data": "ours: Corollary 1 fixes no target; a random g* with known constants",
    "data.scaling": "ours: as the latents'",
    "data.interferometer": "ours: the quantum latent's own, as the corollary asks",
    "latent": "paper: the four latents, half as many photons as modes; the control shares the "
    "interferometer",
    "latent.scaling": "ours: mean 0 and variance 1 in every coordinate, because a class with a "
    "Lipschitz bound would otherwise reward a latent's scale",
    "latent.bank_size": "ours",
    "latent.num_held_out": "ours: as many as are generated",
    "model.generator": _IN_G,
    "model.generator.initialisation": "ours: the law that g* is drawn from",
    "model.generator.spectral_bound": "ours: g*'s own spectral norms, so that g* is in the class",
    "model.critic": "ours",
    "training": "ours: WGAN-GP, weights averaged, learning rate falling over the last half",
    "evaluation": "ours",
    "evaluation.milestones": "ours: 0, so that the generator is measured before training, too",
    "seed": "ours",
    "restart": "ours",
    "start": "ours: g* itself among the starts, for every latent",
}

_NOTES = (
    "At 16 modes the law can be enumerated, so this shows the mechanism, not hardness: no "
    "classical latent is excluded here for being classical.",
    "The estimate of the GAN-induced distance lies above it in the mean, for two reasons: training "
    "finds no infimum, and the Wasserstein-1 distance of finite samples is larger than that of "
    "their laws (the floor shows by how much where these agree). So a latent at the floor has "
    "been shown to reach the data as far as these samples can tell; one above it has not been "
    "shown to be unable to.",
    "One start is g* itself, measured before and after training, the same for every latent: the "
    "quantum latent is at the floor there by construction. The second table leaves it out: what "
    "training finds from random weights, where the quantum latent has no more than the others.",
    "Of the runs of a latent and seed one is chosen by its Wasserstein-1 distance on the first "
    "half of the held-out samples; all values are of the second half.",
)


def corollary(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = COROLLARY_LATENTS,
    latent_dim: int | None = None,
    num_restarts: int | None = None,
    bank_size: int | None = None,
) -> Study:
    """Return the study of Corollary 1.

    Args:
        preset: `smoke`, `quick` or `paper` (larger networks; the paper ran no such experiment).
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS`, but for `learned_prior`.
        latent_dim: modes m of the target and of every latent, half as many photons; None takes the
            preset's.
        num_restarts: random draws of initial weights, beside the start at g*; None takes the
            preset's.
        bank_size: kept draws of every latent; None takes the preset's.

    Raises:
        ValueError: an unknown preset or latent, no seed, no restart, a latent longer than g*'s
            first hidden layer, or a challenger that cannot be made for the interferometer of a
            seed.
    """
    size = size_of(_PRESETS, preset)
    asked: dict[str, Any] = {
        "num_seeds": num_seeds,
        "latent_dim": latent_dim,
        "num_restarts": num_restarts,
        "bank_size": bank_size,
    }
    size = replace(size, **{name: value for name, value in asked.items() if value is not None})
    if size.num_restarts < 1:
        raise ValueError(f"num_restarts is at least 1, not {size.num_restarts}")
    if not 2 <= size.latent_dim <= size.hidden[0]:
        raise ValueError(
            f"g* widens from {size.hidden[0]} on in preset {preset!r}: latent_dim is from 2 to "
            f"{size.hidden[0]}, not {size.latent_dim}"
        )
    shared: dict[str, Any] = {
        "dim": size.latent_dim,
        "scaling": "standardised",
        "bank_size": size.bank_size,
        "num_held_out": size.num_samples,
    }
    specs = tuple(named_latent(name, **shared) for name in latents)
    if any(isinstance(spec, LearnedPriorSpec) for spec in specs):
        raise ValueError(
            "learned_prior: its generator scales and shifts z, which g* does not, so that g* is "
            "not in its class: leave it out of the latents"
        )
    check_existence(specs, size.num_seeds)
    changed, notes = stated(preset, size, _PRESETS["paper"], _SETTINGS)
    sources = _SOURCES | sources_of(specs) | changed
    if size.num_restarts == 1:
        del sources["restart"]
    return Study(
        name="corollary",
        title="Corollary 1: who reaches data that a quantum latent made?",
        question="How near to g*(quantum) do generators of g*'s own class come on each latent?",
        preset=preset,
        runs=_runs(size, specs),
        primary_metrics=("wasserstein_1", "energy_distance"),
        equivalence_margins={},
        notes=(*notes, *notes_of(specs), *_NOTES),
        sources=sources,
        reference=reference_of(latents),
        restarts=Restarts(
            by="wasserstein_1_selection",
            choices={ALL_STARTS: ("target", "random"), RANDOM_STARTS: ("random",)},
            num_runs={ALL_STARTS: size.num_restarts + 1, RANDOM_STARTS: size.num_restarts},
        ),
    )


def _runs(size: _Size, latents: Sequence[Any]) -> tuple[RunSpec, ...]:
    """Return the runs; all restarts of a latent and seed one after the other."""
    data = PushforwardSpec(
        num_modes=size.latent_dim,
        num_photons=max(1, size.latent_dim // 2),
        scaling="standardised",
        hidden=size.hidden,
        dim=size.dim,
        negative_slope=_SLOPE,
        gain=_GAIN,
        num_train=size.num_train,
        num_held_out=size.num_samples,
    )
    network: dict[str, Any] = {"activation": "leaky_relu", "negative_slope": _SLOPE}
    model = GANSpec(
        generator=MLPSpec(
            hidden=size.hidden,
            initialisation="orthogonal",
            gain=_GAIN,
            spectral_bound=_GAIN,
            non_decreasing=True,
            **network,
        ),
        critic=MLPSpec(hidden=size.critic_hidden, initialisation="xavier_uniform", **network),
    )
    training = WGANSpec(
        num_steps=size.num_steps,
        batch_size=size.batch_size,
        critic_steps=5,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.0, 0.9)),
        averaging=0.99,
        decay=0.5,
    )
    starts: list[dict[str, Any]] = [{"start": "target"}]
    starts += [{"restart": restart} for restart in range(size.num_restarts)]
    return tuple(
        RunSpec(
            data=data,
            latent=latent,
            model=model,
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples, milestones=(0.0,)),
            seed=seed,
            **start,
        )
        for seed in range(size.num_seeds)
        for latent in latents
        for start in starts
    )
