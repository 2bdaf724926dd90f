"""Losses and metrics of a study as TensorBoard's event files.

    DIR/tensorboard/<data>/<latent>/seed-<seed>-<first digits of the run>/

Losses of a run come as its worker sends them, about once a second; metrics, those of milestones
too, when it has its row. Runs that finished before somebody asked for TensorBoard are written from
their rows, with the curves that these hold.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quantum_latents.recipes import Study

__all__ = ["Board", "check_tensorboard"]

_FOLDER = "tensorboard"


def check_tensorboard() -> None:
    """Refuse to begin where TensorBoard's files cannot be written.

    Raises:
        ImportError: the package tensorboard is not installed.
    """
    _writer_class()


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "--tensorboard needs the package tensorboard: "
            "pip install 'quantum-latents[tensorboard]'"
        ) from error
    return SummaryWriter


class Board:
    """The event files of a study, written by one process.

    Args:
        study: whose runs are written.
        directory: the study's.

    Raises:
        ImportError: see `check_tensorboard`.
    """

    def __init__(self, study: Study, directory: Path) -> None:
        self._new_writer, self._open = _writer_class(), {}
        self._folders = {
            run.digest: directory
            / _FOLDER
            / _plain(run.data.name)
            / _plain(run.latent.name)
            / f"seed-{run.seed}-{run.digest[:6]}"
            for run in study.runs
        }

    def add_losses(self, run: str, step: int, losses: Mapping[str, float | None]) -> None:
        """Add a run's losses after so many steps."""
        if run not in self._open:
            # What an earlier call wrote of later steps, before it was killed, is taken back.
            self._open[run] = self._new_writer(str(self._folders[run]), purge_step=step)
        for name, value in losses.items():
            if value is not None:
                self._open[run].add_scalar(f"loss/{name}", value, step)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a finished run's metrics, and close its file."""
        writer = self._open.pop(row["run"], None) or self._new_writer(
            str(self._folders[row["run"]])
        )
        with contextlib.closing(writer):
            budget = row.get("budget", {"step": [], "metrics": {}})
            for name, values in budget["metrics"].items():
                for step, value in zip(budget["step"], values, strict=True):
                    if value is not None:
                        writer.add_scalar(f"metric/{name}", value, step)
            last = row["spec"]["training"]["num_steps"]
            for name, entry in row["metrics"].items():
                if entry["value"] is not None:
                    writer.add_scalar(f"metric/{name}", entry["value"], last)

    def take_over(self, row: Mapping[str, Any]) -> None:
        """Add a run that finished earlier, unless it has files."""
        if row["run"] not in self._folders or self._folders[row["run"]].exists():
            return
        curves = row["curves"]
        for place, step in enumerate(curves["step"]):
            losses = {name: values[place] for name, values in curves.items() if name != "step"}
            self.add_losses(row["run"], int(step), losses)
        self.add_row(row)

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].close()


def _plain(name: str) -> str:
    """Return a name as a folder's.

    >>> _plain("bank:a b/c")
    'bank_a_b_c'
    """
    return re.sub(r"[^\w.+-]+", "_", name)
