"""Banks drawn in worker processes: the same bank, also where one is killed."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quantum_latents.banks import BankRecipe, bank, build_bank
from quantum_latents.circuits import haar
from quantum_latents.cli import main
from quantum_latents.execution.sample import LostWorkerError, ProcessDrawer, drawn
from quantum_latents.random import stream

NUM_CHUNKS = 6

SCRIPT = """
import sys, time
from quantum_latents.banks import bank, build_bank
from quantum_latents.execution.sample import ProcessDrawer
sys.path.insert(0, sys.argv[2])
from test_sample import recipe

bank._MOST_CHUNK_ROWS = 4096

def pause(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[3]))

build_bank(recipe(), sys.argv[1], draw=ProcessDrawer(2), progress=pause)
"""


def recipe():
    return BankRecipe(
        interferometer=haar(4, stream(0, "interferometer")).recipe,
        occupation=(1, 0, 1, 0),
        statistics="boson",
        num_samples=(NUM_CHUNKS - 1) * 4096 + 10,
        stream=stream(0, "latent"),
    )


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(bank, "_MOST_CHUNK_ROWS", 4096)


def counting(draw, drawn):
    def count(made, ranges):
        for pair, rows in draw(made, ranges):
            drawn.append(pair)
            yield pair, rows

    return count


def test_a_killed_worker_is_said_and_no_chunk_is_drawn_twice(tmp_path):
    def kill(done, total):
        for worker in multiprocessing.active_children():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)

    first, second = [], []
    with pytest.raises(LostWorkerError, match=r"chunks on the disk are kept"):
        build_bank(
            recipe(), tmp_path / "bank", draw=counting(ProcessDrawer(1), first), progress=kill
        )
    assert not multiprocessing.active_children()
    assert 1 <= len(first) < NUM_CHUNKS
    build_bank(recipe(), tmp_path / "bank", draw=counting(ProcessDrawer(1), second))
    assert sorted(first + second) == sorted(set(first + second))
    assert len(first + second) == NUM_CHUNKS
    build_bank(recipe(), tmp_path / "here", num_threads=1)
    for name in ("counts.npy", "manifest.json"):
        assert (tmp_path / "bank" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_kill_9_of_the_parent_takes_its_workers_with_it(tmp_path):
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "bank"), str(here), "60"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        done = int(process.stdout.readline())
        workers = children_of(process.pid)
        assert workers
        process.kill()
        deadline = time.monotonic() + 60
        while any(map(is_running, workers)):
            assert time.monotonic() < deadline, "workers outlived their parent"
            time.sleep(0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    left = []
    made = build_bank(recipe(), tmp_path / "bank", draw=counting(here_alone, left))
    assert sum(stop - start for start, stop in left) == len(made) - done
    assert made.checksum == build_bank(recipe(), tmp_path / "here").checksum


def here_alone(made, ranges):
    sampler = made.sampler()
    for start, stop in ranges:
        yield (start, stop), sampler.sample(stop - start, made.stream, start=start, num_threads=1)


def children_of(parent):
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


def test_a_node_of_another_version_is_refused():
    import json

    made = recipe()
    with pytest.raises(ValueError, match="install the same version"):
        drawn(json.dumps(made.to_json()), "0" * 64, 0, 1, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--workers 0", "--workers is at least 1, not 0"),
        ("--processor orca --workers 2", "--workers is for simulated banks"),
        ("--processor orca --ray local", "--ray is for simulated banks"),
    ],
)
def test_mistakes_in_the_call_write_nothing(options, said, tmp_path, capsys):
    call = f"sample --interferometer haar:4 --photons 2 --num-samples 10 {options} --out"
    assert main([*call.split(), str(tmp_path / "bank")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()
    with pytest.raises(ValueError, match="at least 1 worker, not 0"):
        ProcessDrawer(0)
