"""`kill -9` at random moments, fifty times: the rows are those of an undisturbed study.

Two kills that are not random are in `test_local.py`, with every run of the suite.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from quantum_latents.evaluation import read_samples
from quantum_latents.execution import run_study
from quantum_latents.results import deterministic_part, read_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
]

NUM_KILLS = 50
PATIENCE = 600.0
"""Seconds after which something is broken."""


def result_of(directory):
    rows = {row["run"]: deterministic_part(row) for row in read_rows(directory)}
    return rows, {name: read_samples(directory, name).tobytes() for name in rows}


def processes_of(group):
    """The processes of a session that are not gone, by what the kernel says."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.002)


def state_of(directory):
    """What changes while a study trains."""
    found = {}
    for path in (*directory.glob("stack-*"), *directory.glob("rows.jsonl")):
        with contextlib.suppress(OSError):
            found[path.name] = path.stat().st_mtime_ns
    return found


def kill_once(script, directory, cache, chance):
    """Start the study and kill some of it at a random moment; return which, "" if it had ended."""
    before = state_of(directory)
    process = subprocess.Popen(
        [*script, str(directory), str(cache)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # Half of them while processes start, half while they train or write rows.
        if chance.random() < 0.5:
            deadline = time.monotonic() + chance.uniform(0, 8)
            wait_until(lambda: time.monotonic() > deadline or process.poll() is not None)
        else:
            wait_until(lambda: state_of(directory) != before or process.poll() is not None)
            time.sleep(chance.uniform(0, 0.5))
        if process.poll() is not None:
            assert process.returncode == 0
            return ""
        workers = [pid for pid in processes_of(process.pid) if pid != process.pid]
        victim = chance.choice(["all", "the parent", *["a worker"] * bool(workers)])
        with contextlib.suppress(ProcessLookupError):
            if victim == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                pid = process.pid if victim == "the parent" else chance.choice(workers)
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)
        wait_until(lambda: not processes_of(process.pid))  # none outlives its parent
        return victim
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_fifty_kills_change_no_bit(tiny_study, script, tmp_path):
    cache, undisturbed = tmp_path / "cache", tmp_path / "undisturbed"
    settings = {"command": "qlat run tiny", "num_workers": 1, "cache": cache}
    assert run_study(tiny_study(), undisturbed, **settings)
    chance, killed, num_studies = random.Random(7), [], 0
    while len(killed) < NUM_KILLS:
        directory, here = tmp_path / f"study-{num_studies}", []
        while len(killed) + len(here) < NUM_KILLS:
            if not (victim := kill_once(script, directory, cache, chance)):
                break
            here.append(victim)
        assert run_study(tiny_study(), directory, **settings)
        assert result_of(directory) == result_of(undisturbed)
        assert not [path for path in directory.rglob("*") if path.suffix == ".part"]
        killed, num_studies = [*killed, *here], num_studies + 1
    counts = {victim: killed.count(victim) for victim in sorted(set(killed))}
    print(f"{len(killed)} kills over {num_studies} studies: {counts}")
    assert set(counts) == {"a worker", "all", "the parent"}
