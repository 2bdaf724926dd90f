"""The jobs of a bank on disk, so that none is lost and none is paid for twice.

Notation: the folder of a bank that is drawn from a processor holds

- ``jobs.jsonl``: the *ledger*, one JSON object a line, appended and synced, never changed;
- ``parts/CHUNK-JOB.npy``: the shots that one job brought, uint8, as they were received;
- ``parts/CHUNK-JOB.json``: an answer that was refused, as it was received.

An *entry* is one sending of one chunk. It passes through these events, each on the disk before
what follows it in the world:

    intent      before a job is sent
    submitted   its id, before it is first asked for
    refused     the service did not accept it: nothing is owed
    lost        sent, and the answer was lost: possibly paid
    failed, unknown, cancelled   it brought nothing; another may be sent
    received    its shots are on the disk

An intent that nothing follows was cut off while it was sent: it is possibly paid too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.disk import sync_folder, write_atomically
from quantum_latents.processors.order import Order
from quantum_latents.processors.processor import ProcessorError

__all__ = ["JOBS", "PARTS", "Entry", "JobLedger", "now"]

JOBS = "jobs.jsonl"
PARTS = "parts"

_MOST_DETAILS = 65536
"""Bytes of JSON that a service may say of a job or of itself; more is not kept."""

_MOST = 10**12
"""Above every number of a ledger: of chunks, entries and shots."""

_OUTCOMES = ("submitted", "refused", "lost", "failed", "unknown", "cancelled", "received", "resend")


@dataclass
class Entry:
    """One sending of one chunk.

    Attributes:
        chunk: which chunk.
        number: counts all entries of the ledger from 0.
        num_shots: shots that were asked for.
        first_shot: shots of the chunk that earlier entries had brought.
        state: the last event, as the module lists them.
        job: the service's id; None until it is known.
        times: event -> when it was written, by this machine's clock, for the eye alone.
        fields: what the last event said beside.
    """

    chunk: int
    number: int
    num_shots: int
    first_shot: int
    state: str = "intent"
    job: str | None = None
    times: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        """Whether the service has it."""
        return self.state == "submitted"

    @property
    def is_possibly_paid(self) -> bool:
        """Whether it was sent and nobody knows what became of it."""
        return self.state in ("intent", "lost")

    @property
    def num_received(self) -> int:
        """Shots that it brought."""
        return self.fields.get("num_received", 0)

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.chunk:06d}-{self.number:06d}"


class JobLedger:
    """The ledger of one folder. Get one from `JobLedger.held`, which one process can at a time.

    Attributes:
        folder: of the bank.
        entries: all sendings, in their order.
        order: what was ordered; None in a new ledger.
        processor: of which processor; "" in a new ledger.
        address: where it was; None if it has none.
        sessions: what the processor said of itself at the start of every call.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self.order: Order | None = None
        self.processor = ""
        self.address: str | None = None
        self.sessions: list[dict[str, Any]] = []

    @classmethod
    @contextlib.contextmanager
    def held(cls, folder: Path) -> Iterator[JobLedger]:
        """Hold the ledger of a folder, read, for writing.

        A torn last line, which a kill or a power cut may leave, is cut off: what it would have
        said has not happened in the world yet, or is possibly paid.

        Raises:
            ProcessorError: another process holds it, or a line of it is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PARTS).mkdir(exist_ok=True)
        with open(folder / JOBS, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ProcessorError(
                    f"another process collects into {folder}; let it end, or stop it"
                ) from None
            sync_folder(folder)
            ledger = cls(folder)
            ledger._read()
            yield ledger

    @classmethod
    def read(cls, folder: Path) -> JobLedger:
        """Return the ledger of a folder to look at, while another process may hold it.

        Raises:
            ProcessorError: there is none, or a line of it is damaged.
        """
        if not (folder / JOBS).exists():
            raise ProcessorError(f"{folder} holds no {JOBS}: nothing was drawn from a processor")
        ledger = cls(folder)
        for line in _whole_lines(folder / JOBS)[0]:
            ledger._apply(line)
        return ledger

    def begin(self, order: Order, processor: str, address: str | None) -> None:
        """Write what is ordered, as the first line."""
        assert self.order is None
        self._append(
            {"event": "order", "processor": processor, "address": address, **_stamp()}
            | {"order": order.to_json()}
        )

    def session(self, described: dict[str, Any]) -> None:
        """Write what the processor says of itself."""
        self._append({"event": "session", "described": _plain(described), **_stamp()})

    def intend(self, chunk: int, num_shots: int, first_shot: int) -> Entry:
        """Write that a job is about to be sent, and return its entry."""
        number = len(self.entries)
        self._append(
            {"event": "intent", "entry": number, "chunk": chunk}
            | {"num_shots": num_shots, "first_shot": first_shot, **_stamp()}
        )
        return self.entries[number]

    def record(self, entry: Entry, event: str, **said: Any) -> None:
        """Write what became of an entry."""
        assert event in _OUTCOMES
        self._append({"event": event, "entry": entry.number, **said, **_stamp()})

    def receive(
        self, entry: Entry, counts: np.ndarray, details: dict[str, Any], num_extra: int
    ) -> None:
        """Put the shots of a job on the disk, and only then write that they are there."""
        data = io.BytesIO()
        np.save(data, counts, allow_pickle=False)
        content = data.getvalue()
        write_atomically(self.folder / PARTS / f"{entry.name}.npy", content, has_one_writer=True)
        said: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest()}
        if num_extra:
            said["num_extra"] = num_extra
        self.record(entry, "received", num_received=len(counts), details=_plain(details), **said)

    def keep_answer(self, entry: Entry, answer: Any) -> None:
        """Put an answer that was refused on the disk, as it was received."""
        try:
            text = json.dumps(answer, default=str)
        except (ValueError, RecursionError):
            text = json.dumps({"left_out": "not JSON"})
        write_atomically(
            self.folder / PARTS / f"{entry.name}.json", text.encode(), has_one_writer=True
        )

    def counts(self, entry: Entry) -> np.ndarray | None:
        """Return the shots that an entry brought, (N, m); None if they are damaged or gone."""
        try:
            content = (self.folder / PARTS / f"{entry.name}.npy").read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != entry.fields.get("sha256"):
            return None
        return np.load(io.BytesIO(content), allow_pickle=False)

    def of_chunk(self, chunk: int) -> list[Entry]:
        """Return the entries of a chunk in their order."""
        return [entry for entry in self.entries if entry.chunk == chunk]

    def num_sent(self) -> int:
        """Return how many jobs were sent that may be billed."""
        return sum(entry.state != "refused" for entry in self.entries)

    def num_pending(self) -> int:
        """Return how many jobs the service has."""
        return sum(entry.is_pending for entry in self.entries)

    def _read(self) -> None:
        path = self.folder / JOBS
        lines, size = _whole_lines(path)
        if size < path.stat().st_size:
            with open(path, "r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        for line in lines:
            self._apply(line)
        known = {entry.name for entry in self.entries}
        for part in sorted((self.folder / PARTS).glob("[0-9]*.npy")):
            if part.stem not in known:
                # A new entry would take its number, and its shots would be gone.
                raise ProcessorError(
                    f"{path} is damaged: it knows nothing of the shots in {PARTS}/{part.name}, so "
                    "nothing is sent; restore the file"
                )

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, allow_nan=False).encode() + b"\n"
        with open(self.folder / JOBS, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        try:
            kind = event["event"]
            if kind == "order":
                self.order = Order.from_json(event["order"])
                self.processor, self.address = event["processor"], event["address"]
                if not isinstance(self.processor, str) or not isinstance(self.address, str | None):
                    raise TypeError("a processor's name and address are text")
            elif kind == "session":
                self.sessions.append({"at": event["at"], **event["described"]})
            elif kind == "intent":
                if _number(event["entry"]) != len(self.entries):
                    raise ValueError("an entry is missing")
                self.entries.append(
                    Entry(
                        chunk=_number(event["chunk"]),
                        number=event["entry"],
                        num_shots=_number(event["num_shots"]),
                        first_shot=_number(event["first_shot"]),
                        times={"intent": event["at"]},
                    )
                )
            elif kind in _OUTCOMES:
                entry = self.entries[_number(event["entry"])]
                _number(event.get("num_received", 0))
                if kind == "submitted" and not isinstance(event["job"], str):
                    raise TypeError("a job's id is text")
                entry.state = kind
                entry.job = event.get("job", entry.job)
                entry.times[kind] = event["at"]
                entry.fields = {
                    name: value
                    for name, value in event.items()
                    if name not in ("event", "entry", "job", "at")
                }
            else:
                raise ValueError(f"unknown event {kind!r}")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ProcessorError(
                f"{self.folder / JOBS} is damaged ({type(error).__name__} in {str(event)[:80]!r}): "
                "what was paid for can no longer be told, so nothing is sent; restore the file"
            ) from error


def now() -> str:
    """Return this machine's time for the eye, UTC; no decision rests on it."""
    try:
        return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return "a clock out of range"


def _number(value: Any) -> int:
    """Return a number of a ledger, which counts something.

    Raises:
        TypeError, ValueError: it is none.
    """
    if type(value) is not int:
        raise TypeError("a number is missing")
    if not 0 <= value < _MOST:
        raise ValueError("a number counts nothing")
    return value


def _stamp() -> dict[str, str]:
    return {"at": now()}


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """What a service said as strict JSON of bounded size."""
    try:
        # NaN and infinities, which strict JSON lacks, become words.
        plain = json.loads(json.dumps(said, default=str), parse_constant=str)
        size = len(json.dumps(plain))
    except (TypeError, ValueError, RecursionError):
        return {"left_out": "not JSON"}
    return plain if size <= _MOST_DETAILS else {"left_out": f"{size} bytes"}


def _whole_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The events of a ledger and the bytes they take, without a torn last line."""
    data = path.read_bytes()
    size = data.rfind(b"\n") + 1
    events = []
    for number, line in enumerate(data[:size].splitlines(), 1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise ProcessorError(
                f"{path} is damaged in line {number}: what was paid for can no longer be told, "
                "so nothing is sent; restore the file"
            )
        events.append(event)
    return events, size
