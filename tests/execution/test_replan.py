"""A lack of memory in the middle of a study: stacks in halves, results bit for bit the same."""

import itertools
import json
import queue
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from quantum_latents.evaluation import read_samples
from quantum_latents.execution import StudyError, local, process_executor, run_study, worker
from quantum_latents.execution.executor import OutOfMemory, Work
from quantum_latents.execution.plan import Plan, StackPlan
from quantum_latents.execution.replan import replanned
from quantum_latents.results import deterministic_part, read_rows
from quantum_latents.training import GANStack

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


class InThisProcess:
    """An executor without processes: it trains a stack whenever it is asked for messages."""

    def __init__(self, work, stacks, num_workers):
        self.work, self.waiting = work, list(stacks)
        self.messages, self.stopped = queue.Queue(), threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def is_running(self):
        return bool(self.waiting) or not self.messages.empty()

    def receive(self, timeout):
        if self.messages.empty() and self.waiting:
            self._train(self.waiting.pop(0))
        return None if self.messages.empty() else self.messages.get()

    def _train(self, stack):
        work = self.work
        try:
            rows = worker.train_planned(
                stack,
                self.messages,
                self.stopped,
                work.study,
                dict(work.specs),
                work.directory,
                work.cache,
                work.seconds_between_checkpoints,
                work.commit,
            )
        except Exception as error:
            self.messages.put(worker.failure_of(stack, error))
            return
        self.messages.put(("rows", stack, rows))

    def check(self):
        pass

    def stop(self):
        self.waiting.clear()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def study(tiny_study):
    """Five runs that share a stack, 64 steps each."""
    study = tiny_study(num_steps=64)
    runs = [replace(study.runs[3], seed=seed) for seed in range(5)]
    return replace(study, runs=tuple(runs))


def run(study, directory, cache, **settings):
    settings = {"num_workers": 1, "seconds_between_checkpoints": 0.0} | settings
    return run_study(study, directory, command="qlat run tiny", cache=cache, **settings)


def result_of(directory):
    """What must be the same however runs were stacked."""
    rows = {row["run"]: deterministic_part(row) | {"stack": None} for row in read_rows(directory)}
    return rows, {name: read_samples(directory, name).tobytes() for name in rows}


def stacks_of(directory):
    return {row["run"]: row["stack"] for row in read_rows(directory)}


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(local, "ProcessExecutor", InThisProcess)


@pytest.fixture
def undisturbed(study, cache, tmp_path, in_this_process):
    assert run(study, tmp_path / "undisturbed", cache)
    return result_of(tmp_path / "undisturbed")


def short_of_memory(monkeypatch, most_runs, at_step=32):
    """Let stacks of more runs raise a MemoryError at a step; return the steps they began at."""
    begun = []
    block = GANStack.train_block

    def train_block(stack):
        is_new = not begun or begun[-1][0] is not stack
        if is_new and stack.training.num_steps > 1:  # not what is trained to be compiled
            begun.append((stack, stack.step))
        if len(stack.members) > most_runs and stack.step >= at_step:
            raise MemoryError("Unable to allocate 9.00 GiB")
        block(stack)

    monkeypatch.setattr(GANStack, "train_block", train_block)
    return begun


def test_stacks_are_halved_until_they_fit_and_go_on(
    study, cache, undisturbed, tmp_path, monkeypatch
):
    begun, notes = short_of_memory(monkeypatch, most_runs=2), []
    directory = tmp_path / "study"
    assert run(study, directory, cache, on_progress=lambda p: notes.append(p.note))
    assert result_of(directory) == undisturbed
    # 5 -> 3 and 2, 3 -> 2 and 1: nothing that a checkpoint held was trained again.
    assert [(len(stack.members), step) for stack, step in begun] == [
        (5, 0),
        (3, 32),
        (2, 32),
        (1, 32),
        (2, 32),
    ]
    why = "MemoryError: Unable to allocate 9.00 GiB"
    assert any(f"stack 0 of 5 runs goes on as two of 3 and 2 ({why})" in note for note in notes)
    of = stacks_of(directory)
    first, last = of[study.runs[0].digest], of[study.runs[4].digest]
    assert (first["size"], last["size"]) == (2, 2)
    assert last["replanned"] == {"from": [{"size": 5, "why": why}], "same_bits": True}
    assert [one["size"] for one in first["replanned"]["from"]] == [5, 3]
    plan = json.loads((directory / "plan.json").read_text())
    assert [len(stack["runs"]) for stack in plan["stacks"]] == [2, 1, 2]
    assert len(plan["replanned"]) == 2
    assert not list(directory.glob("stack-*"))


def test_a_split_study_goes_on_after_a_stop(study, cache, undisturbed, tmp_path, monkeypatch):
    """The plan of halves is read again, and they find their larger stack's checkpoint."""
    directory = tmp_path / "study"
    with monkeypatch.context() as patch:
        short_of_memory(patch, most_runs=4)
        write_plan = local.write_plan

        def stop_then(path, plan):
            write_plan(path, plan)
            raise KeyboardInterrupt

        patch.setattr(local, "write_plan", stop_then)
        with pytest.raises(KeyboardInterrupt):
            run(study, directory, cache)
    assert [path.name for path in directory.glob("stack-*")] == ["stack-0000.safetensors"]
    begun = short_of_memory(monkeypatch, most_runs=5)
    assert run(study, directory, cache)
    assert [(len(stack.members), step) for stack, step in begun] == [(3, 32), (2, 32)]
    assert result_of(directory) == undisturbed
    # More runs get numbers that no stack has had.
    more = replace(study, runs=(*study.runs, replace(study.runs[0], seed=9)))
    assert run(more, directory, cache, extend=True)
    plan = Plan.from_json(json.loads((directory / "plan.json").read_text()))
    assert [stack.index for stack in plan.stacks] == [1, 2, 3]


def test_a_run_that_does_not_fit_alone_ends_the_study_with_its_sizes(
    study, cache, tmp_path, monkeypatch, in_this_process
):
    short_of_memory(monkeypatch, most_runs=0)
    with pytest.raises(StudyError, match=r"alone in its stack .*9.00 GiB.* MiB by count, .* free"):
        run(study, tmp_path / "study", cache, num_workers=2)
    plan = json.loads((tmp_path / "study" / "plan.json").read_text())
    assert plan["num_workers"] == 1  # it was tried without the other worker first
    assert "1 instead of 2 workers" in plan["replanned"][-1]


def test_halves_keep_order_place_and_history():
    stacks = [StackPlan(i, (f"{i}a", f"{i}b", f"{i}c"), "cuda", 2) for i in range(3)]
    plan = Plan(tuple(stacks), 1)
    for _ in range(2):
        plan = replanned(plan, OutOfMemory(plan.stacks[1], "too much"), run=None)
    assert [(s.index, s.runs) for s in plan.stacks] == [
        (0, ("0a", "0b", "0c")),
        (5, ("1a",)),
        (6, ("1b",)),
        (4, ("1c",)),
        (2, ("2a", "2b", "2c")),
    ]
    assert [one.checkpoint for one in plan.stacks[1].split_from] == [
        "stack-0003.safetensors",
        "stack-0001.safetensors",
    ]
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_rows_of_a_kernel_that_rounds_by_stack_say_so():
    halves = replanned(
        Plan((StackPlan(0, ("a", "b"), "cuda", 1),), 1),
        OutOfMemory(StackPlan(0, ("a", "b"), "cuda", 1), "too much"),
        run=None,
    ).stacks
    said = worker._replanned(halves[0], "torch")
    assert said == {"replanned": {"from": [{"size": 2, "why": "too much"}], "same_bits": False}}


def through(name, monkeypatch):
    """Let workers be those of `short_of_memory.py`."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import short_of_memory as workers

    monkeypatch.setattr(process_executor, "work", getattr(workers, name))


class Dead:
    """A worker process that is gone."""

    def __init__(self, exitcode):
        self.exitcode, self.pid = exitcode, 7


@pytest.mark.parametrize(
    ("exitcode", "kills", "is_known", "is_memory"),
    [
        (-9, [3, 4], True, True),
        (-9, [3, 3], True, False),  # somebody's kill -9
        (-9, [None, None], True, False),  # nobody counts
        (-9, [3, 4], False, False),  # it died before it said what it trains
        (1, [3, 4], True, False),
    ],
)
def test_the_kernels_kill_is_told_from_somebody_elses(
    exitcode, kills, is_known, is_memory, tmp_path, monkeypatch
):
    stack = StackPlan(0, ("a", "b"), "cpu", 1)
    counted = iter(kills)
    monkeypatch.setattr(process_executor, "num_oom_kills", lambda: next(counted))
    work = Work("a study", {}, tmp_path, tmp_path, 60.0, "")
    executor = process_executor.ProcessExecutor(work, [stack], 0)
    with executor:
        executor._workers = [Dead(exitcode)]
        if is_known:
            executor._messages.put(("taken", stack, 7))
            executor._messages.put(("note", stack, "the next"))
            while (message := executor.receive(timeout=60)) is None:
                pass
            assert message == ("note", stack, "the next")
        with pytest.raises(StudyError, match=r"for want of memory|ended with code") as caught:
            executor.check()
        executor._workers = []
    assert isinstance(caught.value, OutOfMemory) == is_memory


@linux
@pytest.mark.slow
def test_a_worker_that_the_kernel_kills_has_its_stack_halved(
    study, cache, undisturbed, tmp_path, monkeypatch
):
    kills = itertools.count()
    monkeypatch.setattr(local, "ProcessExecutor", process_executor.ProcessExecutor)
    monkeypatch.setattr(process_executor, "num_oom_kills", lambda: next(kills))
    through("killed", monkeypatch)
    few = replace(study, runs=study.runs[:3])
    assert run(few, tmp_path / "study", cache)
    assert (tmp_path / "study" / "died").exists()
    of = stacks_of(tmp_path / "study")
    assert [of[run.digest]["size"] for run in few.runs] == [2, 2, 1]
    assert "kernel killed" in of[few.runs[0].digest]["replanned"]["from"][0]["why"]
    rows, samples = result_of(tmp_path / "study")
    assert rows == {name: undisturbed[0][name] for name in rows}
    assert samples == {name: undisturbed[1][name] for name in samples}


@linux
@pytest.mark.slow
def test_workers_of_little_memory_halve_their_stacks(study, cache, tmp_path, monkeypatch):
    """Nothing is injected: the kernel refuses the memory, and whoever asked for it says so."""
    large = [
        replace(run, training=replace(run.training, batch_size=20_000, num_steps=16))
        for run in study.runs[:4]
    ]
    large_study = replace(study, runs=tuple(large))
    with monkeypatch.context() as patch:
        patch.setattr(local, "ProcessExecutor", InThisProcess)
        assert run(large_study, tmp_path / "undisturbed", cache)
    through("limited", monkeypatch)
    assert run(large_study, tmp_path / "study", cache)
    sizes = {stack["size"] for stack in stacks_of(tmp_path / "study").values()}
    assert max(sizes) < 4
    assert all("replanned" in stack for stack in stacks_of(tmp_path / "study").values())
    assert result_of(tmp_path / "study") == result_of(tmp_path / "undisturbed")
