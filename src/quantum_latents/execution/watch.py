"""What is known of a study while it trains, latent by latent.

Notation: a *cell* is a latent on a data set (and in a group of the study, where it has any), as in
its tables. Whoever owns the study's directory tells a `Watch` of losses as workers send them and of
runs as they finish; it keeps the last of each, writes events and, if asked, TensorBoard's files.
Nothing here has a part in any result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantum_latents.execution.events import EventLog
from quantum_latents.metrics import lookup
from quantum_latents.recipes import Study
from quantum_latents.results import TRAINED
from quantum_latents.training import loss_names_of

if TYPE_CHECKING:
    from quantum_latents.execution.tensorboard import Board

__all__ = ["LatentProgress", "Progress", "Watch"]

_MOST_LATENTS = 200
"""Cells of one event."""


@dataclass(frozen=True, kw_only=True)
class LatentProgress:
    """How far a cell is.

    Attributes:
        data, latent: whose; the data set's name with the group's, as tables have it.
        num_runs, num_finished: runs in all, and trained.
        losses: by the names of the training's kind, means over the runs that this call trains,
            each at its last step known; None where there is nothing yet. ``wasserstein`` is the
            critic's estimate: of samples that critic and generator train on, up to a scale that
            the penalty fixes, and comparable between runs of one model alone.
        metrics: means of the study's primary metrics over the runs that have a row; None where
            no run has a value.
    """

    data: str
    latent: str
    num_runs: int
    num_finished: int
    losses: Mapping[str, float | None]
    metrics: Mapping[str, float | None]


@dataclass
class Progress:
    """How far a study is.

    Attributes:
        num_runs, num_finished: runs in all, and trained.
        num_waiting: of the trained ones those that wait for their metrics (`qlat evaluate`).
        num_steps, num_steps_done: generator steps of all runs, and done.
        seconds: since this call started.
        steps_per_second: generator steps of single runs a second, since this call started.
        note: what takes time before the first step, if that is long; else empty.
        latents: how far each latent is, in the order of the study.
        labels: of the primary metrics, for readers.
    """

    num_runs: int
    num_finished: int
    num_steps: int
    num_steps_done: int = 0
    seconds: float = 0.0
    steps_per_second: float = 0.0
    note: str = ""
    num_waiting: int = 0
    latents: tuple[LatentProgress, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first step."""
        if self.steps_per_second <= 0:
            return None
        return (self.num_steps - self.num_steps_done) / self.steps_per_second


class Watch:
    """What is known of a study's runs.

    Args:
        study: which is run.
        directory: where it lives.
        rows: that were there before this call.
        trained: digests of runs without a row that were trained before this call.
        board: TensorBoard's files; None writes none.
    """

    def __init__(
        self,
        study: Study,
        directory: Path,
        rows: Iterable[Mapping[str, Any]] = (),
        trained: Iterable[str] = (),
        board: Board | None = None,
    ) -> None:
        self._study, self._directory, self._board = study, directory, board
        self._cells: dict[tuple[str, str], list[str]] = {}
        for place, run in enumerate(study.runs):
            groups = study.groups[place] if study.groups else ()
            for group in groups or ("",):
                data = f"{run.data.name}, {group}" if group else run.data.name
                self._cells.setdefault((data, run.latent.name), []).append(run.digest)
        self._names = {run.digest: loss_names_of(run.training) for run in study.runs}
        self._losses: dict[str, Sequence[float | None]] = {}
        self._metrics: dict[str, Mapping[str, Any]] = {}
        self._finished = set(trained)
        for row in rows:
            self._take(row)
            if board is not None:
                board.take_over(row)
        self.labels = {name: lookup(name).label for name in study.primary_metrics}

    def start(self, progress: Progress, device: str) -> None:
        """Note that a call begins to train."""
        self._log = EventLog(self._directory)
        self._log.write(
            "start",
            study=self._study.name,
            preset=self._study.preset,
            device=device,
            **_counts(progress),
            steps=progress.num_steps,
            primary_metrics=list(self._study.primary_metrics),
        )

    def on_losses(
        self, runs: Sequence[str], step: int, losses: Sequence[Sequence[float | None]]
    ) -> None:
        """Take the losses of a stack's runs after so many steps, each in the order of its names."""
        for run, of_run in zip(runs, losses, strict=True):
            self._losses[run] = of_run
            if self._board is not None:
                named = dict(zip(self._names[run], of_run, strict=True))
                self._board.add_losses(run, step, named)

    def on_run(self, row: Mapping[str, Any]) -> None:
        """Take a row, or a record, that is on the disk."""
        self._take(row)
        if self._board is not None:
            self._board.add_row(row)
        spec = row["spec"]
        self._log.write(
            "run",
            run=row["run"],
            data=spec["data"]["name"],
            latent=spec["latent"]["name"],
            seed=spec["seed"],
            status=row["status"],
            metrics={name: entry["value"] for name, entry in row["metrics"].items()},
        )

    def show(self, progress: Progress) -> None:
        """Complete what is shown of a study, and note it if it is time."""
        progress.latents, progress.labels = self.latents(), self.labels
        self._log.progress(lambda: _content(progress))

    def end(self, progress: Progress, why: str) -> None:
        """Note how a call ended."""
        self._log.write("end", why=why, **_content(progress))
        if self._board is not None:
            self._board.close()

    def latents(self) -> tuple[LatentProgress, ...]:
        """Return how far each cell is."""
        return tuple(
            LatentProgress(
                data=data,
                latent=latent,
                num_runs=len(runs),
                num_finished=len(self._finished.intersection(runs)),
                losses={
                    name: _mean(self._losses[run][k] for run in runs if run in self._losses)
                    for k, name in enumerate(self._names[runs[0]])
                },
                metrics={
                    name: _mean(
                        self._metrics[run].get(name, {}).get("value")
                        for run in runs
                        if run in self._metrics
                    )
                    for name in self._study.primary_metrics
                },
            )
            for (data, latent), runs in self._cells.items()
        )

    def _take(self, row: Mapping[str, Any]) -> None:
        self._finished.add(row["run"])
        if row["status"] != TRAINED:
            self._metrics[row["run"]] = row["metrics"]


def _counts(progress: Progress) -> dict[str, int]:
    return {
        "runs": progress.num_runs,
        "finished": progress.num_finished,
        "waiting": progress.num_waiting,
    }


def _content(progress: Progress) -> dict[str, Any]:
    left = progress.seconds_left
    return {
        "seconds": round(progress.seconds, 3),
        **_counts(progress),
        "steps": progress.num_steps,
        "steps_done": progress.num_steps_done,
        "steps_per_second": round(progress.steps_per_second, 3),
        "seconds_left": None if left is None else round(left, 1),
        "note": progress.note,
        "latents": [asdict(latent) for latent in progress.latents[:_MOST_LATENTS]],
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is known.

    >>> _mean([1.0, None, 2.0]), _mean([None])
    (1.5, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
