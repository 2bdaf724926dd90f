"""What molecular studies share: sizes, set-ups, networks, and where each setting comes from.

Set-ups of the same generator: `paper`, its settings where it states them; `tuned`, an
initialisation, batch, learning rate and averaging with which a Gaussian latent alone makes more
valid and unique molecules in minutes on one core than the paper's best row, so that latents are
compared where none is held back by the training; and `placed`, tuned with a
critic that sees places, a perceptron, on molecules whose rings come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from quantum_latents.data import MoleculesSpec
from quantum_latents.latents import LatentSpec
from quantum_latents.models import GraphGANSpec, MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.recipes.presets import size_of
from quantum_latents.recipes.study import four_latents
from quantum_latents.training import EvaluationSpec, OptimiserSpec, RunSpec, WGANSpec

__all__ = [
    "EQUIVALENCE_MARGINS",
    "INTERFEROMETERS",
    "PRIMARY_METRICS",
    "SETUPS",
    "MoleculeSize",
    "Setup",
    "latents_of",
    "molecule_runs",
    "molecule_size",
    "molecule_sources",
    "refuse_unknown",
]

PRIMARY_METRICS = ("valid_and_unique", "fcd_unique", "fcd_unique_2522")
"""What a verdict on molecules rests on: the paper's two, and the FCD of equally many of each."""

EQUIVALENCE_MARGINS = {"valid_and_unique": 100.0, "fcd_unique_2522": 0.05}
"""Differences that no chemist would act on; the FCD of unequal numbers has none."""

INTERFEROMETERS = {"haar": "haar", "1-1": "time-bin:1,1", "1-3-9": "time-bin:1,3,9"}
"""The paper's interferometers, and what they are called in a latent's spec."""


@dataclass(frozen=True, kw_only=True)
class MoleculeSize:
    """What the presets shrink.

    Attributes:
        hidden: of the generator.
        convolutions, aggregation, dense: of the critic.
        num_steps: generator steps.
        num_seeds: runs of each latent.
        num_samples: molecules generated for the metrics.
        bank_size: kept draws of every latent.
    """

    hidden: tuple[int, ...]
    convolutions: tuple[int, ...]
    aggregation: int
    dense: tuple[int, ...]
    num_steps: int
    num_seeds: int
    num_samples: int
    bank_size: int | None


_PAPER_WIDTHS = (64, 176, 288, 400, 512)
_PRESETS = {
    "smoke": MoleculeSize(
        hidden=(32, 64), convolutions=(32, 16), aggregation=32, dense=(32,), num_steps=48,
        num_seeds=2, num_samples=500, bank_size=20_000,
    ),
    "quick": MoleculeSize(
        hidden=(64, 176, 288), convolutions=(64, 32), aggregation=64, dense=(64,), num_steps=600,
        num_seeds=3, num_samples=5000, bank_size=100_000,
    ),
    "paper": MoleculeSize(
        hidden=_PAPER_WIDTHS, convolutions=(128, 64), aggregation=128, dense=(128, 64),
        num_steps=20_000, num_seeds=20, num_samples=10_000, bank_size=1_000_000,
    ),
}  # fmt: skip
_SETTINGS = {
    "hidden": ("model.generator.hidden",),
    "convolutions": ("model.critic.convolutions",),
    "aggregation": ("model.critic.aggregation",),
    "dense": ("model.critic.dense",),
    "num_steps": ("training.num_steps",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "latent.num_held_out"),
    "bank_size": ("latent.bank_size",),
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the networks start and learn.

    Attributes:
        initialisation, gain: of the generator.
        batch_size, learning_rate: of both networks.
        averaging, decay: of the generator's weights and of the rates, see `WGANSpec`.
        scaling: of every latent.
        critic_hidden: layers of a critic that is a perceptron; none for the relational one.
        critic_steps: of a generator step.
        order: of the atoms' places, as in `MoleculesSpec`.
    """

    initialisation: Literal["pytorch", "xavier_uniform", "orthogonal"]
    gain: float
    batch_size: int
    learning_rate: float
    averaging: float
    decay: float
    scaling: str
    critic_hidden: tuple[int, ...] = ()
    critic_steps: int = 5
    order: Literal["canonical", "rings_first"] = "canonical"


SETUPS = {
    "paper": Setup(
        initialisation="pytorch",
        gain=1.0,
        batch_size=256,
        learning_rate=1e-4,
        averaging=0.0,
        decay=0.0,
        scaling="centred",
    ),
    "tuned": Setup(
        initialisation="orthogonal",
        gain=3.0,
        batch_size=64,
        learning_rate=5e-4,
        averaging=0.998,
        decay=0.9,
        scaling="standardised",
    ),
}
SETUPS["placed"] = replace(
    SETUPS["tuned"], critic_hidden=(512, 512), critic_steps=2, order="rings_first"
)
"""The named set-ups of a molecular study."""

_PAPER = "paper, Appendix E"
_OPEN = "ours: the paper leaves it open"
_SOURCES = {
    "data": "paper: QM9; our split by hash, kekulised and neutral molecules only",
    "latent": _PAPER,
    "latent.scaling": _OPEN,
    "latent.sharing": "ours: one interferometer for both photonic latents of a seed",
    "latent.bank_size": "paper: drawn once into a bank; a million is its size at 48 modes",
    "latent.num_held_out": "paper: 10,000 molecules are generated",
    "model": _PAPER,
    "model.generator.initialisation": "ours: the paper does not say; PyTorch's default",
    "model.generator.gain": "ours: PyTorch's default has none",
    "model.generator.negative_slope": "ours: the paper does not say; PyTorch's default",
    "model.generator.non_decreasing": "ours: the head narrows, so no certificate is asked for",
    "model.critic": "MolGAN's (De Cao and Kipf 2018): the paper says relational GCN",
    "model.critic.initialisation": "ours: the paper does not say; PyTorch's default",
    "model.num_atoms": "the data",
    "model.num_node_classes": "the data",
    "model.relaxation": "ours: MolGAN's default",
    "model.temperature": "does not apply to softmax",
    "training": _PAPER,
    "training.critic_steps": _OPEN,
    "training.gradient_penalty": _OPEN,
    "training.optimiser.betas": "ours: usual with a gradient penalty",
    "training.optimiser.alpha": "does not apply to Adam",
    "training.optimiser.epsilon": "ours: PyTorch's default",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "training.averaging": "ours: the paper names none",
    "training.decay": "ours: the paper names none",
    "evaluation.num_samples": _PAPER,
    "seed": "paper: 20 seeds",
}
_TUNED = "ours: set-up 'tuned', chosen with a Gaussian latent on seeds that no table uses"
_TUNED_SOURCES = {
    "latent.scaling": _TUNED,
    "model.generator.initialisation": _TUNED,
    "model.generator.gain": _TUNED,
    "training.averaging": _TUNED,
    "training.decay": _TUNED,
    "training.batch_size": _TUNED,
    "training.optimiser.learning_rate": _TUNED,
}
_PLACED = "ours: set-up 'placed', chosen with a Gaussian latent on seeds that no table uses"
_PLACED_SOURCES = _TUNED_SOURCES | {
    "data.order": _PLACED,
    "training.critic_steps": _PLACED,
    "model.critic": "ours: set-up 'placed', a perceptron of places, not the paper's relational one",
}
_SOURCES_OF = {"paper": {}, "tuned": _TUNED_SOURCES, "placed": _PLACED_SOURCES}


def refuse_unknown(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a name that is none of those known.

    Raises:
        ValueError: as said.
    """
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no {what} is called {unknown[0]!r}: choose among {', '.join(known)}")


def molecule_size(
    preset: str, *, num_seeds: int | None, bank_size: int | None = None
) -> MoleculeSize:
    """Return a preset's sizes, with what the user changed.

    Raises:
        ValueError: there is no such preset.
    """
    return size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)


def latents_of(
    names: Sequence[str], size: MoleculeSize, setup: Setup, dim: int, interferometer: str
) -> tuple[LatentSpec, ...]:
    """Return the named latents of one length, with half as many photons.

    Raises:
        ValueError: an unknown latent.
    """
    return four_latents(
        tuple(names),
        dim=dim,
        num_photons=max(1, dim // 2),
        interferometer=INTERFEROMETERS[interferometer],
        sharing="shared",
        scaling=setup.scaling,
        bank_size=size.bank_size,
        num_held_out=size.num_samples,
    )


def molecule_runs(
    data: MoleculesSpec,
    latents: Sequence[LatentSpec],
    size: MoleculeSize,
    setup: Setup,
    seed: int,
) -> list[RunSpec]:
    """Return one run a latent, alike in everything else."""
    generator = MLPSpec(
        hidden=size.hidden,
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation=setup.initialisation,
        gain=setup.gain,
        reinject_latent=True,
    )
    num_atoms, num_node_classes = data.num_atoms, len(data.elements) + 1
    shape: dict[str, Any] = {"num_atoms": num_atoms, "num_node_classes": num_node_classes}
    if setup.critic_hidden:
        critic = MLPSpec(
            hidden=setup.critic_hidden,
            activation="leaky_relu",
            negative_slope=0.2,
            initialisation="pytorch",
        )
        model = GraphGANSpec(generator=generator, critic=critic, **shape)
    else:
        relational = RelationalCriticSpec(
            convolutions=size.convolutions, aggregation=size.aggregation, dense=size.dense
        )
        model = MolGANSpec(generator=generator, critic=relational, **shape)
    data = replace(data, order=setup.order)
    training = WGANSpec(
        num_steps=size.num_steps,
        batch_size=setup.batch_size,
        critic_steps=setup.critic_steps,
        gradient_penalty=10.0,
        averaging=setup.averaging,
        decay=setup.decay,
        optimiser=OptimiserSpec(name="adam", learning_rate=setup.learning_rate, betas=(0.0, 0.9)),
    )
    return [
        RunSpec(
            data=data,
            latent=latent,
            model=model,
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for latent in latents
    ]


def molecule_sources(
    preset: str, size: MoleculeSize, setup: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return where each setting comes from, and the notes that a reader must be told."""
    full, sources, parts = _PRESETS["paper"], {}, []
    for field in fields(size):
        here, there = getattr(size, field.name), getattr(full, field.name)
        if here != there:
            sources |= dict.fromkeys(_SETTINGS[field.name], f"ours: {here}, in full {there}")
            parts.append(f"{field.name} {here} (in full {there})")
    shrunken = ()
    if parts:
        what = f"Preset {preset!r} with {'; '.join(parts)}"
        shrunken = (f"{what}: what it shows holds for these sizes alone.",)
    return _SOURCES | _SOURCES_OF[setup] | sources, (*shrunken, *_NOTES[setup])


_NOTES = {
    "paper": ("Set-up 'paper': the settings that the paper states, PyTorch's default elsewhere.",),
    "tuned": (
        "Set-up 'tuned': generator weights orthogonal with gain 3 and averaged over steps, latents "
        "standardised, batch 64, learning rate 5e-4 that falls to 0 over the last nine tenths of "
        "the steps, the same for every latent. It differs from the paper's.",
    ),
    "placed": (
        "Set-up 'placed': a perceptron (512, 512) as critic, which sees what stands where, and "
        "molecules whose rings come first; 2 critic steps; else as in set-up 'tuned' (orthogonal "
        "weights with gain 3, averaged; standardised latents, batch 64, learning rate 5e-4 that "
        "falls to 0), the same for every latent. The critic is not the paper's relational one.",
    ),
}
