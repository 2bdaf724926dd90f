"""Drawing a bank from a processor: every fault ends in the same bank, or in one clear line."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.banks import BankError, collect_bank, open_bank
from quantum_latents.processors import (
    CollectionStopped,
    JobLedger,
    OrcaProcessor,
    Order,
    ProcessorError,
    SimulatedProcessor,
    SubmissionLost,
    collect,
)
from quantum_latents.processors.ledger import JOBS, PARTS
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, noisy_law

LOSS = Noise(input_transmission=0.8)


@pytest.fixture(scope="module")
def faultless(orca_server, order, tmp_path_factory):
    """The counts of the order's bank when nothing goes wrong."""
    with orca_server.OrcaServer() as server:
        bank = collect_bank(OrcaProcessor(server.url), order, tmp_path_factory.mktemp("a") / "bank")
        return np.array(bank.counts)


def drawn(server, order, folder, patience, **settings):
    processor = OrcaProcessor(server.url, seconds=0.5)
    return collect_bank(processor, order, folder, patience=patience, **settings)


def received(folder):
    ledger = JobLedger.read(folder)
    return [entry for entry in ledger.entries if entry.state == "received"]


def test_the_bank_is_what_was_ordered(server, order, faultless, tmp_path, patience):
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
    assert (told["at_least"], told["exactly"], told["occupation"]) == (3, None, [1, 1, 1, 1])
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


def test_the_counts_have_the_law_of_the_device_with_its_loss(server, device, tmp_path, patience):
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


def test_jobs_are_no_more_than_needed(server, device, tmp_path, patience):
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
    server, order, faultless, tmp_path, patience, clock, call, faults, settings
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
    server, order, faultless, tmp_path, patience, call, fault
):
    server.faults[call] = deque([fault])
    with pytest.raises(ProcessorError, match="refuses access") as error:
        drawn(server, order, tmp_path / "bank", patience)
    assert "\n" not in str(error.value)
    bank = drawn(server, order, tmp_path / "bank", patience)
    assert np.array_equal(bank.counts, faultless)
    assert len(server.chunks) == len(set(server.chunks)), "nothing is paid for twice"


def test_what_was_received_is_kept_when_access_ends(server, order, faultless, tmp_path, patience):
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
    server, order, faultless, tmp_path, patience, call, fault, settings, said
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
    server, order, faultless, tmp_path, patience
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


def test_a_refused_answer_is_kept_as_it_came(server, order, tmp_path, patience):
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
    server, order, faultless, tmp_path, patience
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


def test_nothing_is_sent_or_written_without_consent(server, order, tmp_path, patience):
    with pytest.raises(CollectionStopped, match="nothing was sent"):
        drawn(server, order, tmp_path / "bank", patience, confirm=lambda estimate: False)
    assert not server.jobs
    assert not (tmp_path / "bank").exists()


def test_the_estimate_comes_first(server, order, tmp_path, patience):
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


def test_max_jobs_bounds_all_calls_together(server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    for _ in range(2):
        with pytest.raises(CollectionStopped, match="2 jobs are sent, the most that may be"):
            drawn(server, order, folder, patience, max_jobs=2)
        assert len(server.jobs) == 2
    assert len(received(folder)) == 2
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)


def test_a_post_selection_that_keeps_hardly_anything_ends(orca_server, order, tmp_path, patience):
    with orca_server.OrcaServer(noise=Noise(input_transmission=0.01)) as server:
        with pytest.raises(CollectionStopped, match="0 of 640 shots are kept"):
            drawn(server, order, tmp_path / "bank", patience)
        assert len(server.jobs) == 32


def test_a_complete_bank_asks_nobody(server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    drawn(server, order, folder, patience)
    calls = len(server.seen)
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert len(server.seen) == calls
    # Damaged counts are taken from the shots beside them.
    with open(folder / "counts.npy", "r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"\x09")
    with pytest.raises(BankError, match="once more"):
        open_bank(folder)
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert len(server.seen) == calls


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_damaged_shots_are_asked_for_again_by_their_job(
    server, order, faultless, tmp_path, patience, harm
):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    part = sorted((folder / PARTS).glob("*.npy"))[0]
    part.unlink() if harm == "gone" else part.write_bytes(b"nothing")
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert len(server.chunks) == len(set(server.chunks)), "it is not paid for again"


def test_a_torn_last_line_is_cut_off(server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    with open(folder / JOBS, "ab") as file:
        file.write(b'{"event": "inte')
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)


def test_a_ledger_that_cannot_be_read_sends_nothing(server, order, tmp_path, patience):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    lines = (folder / JOBS).read_bytes().splitlines(keepends=True)
    for spoilt in ([*lines[:2], b"{\n", *lines[3:]], lines[:2] + lines[3:]):
        (folder / JOBS).write_bytes(b"".join(spoilt))
        with pytest.raises(ProcessorError, match="is damaged"):
            drawn(server, order, folder, patience)
    assert len(server.jobs) == 2


def test_every_cut_of_the_ledger_ends_in_the_same_bank(
    server, order, faultless, tmp_path, patience
):
    """Whatever a power cut left of the ledger, the bank is the same and no chunk is lost."""
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=3)
    whole = (folder / JOBS).read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    for end in ends[1:]:
        (folder / JOBS).write_bytes(whole[:end])
        (folder / "manifest.json").unlink(missing_ok=True)
        bank = drawn(server, order, folder, patience, resend=True)
        assert np.array_equal(bank.counts, faultless)


def test_an_intent_is_on_the_disk_before_the_job_is_sent(order, tmp_path, patience):
    """And its id before it is first asked for."""
    seen = []

    class Watching(SimulatedProcessor):
        def lines(self):
            return [json.loads(line) for line in (tmp_path / JOBS).read_text().splitlines()]

        def submit(self, request):
            seen.append(self.lines()[-1]["event"])
            return super().submit(request)

        def poll(self, job_id):
            assert any(line.get("job") == job_id for line in self.lines())
            return super().poll(job_id)

    collect(Watching(LOSS), order, tmp_path, patience=patience)
    assert set(seen) == {"intent"}


def test_a_synchronous_service_gives_the_same_bank(server, order, faultless, tmp_path, patience):
    server.synchronous = True
    server.faults["sample"] = deque(["429:1", "500"])
    assert np.array_equal(drawn(server, order, tmp_path / "bank", patience).counts, faultless)
    assert {path for method, path, _ in server.seen if method == "POST"} == {
        "/v1/submit",
        "/sample",
    }


def test_a_clock_that_jumps_changes_nothing(
    server, order, faultless, tmp_path, patience, monkeypatch
):
    jumps = stream(0, "jumps").generator()
    monkeypatch.setattr(time, "time", lambda: float(jumps.choice([-1e9, 0.0, 4e9, 1e300, 1.7e9])))
    server.faults["poll"] = deque(["500", "lost"])
    assert np.array_equal(drawn(server, order, tmp_path / "bank", patience).counts, faultless)


def test_surplus_jobs_are_cancelled(server, order, faultless, tmp_path, patience):
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


def test_another_process_s_folder_is_left_alone(server, order, tmp_path, patience):
    with (
        JobLedger.held(tmp_path / "bank"),
        pytest.raises(ProcessorError, match="another process collects"),
    ):
        drawn(server, order, tmp_path / "bank", patience)
    assert not server.jobs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_samples": 61}, "differs in num_samples"),
        ({"at_least": None, "exactly": 3}, "differs in at_least, exactly"),
        ({"seed": 1}, "differs in seed"),
        ({"occupation": (1, 1, 1, 0)}, "differs in occupation"),
    ],
)
def test_another_order_is_refused(server, order, tmp_path, patience, change, said):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=1)
    with pytest.raises(ValueError, match=said):
        drawn(server, replace(order, **change), folder, patience)
    with pytest.raises(ValueError, match="shots_per_job"):
        drawn(server, replace(order, shots_per_job=30), folder, patience)
    with pytest.raises(ValueError, match="begun on orca:PT-1, not on simulate"):
        collect_bank(SimulatedProcessor(), order, folder, patience=patience)
    with pytest.raises(ValueError, match="begun on orca:PT-1, not on orca:PT-2"):
        collect_bank(OrcaProcessor(server.url, machine="PT-2"), order, folder, patience=patience)


def test_pending_jobs_are_not_asked_for_elsewhere(
    orca_server, server, order, faultless, tmp_path, patience
):
    folder = tmp_path / "bank"
    server.choose_fault = lambda call, job: "401" if call == "poll" else None
    with pytest.raises(CollectionStopped, match="job-0 is still there"):
        drawn(server, order, folder, patience)
    with (
        orca_server.OrcaServer() as elsewhere,
        pytest.raises(ValueError, match=r"1 jobs of .* are pending at"),
    ):
        drawn(elsewhere, order, folder, patience)
    server.choose_fault = None
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)


def test_a_folder_of_something_else_is_refused(server, order, tmp_path, patience):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(BankError, match=r"holds 'a\.txt'"):
        drawn(server, order, tmp_path / "notes", patience)
    with pytest.raises(BankError, match="is a file"):
        drawn(server, order, tmp_path / "notes" / "a.txt", patience)
    from quantum_latents.banks import import_bank

    import_bank(np.zeros((3, 4)), tmp_path / "imported", {"from": "a test"})
    with pytest.raises(BankError, match=r"no processor measured \(imported\)"):
        drawn(server, order, tmp_path / "imported", patience)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"num_samples": 0}, ValueError, "num_samples is at least 1"),
        ({"num_samples": 2.5}, TypeError, "num_samples is a whole number"),
        ({"at_least": 5}, ValueError, "keeps nothing: 4 go in"),
        ({"exactly": 2}, ValueError, "not by both"),
        ({"occupation": (0, 0, 0, 0)}, ValueError, "no photon enters"),
        ({"occupation": (1, 1)}, ValueError, "shape"),
        ({"seed": -1}, ValueError, "seed is at least 0"),
        ({"shots_per_job": 0}, ValueError, "shots_per_job is at least 1"),
    ],
)
def test_orders_that_make_no_sense(order, change, error, said):
    with pytest.raises(error, match=said):
        replace(order, **change)


def test_limits_of_the_machine_are_kept(server, device, tmp_path, patience):
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


def test_dark_counts_are_allowed_for_when_told(orca_server, device, tmp_path, patience):
    noise = Noise(input_transmission=0.9, dark_counts=0.05)
    order = Order(interferometer=device, occupation=(1, 0, 1, 0), num_samples=200)
    with orca_server.OrcaServer(noise=noise) as server:
        with pytest.raises(CollectionStopped, match="--extra-photons"):
            drawn(server, order, tmp_path / "a", patience)
        bank = drawn(server, replace(order, extra_photons=4), tmp_path / "b", patience)
    assert bank.counts.sum(axis=1).max() > 2


def test_more_shots_than_asked_for_are_cut(order, tmp_path, patience):
    class Generous(SimulatedProcessor):
        def submit(self, request):
            return super().submit(replace(request, num_shots=request.num_shots + 7))

    collection = collect(Generous(LOSS), order, tmp_path, patience=patience)
    entries = [entry for entry in collection.ledger.entries if entry.state == "received"]
    assert {entry.num_received for entry in entries} == {20}
    assert {entry.fields["num_extra"] for entry in entries} == {7}


def test_short_jobs_in_any_order_fill_a_chunk_in_its_own(order, tmp_path, patience):
    """The middle of a chunk that is lost from the disk comes back to its place."""
    device = SimulatedProcessor(LOSS)
    whole = collect(device, order, tmp_path / "whole", patience=patience)

    class Short(SimulatedProcessor):
        def submit(self, request):
            return super().submit(replace(request, num_shots=min(6, request.num_shots)))

    folder = tmp_path / "short"
    with pytest.raises(CollectionStopped):
        collect(Short(LOSS), order, folder, patience=patience, max_jobs=4)
    (folder / PARTS / "000000-000001.npy").unlink()
    again = collect(Short(LOSS), order, folder, patience=patience, max_jobs=99, resend=True)
    assert np.array_equal(np.concatenate(list(whole.rows())), np.concatenate(list(again.rows())))


def test_details_that_are_no_json_do_no_harm(order, tmp_path, patience):
    class Odd(SimulatedProcessor):
        def poll(self, job_id):
            report = super().poll(job_id)
            nested = []
            for _ in range(5000):
                nested = [nested]
            odd = [{"x": float("nan"), "y": object()}, {"deep": nested}, {"long": "a" * 10**6}]
            return replace(report, details=odd[int(job_id[-1]) % 3])

    collection = collect(Odd(LOSS), order, tmp_path, patience=patience)
    json.dumps(collection.provenance(), allow_nan=False)
    assert (tmp_path / JOBS).stat().st_size < 10**5


def test_what_is_wrong_is_logged_once(server, order, tmp_path, patience, caplog):
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
