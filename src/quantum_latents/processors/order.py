"""What is wanted of a processor, and what it will take.

Notation: m modes, N shots kept. The wanted shots are cut into *chunks* of equal numbers of
measured shots; chunk c of an order has one key, whatever happens to its jobs.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from quantum_latents.circuits import Interferometer, rebuild
from quantum_latents.samplers.occupation import checked_occupation

__all__ = ["USUAL_SHOTS_PER_JOB", "Estimate", "Order", "estimate"]

USUAL_SHOTS_PER_JOB = 5000
"""Shots of a job where the service states no limit: about what ORCA's takes."""

_MOST_SHOTS = 10**7


@dataclass(frozen=True, kw_only=True)
class Order:
    """Shots that are wanted of a processor.

    Attributes:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        num_samples: N, how many shots to keep, at least 1.
        at_least: keep the shots with at least so many photons in all; None keeps all.
        exactly: keep the shots with exactly so many; None keeps all.
        extra_photons: how many photons more than went in a shot may show (dark counts); one
            that shows more is a fault of the answer.
        seed: tells orders apart that are equal but for it.
        shots_per_job: how many shots a chunk measures; None leaves it to `collect`, which takes
            the smallest of 5,000, the processor's limit and what the order can use.

    Raises:
        TypeError, ValueError: a field out of range, named.

    >>> from quantum_latents.circuits import time_bin
    >>> order = Order(
    ...     interferometer=time_bin(2, (1,), angles=[0.5], phases=[0.0]),
    ...     occupation=(1, 1),
    ...     num_samples=100,
    ...     shots_per_job=40,
    ... )
    >>> [order.num_shots(chunk) for chunk in range(order.least_chunks)]
    [40, 40, 20]
    """

    interferometer: Interferometer
    occupation: tuple[int, ...]
    num_samples: int
    at_least: int | None = None
    exactly: int | None = None
    extra_photons: int = 0
    seed: int = 0
    shots_per_job: int | None = None

    def __post_init__(self) -> None:
        occupation = checked_occupation(self.occupation, self.interferometer.num_modes)
        object.__setattr__(self, "occupation", occupation)
        for name, least, most in (
            ("num_samples", 1, 2**40),
            ("at_least", 0, None),
            ("exactly", 0, None),
            ("extra_photons", 0, 255),
            ("seed", 0, None),
            ("shots_per_job", 1, _MOST_SHOTS),
        ):
            value = getattr(self, name)
            if value is None and name in ("at_least", "exactly", "shots_per_job"):
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is a whole number, not {value!r}")
            if value < least or (most is not None and value > most):
                upper = "" if most is None else f" and at most {most}"
                raise ValueError(f"{name} is at least {least}{upper}, not {value}")
        if self.at_least is not None and self.exactly is not None:
            raise ValueError("shots are kept by at_least or by exactly, not by both")
        if not self.num_photons:
            raise ValueError("no photon enters: give at least one")
        wanted = self.at_least if self.exactly is None else self.exactly
        if wanted is not None and wanted > self.most_photons:
            raise ValueError(
                f"post-selection on {wanted} photons keeps nothing: {self.num_photons} go in"
            )

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return len(self.occupation)

    @property
    def num_photons(self) -> int:
        """Photons that go in."""
        return sum(self.occupation)

    @property
    def most_photons(self) -> int:
        """Most photons that a shot may show."""
        return self.num_photons + self.extra_photons

    @property
    def selects(self) -> bool:
        """Whether shots may be discarded."""
        return self.exactly is not None or (self.at_least or 0) > 0

    @property
    def chunk_shots(self) -> int:
        """Shots that a chunk measures, but for a last one of fewer."""
        return self.shots_per_job or USUAL_SHOTS_PER_JOB

    @property
    def least_chunks(self) -> int:
        """How many chunks there are if no shot is discarded."""
        return math.ceil(self.num_samples / self.chunk_shots)

    def num_shots(self, chunk: int) -> int:
        """Return how many shots a chunk measures."""
        if self.selects:
            return self.chunk_shots
        return min(self.chunk_shots, self.num_samples - chunk * self.chunk_shots)

    def key(self, chunk: int) -> str:
        """Return what names a chunk, in every order that is equal to this one."""
        return f"{self.digest[:16]}-{chunk}"

    def kept(self, counts: np.ndarray) -> np.ndarray:
        """Return which shots are kept, bool (N,)."""
        totals = counts.sum(axis=1, dtype=np.int64)
        if self.exactly is not None:
            return totals == self.exactly
        return totals >= (self.at_least or 0)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the order, 64 hexadecimal digits."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the order as a JSON-able dict."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        content["interferometer"] = self.interferometer.recipe
        content["occupation"] = list(self.occupation)
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Order:
        """Return the order that `to_json` wrote.

        Raises:
            ValueError: a missing or an unknown field.
        """
        names = {field.name for field in fields(cls)}
        if set(content) != names:
            raise ValueError(f"an order has the fields {sorted(names)}, not {sorted(content)}")
        values = dict(content)
        values["interferometer"] = rebuild(values["interferometer"])
        values["occupation"] = tuple(values["occupation"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an order still takes, before anything is sent.

    Attributes:
        num_jobs_sent: jobs that earlier calls sent, billed or perhaps billed.
        num_jobs_pending: those of them that are picked up without being sent again.
        least_jobs: how many more are needed at least.
        most_jobs: how many more will be sent at most.
        shots_per_job: shots of each.
        seconds: what the least number takes by the service's usual rate; None if unknown.
        possibly_paid: one line for each job that was sent and whose answer was lost; each is
            sent again if the order goes on.
    """

    num_jobs_sent: int
    num_jobs_pending: int
    least_jobs: int
    most_jobs: int
    shots_per_job: int
    seconds: float | None
    possibly_paid: tuple[str, ...]


def estimate(
    order: Order,
    *,
    num_sent: int,
    num_pending: int,
    num_received: int,
    num_kept: int,
    max_jobs: int | None,
    shots_per_second: float | None,
    possibly_paid: tuple[str, ...] = (),
) -> Estimate:
    """Return what an order still takes.

    With post-selection and no shot received yet the share that will be kept is not known: the
    least number of jobs takes it to be 1. Left out, `max_jobs` is that number and half of it
    more, or ten times as many where shots are discarded; and 2.

    Args:
        order: what is wanted.
        num_sent: jobs sent so far.
        num_pending: jobs that are pending.
        num_received: shots received so far.
        num_kept: those of them that are kept.
        max_jobs: most jobs in all, those sent so far among them; None for the rule above.
        shots_per_second: the service's usual rate.
        possibly_paid: jobs whose answer was lost.
    """
    share = num_kept / num_received if order.selects and num_received else 1.0
    missing = max(0, order.num_samples - num_kept)
    if not missing:
        least = 0
    elif share == 0:
        least = order.least_chunks
    else:
        least = math.ceil(missing / share / order.chunk_shots)
    least = max(0, least - num_pending)
    if max_jobs is None:
        usual = order.least_chunks
        max_jobs = 2 + (10 * usual if order.selects else math.ceil(1.5 * usual))
    seconds = None
    if shots_per_second:
        seconds = (least + num_pending) * order.chunk_shots / shots_per_second
    return Estimate(
        num_jobs_sent=num_sent,
        num_jobs_pending=num_pending,
        least_jobs=least,
        most_jobs=max(0, max_jobs - num_sent),
        shots_per_job=order.chunk_shots,
        seconds=seconds,
        possibly_paid=possibly_paid,
    )
