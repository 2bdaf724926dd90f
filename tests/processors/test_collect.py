"""Drawing a bank from a processor: every fault ends in the same bank, or in one clear line."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.banks import BankError, open_bank
from quantum_latents.processors import (
    CollectionStopped,
    JobLedger,
    Order,
    ProcessorError,
    SimulatedProcessor,
    SubmissionLost,
    collect,
)
from quantum_latents.processors.ledger import PARTS
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, noisy_law

LOSS = Noise(input_transmission=0.8)


def received(folder):
    ledger = JobLedger.read(folder)
    return [entry for entry in ledger.entries if entry.state == "received"]


def test_the_bank_is_what_was_ordered(drawn, server, order, faultless, tmp_path, patience):
    said = []
    bank = drawn(server, order, tmp_path / "bank", patience, progress=lambda *at: said.append(at))
    assert np.array_equal(bank.counts, faultless)
    assert bank.counts.shape == (60, 4)
    assert (bank.counts.sum(axis=1) >= 3).all()
    assert said[-1] == (60, 60)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    manifest = bank.manifest
    assert manifest["kind"] == "collected"
    assert bank.recipe is None
    told = manifest["provenance"]
    assert told["processor"] == "orca:PT-1"
    assert told["address"] == server.url
    assert told["interferometer"] == order.interferometer.recipe
    assert (told["postselection"], told["occupation"]) == ({"at_least": 3}, [1, 1, 1, 1])
    assert told["sessions"][0]["certificate"]["version"] == "1.2"
    assert told["sessions"][0]["status"] == {"overall": True}
    jobs = [job for job in told["jobs"] if job["state"] == "received"]
    assert sum(job["num_received"] for job in jobs) == told["num_received"]
    assert sum(told["photon_numbers"]) == told["num_received"]
    assert sum(told["photon_numbers"][:3]) == told["num_discarded"]
    assert told["num_received"] == 60 + told["num_discarded"] + told["num_surplus"]
    assert all(job["job"].startswith("job-") and job["times"]["submitted"] for job in jobs)
    assert all(job["details"]["run"] == {"temperature": 2.5} for job in jobs)
    assert set(told["software"]) == {"quantum-latents", "numpy", "python"}
    assert "requests" in told["sessions"][0]["client"]
    again = open_bank(tmp_path / "bank")
    assert np.array_equal(again.counts, faultless)


def test_the_counts_have_the_law_of_the_device_with_its_loss(
    drawn, server, device, tmp_path, patience
):
    order = Order(
        interferometer=device, occupation=(1, 1, 1, 1), num_samples=4000, exactly=3, seed=5
    )
    bank = drawn(server, order, tmp_path / "bank", patience)
    outcomes, law = noisy_law(device, (1, 1, 1, 1), replace(LOSS, exactly=3))
    places = {tuple(outcome): place for place, outcome in enumerate(outcomes.tolist())}
    seen = np.bincount([places[tuple(shot)] for shot in bank.counts.tolist()], minlength=len(law))
    # Twenty degrees of freedom: 70 is passed by chance once in 5 million.
    expected = 4000 * law
    assert ((seen - expected) ** 2 / np.maximum(expected, 1e-9))[expected > 0].sum() < 70
    assert len(law) <= 21


def test_jobs_are_no_more_than_needed(drawn, server, device, tmp_path, patience):
    order = Order(interferometer=device, occupation=(1, 0, 1, 0), num_samples=70, shots_per_job=30)
    bank = drawn(server, order, tmp_path / "bank", patience)
    assert [job.request["n_samples"] for job in server.jobs.values()] == [30, 30, 10]
    assert len(bank) == 70
    assert bank.manifest["provenance"]["num_discarded"] == 0


FAULTS = [
    # call, faults, settings; each ends in the faultless bank
    ("submit", ["429:5"], {}),
    ("submit", ["500", "503", "429:2"], {}),
    ("poll", ["500", "429:4", "malformed", "half", "close"], {}),
    ("poll", ["timeout"], {}),
    ("poll", ["wrong_length"], {}),
    ("poll", ["all_longer"], {}),
    ("poll", ["not_digits"], {}),
    ("poll", ["extra_photons"], {}),
    ("poll", ["broken"], {}),
    ("poll", ["short"], {}),
    ("poll", ["short", "short"], {}),
    ("poll", ["error"], {}),
    ("poll", ["lost"], {}),
    ("poll", ["404"], {}),
    ("poll", ["stuck"], {"resend": True}),
    ("submit", ["close"], {"resend": True}),
    ("submit", ["half"], {"resend": True}),
    ("submit", ["timeout"], {"resend": True}),
    ("submit", ["malformed", "no_id"], {"resend": True}),
    ("submit", ["504"], {"resend": True}),
    ("certificate", ["500", "429:1"], {}),
    ("certificate", ["close"], {}),
    ("poll", ["by_source"], {}),
]


@pytest.mark.parametrize(
    ("call", "faults", "settings"), FAULTS, ids=[f"{c}-{'-'.join(f)}" for c, f, _ in FAULTS]
)
def test_a_fault_ends_in_the_faultless_bank(
    drawn, server, order, faultless, tmp_path, patience, clock, call, faults, settings
):
    server.faults[call] = deque(faults)
    bank = drawn(server, order, tmp_path / "bank", patience, **settings)
    assert np.array_equal(bank.counts, faultless)
    assert not server.faults[call], "the fault did not happen"
    for fault in faults:
        if fault.startswith("429"):
            assert float(fault[4:]) in clock.slept, "Retry-After is heeded"


@pytest.mark.parametrize("call", ["submit", "poll", "certificate"])
@pytest.mark.parametrize("fault", ["401", "403"])
def test_no_access_is_one_line_and_the_same_call_goes_on(
    drawn, server, order, faultless, tmp_path, patience, call, fault
):
    server.faults[call] = deque([fault])
    with pytest.raises(ProcessorError, match="refuses access") as error:
        drawn(server, order, tmp_path / "bank", patience)
    assert "\n" not in str(error.value)
    bank = drawn(server, order, tmp_path / "bank", patience)
    assert np.array_equal(bank.counts, faultless)
    assert len(server.chunks) == len(set(server.chunks)), "nothing is paid for twice"


def test_what_was_received_is_kept_when_access_ends(
    drawn, server, order, faultless, tmp_path, patience
):
    folder = tmp_path / "bank"
    server.choose_fault = lambda call, job: "401" if call == "submit" and server.jobs else None
    with pytest.raises(CollectionStopped, match="refuses access"):
        drawn(server, order, folder, patience)
    assert len(received(folder)) == 1
    with pytest.raises(BankError, match="is not complete"):
        open_bank(folder)
    server.choose_fault = None
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert len(server.chunks) == len(set(server.chunks))


LASTING = [
    ("submit", "500", {}, "fault 500, 9 times in a row"),
    ("submit", "429:4000", {}, "asks to wait 4,000 s"),
    ("submit", "422", {}, "fault 422"),
    ("poll", "500", {}, "fault 500, 9 times in a row; job job-0 is still there"),
    ("poll", "429:4000", {}, "slow down"),
    ("poll", "malformed", {}, "not its format"),
    ("poll", "error", {}, "3 jobs brought nothing, the last for laser unlocked"),
    ("poll", "wrong_length", {}, "3 jobs brought nothing, the last for shot 19"),
    ("poll", "all_longer", {}, "its shots have 5 modes in the place of 4"),
    ("poll", "extra_photons", {}, "shows 36 photons and 4 go in"),
    ("poll", "lost", {}, "does not know the job"),
    ("poll", "stuck", {}, "has been pending for 20 s"),
    ("poll", "stuck", {"resend": True}, "3 jobs brought nothing, the last for pending"),
    ("submit", "close", {}, "possibly paid"),
    ("submit", "close", {"resend": True}, "3 jobs brought nothing"),
    ("certificate", "500", {}, "fault 500"),
    ("poll", "short", {"max_jobs": 5}, "5 jobs are sent, the most that may be"),
]


@pytest.mark.parametrize(
    ("call", "fault", "settings", "said"), LASTING, ids=[f"{c}-{f}-{s}" for c, f, s, _ in LASTING]
)
def test_a_fault_that_stays_is_one_line_and_the_same_call_goes_on(
    drawn, server, order, faultless, tmp_path, patience, call, fault, settings, said
):
    folder = tmp_path / "bank"
    healthy = [True]

    def choose(called, job):
        if called == "submit" and call == "poll":
            return None
        return fault if called == call and not healthy[0] else None

    server.choose_fault = choose
    healthy[0] = False
    with pytest.raises(ProcessorError) as error:
        drawn(server, order, folder, patience, **settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    healthy[0] = True
    for job in server.jobs.values():
        job.fault = None
    bank = drawn(server, order, folder, patience, resend=True)
    assert np.array_equal(bank.counts, faultless)


def test_a_fault_later_on_loses_nothing_that_was_received(
    drawn, server, order, faultless, tmp_path, patience
):
    folder = tmp_path / "bank"
    server.choose_fault = lambda call, job: (
        "error"
        if call == "poll"
        and job is not None
        and job.request["extra_options"]["chunk"].endswith("-2")
        else None
    )
    with pytest.raises(CollectionStopped, match="chunk 2: 3 jobs brought nothing"):
        drawn(server, order, folder, patience)
    kept = {entry.chunk for entry in received(folder)}
    assert {0, 1} <= kept
    assert 2 not in kept
    before = list(server.chunks)
    server.choose_fault = None
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert not kept & {int(key.rpartition("-")[2]) for key in server.chunks[len(before) :]}


def test_a_refused_answer_is_kept_as_it_came(drawn, server, order, tmp_path, patience):
    folder = tmp_path / "bank"
    server.choose_fault = lambda call, job: "wrong_length" if call == "poll" else None
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience)
    kept = sorted((folder / PARTS).glob("*.json"))
    assert kept
    answer = json.loads(kept[0].read_text())
    assert answer["job"] == "job-0"
    assert len(answer["answer"]) == 20
    assert len(answer["answer"][-1]) == 5


def test_a_lost_answer_is_possibly_paid_and_sent_again_only_when_told(
    drawn, server, order, faultless, tmp_path, patience
):
    folder = tmp_path / "bank"
    server.faults["submit"] = deque(["close"])
    for _ in range(2):
        with pytest.raises(CollectionStopped, match="possibly paid"):
            drawn(server, order, folder, patience)
        assert len(server.jobs) == 1
    asked = []

    def confirm(estimate):
        asked.append(estimate)
        return False

    with pytest.raises(CollectionStopped, match="nothing was sent"):
        drawn(server, order, folder, patience, confirm=confirm)
    assert len(asked[0].possibly_paid) == 1
    assert "chunk 0, 20 shots" in asked[0].possibly_paid[0]
    assert asked[0].num_jobs_sent == 1
    bank = drawn(server, order, folder, patience, confirm=lambda estimate: True)
    assert np.array_equal(bank.counts, faultless)
    assert server.chunks.count(order.key(0)) == 2
    states = [job["state"] for job in bank.manifest["provenance"]["jobs"]]
    assert states[0] == "resend"


def test_nothing_is_sent_or_written_without_consent(drawn, server, order, tmp_path, patience):
    with pytest.raises(CollectionStopped, match="nothing was sent"):
        drawn(server, order, tmp_path / "bank", patience, confirm=lambda estimate: False)
    assert not server.jobs
    assert not (tmp_path / "bank").exists()


def test_the_estimate_comes_first(drawn, server, order, tmp_path, patience):
    seen = []

    def confirm(estimate):
        assert not server.jobs
        seen.append(estimate)
        return True

    drawn(server, order, tmp_path / "bank", patience, confirm=confirm, max_jobs=30)
    (estimate,) = seen
    assert (estimate.least_jobs, estimate.most_jobs, estimate.shots_per_job) == (3, 30, 20)
    assert estimate.seconds == pytest.approx(60 / 208)
    drawn(server, order, tmp_path / "bank", patience, confirm=confirm)
    assert len(seen) == 1, "of a finished bank nothing is asked"


def test_max_jobs_bounds_all_calls_together(drawn, server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    for _ in range(2):
        with pytest.raises(CollectionStopped, match="2 jobs are sent, the most that may be"):
            drawn(server, order, folder, patience, max_jobs=2)
        assert len(server.jobs) == 2
    assert len(received(folder)) == 2
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)


def test_a_post_selection_that_keeps_hardly_anything_ends(
    drawn, orca_server, order, tmp_path, patience
):
    with orca_server.OrcaServer(noise=Noise(input_transmission=0.01)) as server:
        with pytest.raises(CollectionStopped, match="0 of 640 shots are kept"):
            drawn(server, order, tmp_path / "bank", patience)
        assert len(server.jobs) == 32


def test_a_synchronous_service_gives_the_same_bank(
    drawn, server, order, faultless, tmp_path, patience
):
    server.synchronous = True
    server.faults["sample"] = deque(["429:1", "500"])
    assert np.array_equal(drawn(server, order, tmp_path / "bank", patience).counts, faultless)
    assert {path for method, path, _ in server.seen if method == "POST"} == {
        "/v1/submit",
        "/sample",
    }


def test_a_clock_that_jumps_changes_nothing(
    drawn, server, order, faultless, tmp_path, patience, monkeypatch
):
    jumps = stream(0, "jumps").generator()
    monkeypatch.setattr(time, "time", lambda: float(jumps.choice([-1e9, 0.0, 4e9, 1e300, 1.7e9])))
    server.faults["poll"] = deque(["500", "lost"])
    assert np.array_equal(drawn(server, order, tmp_path / "bank", patience).counts, faultless)


def test_surplus_jobs_are_cancelled(drawn, server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    stuck = threading.Event()

    def choose(call, job):
        # The last chunk that is sent is not needed once the one before it is there.
        if (
            call == "poll"
            and job is not None
            and job.request["extra_options"]["chunk"].endswith("-4")
        ):
            stuck.set()
            return "stuck"
        return None

    server.choose_fault = choose
    bank = drawn(server, order, folder, replace(patience, stuck_seconds=5.0), resend=True)
    assert np.array_equal(bank.counts, faultless)
    states = {entry.state for entry in JobLedger.read(folder).entries}
    if stuck.is_set():
        assert "cancelled" in states
        assert any(job.cancelled for job in server.jobs.values())


def test_limits_of_the_machine_are_kept(drawn, server, device, tmp_path, patience):
    server.certificate = {"max_modes": 3, "max_samples": 25}
    order = Order(interferometer=device, occupation=(1, 1, 1, 1), num_samples=60)
    with pytest.raises(ValueError, match="at most 3 modes, not 4"):
        drawn(server, order, tmp_path / "bank", patience)
    server.certificate = {"max_samples": 25}
    with pytest.raises(ValueError, match="at most 25 shots a job, not 26"):
        drawn(server, replace(order, shots_per_job=26), tmp_path / "bank", patience)
    assert not (tmp_path / "bank").exists()
    drawn(server, order, tmp_path / "bank", patience)
    assert [job.request["n_samples"] for job in server.jobs.values()] == [25, 25, 10]


def test_dark_counts_are_allowed_for_when_told(drawn, orca_server, device, tmp_path, patience):
    noise = Noise(input_transmission=0.9, dark_counts=0.05)
    order = Order(interferometer=device, occupation=(1, 0, 1, 0), num_samples=200)
    with orca_server.OrcaServer(noise=noise) as server:
        with pytest.raises(CollectionStopped, match="--extra-photons"):
            drawn(server, order, tmp_path / "a", patience)
        bank = drawn(server, replace(order, extra_photons=4), tmp_path / "b", patience)
    assert bank.counts.sum(axis=1).max() > 2


def test_what_is_wrong_is_logged_once(drawn, server, order, tmp_path, patience, caplog):
    server.faults["poll"] = deque(["short"])
    server.faults["submit"] = deque(["close"])
    with caplog.at_level(logging.WARNING):
        drawn(server, order, tmp_path / "bank", patience, resend=True)
    text = [record.getMessage() for record in caplog.records]
    assert sum("brought 10 of 20 shots" in line for line in text) == 1
    assert sum("is possibly paid" in line for line in text) == 1


def test_a_lost_submission_of_any_processor_is_possibly_paid(order, tmp_path, patience):
    class Forgetful(SimulatedProcessor):
        def submit(self, request):
            super().submit(request)
            raise SubmissionLost("the line went dead")

    with pytest.raises(CollectionStopped, match="the line went dead: chunk 0"):
        collect(Forgetful(), order, tmp_path, patience=patience)


@pytest.mark.parametrize("when", ["before it is sent", "before it is written down"])
def test_ctrl_c_while_a_job_is_sent_leaves_no_job_in_doubt(
    when, order, tmp_path, patience, monkeypatch
):
    written = JobLedger.intend

    def intend(ledger, *job):
        entry = written(ledger, *job)
        if when == "before it is sent":
            signal.raise_signal(signal.SIGINT)
        return entry

    class Sending(SimulatedProcessor):
        def submit(self, request):
            job = super().submit(request)
            if when == "before it is written down":
                signal.raise_signal(signal.SIGINT)
            return job

    with monkeypatch.context() as patch:
        patch.setattr(JobLedger, "intend", intend)
        with pytest.raises(KeyboardInterrupt):
            collect(Sending(), order, tmp_path, patience=patience)
    (entry,) = JobLedger.read(tmp_path).entries
    assert entry.state == "submitted"
    assert not entry.is_possibly_paid
