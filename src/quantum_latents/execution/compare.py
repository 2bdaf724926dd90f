"""A comparison of latents on an array, in one call."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.execution.kept_array import kept_array
from quantum_latents.execution.local import run_study
from quantum_latents.execution.machine import default_cache
from quantum_latents.recipes import LATENTS, compare, split_latents
from quantum_latents.results import read_rows

__all__ = ["compare_latents"]


def compare_latents(
    data: np.ndarray | str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    preset: str = "quick",
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    latent_dim: int = 16,
    bank_size: int | None = None,
    num_workers: int | None = None,
    extend: bool = False,
) -> list[dict[str, Any]]:
    """Train the same GAN on one's own data under each latent; return the rows.

    The Python form of `qlat run compare`. Called again with the same arguments it resumes, or
    returns the rows that are there. `quantum_latents.report.write_report(directory)` makes
    the page, `quantum_latents.results.frame(directory)` a data frame.

    Args:
        data: an array (num_samples, d_x), kept as `data.npy` in the directory, or a file.
        directory: where the study lives.
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's; below 10 there is no verdict.
        latents: which of the four, and `bank:FOLDER` for the shots of a bank.
        latent_dim: d_z, the modes of the interferometer; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        num_workers: processes; None is one a core.
        extend: go on with more seeds or latents than the directory's study has; told on its page.

    Raises:
        ValueError: the data cannot be used, or the directory holds another study.
        StudyError: a stack of runs failed.
    """
    directory = Path(directory)
    drawn, folders = split_latents(latents)
    kept = kept_array(data, directory)
    file = kept.file
    try:
        study = compare(
            str(file),
            preset,
            num_seeds=num_seeds,
            latents=drawn,
            latent_dim=latent_dim,
            bank_size=bank_size,
            bank_folders=folders,
            cache=default_cache(),
        )
    except (TypeError, ValueError):
        kept.discard()
        raise
    command = ["qlat", "run", "compare", "--data", str(file), "--preset", preset]
    command += ["--seeds", str(len({run.seed for run in study.runs}))]
    command += ["--latents", ",".join(latents), "--latent-dim", str(latent_dim)]
    command += [] if bank_size is None else ["--bank", str(bank_size)]
    command += ["--out", str(directory)]
    command += ["--extend"] if extend else []
    words = shlex.join(command)
    run_study(study, directory, command=words, num_workers=num_workers, extend=extend)
    return read_rows(directory)
