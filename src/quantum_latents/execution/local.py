"""Running a study on this machine: worker processes, rows as they finish, exact resume.

The parent owns the study's directory: it alone appends rows. Each worker takes a stack,
trains it, writes its samples, and sends its rows back. Whatever dies, rows that were
appended stay, checkpoints stay, and the same call goes on.

    DIR/frozen.json  what was declared, hashed, before the first run
    DIR/study.json   what is asked, every setting and its source (read by `report`)
    DIR/runs.json    the specs
    DIR/plan.json    which runs train together, frozen
    DIR/rows.jsonl   the truth
    DIR/runs/        generated samples and generators, a folder a run
    DIR/stack-*      checkpoints of stacks in training
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.data import check_installed
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.plan import Plan, StackPlan, load_or_make_plan, planned_runs
from quantum_latents.execution.reuse import reused_runs, take_over
from quantum_latents.latents import PROPERTIES, Card, card_of
from quantum_latents.recipes import Study, settings_of
from quantum_latents.results import RowStore, next_number, sealed
from quantum_latents.training import RunSpec

__all__ = ["Progress", "StudyError", "default_cache", "run_study"]

_STUDY_SCHEMA = 1


class StudyError(RuntimeError):
    """A stack failed; what other stacks finished is on disk."""


@dataclass
class Progress:
    """How far a study is.

    Attributes:
        num_runs, num_finished: runs in all, and with a row.
        num_steps, num_steps_done: generator steps of all runs, and done.
        seconds: since this call started.
        steps_per_second: generator steps of single runs a second, since this call started.
        note: what takes time before the first step, if that is long; else empty.
    """

    num_runs: int
    num_finished: int
    num_steps: int
    num_steps_done: int = 0
    seconds: float = 0.0
    steps_per_second: float = 0.0
    note: str = ""


def default_cache() -> Path:
    """Return the folder of banks: `$QLAT_CACHE`, or quantum-latents in the user's cache."""
    if path := os.environ.get("QLAT_CACHE"):
        return Path(path)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "quantum-latents"


def run_study(
    study: Study,
    directory: Path,
    *,
    command: str,
    device: str = "cpu",
    num_workers: int | None = None,
    time_budget: float | None = None,
    extend: bool = False,
    cache: Path | None = None,
    seconds_between_checkpoints: float = 60.0,
    rows_from: Sequence[Path] = (),
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> bool:
    """Run a study, or go on with it, until every run has its row.

    Args:
        study: what to run.
        directory: where it lives; the same study there is resumed.
        command: the command line that reproduces it, for the page.
        device: `cpu` or `cuda`.
        num_workers: processes; None is one a core. Frozen in the plan when the study starts.
        time_budget: seconds after which it stops cleanly with checkpoints; None is none.
        extend: go on with more runs than the directory's study has; recorded, and told on its page.
        cache: folder of banks; None is `default_cache`.
        seconds_between_checkpoints: the most that a kill can cost, per stack.
        rows_from: directories of other studies; rows that they have of this study's runs when it
            starts, or of those it is extended by, are taken over, and these are not trained again.
        on_progress: called about once a second.

    Returns:
        True if every run has its row, False if the time budget ended first.

    Raises:
        ValueError: the directory holds another study or anyone's rows, is in use, or is a file;
            or fewer than one worker.
        ImportError: data need a library that is not installed; nothing has been written then.
        StudyError: a stack failed.
        KeyboardInterrupt: after a clean stop with checkpoints.
    """
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"a study needs at least 1 worker, not {num_workers}")
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"{directory} is a file: a study needs a directory, choose another --out")
    for data in {run.data for run in study.runs}:
        check_installed(data)
    directory.mkdir(parents=True, exist_ok=True)
    with lock_directory(directory):
        commit = commit_of_source()
        description = _description(study, command, commit)
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
        plan = load_or_make_plan(
            directory / "plan.json", own, device=device, num_workers=num_workers
        )
        cache = cache or default_cache()
        parent = _Parent(study, directory, plan, cache, seconds_between_checkpoints, commit, spec)
        return parent.run(time_budget, on_progress)


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    with open(directory / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is running the study in {directory}: wait for it, or choose "
                "another --out"
            ) from None
        yield


def _description(study: Study, command: str, commit: str) -> dict[str, Any]:
    """Return what `study.json` says of a study."""
    cards = {run.latent.name: card_of(run.latent) for run in study.runs}
    description = {
        "schema": _STUDY_SCHEMA,
        "study": study.name,
        "title": study.title,
        "question": study.question,
        "preset": study.preset,
        "command": command,
        "notes": list(study.notes),
        "reference": study.reference,
        "primary_metrics": list(study.primary_metrics),
        "equivalence_margins": dict(study.equivalence_margins),
        "latents": _latents(cards),
        "settings": settings_of(study),
        "num_runs": len(study.runs),
        "version": quantum_latents.__version__,
        "commit": commit,
    }
    if (ladder := _ladder(cards)) is not None:
        description["ladder"] = ladder
    if study.groups:
        of_runs = zip(study.runs, study.groups, strict=True)
        description["groups"] = {run.digest: list(names) for run, names in of_runs}
    if study.doses:
        description["doses"] = {"label": study.dose_label, "of": dict(study.doses)}
    if study.axis is not None:
        description["axis"] = asdict(study.axis)
    if study.restarts is not None:
        description["restarts"] = study.restarts.to_json()
    if study.search is not None:
        description["search"] = dict(study.search)
    if study.tuning is not None:
        description["tuning"] = dict(study.tuning)
    if study.paper is not None:
        description["paper"] = {
            "source": study.paper.source,
            "figures": [asdict(figure) for figure in study.paper.figures],
        }
    return description


def _latents(cards: Mapping[str, Card]) -> list[dict[str, str]]:
    """Return the card of every latent of a study in words."""
    return [
        {"name": name, "what": card.what, "shares": card.shares, "simulation": card.simulation}
        for name, card in cards.items()
    ]


def _ladder(cards: Mapping[str, Card]) -> dict[str, Any] | None:
    """Return what each latent shares with the quantum one as data, None without that one.

    Latents that cannot say are left out.
    """
    if "quantum" not in cards:
        return None
    of = {name: card.sharing for name, card in cards.items() if card.sharing is not None}
    return {
        "properties": [{"name": name, "label": label} for name, label in PROPERTIES.items()],
        "of": {name: dict(sharing) for name, sharing in of.items()},
    }


def commit_of_source() -> str:
    """Return the commit of the source tree this package runs from, or "" outside one.

    It ends in -dirty where tracked sources differ from the commit. Taken when a study starts
    or goes on: later commits are not what its processes have loaded.
    """
    source = Path(__file__).resolve().parents[3]
    if not (source / ".git").exists():
        return ""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = ["git", "-C", str(source), *arguments]
        return subprocess.run(call, capture_output=True, text=True, check=False)

    try:
        head = git("rev-parse", "--short=12", "HEAD").stdout.strip()
        dirty = git("diff", "--quiet", "HEAD", "--", "src", "pyproject.toml").returncode == 1
    except OSError:  # no git on this machine
        return ""
    return f"{head}-dirty" if dirty else head


def _machine() -> dict[str, Any]:
    """Return what this machine is, without its name."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system()}


class _Parent:
    """Hands stacks to worker processes and appends the rows they send back."""

    def __init__(
        self,
        study: Study,
        directory: Path,
        plan: Plan,
        cache: Path,
        seconds_between_checkpoints: float,
        commit: str,
        spec: str,
    ) -> None:
        self.study, self.directory, self.cache = study, directory, cache
        self.spec = spec
        self.seconds_between_checkpoints, self.commit = seconds_between_checkpoints, commit
        self.store = RowStore(directory)
        rows = self.store.read()
        self.finished = finished = {row["run"] for row in rows}
        self.next_number = next_number(rows)
        self.pending = [s for s in plan.stacks if not finished.issuperset(s.runs)]
        self.num_workers = min(plan.num_workers, len(self.pending))
        steps = study.runs[0].training.num_steps
        self.progress = Progress(
            num_runs=len(study.runs),
            num_finished=len(finished),
            num_steps=steps * sum(len(stack.runs) for stack in plan.stacks),
        )
        self.stack_size = {stack.index: len(stack.runs) for stack in plan.stacks}
        done = sum(len(s.runs) for s in plan.stacks) - sum(len(s.runs) for s in self.pending)
        self.steps_done_before = done * steps
        self.progress.num_steps_done = self.steps_done_before
        self.stack_steps: dict[int, int] = {}
        self.first_steps: dict[int, int] = {}

    def run(self, time_budget: float | None, on_progress: Callable[[Progress], None]) -> bool:
        if not self.pending:
            on_progress(self.progress)
            return True
        context = multiprocessing.get_context("spawn")
        tasks, messages, stop = context.Queue(), context.Queue(), context.Event()
        for stack in (*self.pending, *[None] * self.num_workers):
            tasks.put(stack)  # None sends a worker home
        specs = {run.digest: run.to_json() for run in self.study.runs}
        arguments = (
            self.study.name,
            specs,
            str(self.directory),
            str(self.cache),
            self.seconds_between_checkpoints,
            self.commit,
        )
        workers = [
            context.Process(target=_work, args=(tasks, messages, stop, *arguments), daemon=True)
            for _ in range(self.num_workers)
        ]
        started = time.monotonic()
        num_threads = max(stack.num_threads for stack in self.pending)
        failure: StudyError | None = None
        stopped = False
        with _interrupts_noted() as interrupted:
            try:
                with _hidden_main_module(), _interrupts_held_back(), _blas_threads(num_threads):
                    for worker in workers:
                        worker.start()
                # Whatever happens, rows are taken until the last worker is gone: one that
                # finished while another failed is not trained twice.
                while any(worker.is_alive() for worker in workers) or not messages.empty():
                    try:
                        self._receive(messages)
                        self._check(workers)
                    except StudyError as error:
                        failure = failure or error
                    self._report(started, on_progress)
                    if time_budget is not None and time.monotonic() - started > time_budget:
                        stopped = True
                    if stopped or failure or interrupted.is_set():
                        stop.set()
            finally:
                stop.set()
                for worker in workers:
                    if worker.pid is not None:
                        worker.join(timeout=30)
                        worker.kill()
        self._report(started, on_progress)
        if interrupted.is_set():
            raise KeyboardInterrupt
        if failure is not None:
            raise failure
        if self.progress.num_finished < self.progress.num_runs and not stopped:
            raise StudyError("the workers ended before every run had its row: run it again")
        return self.progress.num_finished == self.progress.num_runs

    def _receive(self, messages: Any) -> None:
        """Handle what workers sent within half a second."""
        deadline = time.monotonic() + 0.5
        while (left := deadline - time.monotonic()) > 0:
            try:
                kind, stack, content = messages.get(timeout=left)
            except queue.Empty:
                return
            if kind == "rows":
                self.progress.note = ""
                for row in content:
                    self._append(row)
                (self.directory / stack.checkpoint_name).unlink(missing_ok=True)
                self.progress.num_finished = len(self.finished)
            elif kind == "note":
                self.progress.note = content
            elif kind == "step":
                self.progress.note = ""
                self.stack_steps[stack.index] = content
                self.first_steps.setdefault(stack.index, content)
            else:
                raise StudyError(content)

    def _append(self, row: dict[str, Any]) -> None:
        if row["run"] in self.finished:
            return  # of a stack that was killed between two rows and trained again
        self.store.append(sealed(row, self.spec, self.next_number) if self.spec else row)
        self.finished.add(row["run"])
        self.next_number += 1

    def _report(self, started: float, on_progress: Callable[[Progress], None]) -> None:
        sizes = self.stack_size
        done = sum(steps * sizes[index] for index, steps in self.stack_steps.items())
        before = sum(steps * sizes[index] for index, steps in self.first_steps.items())
        self.progress.num_steps_done = self.steps_done_before + done
        self.progress.seconds = time.monotonic() - started
        self.progress.steps_per_second = (done - before) / max(self.progress.seconds, 1e-9)
        on_progress(self.progress)

    def _check(self, workers: Sequence[BaseProcess]) -> None:
        for worker in workers:
            if worker.exitcode not in (None, 0):
                raise StudyError(
                    f"a worker process ended with code {worker.exitcode} (out of memory?): "
                    "finished runs are kept; the same command goes on, --workers 1 needs less"
                )


@contextlib.contextmanager
def _hidden_main_module() -> Iterator[None]:
    """Keep new processes from importing the user's script again.

    Workers need nothing of it, and a script without the `__name__ == "__main__"` guard would
    start the study once more in each of them.
    """
    main = sys.modules["__main__"]
    hidden = {name: main.__dict__.pop(name) for name in ("__file__",) if hasattr(main, name)}
    hidden["__spec__"], main.__spec__ = main.__spec__, None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


@contextlib.contextmanager
def _blas_threads(number: int) -> Iterator[None]:
    """Let new processes inherit how many threads numpy's BLAS may start.

    Left alone, every worker starts one a core for the metrics, and they wait for each other:
    minutes instead of seconds on a busy machine.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_noted() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a set event, so that no row is cut in the middle of a write.

    A second one interrupts at once. Outside the main thread Python handles no signals.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(signal_number: int, frame: Any) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let new processes inherit a blocked SIGINT: Ctrl-C reaches them too, while they import.

    A worker is stopped by its parent, never by the terminal. Here a Ctrl-C only waits.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    tasks: Any,
    messages: Any,
    stop: Any,
    study: str,
    specs: dict[str, Any],
    directory: str,
    cache: str,
    seconds_between_checkpoints: float,
    commit: str,
) -> None:
    """Train stacks until none is left; runs in a process of its own."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while not stop.is_set():
        try:
            stack = tasks.get(timeout=0.2)
        except queue.Empty:
            continue
        if stack is None:
            return
        try:
            rows = _train(
                stack,
                messages,
                stop,
                study,
                specs,
                Path(directory),
                Path(cache),
                seconds_between_checkpoints,
                commit,
            )
        except Exception as error:
            detail = "".join(traceback.format_exception(error))
            messages.put(("error", stack, f"stack {stack.index} failed: {error}\n{detail}"))
            return
        if rows is not None:
            messages.put(("rows", stack, rows))


def _die_with_parent() -> None:
    """End this process when its parent is gone, so that a killed study leaves no orphans."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _train(
    stack: StackPlan,
    messages: Any,
    stop: Any,
    study: str,
    specs: dict[str, Any],
    directory: Path,
    cache: Path,
    seconds_between_checkpoints: float,
    commit: str,
) -> list[dict[str, Any]] | None:
    import torch

    from quantum_latents.evaluation import make_row, write_run
    from quantum_latents.training import compile_steps, data_of, is_fitted, train_stack

    torch.set_num_threads(stack.num_threads)
    runs = [RunSpec.from_json(specs[digest]) for digest in stack.runs]
    last_sent = 0.0

    def on_progress(step: int) -> None:
        nonlocal last_sent
        if time.monotonic() - last_sent > 0.5 or step == runs[0].training.num_steps:
            messages.put(("step", stack, step))
            last_sent = time.monotonic()

    if stack.device == "cpu":
        note = ("note", stack, "compiling, once for each installation (up to a minute)")
        announce = threading.Timer(2.0, messages.put, [note])
        announce.start()
        compile_steps(runs[0].model, runs[0].training)
        announce.cancel()
    if not all(is_fitted(run.latent, run.seed, cache) for run in runs):
        messages.put(("note", stack, "fitting learned latents"))
    outcomes = train_stack(
        runs,
        cache=cache,
        checkpoint=directory / stack.checkpoint_name,
        device=stack.device,
        seconds_between_checkpoints=seconds_between_checkpoints,
        on_progress=on_progress,
        should_stop=stop.is_set,
    )
    if outcomes is None:
        return None
    rows: list[dict[str, Any]] = []
    data, data_key = None, None  # latents and restarts of a seed follow each other and share it
    messages.put(("note", stack, "computing metrics"))
    for place, outcome in enumerate(outcomes):
        write_run(directory, outcome)
        if data is None or data_key != (outcome.spec.data, outcome.spec.seed):
            data, data_key = data_of(outcome.spec, cache), (outcome.spec.data, outcome.spec.seed)
        rows.append(
            make_row(
                outcome,
                data,
                study=study,
                stack={
                    "size": len(runs),
                    "place": place,
                    "device": stack.device,
                    "kernel": outcome.kernel,
                    "num_threads": stack.num_threads,
                },
                provenance={
                    "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                    # The run's share of its stack, since the stack's last resume.
                    "seconds": round(outcome.seconds / len(runs), 3),
                    "stack_seconds": round(outcome.seconds, 3),
                    "machine": _machine(),
                    "torch": torch.__version__,
                    "version": quantum_latents.__version__,
                    "commit": commit,
                },
                directory=directory,
            )
        )
    return rows
