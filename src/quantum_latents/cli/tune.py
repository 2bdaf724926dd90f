"""`qlat run tune`: another recipe, its latents tuned equally before the test seeds are touched."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quantum_latents.cli.progress import StudyLine
from quantum_latents.cli.run import (
    Run,
    announce,
    check_device,
    check_recipe,
    directory_of,
    settings_of_call,
    told,
)
from quantum_latents.cli.studies import study_of

if TYPE_CHECKING:
    from quantum_latents.recipes import Study, TunedStudy

__all__ = ["run_tune", "tuned_study"]

USUAL = "table1"
"""What is tuned unless a recipe is named, on photon counts alone."""

_NOT_TUNED = {
    "autoencoder": "its autoencoder has seen all rows to train on",
    "bank-sizes": "its latents are held against themselves, which must be trained alike",
    "corollary": "it chooses between restarts of its own",
    "ddgan": "what is tuned is a Wasserstein GAN's training",
    "moons": "what is tuned is a Wasserstein GAN's training",
    "hyperparameters": "it varies the training itself",
    "table2": "molecules have no validation rows",
    "tune": "it is the tuning",
}


def tuned_study(command: Run) -> TunedStudy:
    """Return the tuned study that a call asks for; a mistake raises before anything is written.

    Raises:
        ValueError: a recipe that does not exist or cannot be tuned, or an option that it does not
            take; as `quantum_latents.recipes.tune`.
    """
    from quantum_latents.recipes import tune

    name = command.tuned or USUAL
    check_recipe(name)
    if name in _NOT_TUNED:
        raise ValueError(f"--recipe {name} is not tuned: {_NOT_TUNED[name]}")
    data = "quantum" if command.tuned is None and command.data is None else command.data
    inner = replace(command, recipe=name, data=data, tuned=None, trials=None, tuning_seeds=None)
    return tune(study_of(inner), num_trials=command.trials, num_seeds=command.tuning_seeds)


def run_tune(command: Run, arguments: Sequence[str]) -> int:
    """Run both phases, and tell the test; return the exit code."""
    settings = settings_of_call(command, arguments)
    tuned = tuned_study(command)
    check_device(command)
    directory = directory_of(command)
    from quantum_latents.execution import run_tuned
    from quantum_latents.report import write_report

    phases: list[Path] = []

    def on_phase(study: Study, where: Path) -> None:
        if phases:
            show.close()
            write_report(phases[-1])
        phases.append(where)
        announce(study, where, command)

    with contextlib.closing(StudyLine(quiet=command.json)) as show:
        finished = run_tuned(tuned, directory, on_phase=on_phase, on_progress=show, **settings)
    return told(finished, directory, tuned.study.primary_metrics, command)
