"""A study: runs to compare, the question they answer, and where each setting comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from quantum_latents.latents import (
    InterferometerLatentSpec,
    LatentSpec,
    LearnedPriorSpec,
    named_latent,
)
from quantum_latents.models import GANModelSpec
from quantum_latents.training import Precision, RunSpec, WGANSpec

__all__ = [
    "LATENTS",
    "Axis",
    "PaperFigure",
    "PaperFigures",
    "Restarts",
    "Study",
    "four_latents",
    "length_of_z",
    "model_on",
    "reference_of",
    "settings_of",
    "steps_of",
    "with_bank_size",
    "with_milestones",
    "with_num_steps",
    "with_precision",
]

LATENTS = ("quantum", "distinguishable", "bernoulli", "gaussian")
"""The paper's four latents, in the order of its tables' right to left."""


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """One published figure, to stand beside ours.

    Attributes:
        data, latent, metric: the cell it belongs to, by the names that rows use.
        mean: as published.
        standard_error: as published; None where it is not.
    """

    data: str
    latent: str
    metric: str
    mean: float
    standard_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class PaperFigures:
    """Figures that somebody published for the runs of a study, or for runs like them.

    Attributes:
        source: where they stand, such as "arXiv:..., Table II".
        figures: one a cell.
    """

    source: str
    figures: tuple[PaperFigure, ...]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A number along which the groups of a study are placed, such as the depth of a network.

    Attributes:
        name: one word, such as "depth".
        label: what is counted or measured, such as "hidden layers of the generator".
        of: the number of each group; two different ones or more.
        margins: by metric, how near to the data's own score a latent must come to have got
            there (`quantum_latents.results.axis`); declared before running.
        against: the group at which the same latent is what it must come near to, instead of the
            data's own score; "" for none.
        scale: `linear` or `log`, how the places are drawn.
    """

    name: str
    label: str
    of: Mapping[str, float]
    margins: Mapping[str, float]
    against: str = ""
    scale: str = "linear"


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """How one generator is chosen among those of a data set, latent and seed.

    Attributes:
        by: the metric that chooses, lower being better; of samples that are not reported.
        choices: by name, the starts (`RunSpec.start`) among whose runs is chosen.
        num_runs: by name, how many runs of a data set, latent and seed these are.
    """

    by: str
    choices: Mapping[str, tuple[str, ...]]
    num_runs: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return what `study.json` keeps."""
        choices = [
            {"name": name, "starts": list(starts), "num_runs": self.num_runs[name]}
            for name, starts in self.choices.items()
        ]
        return {"by": self.by, "choices": choices}


@dataclass(frozen=True, kw_only=True)
class Study:
    """Runs that are compared, and all that a reader must know about them.

    Attributes:
        name: the recipe's name.
        title: one line.
        question: what the runs are to answer.
        preset: `smoke`, `quick` or `paper`; "" where the training is the user's own.
        runs: in the order in which they are trained.
        primary_metrics: declared before running; the page's verdict is about these.
        equivalence_margins: for each metric that may be called 'as good as', the margin.
        notes: what a reader must be told, such as how a preset shrinks the paper's settings.
        sources: where each setting comes from, by the longest matching dotted prefix.
        reference: the latent that the others are compared with.
        paper: published figures that the page shows beside ours; None for none.
        groups: for a study of several comparisons on one data set, the names of those that each
            run belongs to, in the order of `runs`; paired statistics stay inside a group.
        doses: for a study of dose and response, the latents' doses by name; three or more.
        dose_label: what is dosed.
        axis: for a study whose groups lie along a number, that number; None for none.
        restarts: for a study of several runs of one data set, latent and seed, how one is chosen.
        search: for the trials of a tuning, what they are and what is chosen by them, as
            `quantum_latents.results.choose_trials` reads it.
        tuning: for a study whose latents were tuned, the trials, their scores and the choices.
    """

    name: str
    title: str
    question: str
    preset: str
    runs: tuple[RunSpec, ...]
    primary_metrics: tuple[str, ...]
    equivalence_margins: Mapping[str, float]
    notes: tuple[str, ...]
    sources: Mapping[str, str]
    reference: str = "quantum"
    paper: PaperFigures | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    doses: Mapping[str, float] = field(default_factory=dict)
    dose_label: str = ""
    axis: Axis | None = None
    restarts: Restarts | None = None
    search: Mapping[str, Any] | None = None
    tuning: Mapping[str, Any] | None = None

    def __post_init__(self):
        if not self.runs:
            raise ValueError("a study needs at least one run: name a latent and one or more seeds")
        if len({run.digest for run in self.runs}) < len(self.runs):
            raise ValueError("a run occurs twice in the study: name each latent and data set once")
        assert len(self.groups) in (0, len(self.runs))
        assert self.axis is None or self.groups
        compared: dict[str, set[tuple[int | None, int]]] = {}
        for run, names in zip(self.runs, self.groups or ((),) * len(self.runs), strict=True):
            sizes = (run.latent.bank_size, run.latent.num_held_out)
            # A run of several groups is compared with the others of each.
            banks = set().union(*(compared.setdefault(name, set()) for name in names or ("",)))
            for name in names or ("",):
                compared[name].add(sizes)
            banks.add(sizes)
            if len(banks) != 1:
                raise ValueError(
                    "latents that are compared draw from banks of one size, or all draw fresh; "
                    f"these have (bank_size, num_held_out) {sorted(banks, key=str)}"
                )


def four_latents(
    names: tuple[str, ...],
    *,
    dim: int,
    num_photons: int,
    interferometer: str,
    sharing: str,
    scaling: str,
    bank_size: int | None,
    num_held_out: int,
) -> tuple[LatentSpec, ...]:
    """Return the named latents, alike in everything that is not their law.

    Raises:
        ValueError: a name that is none of `LATENTS`.
    """
    shared: dict[str, Any] = {
        "dim": dim,
        "scaling": scaling,
        "bank_size": bank_size,
        "num_held_out": num_held_out,
    }
    photonic: dict[str, Any] = {
        "num_photons": num_photons,
        "interferometer": interferometer,
        "sharing": sharing,
    }
    if unknown := [name for name in names if name not in LATENTS]:
        raise ValueError(f"no latent is called {unknown[0]!r}: choose among {', '.join(LATENTS)}")
    specs = (named_latent(name, **shared) for name in names)
    return tuple(
        replace(spec, **photonic) if isinstance(spec, InterferometerLatentSpec) else spec
        for spec in specs
    )


def model_on(latent: LatentSpec, model: GANModelSpec) -> GANModelSpec:
    """Return the model that is trained on a latent: with means and scales on a learned prior.

    Everything else of it is the same on every latent.
    """
    learns = isinstance(latent, LearnedPriorSpec)
    return replace(model, generator=replace(model.generator, trainable_input_affine=learns))


def reference_of(names: Sequence[str]) -> str:
    """Return the latent that the others are compared with: quantum, else the first named."""
    return "quantum" if "quantum" in names or not names else names[0]


def length_of_z(latent_dim: int, usual: int = 16) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the sources, and the note to the reader, of latents of another length than usual.

    >>> length_of_z(16)
    ({}, ())
    """
    if latent_dim == usual:
        return {}, ()
    asked = "asked for; half as many photons as modes"
    note = (
        f"Every latent is {latent_dim} long instead of {usual}, and has {max(1, latent_dim // 2)} "
        "photons if it has any; the data are as usual."
    )
    return {"latent.dim": asked, "latent.num_photons": asked}, (note,)


def settings_of(study: Study) -> list[dict[str, str]]:
    """Return every setting of a study's runs with its values and its source.

    Raises:
        ValueError: a setting has no source: nothing that matters has a hidden origin.
    """
    values: dict[str, list[str]] = {}
    for run in study.runs:
        for name, value in _flatten(run.to_json()):
            text = str(value)
            if text not in values.setdefault(name, []):
                values[name].append(text)
    return [
        {"name": name, "value": _joined(name, texts), "source": _source(study.sources, name)}
        for name, texts in values.items()
    ]


def _joined(name: str, texts: list[str]) -> str:
    if name == "seed" and len(texts) > 2:
        return f"{texts[0]} to {texts[-1]}"
    return ", ".join(texts)


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(prefix, value)]
    pairs = []
    for key, item in value.items():
        pairs += _flatten(item, f"{prefix}.{key}" if prefix else key)
    return pairs


def _source(sources: Mapping[str, str], name: str) -> str:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (prefix := ".".join(parts[:end])) in sources:
            return sources[prefix]
    raise ValueError(f"setting {name!r} has no source: add it to the recipe's sources")


def with_bank_size(study: Study, bank_size: int | None) -> Study:
    """Return the study with banks of another size, None to draw afresh, for every latent."""
    runs = tuple(
        replace(run, latent=replace(run.latent, bank_size=bank_size)) for run in study.runs
    )
    how = "drawn afresh" if bank_size is None else f"drawn from banks of {bank_size}"
    sources = {**study.sources, "latent.bank_size": "asked for on the command line"}
    return replace(
        study,
        runs=runs,
        notes=(*study.notes, f"Latents: {how}, whatever size of bank is named above."),
        sources=sources,
    )


def with_milestones(study: Study, milestones: tuple[float, ...]) -> Study:
    """Return the study that also measures after these shares of the training steps.

    Raises:
        ValueError: a share outside (0, 1), or not in ascending order.
    """
    runs = tuple(
        replace(run, evaluation=replace(run.evaluation, milestones=milestones))
        for run in study.runs
    )
    sources = {**study.sources, "evaluation.milestones": "asked for on the command line"}
    return replace(study, runs=runs, sources=sources)


def steps_of(study: Study) -> str:
    """Return what the training steps of a study are called.

    >>> from quantum_latents.recipes import mixture, moons
    >>> steps_of(mixture("smoke")), steps_of(moons("smoke"))
    ('generator steps', 'steps')
    """
    return "generator steps" if isinstance(study.runs[0].training, WGANSpec) else "steps"


def with_num_steps(study: Study, num_steps: int) -> Study:
    """Return the study at another training budget, which its notes then state."""
    before = study.runs[0].training.num_steps
    if num_steps == before:
        return study
    runs = tuple(
        replace(run, training=replace(run.training, num_steps=num_steps)) for run in study.runs
    )
    note = f"Budget: {num_steps} {steps_of(study)} instead of this preset's {before}."
    sources = {**study.sources, "training.num_steps": "asked for on the command line"}
    return replace(study, runs=runs, notes=(*study.notes, note), sources=sources)


def with_precision(study: Study, precision: Precision) -> Study:
    """Return the study whose matrix products are computed in another precision, see `WGANSpec`.

    Raises:
        ValueError: its runs are no Wasserstein GANs, and know no other.
    """
    if any(not isinstance(run.training, WGANSpec) for run in study.runs):
        raise ValueError(
            f"{study.name} is trained in float32, not in {precision}: leave --precision out"
        )
    runs = tuple(
        replace(run, training=replace(run.training, precision=precision)) for run in study.runs
    )
    note = f"Matrix products in {precision}; weights and their updates in float32."
    sources = {**study.sources, "training.precision": "asked for on the command line"}
    return replace(study, runs=runs, notes=(*study.notes, note), sources=sources)
