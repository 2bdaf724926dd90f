"""The folder of a bank that a processor measures: what is in it, damaged or not, decides."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.banks import BankError, collect_bank, open_bank
from quantum_latents.processors import (
    CollectionStopped,
    JobLedger,
    OrcaProcessor,
    ProcessorError,
    SimulatedProcessor,
    collect,
)
from quantum_latents.processors.ledger import JOBS, PARTS, Entry
from quantum_latents.samplers import Noise

LOSS = Noise(input_transmission=0.8)


def test_a_complete_bank_asks_nobody(drawn, server, order, faultless, tmp_path, patience):
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
    drawn, server, order, faultless, tmp_path, patience, harm
):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    part = sorted((folder / PARTS).glob("*.npy"))[0]
    part.unlink() if harm == "gone" else part.write_bytes(b"nothing")
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)
    assert len(server.chunks) == len(set(server.chunks)), "it is not paid for again"


def test_a_torn_last_line_is_cut_off(drawn, server, order, faultless, tmp_path, patience):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    with open(folder / JOBS, "ab") as file:
        file.write(b'{"event": "inte')
    assert np.array_equal(drawn(server, order, folder, patience).counts, faultless)


def test_a_ledger_that_cannot_be_read_sends_nothing(drawn, server, order, tmp_path, patience):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    lines = (folder / JOBS).read_bytes().splitlines(keepends=True)
    for spoilt in ([*lines[:2], b"{\n", *lines[3:]], lines[:2] + lines[3:]):
        (folder / JOBS).write_bytes(b"".join(spoilt))
        with pytest.raises(ProcessorError, match="is damaged"):
            drawn(server, order, folder, patience)
    assert len(server.jobs) == 2


def test_shots_that_the_ledger_does_not_know_are_not_written_over(
    drawn, server, order, tmp_path, patience
):
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=2)
    lines = (folder / JOBS).read_bytes().splitlines(keepends=True)
    part = sorted((folder / PARTS).glob("*.npy"))[0]
    content = part.read_bytes()
    for kept in ([], lines[:2]):
        (folder / JOBS).write_bytes(b"".join(kept))
        with pytest.raises(ProcessorError, match="knows nothing of the shots"):
            drawn(server, order, folder, patience)
    (folder / JOBS).unlink()
    with pytest.raises(ProcessorError, match="knows nothing of the shots"):
        drawn(server, order, folder, patience)
    assert part.read_bytes() == content
    assert len(server.jobs) == 2


def test_a_whole_bank_without_its_ledger_is_not_paid_for_again(
    drawn, server, order, tmp_path, patience
):
    folder = tmp_path / "bank"
    drawn(server, order, folder, patience)
    sent = len(server.jobs)
    (folder / JOBS).unlink()
    with pytest.raises(BankError, match="open it as it is"):
        drawn(server, order, folder, patience)
    assert len(server.jobs) == sent


def test_pending_jobs_that_bring_nothing_are_not_replaced_unasked(
    drawn, server, order, faultless, tmp_path, patience
):
    """A call that asks nobody, because every job is on its way, sends none."""
    folder = tmp_path / "bank"
    server.faults["poll"] = deque(["401"])
    unpicky = replace(order, at_least=None, num_samples=20)
    with pytest.raises(ProcessorError, match="401"):
        drawn(server, unpicky, folder, patience)
    assert len(server.jobs) == 1
    server.faults["poll"] = deque(["error"] * 3)
    asked = []

    def confirm(estimate):
        asked.append(estimate.least_jobs)
        return True

    with pytest.raises(CollectionStopped, match="make the same call"):
        drawn(server, unpicky, folder, patience, confirm=confirm)
    assert (asked, len(server.jobs)) == ([], 1)
    assert len(drawn(server, unpicky, folder, patience, confirm=confirm)) == 20
    assert (asked, len(server.jobs)) == ([1], 2)


def test_every_cut_of_the_ledger_ends_in_the_same_bank(
    drawn, server, order, faultless, tmp_path, patience
):
    """Whatever a power cut left of the ledger, the bank is the same and no chunk is lost."""
    folder = tmp_path / "bank"
    with pytest.raises(CollectionStopped):
        drawn(server, order, folder, patience, max_jobs=3)
    whole = (folder / JOBS).read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    for end in ends[1:]:
        (folder / JOBS).write_bytes(whole[:end])
        known = {entry.name for entry in JobLedger.read(folder).entries}
        for part in (folder / PARTS).iterdir():
            if part.stem not in known:  # an intent is on the disk before its shots are
                part.unlink()
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


def test_another_process_s_folder_is_left_alone(drawn, server, order, tmp_path, patience):
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
def test_another_order_is_refused(drawn, server, order, tmp_path, patience, change, said):
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
    drawn, orca_server, server, order, faultless, tmp_path, patience
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


def test_a_folder_of_something_else_is_refused(drawn, server, order, tmp_path, patience):
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


def test_an_answer_too_deep_to_be_written_does_no_harm(tmp_path):
    with JobLedger.held(tmp_path) as ledger:
        deep: list = []
        for _ in range(100_000):
            deep = [deep]
        entry = Entry(chunk=0, number=0, num_shots=1, first_shot=0)
        ledger.keep_answer(entry, deep)
    assert "left_out" in (tmp_path / PARTS / f"{entry.name}.json").read_text()


def test_details_that_are_no_json_do_no_harm(order, tmp_path, patience):
    class Odd(SimulatedProcessor):
        def poll(self, job_id):
            report = super().poll(job_id)
            nested = []
            for _ in range(5000):
                nested = [nested]
            odd = [{"x": float("nan"), "y": object()}, {"deep": nested}, {"long": "a" * 10**6}]
            self.polls = getattr(self, "polls", 0) + 1
            return replace(report, details=odd[self.polls % 3])

    collection = collect(Odd(LOSS), order, tmp_path, patience=patience)
    json.dumps(collection.provenance(), allow_nan=False)
    assert (tmp_path / JOBS).stat().st_size < 10**5
