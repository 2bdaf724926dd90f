"""Whole machines lost: nodes of a Ray cluster, and the process that made the call."""

import contextlib
import importlib.util
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from quantum_latents.evaluation import read_samples
from quantum_latents.execution.plan import load_or_make_plan
from quantum_latents.execution.worker import train_planned
from quantum_latents.results import deterministic_part, read_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
]

PATIENCE = 600.0

COMMON = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on the loopback interface alone
os.environ["RAY_raylet_start_wait_time_s"] = "300"
os.environ["RAY_agent_register_timeout_ms"] = "300000"
from tiny_study import tiny_study
from quantum_latents.execution import plan, run_study
plan.available_cores = lambda: 1
directory = Path(sys.argv[1])

def run(address, on_progress):
    try:
        ended = run_study(
            tiny_study(), directory, command="qlat run tiny", num_workers=2, ray=address,
            cache=Path(sys.argv[2]), seconds_between_checkpoints=0.0, on_progress=on_progress,
        )
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if ended else 3)
"""

ALONE = (
    COMMON
    + """
from quantum_latents.execution.ray import cluster
cluster.available_cores = lambda: 2
run("local", lambda progress: None)
"""
)

TWO_NODES = (
    COMMON
    + """
from ray.cluster_utils import Cluster
small = {"object_store_memory": 80 * 2**20}
there = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
nodes = [there.add_node(num_cpus=1, **small) for _ in range(2)]

def lose_a_node(progress):
    if len(nodes) > 1 and list(directory.glob("stack-*.safetensors")):
        there.remove_node(nodes.pop(), allow_graceful=False)
        print("lost", flush=True)

try:
    run(there.address, lose_a_node)
finally:
    there.shutdown()
"""
)


@contextlib.contextmanager
def started(script, directory, cache):
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(directory), str(cache), str(Path(__file__).parent)],
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


def descendants(ancestor):
    """Every process below another one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition, process=None):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        if process is not None:
            assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, tiny_study):
    here = tmp_path_factory.mktemp("here")
    study, cache = tiny_study(), tmp_path_factory.mktemp("cache")
    plan = load_or_make_plan(here / "plan.json", study.runs, num_workers=2)
    specs = {run.digest: run.to_json() for run in study.runs}
    told = (queue.Queue(), threading.Event(), study.name, specs, here, cache, 60.0, "")
    rows = [row for stack in plan.stacks for row in train_planned(stack, *told) or ()]
    return result_of(rows, here)


def result_of(rows, directory):
    kept = {row["run"]: deterministic_part(row) for row in rows}
    return kept, {name: read_samples(directory, name).tobytes() for name in kept}


def test_interrupted_and_killed_a_study_on_ray_ends_with_the_same_rows(expected, tmp_path):
    directory, cache = tmp_path / "study", tmp_path / "cache"

    def checkpoints():
        return list(directory.glob("stack-*.safetensors"))

    with started(ALONE, directory, cache) as process:
        wait_until(checkpoints, process)
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: process.poll() is not None)
        _, errors = process.communicate()
        assert process.returncode == 130, errors
    assert checkpoints()

    written = {path: path.stat().st_mtime_ns for path in checkpoints()}
    with started(ALONE, directory, cache) as process:
        wait_until(
            lambda: any(path.stat().st_mtime_ns != written.get(path) for path in checkpoints()),
            process,
        )
        left = descendants(process.pid)
        assert left
        process.kill()
        wait_until(lambda: not any(map(is_running, left)))

    with started(ALONE, directory, cache) as process:
        wait_until(lambda: process.poll() is not None)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert result_of(read_rows(directory), directory) == expected
    assert not checkpoints()


def test_a_lost_node_costs_no_row(expected, tmp_path):
    directory = tmp_path / "study"
    with started(TWO_NODES, directory, tmp_path / "cache") as process:
        wait_until(lambda: process.poll() is not None)
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        assert out.count("lost") == 1
    assert result_of(read_rows(directory), directory) == expected
