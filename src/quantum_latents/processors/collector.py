"""The loop that sends jobs, asks for them and keeps what they bring.

Notation: chunks and entries as in `processors.order` and `processors.ledger`. Nothing that happens
here decides what a bank holds: the ledger and the order do.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantum_latents.processors.collection import CollectionStopped, is_finished
from quantum_latents.processors.interrupts import interrupts_held
from quantum_latents.processors.ledger import Entry, JobLedger
from quantum_latents.processors.order import Estimate, Order, estimate
from quantum_latents.processors.patience import Patience
from quantum_latents.processors.processor import (
    JobReport,
    JobRequest,
    JobState,
    Limits,
    Processor,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)

__all__ = ["Collector", "Progress"]

Progress = Callable[[int, int], None]
"""Called with (shots kept, shots in all) after every job that brought some."""

logger = logging.getLogger(__name__)


class Collector:
    """One call of `collect`: what it knows beside the ledger is forgotten with it."""

    def __init__(
        self,
        processor: Processor,
        order: Order,
        ledger: JobLedger | None,
        max_jobs: int | None,
        resend: bool,
        patience: Patience,
        progress: Progress | None,
        *,
        may_send: bool = True,
    ) -> None:
        self._processor, self._order, self._patience = processor, order, patience
        self._ledger = JobLedger(Path()) if ledger is None else ledger
        self._resend, self._progress = resend, progress
        self._max_jobs, self._may_send = max_jobs, may_send
        self._shots: dict[int, int] = {}  # chunk -> shots received
        self._kept: dict[int, int] = {}  # chunk -> those of them that are kept
        for entry in self._ledger.entries:
            if entry.state == "received" and (counts := self._ledger.counts(entry)) is not None:
                self._count(entry, counts)
        self._watches: dict[int, _Watch] = {}  # entry -> what was seen of it
        self._fruitless: dict[int, int] = {}  # chunk -> jobs of this call that brought nothing
        self._refusals, self._not_before = 0, -math.inf
        self._stop: str | None = None  # why nothing more is sent
        self._bound: int | None = None  # if that is max_jobs

    def estimate(self, limits: Limits) -> Estimate:
        """Return what is still to be done."""
        return estimate(
            self._order,
            num_sent=self._ledger.num_sent(),
            num_pending=self._ledger.num_pending(),
            num_received=sum(self._shots.values()),
            num_kept=sum(self._kept.values()),
            max_jobs=self._max_jobs,
            shots_per_second=limits.shots_per_second,
            possibly_paid=tuple(
                f"chunk {entry.chunk}, {entry.num_shots} shots, sent {entry.times['intent']}"
                for entry in self._ledger.entries
                if entry.is_possibly_paid
            ),
        )

    def run(self) -> None:
        """Send and receive until nothing is missing.

        Raises:
            CollectionStopped: it cannot go on by itself.
        """
        self._mend()
        while not self._is_finished():
            if self._stop is None and self._send_one():
                # Heard before the next is sent: the answer of a synchronous call is in memory.
                self._patience.sleep(self._patience.poll_first)
            self._ask_due()
            if self._is_finished():
                break
            waiting = self._watched()
            if self._stop is not None and not waiting:
                raise CollectionStopped(self._told_bound() if self._bound else self._stop)
            self._wait(waiting)
        for entry in list(self._ledger.entries):
            if entry.is_pending:
                self._cancel(entry, "not needed")

    def _mend(self) -> None:
        """Ask again for shots that were received and are damaged or gone."""
        for entry in self._ledger.entries:
            if entry.state == "received" and self._ledger.counts(entry) is None:
                logger.warning("the shots of job %s are damaged or gone; asking again", entry.job)
                self._ledger.record(entry, "submitted", job=entry.job, again=True)

    def _is_finished(self) -> bool:
        return is_finished(self._order, self._shots, self._kept)

    # -- sending

    def _send_one(self) -> bool:
        """Send the next job if one is wanted now; return whether one was accepted."""
        chunk = self._next_chunk()
        if chunk is None or self._patience.monotonic() < self._not_before:
            return False
        if not self._may_send:
            self._stop = "more jobs are needed than those that were pending: make the same call"
            return False
        most = self._most_jobs()
        if self._ledger.num_sent() >= most:
            self._stop, self._bound = "no more jobs", most
            return False
        first_shot, num_shots = self._gap(chunk)
        # From the intent on Ctrl-C is held: an intent without an answer is possibly paid.
        with interrupts_held("a job is being sent; ends when it is written down"):
            entry = self._ledger.intend(chunk, num_shots, first_shot)
            request = JobRequest(
                interferometer=self._order.interferometer,
                occupation=self._order.occupation,
                num_shots=entry.num_shots,
                first_shot=entry.first_shot,
                key=self._order.key(chunk),
            )
            try:
                job = self._processor.submit(request)
            except RetryLater as error:
                self._ledger.record(entry, "refused", why=str(error))
                self._back_off(error)
            except SubmissionLost as error:
                self._lose(entry, error)
            except ProcessorError as error:
                self._ledger.record(entry, "refused", why=str(error))
                self._stop = str(error)
            else:
                self._ledger.record(entry, "submitted", job=job)
                self._refusals = 0
                return True
        return False

    def _next_chunk(self) -> int | None:
        """The first chunk that needs a job and may have one, or None."""
        pending = [entry for entry in self._ledger.entries if entry.is_pending]
        begun = 1 + max((entry.chunk for entry in self._ledger.entries), default=-1)
        busy = {entry.chunk for entry in pending}
        if len(pending) >= self._patience.most_pending:
            return None
        for chunk in range(begun):
            if chunk in busy or self._shots.get(chunk, 0) >= self._order.num_shots(chunk):
                continue
            for entry in self._ledger.of_chunk(chunk):
                if entry.is_possibly_paid:
                    if not self._resend:
                        self._stop = (
                            f"chunk {chunk}, {entry.num_shots} shots, was sent "
                            f"{entry.times['intent']} and its answer was lost: possibly paid. "
                            "Ask the service, or send it again with --yes (resend=True)"
                        )
                        return None
                    self._ledger.record(entry, "resend", why="told to")
            return chunk
        received, kept = sum(self._shots.values()), sum(self._kept.values())
        if not self._order.selects:
            return begun if begun < self._order.least_chunks else None
        if not received:
            return None if pending else begun  # the first job tells how many are needed
        expected = kept + sum(entry.num_shots for entry in pending) * kept / received
        return begun if expected < self._order.num_samples else None

    def _gap(self, chunk: int) -> tuple[int, int]:
        """The first shots of a chunk that nothing has brought: where they begin, how many."""
        first = 0
        brought = sorted(
            (entry.first_shot, entry.num_received)
            for entry in self._ledger.of_chunk(chunk)
            if entry.state == "received"
        )
        for begin, number in brought:
            if begin > first:
                return first, begin - first
            first = max(first, begin + number)
        return first, self._order.num_shots(chunk) - first

    def _most_jobs(self) -> int:
        expected = self.estimate(Limits())
        return expected.num_jobs_sent + expected.most_jobs

    def _told_bound(self) -> str:
        kept, received = sum(self._kept.values()), sum(self._shots.values())
        most = self._bound or 0
        text = (
            f"{most} jobs are sent, the most that may be: {kept:,} of {received:,} shots are kept "
            f"and {self._order.num_samples:,} wanted"
        )
        if not kept:
            return f"{text}; ask for fewer photons, or go on with a greater --max-jobs"
        more = max(1, self.estimate(Limits()).least_jobs)
        return f"{text}; about {more} more are needed: go on with --max-jobs {most + more} or more"

    def _back_off(self, error: RetryLater) -> None:
        self._refusals += 1
        wait = self._patience.retry_wait(self._refusals, error.seconds)
        if self._refusals > self._patience.retries:
            self._stop = f"{error}, {self._refusals} times in a row"
        elif wait > self._patience.longest_wait:
            self._stop = f"{error}; it asks to wait {wait:,.0f} s: make the same call then"
        self._not_before = self._patience.monotonic() + wait

    def _lose(self, entry: Entry, error: SubmissionLost) -> None:
        self._ledger.record(entry, "lost", job=entry.job, why=str(error))
        logger.warning("%s: chunk %d is possibly paid", error, entry.chunk)
        self._forget(entry, str(error))
        if not self._resend:
            self._stop = (
                f"{error}: chunk {entry.chunk}, {entry.num_shots} shots, is possibly paid. Ask the "
                "service, or send it again with --yes (resend=True)"
            )

    # -- asking

    def _watched(self) -> list[Entry]:
        return [
            entry
            for entry in self._ledger.entries
            if entry.is_pending and not self._watch(entry).is_stuck
        ]

    def _watch(self, entry: Entry) -> _Watch:
        now = self._patience.monotonic()
        return self._watches.setdefault(
            entry.number, _Watch(seen=now, due=now, wait=self._patience.poll_first)
        )

    def _ask_due(self) -> None:
        for entry in self._watched():
            if self._watch(entry).due <= self._patience.monotonic():
                self._ask(entry, self._watch(entry))

    def _ask(self, entry: Entry, watch: _Watch) -> None:
        assert entry.job is not None
        try:
            report = self._processor.poll(entry.job)
        except RetryLater as error:
            watch.failures += 1
            wait = self._patience.retry_wait(watch.failures, error.seconds)
            if watch.failures > self._patience.retries or wait > self._patience.longest_wait:
                raise CollectionStopped(
                    f"{error}, {watch.failures} times in a row; job {entry.job} is still there"
                ) from None
            watch.due = self._patience.monotonic() + wait
            return
        except SubmissionLost as error:
            self._lose(entry, error)
            return
        except ProcessorError as error:
            raise CollectionStopped(f"{error}; job {entry.job} is still there") from None
        watch.failures = 0
        fault = report.message
        if report.state is JobState.DONE:
            fault = _fault(report, self._order)
            if fault is None:
                self._receive(entry, report)
                return
        if report.state in (JobState.DONE, JobState.FAILED):
            self._hear_of_failure(entry, watch, report, fault or "no reason given")
        else:
            self._wait_for(entry, watch, report.state)

    def _receive(self, entry: Entry, report: JobReport) -> None:
        assert report.counts is not None
        num_extra = max(0, len(report.counts) - entry.num_shots)
        counts = np.ascontiguousarray(report.counts[: entry.num_shots])
        self._ledger.receive(entry, counts, report.details, num_extra)
        self._count(entry, counts)
        if len(counts) < entry.num_shots:
            logger.warning(
                "job %s brought %d of %d shots; the rest is asked for again",
                *(entry.job, len(counts), entry.num_shots),
            )
            if not len(counts):
                self._forget(entry, "no shots")
        if self._progress is not None:
            kept = min(sum(self._kept.values()), self._order.num_samples)
            self._progress(kept, self._order.num_samples)

    def _hear_of_failure(self, entry: Entry, watch: _Watch, report: JobReport, fault: str) -> None:
        watch.bad += 1
        answer = report.details.get("answer")
        if report.counts is not None:
            answer = report.counts.tolist()
        if answer is not None:
            self._ledger.keep_answer(entry, {"job": entry.job, "fault": fault, "answer": answer})
        if watch.bad <= self._patience.repolls:
            # It may have been spoilt on its way.
            watch.due = self._patience.monotonic() + self._patience.retry_wait(watch.bad, None)
            return
        self._ledger.record(entry, "failed", why=fault)
        logger.warning("job %s of chunk %d failed: %s", entry.job, entry.chunk, fault)
        self._forget(entry, fault)

    def _wait_for(self, entry: Entry, watch: _Watch, state: JobState) -> None:
        now = self._patience.monotonic()
        if state is JobState.PENDING:
            watch.unknown_since = None
        elif watch.unknown_since is None:
            watch.unknown_since = now
        elif now - watch.unknown_since > self._patience.unknown_seconds:
            self._ledger.record(entry, "unknown", why="the service does not know it")
            logger.warning("the service does not know job %s: sending it again", entry.job)
            self._forget(entry, "the service does not know the job")
            return
        if now - watch.seen > self._patience.stuck_seconds:
            self._hear_of_stuck(entry, watch)
        watch.due = now + watch.wait
        watch.wait = min(watch.wait * self._patience.poll_factor, self._patience.poll_most)

    def _hear_of_stuck(self, entry: Entry, watch: _Watch) -> None:
        seconds = self._patience.stuck_seconds
        if self._resend:
            self._cancel(entry, f"pending for {seconds:g} s")
            self._forget(entry, f"pending for {seconds:g} s")
            return
        watch.is_stuck = True
        self._stop = (
            f"job {entry.job} of chunk {entry.chunk} has been pending for {seconds:g} s: the same "
            "call goes on waiting; --yes (resend=True) cancels it and sends another"
        )

    def _cancel(self, entry: Entry, why: str) -> None:
        assert entry.job is not None
        try:
            self._processor.cancel(entry.job)
        except ProcessorError as error:
            why = f"{why}; {error}"
        self._ledger.record(entry, "cancelled", why=why)

    def _forget(self, entry: Entry, why: str) -> None:
        """A job brought nothing: another may be sent, a few times."""
        number = self._fruitless.get(entry.chunk, 0) + 1
        self._fruitless[entry.chunk] = number
        if number >= self._patience.jobs_per_chunk:
            self._stop = f"chunk {entry.chunk}: {number} jobs brought nothing, the last for {why}"

    def _count(self, entry: Entry, counts: np.ndarray) -> None:
        kept = int(self._order.kept(counts).sum()) if len(counts) else 0
        self._shots[entry.chunk] = self._shots.get(entry.chunk, 0) + len(counts)
        self._kept[entry.chunk] = self._kept.get(entry.chunk, 0) + kept

    def _wait(self, waiting: list[Entry]) -> None:
        """Sleep until something may be done."""
        times = [self._watch(entry).due for entry in waiting]
        if self._stop is None and self._next_chunk() is not None:
            times.append(self._not_before)
        if self._stop is not None and not waiting:
            return
        now = self._patience.monotonic()
        if (pause := min(times, default=now) - now) > 0:
            self._patience.sleep(pause)


@dataclass
class _Watch:
    """What one call has seen of a pending job, by the monotonic clock."""

    seen: float
    due: float
    wait: float
    failures: int = 0
    bad: int = 0
    unknown_since: float | None = None
    is_stuck: bool = False


def _fault(report: JobReport, order: Order) -> str | None:
    """What is wrong with the shots of a job that is done, or None."""
    counts = report.counts
    if not isinstance(counts, np.ndarray) or counts.dtype != np.uint8 or counts.ndim != 2:
        return "it is done and brings no table of counts"
    if not len(counts):
        return None
    if counts.shape[1] != order.num_modes:
        return f"its shots have {counts.shape[1]} modes in the place of {order.num_modes}"
    totals = counts.sum(axis=1, dtype=np.int64)
    worst = int(totals.argmax())
    if totals[worst] > order.most_photons:
        return (
            f"shot {worst} shows {totals[worst]} photons and {order.num_photons} go in (if they "
            "are dark counts, allow for them: --extra-photons, Order(extra_photons=))"
        )
    return None
