"""Two hundred random sequences of faults, and kills at random moments: the same bank every time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.banks import collect_bank, open_bank
from quantum_latents.circuits import time_bin
from quantum_latents.processors import (
    JobLedger,
    OrcaProcessor,
    Order,
    Patience,
    ProcessorError,
)
from quantum_latents.random import stream

NUM_SEQUENCES = 100
FAULTS = {
    "submit": "429:1 500 503 504 401 close close_before half malformed no_id 404".split(),
    "sample": "429:1 500 504 403 close half malformed short wrong_length".split(),
    "poll": (
        "429:1 500 401 malformed half close wrong_length all_longer extra_photons not_digits short "
        "broken error lost stuck 404 by_source"
    ).split(),
    "certificate": "429:1 500 close half malformed 403".split(),
}


@pytest.fixture(scope="module")
def small_order():
    device = time_bin(3, (1, 1), stream=stream(1, "interferometer"), phases=[0.0] * 4)
    return Order(
        interferometer=device,
        occupation=(1, 1, 1),
        num_samples=12,
        at_least=2,
        shots_per_job=6,
    )


def test_random_faults_end_in_the_faultless_bank(orca_server, small_order, clock, tmp_path):
    patience = Patience(
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        stuck_seconds=3.0,
        unknown_seconds=1.0,
        retries=4,
    )
    with orca_server.OrcaServer(pending_polls=0) as server:
        processor = OrcaProcessor(server.url)
        faultless = collect_bank(processor, small_order, tmp_path / "faultless", patience=patience)
        wanted = np.array(faultless.counts)
        happened = Counter()
        for number in range(NUM_SEQUENCES):
            chance = stream(number, "faults").generator()
            left = [int(chance.integers(1, 13))]
            share = float(chance.uniform(0.1, 0.7))

            def choose(call, job, chance=chance, left=left, share=share):
                if not left[0] or chance.random() > share:
                    return None
                left[0] -= 1
                fault = str(chance.choice(FAULTS[call]))
                happened[f"{call} {fault}"] += 1
                return fault

            server.jobs.clear()
            server.seen.clear()
            server.choose_fault = choose
            server.synchronous = number % 4 == 3
            folder = tmp_path / str(number)
            stops = 0
            while True:
                try:
                    # A new client every time: nothing but the disk carries over.
                    bank = collect_bank(
                        OrcaProcessor(server.url),
                        small_order,
                        folder,
                        patience=patience,
                        resend=True,
                        max_jobs=100,
                    )
                    break
                except ProcessorError as error:
                    stops += 1
                    assert "\n" not in str(error)
                    assert stops <= 15, f"sequence {number}: {error}"
            assert np.array_equal(bank.counts, wanted), f"sequence {number}"
            _check_what_was_paid(server, small_order, folder)
    missing = {f"{call} {fault}" for call, faults in FAULTS.items() for fault in faults} - set(
        happened
    )
    assert not missing, f"never happened: {sorted(missing)}"


def _check_what_was_paid(server, order, folder):
    """Every job that the service accepted is in the ledger, and no finished chunk twice."""
    ledger = JobLedger.read(folder)
    accepted = Counter(server.chunks)
    for chunk in range(1 + max(entry.chunk for entry in ledger.entries)):
        entries = ledger.of_chunk(chunk)
        known = [entry for entry in entries if entry.state != "refused"]
        assert accepted[order.key(chunk)] <= len(known)
        done = 0
        for entry in entries:
            # Nothing was sent for a chunk after all its shots were there.
            assert entry.first_shot < order.num_shots(chunk)
            assert done < order.num_shots(chunk)
            done += entry.num_received if entry.state == "received" else 0


@pytest.fixture
def children(server, tmp_path):
    """Start a collection and return its process id, or read how it ended."""
    script = Path(__file__).with_name("collecting.py")
    process = subprocess.Popen(
        [sys.executable, str(script), server.url, str(tmp_path / "bank")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    def start(word="yes"):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    def ended():
        return int(process.stdout.readline())

    yield start, ended
    process.stdin.close()
    process.wait(30)


def send(pid, number):
    """Send a signal, unless the process has just ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@pytest.fixture(scope="module")
def undisturbed(orca_server, order, tmp_path_factory):
    with orca_server.OrcaServer() as server:
        folder = tmp_path_factory.mktemp("undisturbed") / "bank"
        return np.array(collect_bank(OrcaProcessor(server.url), order, folder).counts)


def test_kill_9_at_random_moments(server, order, undisturbed, children, tmp_path):
    start, ended = children
    server.pending_polls = 2
    chance = stream(0, "kills").generator()
    kills, longest = 0, 0.02
    for _ in range(200):
        pid = start()
        time.sleep(float(chance.uniform(0, longest)))
        send(pid, signal.SIGKILL)
        code = ended()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        # Long enough in the end that one gets through on any machine.
        longest *= 1.15
    assert kills >= 5
    bank = open_bank(tmp_path / "bank")
    assert np.array_equal(bank.counts, undisturbed)
    _check_what_was_paid(server, order, tmp_path / "bank")
    resent = Counter(
        entry.chunk
        for entry in JobLedger.read(tmp_path / "bank").entries
        if entry.state in ("resend", "unknown", "cancelled")
    )
    for key, number in Counter(server.chunks).items():
        assert number <= 1 + resent[int(key.rpartition("-")[2])], "paid twice unasked"


def test_without_yes_a_killed_call_sends_nothing_twice(
    server, order, undisturbed, children, tmp_path
):
    start, ended = children
    server.pending_polls = 2
    chance = stream(1, "kills").generator()
    code, longest = -9, 0.02
    for _ in range(200):
        pid = start("no")
        time.sleep(float(chance.uniform(0, longest)))
        send(pid, signal.SIGKILL)
        code = ended()
        if code != -signal.SIGKILL:
            break
        longest *= 1.15
    # Of none a job, if it was killed between writing down that it sends and sending.
    assert all(number == 1 for number in Counter(server.chunks).values())
    if code:  # it was killed while it sent: it says so, and stops
        entries = JobLedger.read(tmp_path / "bank").entries
        assert any(entry.is_possibly_paid for entry in entries)
        start("yes")
        assert ended() == 0
    assert np.array_equal(open_bank(tmp_path / "bank").counts, undisturbed)


def test_ctrl_c_writes_down_the_job_that_was_being_sent(
    server, order, undisturbed, children, tmp_path
):
    start, ended = children
    chance = stream(2, "interrupts").generator()
    interrupts, longest = 0, 0.02
    for _ in range(200):
        # No job ends before three calls were interrupted, so that a busy machine misses none.
        server.pending_polls = 2 if interrupts >= 3 else 10_000
        pid = start("no")
        time.sleep(float(chance.uniform(0, longest)))
        send(pid, signal.SIGINT)
        code = ended()
        if code == 0:
            break
        assert code in (130, -signal.SIGINT)  # the latter before Python hears it
        interrupts += 1
        longest *= 1.15
    assert code == 0
    assert interrupts >= 3
    assert max(Counter(server.chunks).values()) == 1
    assert np.array_equal(open_bank(tmp_path / "bank").counts, undisturbed)
