"""Equal tuning: every latent gets the same trials, chosen among before the test seeds are touched.

Notation: a *trial* is one setting of the training, drawn from a declared space (`SPACE`) into one
list for all latents; trial 0 is the recipe's own. The *search* trains every latent of a recipe on
every trial, on seeds that no test uses, and measures on validation rows (`EvaluationSpec.split`).
The *final* study is the recipe's own, each latent at the trial that was best for it.

What is tuned is the optimisation alone: model, batch, number of generator steps and data stay the
recipe's, so that a latent is never given a larger network or more data than another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantum_latents.data import DataSpec, MoleculesSpec
from quantum_latents.metrics import lookup
from quantum_latents.random import Stream, stream
from quantum_latents.recipes.challengers import check_existence
from quantum_latents.recipes.data_sets import DATA_SETS
from quantum_latents.recipes.presets import size_of
from quantum_latents.recipes.study import Study
from quantum_latents.results import Choice
from quantum_latents.training import RunSpec, WGANSpec

__all__ = ["FIRST_TUNING_SEED", "SPACE", "TunedStudy", "trials_of", "tune"]

FIRST_TUNING_SEED = 1000
"""Tuning seeds are this one and the next; those of a test are below it."""

SPACE: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.25, 0.5, 1.0, 2.0, 4.0),
    "gradient_penalty": (0.1, 0.3, 1.0, 3.0),
    "critic_steps": (3, 5, 8),
    "decay": (0.0, 0.5),
}
"""What trials are drawn from: factors of the recipe's own learning rate and gradient penalty,
critic steps, and the last share of the steps over which the learning rate falls to 0."""


@dataclass(frozen=True, kw_only=True)
class _Size:
    """How much is tuned.

    Attributes:
        num_trials: of every latent, the recipe's own among them.
        num_seeds: tuning seeds of every trial.
    """

    num_trials: int
    num_seeds: int


_PRESETS = {
    "smoke": _Size(num_trials=3, num_seeds=1),
    "quick": _Size(num_trials=5, num_seeds=2),
    "paper": _Size(num_trials=12, num_seeds=3),
}

_TRIAL = "ours: a trial of the tuning, the same list for every latent"
_CHOSEN = "tuned: chosen for each latent among the same trials, on validation rows"
_TUNED = (
    "training.optimiser.learning_rate",
    "training.gradient_penalty",
    "training.critic_steps",
    "training.decay",
)


@dataclass(frozen=True, kw_only=True)
class TunedStudy:
    """A recipe's study, and how its latents are tuned before it runs.

    Attributes:
        study: the recipe's own, untuned.
        trials: the list, the recipe's own first.
        by: the metric that chooses.
        seeds: tuning seeds.
    """

    study: Study
    trials: tuple[WGANSpec, ...]
    by: str
    seeds: tuple[int, ...]

    @property
    def search(self) -> Study:
        """The first phase: every cell on every trial and tuning seed, on validation rows."""
        runs: list[RunSpec] = []
        groups: list[tuple[str, ...]] = []
        for seed, (place, trial) in itertools.product(self.seeds, enumerate(self.trials)):
            for cell, names in self._cells.items():
                runs.append(_tuning_run(cell, trial, seed))
                groups.append(tuple(_joined(name, f"trial {place}") for name in names))
        # Milestones are not measured while tuning.
        sources = {k: v for k, v in self.study.sources.items() if k != "evaluation.milestones"}
        return replace(
            self.study,
            name="tune",
            title=f"{self.study.title}: the trials of the tuning",
            question=f"Which of the same {len(self.trials)} trials suits each latent best?",
            runs=tuple(runs),
            primary_metrics=(self.by,),
            equivalence_margins={},
            notes=(*self.study.notes, _SEARCH_NOTE),
            sources=sources
            | dict.fromkeys(_TUNED, _TRIAL)
            | {
                "evaluation.split": "ours: trials are chosen on rows that no test reads",
                "seed": "ours: seeds that no test uses",
            },
            paper=None,
            groups=tuple(groups),
            doses={},
            axis=None,
            search={
                "by": self.by,
                "trials": [described(trial) for trial in self.trials],
                "seeds": list(self.seeds),
                "cells": self._search_cells(),
                "final": self._declared(),
            },
        )

    def final(self, choices: Sequence[Choice]) -> Study:
        """Return the second phase: the recipe's study, each cell at its chosen trial.

        Args:
            choices: what `quantum_latents.results.choose_trials` made of the search's rows.
        """
        chosen = dict(zip(self._cells, choices, strict=True))
        runs = tuple(
            replace(run, training=self.trials[chosen[_cell_of(run)].trial])
            for run in self.study.runs
        )
        note = _FINAL_NOTE.format(
            num_trials=len(self.trials),
            seeds=f"{len(self.seeds)} tuning seed{'s' * (len(self.seeds) > 1)}",
            num_steps=self.trials[0].num_steps,
            label=lookup(self.by).label,
        )
        return replace(
            self.study,
            name="tune",
            title=f"{self.study.title}, every latent tuned equally",
            runs=runs,
            notes=(*self.study.notes, note),
            sources={**self.study.sources, **dict.fromkeys(_TUNED, _CHOSEN)},
            paper=None,
            tuning={
                "by": self.by,
                "label": lookup(self.by).label,
                "direction": lookup(self.by).direction,
                "trials": [described(trial) for trial in self.trials],
                "seeds": list(self.seeds),
                "num_steps": self.trials[0].num_steps,
                "choices": [choice.to_json() for choice in choices],
            },
        )

    @property
    def _cells(self) -> dict[RunSpec, tuple[str, ...]]:
        """What choices are made for, each with the names of its groups, in the study's order."""
        groups = self.study.groups or ((),) * len(self.study.runs)
        of_runs = zip(self.study.runs, groups, strict=True)
        return {_cell_of(run): names or ("",) for run, names in of_runs}

    def _search_cells(self) -> list[dict[str, Any]]:
        return [
            {
                "data": cell.data.name,
                "latent": cell.latent.name,
                "group": "; ".join(filter(None, names)),
                "trials": [
                    [_tuning_run(cell, trial, seed).digest for seed in self.seeds]
                    for trial in self.trials
                ],
            }
            for cell, names in self._cells.items()
        ]

    def _declared(self) -> dict[str, Any]:
        """What the final study will be, as far as it is known before the search."""
        return {
            "seeds": sorted({run.seed for run in self.study.runs}),
            "primary_metrics": list(self.study.primary_metrics),
            "equivalence_margins": dict(self.study.equivalence_margins),
            "reference": self.study.reference,
        }


def tune(
    study: Study, *, num_trials: int | None = None, num_seeds: int | None = None
) -> TunedStudy:
    """Return a recipe's study with equal tuning before it.

    Args:
        study: of any recipe whose runs are trained alike.
        num_trials: of every latent; None takes the preset's.
        num_seeds: tuning seeds of every trial; None takes the preset's.

    Raises:
        ValueError: a study that chooses between restarts, varies the training itself, or is of
            molecules or other data without rows to validate on; test seeds among the tuning
            seeds; fewer than 2 trials or more than there are, no tuning seed; or a challenger
            that does not exist for a tuning seed.
    """
    size = size_of(_PRESETS, study.preset)
    num_trials = size.num_trials if num_trials is None else num_trials
    num_seeds = size.num_seeds if num_seeds is None else num_seeds
    if num_seeds < 1:
        raise ValueError(f"tuning seeds are at least 1, not {num_seeds}")
    if study.restarts is not None:
        raise ValueError(
            f"{study.name} chooses between restarts of its own: tune a recipe without them"
        )
    if any(isinstance(run.data, MoleculesSpec) for run in study.runs):
        raise ValueError(
            f"{study.name} is of molecules, whose statistics are made for the held-out ones: "
            "there are no validation rows to tune on"
        )
    own = study.runs[0].training
    if not isinstance(own, WGANSpec):
        raise ValueError(
            f"{study.name} trains no GANs, and what is tuned is a GAN's training: run it untuned"
        )
    if len({run.training for run in study.runs}) > 1:
        raise ValueError(f"{study.name} varies the training itself: there is nothing to tune")
    for data in dict.fromkeys(run.data for run in study.runs):
        _check_room(data)
    if (last := max(run.seed for run in study.runs)) >= FIRST_TUNING_SEED:
        raise ValueError(
            f"seed {last} is a tuning seed: test at most {FIRST_TUNING_SEED} seeds, from 0"
        )
    latents = {run.latent for run in study.runs}
    check_existence(sorted(latents, key=lambda spec: spec.name), num_seeds, first=FIRST_TUNING_SEED)
    return TunedStudy(
        study=study,
        trials=trials_of(own, num_trials),
        by=_chooses(study),
        seeds=tuple(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + num_seeds)),
    )


def trials_of(own: WGANSpec, num_trials: int) -> tuple[WGANSpec, ...]:
    """Return the first trials of the list, the recipe's own before all.

    The others are points of `SPACE`, drawn in rounds: in each round every learning rate occurs
    once, and the values of the others as evenly as they can. The list is the same for every latent
    and every study, and a longer one begins with a shorter one.

    Raises:
        ValueError: fewer than 2 trials, which is no tuning, or more than there are.

    >>> from quantum_latents.training import OptimiserSpec
    >>> own = WGANSpec(num_steps=10, batch_size=4, critic_steps=5, gradient_penalty=10.0,
    ...                optimiser=OptimiserSpec(name="rmsprop", learning_rate=1e-3, alpha=0.99))
    >>> trials = trials_of(own, 4)
    >>> trials[0] == own, trials_of(own, 3) == trials[:3], len(set(trials))
    (True, True, 4)
    """
    most = math.prod(map(len, SPACE.values()))
    if not 2 <= num_trials <= most:
        raise ValueError(f"trials are from 2 to {most}, not {num_trials}")
    trials = {own: None}
    for number in itertools.count():
        trials |= dict.fromkeys(_round(own, stream(0, "tuning", "trials", number)))
        if len(trials) >= num_trials:
            return tuple(trials)[:num_trials]
    raise AssertionError  # the rounds never end


def _round(own: WGANSpec, stream: Stream) -> list[WGANSpec]:
    """Return one round of trials: each factor's values in a random order, repeated to fill it."""
    length = max(map(len, SPACE.values()))
    columns = [
        np.resize(stream.child(name).generator().permutation(values), length).tolist()
        for name, values in SPACE.items()
    ]
    points = (dict(zip(SPACE, point, strict=True)) for point in zip(*columns, strict=True))
    return [_at(own, point) for point in points]


def described(trial: WGANSpec) -> dict[str, float]:
    """Return what is tuned of a trial, by name."""
    return {
        "learning_rate": trial.optimiser.learning_rate,
        "gradient_penalty": trial.gradient_penalty,
        "critic_steps": trial.critic_steps,
        "decay": trial.decay,
    }


def _at(own: WGANSpec, point: Mapping[str, float]) -> WGANSpec:
    rate = own.optimiser.learning_rate * point["learning_rate"]
    return replace(
        own,
        optimiser=replace(own.optimiser, learning_rate=rate),
        gradient_penalty=own.gradient_penalty * point["gradient_penalty"],
        critic_steps=int(point["critic_steps"]),
        decay=point["decay"],
    )


def _cell_of(run: RunSpec) -> RunSpec:
    """Return what is alike in all runs of one choice."""
    return replace(run, seed=0)


def _tuning_run(cell: RunSpec, trial: WGANSpec, seed: int) -> RunSpec:
    evaluation = replace(cell.evaluation, milestones=(), split="validation")
    return replace(cell, training=trial, evaluation=evaluation, seed=seed)


def _chooses(study: Study) -> str:
    """Return the primary metric that chooses: the first that no constant output would win.

    Of several data sets, the first of those that each of them has: where a metric is missing, a
    latent would be left at the recipe's own trial and pass for tuned.
    """
    primary = study.primary_metrics
    names = [name for name in primary if not lookup(name).constant_wins]
    if not names:
        raise ValueError(
            f"a constant output would win every primary metric ({', '.join(primary)}): "
            "there is none to tune by"
        )
    data = dict.fromkeys(run.data.name for run in study.runs)
    if len(data) == 1:
        return names[0]
    of = [DATA_SETS[name].primary_metrics for name in data if name in DATA_SETS]
    if not (shared := [name for name in names if all(name in metrics for metrics in of)]):
        raise ValueError(
            f"{', '.join(data)} share none of {', '.join(names)}: tune them one by one"
        )
    return shared[0]


def _check_room(data: DataSpec) -> None:
    """Refuse data too few to set some aside, where the spec says how many there are."""
    num_train, num_held_out = (getattr(data, n, None) for n in ("num_train", "num_held_out"))
    if num_train is not None and num_held_out is not None and num_train < 4 * num_held_out:
        raise ValueError(
            f"{data.name!r} has {num_train:,} rows to train on, too few to set twice "
            f"{num_held_out:,} aside for validation: leave these data out"
        )


def _joined(*names: str) -> str:
    return ", ".join(filter(None, names))


_SEARCH_NOTE = (
    "These are trials: measured on validation rows and on seeds that no test uses. The best of "
    "several scores is too good by having been chosen; the final study tells how good it is."
)
_FINAL_NOTE = (
    "Every latent was tuned equally: the same {num_trials} trials of learning rate, gradient "
    "penalty, critic steps and decay, {seeds} each, {num_steps:,} generator steps "
    "a run. The trial with the best mean {label} on validation rows was fixed before the first "
    "test run. Data, initial weights and generator steps are still those of the pair; critic steps "
    "and rates are each latent's own."
)
