"""A small study end to end, disturbed in every way, against the same study undisturbed."""

import contextlib
import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from quantum_latents.evaluation import read_samples
from quantum_latents.execution import StudyError, run_study
from quantum_latents.recipes import table1
from quantum_latents.results import deterministic_part, read_rows, read_study

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")

PATIENCE = 300.0
"""Seconds after which something is broken; only a failing test waits that long."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tiny_study, cache):
    directory = tmp_path_factory.mktemp("undisturbed") / "study"
    assert run(tiny_study(), directory, cache)
    return directory


def run(study, directory, cache, **settings):
    settings = {"command": "qlat run tiny", "num_workers": 1, "cache": cache} | settings
    return run_study(study, directory, **settings)


def result_of(directory):
    """Everything that a repetition must reproduce, by run."""
    rows = {row["run"]: deterministic_part(row) for row in read_rows(directory)}
    return rows, {name: read_samples(directory, name).tobytes() for name in rows}


def content_of(directory):
    return {p: p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def wait_until(condition, process=None):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        if process is not None:
            assert process.poll() is None, "the study ended before it could be disturbed"
        time.sleep(0.002)


def num_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def children_of(parent):
    """Worker processes of a process, by what the kernel says."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes()
            if int(ppid) == parent and b"spawn_main" in command and state != "Z":
                found.append(int(stat.parent.name))
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextlib.contextmanager
def standing_still(pids):
    """Processes that do nothing meanwhile, however fast they are."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def started(script, directory, cache):
    """The study in a session of its own, killed at the end whatever happens."""
    process = subprocess.Popen(
        [*script, str(directory), str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_study_leaves_rows_samples_and_its_description(undisturbed, tiny_study):
    study = tiny_study()
    rows = read_rows(undisturbed)
    assert {row["run"] for row in rows} == {run.digest for run in study.runs}
    for row in rows:
        assert row["status"] == "finished"
        assert read_samples(undisturbed, row["run"]).shape == (60, 4)
        assert row["stack"] == {
            "size": 2,
            "place": row["stack"]["place"],
            "device": "cpu",
            "kernel": "numba",
            "num_threads": 1,
        }
        assert row["provenance"]["seconds"] > 0
        assert row["provenance"]["stack_cpu_seconds"] > 0
        assert {"finished_at", "machine", "torch", "version", "commit"} <= set(row["provenance"])
    described = read_study(undisturbed)
    assert described["command"] == "qlat run tiny"
    assert described["num_runs"] == 4
    assert all(setting["source"] for setting in described["settings"])
    assert not list(undisturbed.rglob("*.part"))


def test_a_finished_study_trains_nothing_again(undisturbed, tiny_study, cache, monkeypatch):
    before, reports = content_of(undisturbed), []
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: pytest.fail("it trained"))
    assert run(tiny_study(), undisturbed, cache, num_workers=3, on_progress=reports.append)
    assert content_of(undisturbed) == before
    assert reports[-1].num_finished == reports[-1].num_runs == 4
    assert reports[-1].num_steps_done == reports[-1].num_steps == 4 * 12_000


def test_another_study_is_refused_and_nothing_is_written_over(undisturbed, tiny_study, cache):
    before = content_of(undisturbed)
    with pytest.raises(ValueError, match=r"holds another study .*choose another --out"):
        run(tiny_study(num_steps=32), undisturbed, cache)
    assert content_of(undisturbed) == before


@pytest.mark.parametrize("name", ["rows.jsonl", "study.json", "plan.json"])
def test_a_directory_with_anyones_results_is_refused(name, tmp_path, tiny_study, cache):
    (tmp_path / name).write_text('{"schema": 1}\n')
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=f"{name}.*choose another --out"):
        run(tiny_study(), tmp_path, cache)
    assert {p: c for p, c in content_of(tmp_path).items() if p.name != ".lock"} == before


def test_a_file_is_no_directory(tmp_path, tiny_study, cache):
    file = tmp_path / "study"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        run(tiny_study(), file, cache)
    assert file.read_text() == "mine"


def test_no_workers_is_a_mistake(tmp_path, tiny_study, cache):
    with pytest.raises(ValueError, match="at least 1 worker, not 0"):
        run(tiny_study(), tmp_path / "study", cache, num_workers=0)


def test_disturbed_in_every_way_the_rows_are_the_same(
    undisturbed, tiny_study, cache, script, tmp_path, trains_here
):
    directory = tmp_path / "study"
    rows, checkpoint = directory / "rows.jsonl", directory / "stack-0001.safetensors"

    # Ctrl-C reaches every process of the group; the first stack is done, the second in training.
    with started(script, directory, cache) as process:
        wait_until(lambda: num_lines(rows) == 2 and checkpoint.exists(), process)
        with (
            standing_still(children_of(process.pid)),
            pytest.raises(ValueError, match="another process is running the study"),
        ):
            run(tiny_study(), directory, cache)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, errors
        assert errors == ""
    kept, plan = rows.read_bytes(), (directory / "plan.json").read_bytes()
    assert num_lines(rows) == 2
    assert checkpoint.exists()

    # kill -9 of the parent alone, in the middle of the second stack: its worker must follow.
    written = checkpoint.stat().st_mtime_ns
    with started(script, directory, cache) as process:
        wait_until(lambda: children_of(process.pid), process)
        workers = children_of(process.pid)
        wait_until(lambda: checkpoint.stat().st_mtime_ns > written, process)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_running, workers)))
    assert rows.read_bytes() == kept
    assert checkpoint.exists()
    assert len(list(directory.glob("runs/*/samples.safetensors"))) == 2  # it did not train on

    assert run(tiny_study(), directory, cache, time_budget=0) is False

    # kill -9 of the worker alone, once it goes on: its parent says so.
    written = checkpoint.stat().st_mtime_ns

    over = threading.Event()

    def kill_the_worker():  # progress is told too seldom: the stack could be done by then
        wait_until(lambda: over.is_set() or checkpoint.stat().st_mtime_ns > written)
        if not over.is_set():
            for worker in children_of(os.getpid()):
                os.kill(worker, signal.SIGKILL)

    killer = threading.Thread(target=kill_the_worker, daemon=True)
    killer.start()
    try:
        with pytest.raises(StudyError, match=r"ended with code -9 .*the same command goes on"):
            run(tiny_study(), directory, cache, seconds_between_checkpoints=0.0)
    finally:
        over.set()
        killer.join()
    assert not multiprocessing.active_children()
    assert rows.read_bytes() == kept

    # Another process than any that wrote to it, this one, ends it.
    with trains_here():
        assert run(tiny_study(), directory, cache, num_workers=2)
    assert (directory / "plan.json").read_bytes() == plan  # frozen, whatever is asked later
    assert rows.read_bytes().startswith(kept)
    assert num_lines(rows) == 4
    assert not list(directory.glob("stack-*"))  # checkpoints are gone with their use
    assert result_of(directory) == result_of(undisturbed)


@pytest.mark.slow
def test_ctrl_c_while_the_workers_still_import_leaves_nothing_half(script, tmp_path, cache):
    directory = tmp_path / "study"
    with started(script, directory, cache) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "0"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, errors
        assert errors == ""
    assert num_lines(directory / "rows.jsonl") < 4


def test_a_failing_stack_is_named_and_the_others_rows_are_kept(
    tmp_path, tiny_study, cache, trains_here
):
    """A checkpoint of other runs lies where the second stack's should be."""
    directory = tmp_path / "study"
    directory.mkdir()
    (directory / "stack-0001.safetensors").write_bytes(b"not a checkpoint")
    damaged = r"stack 1 failed: .*stack-0001.safetensors is damaged"
    with trains_here(), pytest.raises(StudyError, match=damaged):
        run(tiny_study(num_steps=16), directory, cache)
    assert len(read_rows(directory)) == 2
    (directory / "stack-0001.safetensors").unlink()
    with trains_here():
        assert run(tiny_study(num_steps=16), directory, cache)
    assert len(read_rows(directory)) == 4


def test_the_description_says_as_data_what_the_latents_share(undisturbed):
    study = read_study(undisturbed)
    names = [latent["name"] for latent in study["latents"]]
    assert set(study["ladder"]["of"]) == set(names)
    assert study["ladder"]["of"]["quantum"] == {
        one["name"]: "full" for one in study["ladder"]["properties"]
    }
    assert all(
        set(latent) == {"name", "what", "shares", "simulation"} for latent in study["latents"]
    )


def test_the_description_tells_the_settings_of_every_run(undisturbed):
    runs = json.loads((undisturbed / "runs.json").read_text())
    assert all(row["spec"] == runs[row["run"]] for row in read_rows(undisturbed))
    settings = {
        setting["name"]: setting["value"] for setting in read_study(undisturbed)["settings"]
    }
    assert settings["latent.dim"] == "16, 8"
    assert settings["training.num_steps"] == "12000"


def test_rows_of_another_worker_are_kept_when_a_stack_fails(tmp_path, tiny_study, cache):
    """The second stack fails at once; the first, in its own process, ends or can go on."""
    directory = tmp_path / "study"
    directory.mkdir()
    (directory / "stack-0001.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(StudyError, match="stack 1 failed"):
        run(tiny_study(num_steps=16), directory, cache, num_workers=2)
    assert not multiprocessing.active_children()
    left = list(directory.glob("stack-0000.safetensors"))
    assert left or read_rows(directory), "finished rows or a checkpoint, never nothing"


def test_what_a_killed_writer_left_half_is_swept_up(undisturbed, tiny_study, cache):
    half = undisturbed / "stack-0000.safetensors.1.part"
    half.write_bytes(b"half")
    assert run(tiny_study(), undisturbed, cache)
    assert not half.exists()


def test_a_study_goes_on_where_it_was_planned(undisturbed, tiny_study, cache):
    with pytest.raises(ValueError, match="planned for cpu: go on with --device cpu"):
        run(tiny_study(), undisturbed, cache, device="cuda")


def test_data_whose_library_is_missing_are_refused_before_anything_is_written(
    tmp_path, monkeypatch
):
    study = table1("smoke", num_seeds=1, data_sets=("grey_digits",))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[data\]'"):
        run_study(study, tmp_path / "study", command="a test")
    assert not (tmp_path / "study").exists()
