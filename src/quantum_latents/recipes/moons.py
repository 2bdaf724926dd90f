"""Flow matching on two moons, and on the other sets in the plane, from any latent.

Source: arXiv 2508.19857, Appendix G, a study of compatibility that claims no advantage and of which
no settings are known to us. Network, batch, optimiser and budget of the full preset are those that
Tong et al. 2024 released with their flow matching of moons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantum_latents.data.width import width_of
from quantum_latents.models import FlowSpec, SolverSpec, VelocitySpec
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.challengers import challenger_latents, notes_of, sources_of
from quantum_latents.recipes.data_sets import data_notes, data_sources, primary_of, specs_of
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Study, length_of_z, reference_of
from quantum_latents.training import EvaluationSpec, FlowMatchingSpec, OptimiserSpec, RunSpec

__all__ = ["FLOW_SOURCES", "MOONS_DATA", "FlowSettings", "flow_of", "moons"]

MOONS_DATA = ("moons", "checkerboard", "mixture")
"""The data sets in the plane."""

_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(32, 32), batch_size=64, num_steps=240, num_seeds=2, num_samples=500,
        num_train=10_000, bank_size=10_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(64, 64, 64), batch_size=128, num_steps=2000, num_seeds=10, num_samples=2000,
        num_train=100_000, bank_size=100_000,
    ),
    "paper": ShrunkenGAN(
        hidden=(64, 64, 64), batch_size=256, num_steps=20_000, num_seeds=10, num_samples=10_000,
        num_train=1_000_000, bank_size=1_000_000,
    ),
}  # fmt: skip

_SETTINGS = {
    "hidden": ("model.velocity.hidden",),
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "data.num_held_out", "latent.num_held_out"),
    "num_train": ("data.num_train",),
    "bank_size": ("latent.bank_size",),
}

_TONG = "Tong et al. 2024, their released flow matching of moons"
_ASKED = "asked for"
_SOURCES = {
    "data": "ours: the data sets of this study",
    "data.num_train": "ours: large enough that few samples recur",
    "data.num_held_out": "ours: as many as are generated",
    "latent": "paper, Appendix G: a quantum latent as the source; the others as in its tables",
    "latent.dim": "ours: the paper's settings are not known; as in Table I",
    "latent.num_photons": "paper: half the modes",
    "latent.interferometer": "ours: as in Table I",
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "latent.sharing": "ours: every latent of a seed has one interferometer",
    "latent.bank_size": "paper: drawn once into a bank; its size here is ours",
    "latent.num_held_out": "ours: as many as are generated",
    "evaluation.num_samples": "ours: the paper's is not known",
    "seed": "ours: ten, the fewest that a verdict takes",
}

FLOW_SOURCES = {
    "model": "by definition: a flow",
    "model.velocity": _TONG,
    "model.velocity.initialisation": "PyTorch's default, as there",
    "model.velocity.gain": "PyTorch's default, as there",
    "model.embedding": "ours: no coordinate of the latent is singled out",
    "model.dequantisation": "ours: discrete sources as they are",
    "model.jitter": "does not apply without dequantisation",
    "model.solver": "ours: the second order at 100 evaluations",
    "training": _TONG,
    "training.coupling": "ours: the plainest; --coupling changes it",
    "training.sigma_min": "ours: no noise about the path (Liu, Gong, Liu 2023)",
    "training.optimiser.alpha": "does not apply to Adam",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "training.averaging": "ours: none",
    "training.decay": "ours: without it the last steps' noise outweighs what latents differ by",
}
"""Where the settings of a flow and its training come from."""

_NOTE = (
    "Flow matching carries every point of a source to one point of the data's space. A discrete "
    "source has finitely many points, so without dequantisation no more different samples can come "
    "of it. The paper claims no advantage here: the study asks whether flows take a quantum "
    "source, and what it costs them."
)
_EMBEDDED = {
    "orthonormal": "by a random orthonormal matrix, the same on every latent of a seed",
    "zero_padding": "by zeros behind its coordinates",
}


@dataclass(frozen=True, kw_only=True)
class FlowSettings:
    """What may be chosen of a flow beside its sizes; None is the recipe's own.

    Attributes:
        coupling, path: as of `FlowMatchingSpec`.
        embedding: `zero_padding` or `orthonormal`, where widths differ.
        dequantisation, jitter: as of `FlowSpec`.
        solver: `euler`, `midpoint` or `dopri5`.
        num_evaluations: of a solver of equal steps.
    """

    coupling: str | None = None
    path: str | None = None
    embedding: str | None = None
    dequantisation: str | None = None
    jitter: float | None = None
    solver: str | None = None
    num_evaluations: int | None = None


def moons(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    data_sets: Sequence[str] = ("moons",),
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
    flow: FlowSettings | None = None,
) -> Study:
    """Return the study of flows from different sources.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of `CHALLENGERS` but the learned prior, which is a generator's.
        data_sets: which of `MOONS_DATA`.
        latent_dim: d_z, the modes of every latent; half as many photons. With 2, the width of the
            data, nothing is embedded.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.
        flow: what is chosen of the flow.

    Raises:
        ValueError: an unknown preset, latent, data set or setting; a path that assumes a Gaussian
            source on another latent; as `challengers`.

    >>> study = moons("smoke", num_seeds=1, latents=("quantum", "gaussian"))
    >>> [run.latent.name for run in study.runs], study.runs[0].model.embedding
    (['quantum', 'gaussian'], 'orthonormal')
    """
    if unknown := [name for name in data_sets if name not in MOONS_DATA]:
        raise ValueError(
            f"moons takes data in the plane, not {unknown[0]!r}: choose among "
            f"{', '.join(MOONS_DATA)}"
        )
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    specs, banks = challenger_latents(latents, latent_dim, size, bank_folders, cache)
    data = specs_of(data_sets, num_train=size.num_train, num_held_out=size.num_samples)
    model, training, chosen = flow_of(size, latent_dim, width_of(data[0]), flow or FlowSettings())
    runs = tuple(
        RunSpec(
            data=one,
            latent=latent,
            model=model,
            training=training,
            evaluation=EvaluationSpec(num_samples=size.num_samples),
            seed=seed,
        )
        for seed in range(size.num_seeds)
        for one in data
        for latent in (*specs, *banks)
    )
    changed, notes = stated(preset, size, _PRESETS["paper"], _SETTINGS)
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="moons",
        title="Flow matching from any latent: two moons",
        question="Does a flow learn as well from a quantum source as from a Gaussian?",
        preset=preset,
        runs=runs,
        primary_metrics=primary_of(data_sets),
        equivalence_margins={},
        notes=(
            *notes,
            _NOTE,
            *_spaces(model, latent_dim, width_of(data[0])),
            *length_note,
            *notes_of(specs),
            *data_notes(data_sets),
        ),
        sources=_SOURCES
        | FLOW_SOURCES
        | data_sources(data_sets)
        | sources_of(specs)
        | changed
        | chosen
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
    )


def flow_of(
    size: ShrunkenGAN, latent_dim: int, data_dim: int, flow: FlowSettings
) -> tuple[FlowSpec, FlowMatchingSpec, dict[str, str]]:
    """Return model and training of a flow, and the sources of what was chosen.

    Args:
        size: of network and training.
        latent_dim: d_z.
        data_dim: d_x.
        flow: what is chosen of it.

    Raises:
        ValueError: settings that do not go together.
    """
    solver = flow.solver or "midpoint"
    if solver == "dopri5":
        if flow.num_evaluations is not None:
            raise ValueError(
                "dopri5 takes as many evaluations as its tolerances ask for: leave them out"
            )
        solved = SolverSpec(name="dopri5", rtol=1e-5, atol=1e-5)
    else:
        number = 100 if flow.num_evaluations is None else flow.num_evaluations
        solved = SolverSpec(name=solver, num_evaluations=number)  # type: ignore[arg-type]
    if flow.jitter is not None and flow.dequantisation in (None, "none"):
        raise ValueError(f"jitter={flow.jitter} needs a dequantisation: uniform or gaussian")
    jitter = {"uniform": 1.0, "gaussian": 0.25}.get(flow.dequantisation or "none", 0.0)
    if latent_dim == data_dim and flow.embedding is not None:
        raise ValueError(
            f"latents are as wide as the data, {data_dim}: nothing is embedded, so leave "
            f"embedding={flow.embedding!r} out"
        )
    embedding = "none" if latent_dim == data_dim else flow.embedding or "orthonormal"
    model = FlowSpec(
        velocity=VelocitySpec(
            hidden=size.hidden, activation="selu", num_frequencies=0, initialisation="pytorch"
        ),
        embedding=embedding,  # type: ignore[arg-type]
        dequantisation=flow.dequantisation or "none",  # type: ignore[arg-type]
        jitter=jitter if flow.jitter is None else flow.jitter,
        solver=solved,
    )
    training = FlowMatchingSpec(
        num_steps=size.num_steps,
        batch_size=size.batch_size,
        path=flow.path or "straight",  # type: ignore[arg-type]
        coupling=flow.coupling or "independent",  # type: ignore[arg-type]
        sigma_min=0.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.9, 0.999)),
        decay=0.5,
    )
    settings: dict[str, Any] = {
        "training.coupling": flow.coupling,
        "training.path": flow.path,
        "model.embedding": flow.embedding,
        "model.dequantisation": flow.dequantisation,
        "model.solver": flow.solver or flow.num_evaluations,
    }
    chosen = {name: _ASKED for name, value in settings.items() if value is not None}
    if flow.dequantisation not in (None, "none"):
        chosen["model.jitter"] = _ASKED if flow.jitter is not None else "ours: of whole numbers"
    if latent_dim == data_dim:
        chosen["model.embedding"] = "by definition: latent and data are equally wide"
    return model, training, chosen


def _spaces(model: FlowSpec, latent_dim: int, data_dim: int) -> tuple[str, ...]:
    """Return how latents and data come into one space, for the reader."""
    if latent_dim == data_dim:
        return ()
    who = "The data are" if data_dim < latent_dim else "The latent is"
    small, large = sorted((latent_dim, data_dim))
    note = (
        f"{who} {small} wide and put into {large} dimensions {_EMBEDDED[model.embedding]}; "
        "distances stay."
    )
    if latent_dim < data_dim:
        note += " A source in a subspace cannot fill what lies around it."
    return (note,)
