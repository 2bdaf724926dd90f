"""Running a study from this machine: rows as they finish, exact resume.

The parent owns the study's directory: it alone appends rows. An executor (worker processes of this
machine, or a Ray cluster) trains whole stacks and sends their rows back. Whatever dies, rows that
were appended stay, checkpoints stay, and the same call goes on.

    DIR/frozen.json  what was declared, hashed, before the first run
    DIR/study.json   what is asked, every setting and its source (read by `report`)
    DIR/runs.json    the specs
    DIR/plan.json    which runs train together, frozen
    DIR/rows.jsonl   the truth
    DIR/trained.jsonl  runs that wait for their metrics, if any do
    DIR/progress.jsonl  events, for whoever watches
    DIR/runs/        generated samples and generators, a folder a run
    DIR/stack-*      checkpoints of stacks in training
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from quantum_latents.data import check_installed
from quantum_latents.execution.directory import description_of, lock_directory
from quantum_latents.execution.executor import Executor, OutOfMemory, StudyError, Work
from quantum_latents.execution.finished import FinishedRuns
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.machine import check_precision, commit_of_source, default_cache
from quantum_latents.execution.plan import (
    Plan,
    StackPlan,
    load_or_make_plan,
    planned_runs,
    write_plan,
)
from quantum_latents.execution.process_executor import ProcessExecutor
from quantum_latents.execution.processes import interrupts_noted
from quantum_latents.execution.replan import replanned
from quantum_latents.execution.reuse import reused_runs, take_over
from quantum_latents.execution.stack_memory import MeasuringError
from quantum_latents.execution.tensorboard import Board, check_tensorboard
from quantum_latents.execution.watch import Progress, Watch
from quantum_latents.recipes import Study
from quantum_latents.training import check_requirements

__all__ = ["run_study"]


def run_study(
    study: Study,
    directory: Path,
    *,
    command: str,
    device: str = "cpu",
    num_workers: int | None = None,
    ray: str | None = None,
    gpu_share: float = 1.0,
    time_budget: float | None = None,
    extend: bool = False,
    cache: Path | None = None,
    seconds_between_checkpoints: float = 60.0,
    rows_from: Sequence[Path] = (),
    evaluate_later: bool = False,
    tensorboard: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> bool:
    """Run a study, or go on with it, until every run is trained.

    Where a library that metrics need is not installed, a run's samples are stored and its metrics
    are left to `evaluate_study`, here or elsewhere; but a network that photographs are measured by
    must be there, or its metrics expressly be left.

    Args:
        study: what to run.
        directory: where it lives; the same study there is resumed.
        command: the command line that reproduces it, for the page.
        device: `cpu` or `cuda`.
        num_workers: processes; None is one a core. Frozen in the plan when the study starts.
            On Ray, stacks that train at once; None is as many as the cluster has room for.
        ray: address of a Ray cluster, see `quantum_latents.execution.ray.connected`; None trains
            in processes of this machine.
        gpu_share: of a GPU, for a stack on a Ray cluster, in (0, 1].
        time_budget: seconds after which it stops cleanly with checkpoints; None is none.
        extend: go on with more runs than the directory's study has; recorded, and told on its page.
        cache: folder of banks; None is `default_cache`.
        seconds_between_checkpoints: the most that a kill can cost, per stack.
        rows_from: directories of other studies; rows that they have of this study's runs when it
            starts, or of those it is extended by, are taken over, and these are not trained again.
        evaluate_later: leave all metrics to `evaluate_study`.
        tensorboard: also write event files, see `quantum_latents.execution.tensorboard`.
        on_progress: called about once a second.

    Returns:
        True if every run is trained, False if the time budget ended first.

    Raises:
        ValueError: the directory holds another study or anyone's rows, is in use, or is a file;
            or fewer than one worker; or a precision that the device does not compute faster than
            float32; or a Ray cluster that does not answer or has no GPU.
        ImportError: data or training need a library that is not installed, or Ray or TensorBoard
            is not; nothing has been written then.
        ConnectionError: weights of a network that measures are missing and cannot be downloaded.
        StudyError: a stack failed, or a run does not fit into memory alone. A stack of several
            that does not fit goes on in halves, see `execution.replan`.
        KeyboardInterrupt: after a clean stop with checkpoints.
    """
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"a study needs at least 1 worker, not {num_workers}")
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"{directory} is a file: a study needs a directory, choose another --out")
    from quantum_latents.evaluation import check_network_of  # not needed to import this room

    for data in {run.data for run in study.runs}:
        check_installed(data)
        if not evaluate_later:
            check_network_of(data, cache or default_cache())
    for training in {run.training for run in study.runs}:
        check_precision(training.precision, device)
        check_requirements(training)
    if tensorboard:
        check_tensorboard()
    if ray is None and gpu_share != 1:
        raise ValueError(f"a share of a GPU ({gpu_share}) is for stacks on a Ray cluster")
    with contextlib.ExitStack() as held:
        cluster = None
        if ray is not None:
            from quantum_latents.execution.ray import connected

            cluster = held.enter_context(connected(ray, device=device, gpu_share=gpu_share))
        directory.mkdir(parents=True, exist_ok=True)
        held.enter_context(lock_directory(directory))
        commit = commit_of_source()
        description = description_of(study, command, commit)
        spec = freeze_study(study.runs, description, directory, extend=extend)
        for half in directory.rglob("*.part"):  # left by a writer that was killed
            half.unlink()
        if rows_from:  # what is planned already is trained here, whatever others have by now
            take_over(study, directory, rows_from, planned_runs(directory / "plan.json"))
        reused = reused_runs(directory)
        own = [run for run in study.runs if run.digest not in reused]
        if not own:
            on_progress(Progress(len(study.runs), len(study.runs), 0))
            return True
        started, path = time.monotonic(), directory / "plan.json"
        try:
            plan = load_or_make_plan(
                path,
                own,
                device=device,
                num_workers=cluster.num_places if cluster and num_workers is None else num_workers,
                cores=None if cluster is None else cluster.cores,
                cache=cache,
                seconds=time_budget,
            )
        except MeasuringError as error:
            raise StudyError(str(error)) from error
        except TimeoutError:
            return False
        work = Work(
            study.name,
            {run.digest: run.to_json() for run in study.runs},
            directory,
            cache or default_cache(),
            seconds_between_checkpoints,
            commit,
            evaluate_later,
        )

        def executor(stacks: Sequence[StackPlan]) -> Executor:
            if cluster is not None:
                return cluster.executor(work, stacks, at_once=num_workers)
            return ProcessExecutor(work, stacks, min(plan.num_workers, len(stacks)))

        note, of = "", {run.digest: run for run in study.runs}
        while True:
            board = Board(study, directory) if tensorboard else None
            parent = _Parent(study, directory, plan, FinishedRuns(directory, spec), board, note)
            try:
                return parent.run(executor, started, time_budget, on_progress)
            except OutOfMemory as short:
                plan = replanned(plan, short, of[short.stack.runs[0]])
                write_plan(path, plan)
                note = plan.replanned[-1]


class _Parent:
    """Keeps a study's directory: appends the rows that an executor sends, and tells progress."""

    def __init__(
        self,
        study: Study,
        directory: Path,
        plan: Plan,
        finished: FinishedRuns,
        board: Board | None,
        note: str = "",
    ) -> None:
        self.study, self.directory, self.finished = study, directory, finished
        self.watch = Watch(study, directory, finished.rows, finished.waiting, board)
        self.pending = [s for s in plan.stacks if not finished.runs.issuperset(s.runs)]
        steps = study.runs[0].training.num_steps
        self.progress = Progress(
            num_runs=len(study.runs),
            num_finished=len(finished.runs),
            num_waiting=len(finished.waiting),
            num_steps=steps * sum(len(stack.runs) for stack in plan.stacks),
            note=note,
            latents=self.watch.latents(),
            labels=self.watch.labels,
        )
        self.stack_size = {stack.index: len(stack.runs) for stack in plan.stacks}
        done = sum(len(s.runs) for s in plan.stacks) - sum(len(s.runs) for s in self.pending)
        self.steps_done_before = done * steps
        self.progress.num_steps_done = self.steps_done_before
        self.stack_steps: dict[int, int] = {}
        self.first_steps: dict[int, int] = {}

    def run(
        self,
        start: Callable[[Sequence[StackPlan]], Executor],
        started: float,
        time_budget: float | None,
        on_progress: Callable[[Progress], None],
    ) -> bool:
        if not self.pending:
            on_progress(self.progress)
            return True
        self.watch.start(self.progress, self.pending[0].device)
        if self.progress.note:  # before anything that workers say takes its place
            on_progress(self.progress)
        failure: StudyError | None = None
        stopped = False
        with interrupts_noted() as interrupted, start(self.pending) as executor:
            # Whatever happens, rows are taken until the last worker is gone: one that
            # finished while another failed is not trained twice.
            while executor.is_running():
                try:
                    self._receive(executor)
                    executor.check()
                except StudyError as error:
                    failure = failure or error
                self._report(started, on_progress)
                if time_budget is not None and time.monotonic() - started > time_budget:
                    stopped = True
                if stopped or failure or interrupted.is_set():
                    executor.stop()
        self._report(started, on_progress)
        is_done = self.progress.num_finished == self.progress.num_runs
        why = "interrupted" if interrupted.is_set() else "time budget" if stopped else "failed"
        if isinstance(failure, OutOfMemory) and not interrupted.is_set():
            why = "out of memory"
        self.watch.end(self.progress, "finished" if is_done else why)
        if interrupted.is_set():
            raise KeyboardInterrupt
        if failure is not None:
            raise failure
        if self.progress.num_finished < self.progress.num_runs and not stopped:
            raise StudyError("the workers ended before every run was trained: run it again")
        return self.progress.num_finished == self.progress.num_runs

    def _receive(self, executor: Executor) -> None:
        """Handle what workers sent within half a second."""
        deadline = time.monotonic() + 0.5
        while (left := deadline - time.monotonic()) > 0:
            if (message := executor.receive(left)) is None:
                return
            kind, stack, content = message
            if kind == "rows":
                self.progress.note = ""
                for row in content:
                    if self.finished.append(row):
                        self.watch.on_run(row)
                self._discard_checkpoints(stack)
                self.progress.num_finished = len(self.finished.runs)
                self.progress.num_waiting = len(self.finished.waiting)
            elif kind == "note":
                self.progress.note = content
            elif kind == "step":
                self.progress.note = ""
                self.stack_steps[stack.index] = content
                self.first_steps.setdefault(stack.index, content)
            elif kind == "losses":
                self.watch.on_losses(stack.runs, *content)
            elif kind == "memory":
                raise OutOfMemory(stack, content)
            else:
                raise StudyError(content)

    def _discard_checkpoints(self, stack: StackPlan) -> None:
        """Remove what a finished stack went on from, but what other parts of it still need."""
        others = [s for s in self.pending if not self.finished.runs.issuperset(s.runs)]
        needed = {one.checkpoint for other in others for one in other.split_from}
        names = {stack.checkpoint_name, *(one.checkpoint for one in stack.split_from)}
        for name in names - needed:
            (self.directory / name).unlink(missing_ok=True)

    def _report(self, started: float, on_progress: Callable[[Progress], None]) -> None:
        sizes = self.stack_size
        done = sum(steps * sizes[index] for index, steps in self.stack_steps.items())
        before = sum(steps * sizes[index] for index, steps in self.first_steps.items())
        self.progress.num_steps_done = self.steps_done_before + done
        self.progress.seconds = time.monotonic() - started
        self.progress.steps_per_second = (done - before) / max(self.progress.seconds, 1e-9)
        self.watch.show(self.progress)
        on_progress(self.progress)
