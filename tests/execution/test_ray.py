"""Studies and banks on a real Ray of this machine, its workers killed; and what is refused."""

import contextlib
import importlib.util
import os
import queue
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from quantum_latents.banks import BankRecipe, bank, build_bank
from quantum_latents.circuits import haar
from quantum_latents.cli import main
from quantum_latents.evaluation import read_samples
from quantum_latents.execution import StudyError, evaluate_study, run_study
from quantum_latents.execution.node import StackTrainer
from quantum_latents.execution.plan import StackPlan, load_or_make_plan
from quantum_latents.execution.worker import train_planned
from quantum_latents.random import stream
from quantum_latents.recipes import table1
from quantum_latents.results import deterministic_part, read_rows, unevaluated

# Not importorskip: what Ray reads of the environment, it reads when it is imported.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)

NUM_STEPS = 20_000
"""A node tells of its steps twice a second: a worker must live to be killed between the two."""


@pytest.fixture(scope="module")
def one_ray():
    """One Ray of our own with two cores for all tests here, as `--ray local` starts it."""
    import ray  # long before, as a program may have done

    from quantum_latents.execution.ray import cluster, connected

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "available_cores", lambda: 2)
        patch.setattr(cluster, "_OBJECT_STORE_BYTES", 80 * 2**20)
        with connected("local") as found:
            yield found
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(study, directory, cache, **settings):
    settings = {"command": "qlat run tiny", "num_workers": 2, "cache": cache} | settings
    return run_study(study, directory, **settings)


def trained_here(study, directory, cache):
    """The rows of a study without an executor: its frozen plan, stack by stack."""
    directory.mkdir()
    plan = load_or_make_plan(directory / "plan.json", study.runs, num_workers=1, cores=(2,))
    specs = {run.digest: run.to_json() for run in study.runs}
    told = (queue.Queue(), threading.Event(), study.name, specs, directory, cache, 60.0, "")
    rows = [row for stack in plan.stacks for row in train_planned(stack, *told) or ()]
    return {row["run"]: deterministic_part(row) for row in rows}


def workers():
    """Processes below this one in which Ray trains a stack."""
    parents, names = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid = int(file.parent.name)
            parents[pid] = int(file.read_text().rpartition(")")[2].split()[1])
            names[pid] = file.with_name("cmdline").read_bytes()
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return [pid for pid in ours if names.get(pid, b"").startswith(b"ray::StackTrainer")]


class KillOnce:
    """Kills a worker once a checkpoint of its stack is here."""

    def __init__(self, directory):
        self.directory, self.killed, self.notes = directory, 0, set()

    def __call__(self, progress):
        self.notes.add(progress.note)
        there = list(self.directory.glob("stack-*.safetensors"))
        if there and not self.killed and (found := workers()):
            os.kill(found[0], signal.SIGKILL)
            self.killed = found[0]


def test_a_killed_worker_is_replaced_and_rows_are_those_of_this_machine(
    one_ray, tmp_path, tiny_study, cache, monkeypatch
):
    from quantum_latents.execution.ray import stacks

    study, directory = tiny_study(NUM_STEPS), tmp_path / "study"
    study = replace(study, runs=study.runs[:2])  # one stack
    expected = trained_here(study, tmp_path / "here", cache)

    # No retry is left: what is finished or in a checkpoint stays.
    monkeypatch.setattr(stacks, "MAX_RETRIES", 0)
    kill = KillOnce(directory)
    with pytest.raises(
        StudyError, match=r"lost its worker after 0 new starts.*the same command goes on"
    ):
        run(
            study,
            directory,
            cache,
            ray="auto",
            num_workers=1,
            seconds_between_checkpoints=0.0,
            on_progress=kill,
        )
    assert kill.killed
    assert list(directory.glob("stack-*.safetensors"))
    assert (directory / "plan.json").read_bytes() == (tmp_path / "here/plan.json").read_bytes()

    # With a retry the study ends, however a worker ends.
    monkeypatch.setattr(stacks, "MAX_RETRIES", 1)
    kill, reports = KillOnce(directory), []
    ended = run(
        study,
        directory,
        cache,
        num_workers=1,
        ray="local",  # this process has a Ray already, which is used and left as it is
        seconds_between_checkpoints=0.0,
        on_progress=lambda progress: (kill(progress), reports.append(progress.num_steps_done)),
    )
    assert ended
    assert kill.killed
    assert reports[-1] == 2 * NUM_STEPS
    assert any("goes on from its last checkpoint" in note for note in kill.notes)
    rows = {row["run"]: deterministic_part(row) for row in read_rows(directory)}
    assert rows == expected
    for name in rows:
        ours = read_samples(directory, name)
        assert ours.tobytes() == read_samples(tmp_path / "here", name).tobytes()
        assert (directory / "runs" / name / "generator.safetensors").exists()
    assert not list(directory.glob("stack-*"))
    assert not list(cache.glob(".seen-*"))


def test_metrics_left_for_later_are_those_of_this_machine(one_ray, tmp_path, tiny_study, cache):
    study, directory = tiny_study(16), tmp_path / "study"
    study = replace(study, runs=study.runs[:2])
    assert run(study, directory, cache, ray="auto", num_workers=1, evaluate_later=True)
    assert not (directory / "rows.jsonl").exists()
    assert {record["run"] for record in unevaluated(directory)} == {r.digest for r in study.runs}
    evaluate_study(directory, cache=cache)
    rows = {row["run"]: deterministic_part(row) for row in read_rows(directory)}
    assert rows == trained_here(study, tmp_path / "here", cache)


@pytest.mark.slow
def test_a_time_budget_leaves_no_worker_behind(one_ray, tmp_path, tiny_study, cache):
    directory = tmp_path / "study"
    assert not run(tiny_study(10**7), directory, cache, ray="auto", time_budget=4.0)
    assert not read_rows_or_none(directory)
    assert not workers_that_stay()


def read_rows_or_none(directory):
    return read_rows(directory) if (directory / "rows.jsonl").exists() else []


def workers_that_stay(patience=30.0):
    deadline = time.monotonic() + patience
    while (found := workers()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_node_of_another_version_is_named(one_ray, tmp_path, tiny_study, cache, monkeypatch):
    from quantum_latents.execution.ray import stacks

    monkeypatch.setattr(stacks.quantum_latents, "__version__", "0.0.0")
    with pytest.raises(StudyError, match=r"which has quantum-latents .* and not 0\.0\.0"):
        run(tiny_study(16), tmp_path / "study", cache, ray="auto", num_workers=1)
    assert not read_rows_or_none(tmp_path / "study")


@pytest.mark.slow
def test_a_worker_that_cannot_begin_is_not_started_again(
    one_ray, tmp_path, tiny_study, cache, monkeypatch
):
    """As on a node without the package: what the actor is made of cannot be loaded there."""
    from quantum_latents.execution.ray import stacks

    class Broken(StackTrainer):
        def __init__(self, task):
            raise ModuleNotFoundError("No module named 'quantum_latents'")

    monkeypatch.setattr(stacks, "StackTrainer", Broken)
    with pytest.raises(StudyError, match=r"could not begin .*No module named"):
        run(tiny_study(16), tmp_path / "study", cache, ray="auto", num_workers=1)


def recipe(num_samples=5 * 4096 + 10):
    return BankRecipe(
        interferometer=haar(4, stream(0, "interferometer")).recipe,
        occupation=(1, 0, 1, 0),
        statistics="boson",
        num_samples=num_samples,
        stream=stream(0, "latent"),
    )


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(bank, "_MOST_CHUNK_ROWS", 4096)


def test_a_bank_drawn_on_ray_is_the_bank_drawn_here(one_ray, tmp_path, small_chunks):
    from quantum_latents.execution.ray import RayDrawer

    here = build_bank(recipe(), tmp_path / "here", num_threads=1)
    asked = []

    def draw(made, ranges):
        asked.append(len(ranges))
        yield from RayDrawer(one_ray)(made, ranges)

    there = build_bank(recipe(), tmp_path / "there", draw=draw)
    assert asked == [6]
    assert there.checksum == here.checksum
    for name in ("counts.npy", "manifest.json"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_a_ray_of_our_own_keeps_to_this_machine(one_ray):
    import ray

    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


def test_a_cluster_without_a_gpu_is_refused_before_anything_is_written(
    one_ray, tmp_path, tiny_study, cache
):
    directory = tmp_path / "study"
    with pytest.raises(ValueError, match=r"--device cuda: the Ray cluster at auto has no GPU"):
        run(tiny_study(16), directory, cache, ray="auto", device="cuda")
    assert not directory.exists()


def test_a_stack_that_no_node_can_hold_is_refused_by_name(one_ray):
    from quantum_latents.execution.ray.stacks import RayExecutor

    with pytest.raises(ValueError, match=r"64 threads, and no node .*\(2,\)"):
        RayExecutor(one_ray, None, [StackPlan(0, ("a",), "cpu", 64)], None)


def test_a_process_stays_with_the_ray_it_has(one_ray, tmp_path, tiny_study, cache):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match="this process is connected to the Ray at"):
            run(tiny_study(16), tmp_path / "study", cache, ray=address)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "--ray is HOST:PORT"),
        ("ray://127.0.0.1:10001", "ray job submit"),
        ("127.0.0.1:80", "--ray is HOST:PORT"),
        ("127.0.0.1:port", "--ray is HOST:PORT"),
    ],
)
def test_what_is_no_address_is_a_mistake(address, said, tmp_path, capsys):
    out = tmp_path / "study"
    call = ["run", "mixture", "--preset", "smoke", "--ray", address, "--out", str(out)]
    assert main(call) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_an_address_where_nothing_listens_is_a_mistake(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    call = f"sample --interferometer haar:4 --photons 2 --num-samples 10 --ray 127.0.0.1:{port}"
    assert main([*call.split(), "--out", str(tmp_path / "bank")]) == 2
    assert "nothing answers there" in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()


def test_what_listens_and_is_no_ray_is_given_up(monkeypatch):
    from quantum_latents.execution.ray import cluster

    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ValueError, match=r"no answer within .*--ray local needs none"),
    ):
        cluster._join(f"127.0.0.1:{server.getsockname()[1]}")


def test_without_ray_the_line_that_installs_it_is_said(tmp_path, tiny_study, cache, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else there(name)
    )
    with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[ray\]'"):
        run(tiny_study(16), tmp_path / "study", cache, ray="local")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gpu_share": 0.5}, "is for stacks on a Ray cluster"),
        ({"ray": "local", "gpu_share": 0.5}, "needs --device cuda"),
        ({"ray": "local", "device": "cuda", "gpu_share": 1.5}, r"in \(0, 1\], not 1.5"),
        ({"ray": "local", "num_workers": 0}, "at least 1 worker, not 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said, tmp_path, tiny_study, cache):
    with pytest.raises(ValueError, match=said):
        run(tiny_study(16), tmp_path / "study", cache, **settings)
    assert not (tmp_path / "study").exists()


def test_a_bank_is_sampled_on_ray_from_the_command_line(one_ray, tmp_path, capsys):
    call = "sample --interferometer haar:4 --photons 2 --num-samples 100 --json --out".split()
    assert main([*call, str(tmp_path / "here")]) == 0
    assert main([*call, str(tmp_path / "there"), "--ray", "auto"]) == 0
    here, there = ((tmp_path / name / "counts.npy").read_bytes() for name in ("here", "there"))
    assert here == there


def test_the_plan_of_a_cluster_counts_its_nodes(tmp_path):
    runs = table1("smoke", num_seeds=2).runs
    plan = load_or_make_plan(tmp_path / "plan.json", runs, num_workers=3, cores=(8, 4))
    assert {stack.num_threads for stack in plan.stacks} == {4}
