"""Drawing an order's shots from a processor, whatever happens on the way.

Notation: chunks and entries as in `processors.order` and `processors.ledger`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from quantum_latents.processors.collection import Collection, CollectionStopped, collection_of
from quantum_latents.processors.collector import Collector, Progress
from quantum_latents.processors.ledger import JOBS, JobLedger
from quantum_latents.processors.order import USUAL_SHOTS_PER_JOB, Estimate, Order
from quantum_latents.processors.patience import Patience
from quantum_latents.processors.processor import Limits, Processor, RetryLater

__all__ = ["collect"]

Confirm = Callable[[Estimate], bool]
"""Called before anything is sent; False sends nothing."""


def collect(
    processor: Processor,
    order: Order,
    folder: str | os.PathLike[str],
    *,
    max_jobs: int | None = None,
    resend: bool = False,
    confirm: Confirm | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Collection:
    """Draw an order's shots into a folder, or go on where an earlier call was cut off.

    Pending jobs are picked up, lost ones sent again, finished chunks never. A job that was sent
    and whose answer was lost may have been paid: it is sent again only with `resend`.

    Args:
        processor: who measures.
        order: what is wanted; `shots_per_job` left out is settled by the first call.
        folder: where ledger and shots lie; made if missing.
        max_jobs: most jobs that may be sent in all, by all calls; None for the rule of
            `estimate`.
        resend: send again what may have been paid already.
        confirm: asked before anything is sent, with an estimate; True also sends again the
            possibly paid jobs that it lists. A call that has only pending jobs to pick up does
            not ask, and stops if it turns out that more are needed. None sends unasked.
        patience: how long to wait for what.
        progress: called with (shots kept, shots in all).

    Raises:
        ValueError: what the processor cannot run, an order other than the folder's, or a
            processor other than its.
        CollectionStopped: it cannot go on by itself; the message says why, and what to do. The
            same call goes on.
        ProcessorError: the processor cannot be reached or refuses.
    """
    folder, patience = Path(folder), patience or Patience()
    known = JobLedger.read(folder) if (folder / JOBS).exists() else None
    if known is not None and known.order is not None:
        order = _same_order(known, processor, order)
        if (whole := collection_of(known)) is not None:
            return whole
    limits = _patiently(processor.limits, patience)
    _check_limits(processor, order, limits)
    processor.check(order.interferometer, order.occupation)
    if known is None or known.order is None:
        order = replace(order, shots_per_job=_chosen_shots(order, limits))
    expected = Collector(processor, order, known, max_jobs, resend, patience, None).estimate(limits)
    asks = confirm is not None and (expected.least_jobs > 0 or bool(expected.possibly_paid))
    if asks and confirm is not None and not confirm(expected):
        raise CollectionStopped("nothing was sent")
    may_send = asks or confirm is None or resend
    with JobLedger.held(folder) as ledger:
        if ledger.order is None:
            ledger.begin(order, processor.name, processor.describe().get("address"))
        order = _same_order(ledger, processor, order)
        ledger.session(processor.describe())
        for entry in ledger.entries:
            if asks and entry.is_possibly_paid:
                ledger.record(entry, "resend", why="confirmed")
        collector = Collector(
            processor, order, ledger, max_jobs, resend, patience, progress, may_send=may_send
        )
        collector.run()
        whole = collection_of(ledger)
        assert whole is not None
        return whole


_T = TypeVar("_T")


def _patiently(call: Callable[[], _T], patience: Patience) -> _T:
    """Return what a call returns, made again after faults that may pass."""
    failures = 0
    while True:
        try:
            return call()
        except RetryLater as error:
            failures += 1
            wait = patience.retry_wait(failures, error.seconds)
            # Nothing is begun yet: a user would rather hear of it than wait for long.
            if failures >= min(3, patience.retries) or wait > patience.longest_wait:
                raise
            patience.sleep(wait)


def _same_order(ledger: JobLedger, processor: Processor, order: Order) -> Order:
    """Return the order of a ledger, if it is the wanted one."""
    known = ledger.order
    assert known is not None
    found, wanted = known.to_json(), order.to_json()
    if order.shots_per_job is None:
        wanted["shots_per_job"] = found["shots_per_job"]
    if differing := [name for name in wanted if wanted[name] != found[name]]:
        raise ValueError(
            f"{ledger.folder} was begun with another order (it differs in "
            f"{', '.join(differing)}); choose another folder"
        )
    if processor.name != ledger.processor:
        raise ValueError(
            f"{ledger.folder} was begun on {ledger.processor}, not on {processor.name}; choose "
            "another folder"
        )
    if pending := ledger.num_pending():
        address = processor.describe().get("address")  # may ask the service
        if address != ledger.address:
            raise ValueError(
                f"{pending} jobs of {ledger.folder} are pending at {ledger.address}, not at "
                f"{address}"
            )
    return known


def _check_limits(processor: Processor, order: Order, limits: Limits) -> None:
    for value, most, what in (
        (order.num_modes, limits.max_modes, "modes"),
        (order.num_photons, limits.max_photons, "photons"),
        (order.shots_per_job or 1, limits.max_shots_per_job, "shots a job"),
    ):
        if most is not None and value > most:
            raise ValueError(f"{processor.name} takes at most {most} {what}, not {value}")


def _chosen_shots(order: Order, limits: Limits) -> int:
    """How many shots a job measures: no more than the order can use."""
    if order.shots_per_job is not None:
        return order.shots_per_job
    useful = order.num_samples * (4 if order.selects else 1)
    return min(useful, limits.max_shots_per_job or USUAL_SHOTS_PER_JOB)
