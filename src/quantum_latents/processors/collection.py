"""The shots of an order on disk, and where they come from.

Notation: chunks and entries as in `processors.order` and `processors.ledger`. The shots kept are
the first N that post-selection keeps, chunk after chunk and each chunk in its own order: which
job was answered first, what failed on the way and where it was resumed has no part in it.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from quantum_latents import __version__
from quantum_latents.processors.ledger import Entry, JobLedger
from quantum_latents.processors.order import Order
from quantum_latents.processors.processor import ProcessorError

__all__ = ["Collection", "CollectionStopped", "collection_of", "is_finished"]


class CollectionStopped(ProcessorError):
    """A collection that cannot go on by itself; everything received is on the disk."""


@dataclass(frozen=True, eq=False)
class Collection:
    """The shots of an order on disk. Get one from `collect` or `collection_of`.

    Attributes:
        order: what was ordered.
        ledger: how it came.
        num_received: shots received, kept or not.
        num_kept: those of them that post-selection keeps; `num_samples` of them are the order's.
        photon_numbers: how many of all received shots showed 0, 1, ... photons.
    """

    order: Order
    ledger: JobLedger
    num_received: int
    num_kept: int
    photon_numbers: tuple[int, ...]

    def rows(self) -> Iterator[np.ndarray]:
        """Yield the order's shots, uint8 (any number, m), `num_samples` of them in all.

        Raises:
            CollectionStopped: shots that were received are damaged or gone.
        """
        missing, chunk = self.order.num_samples, 0
        while missing:
            brought = [e for e in self.ledger.of_chunk(chunk) if e.state == "received"]
            for entry in sorted(brought, key=lambda entry: entry.first_shot):
                counts = self.ledger.counts(entry)
                if counts is None:
                    raise CollectionStopped(f"the shots of job {entry.job} are damaged or gone")
                rows = counts[self.order.kept(counts)][:missing] if len(counts) else counts
                missing -= len(rows)
                if len(rows):
                    yield rows
            chunk += 1

    def provenance(self) -> dict[str, Any]:
        """Return where the shots come from, JSON-able: all that a manifest keeps of it."""
        order, ledger = self.order, self.ledger
        content = order.to_json()
        content.pop("num_samples")
        selection = {key: content.pop(key) for key in ("at_least", "exactly")}
        return {
            "source": "processor",
            "processor": ledger.processor,
            "address": ledger.address,
            "sessions": ledger.sessions,
            "order": order.digest,
            **content,
            "postselection": {k: n for k, n in selection.items() if n is not None} or None,
            "num_received": self.num_received,
            "num_discarded": self.num_received - self.num_kept,
            "num_surplus": self.num_kept - order.num_samples,
            "photon_numbers": list(self.photon_numbers),
            "jobs": [_told(entry) for entry in ledger.entries if entry.state != "refused"],
            "software": {
                "quantum-latents": __version__,
                "numpy": version("numpy"),
                "python": platform.python_version(),
            },
        }


def collection_of(ledger: JobLedger) -> Collection | None:
    """Return the collection of a ledger if no shot of it is missing, without asking anyone."""
    order = ledger.order
    if order is None:
        return None
    shots: dict[int, int] = {}
    kept: dict[int, int] = {}
    photon_numbers = np.zeros(order.most_photons + 1, dtype=np.int64)
    for entry in ledger.entries:
        if entry.state != "received":
            continue
        counts = ledger.counts(entry)
        if counts is None:
            return None
        if len(counts):
            totals = counts.sum(axis=1, dtype=np.int64)
            photon_numbers += np.bincount(totals, minlength=len(photon_numbers))
            kept[entry.chunk] = kept.get(entry.chunk, 0) + int(order.kept(counts).sum())
        shots[entry.chunk] = shots.get(entry.chunk, 0) + len(counts)
    if not is_finished(order, shots, kept):
        return None
    return Collection(
        order=order,
        ledger=ledger,
        num_received=sum(shots.values()),
        num_kept=sum(kept.values()),
        photon_numbers=tuple(photon_numbers.tolist()),
    )


def is_finished(order: Order, shots: dict[int, int], kept: dict[int, int]) -> bool:
    """Whether the first chunks, each whole, hold the shots that are wanted.

    Args:
        order: what is wanted.
        shots: chunk -> shots received.
        kept: chunk -> those of them that are kept.
    """
    so_far, chunk = 0, 0
    while so_far < order.num_samples:
        if shots.get(chunk, 0) < order.num_shots(chunk):
            return False
        so_far += kept.get(chunk, 0)
        chunk += 1
    return True


def _told(entry: Entry) -> dict[str, Any]:
    """An entry as a manifest keeps it."""
    return {
        "chunk": entry.chunk,
        "job": entry.job,
        "state": entry.state,
        "num_shots": entry.num_shots,
        "first_shot": entry.first_shot,
        "times": entry.times,
        **entry.fields,
    }
