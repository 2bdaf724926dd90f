"""How long to wait for a service, and when to stop.

All waits are measured by a clock that only goes forward (`time.monotonic`): the wall clock may be
set, or sleep through the night.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How a collection waits. Times are in seconds.

    Attributes:
        poll_first: from sending a job to asking for it.
        poll_factor: by which the time between two questions grows.
        poll_most: most time between two questions.
        retries: how often in a row a call may fail for a reason that may pass.
        retry_first: wait after the first failure; it doubles with each.
        retry_most: most wait after a failure, unless the service asks for more.
        longest_wait: most that a service may ask to wait; beyond, the collection stops.
        unknown_seconds: how long a service may not know a job before the job counts as lost: some
            list a job later than they accept it.
        stuck_seconds: how long a job may be pending in one call.
        repolls: how often a job that failed, or whose answer is wrong, is asked for again.
        jobs_per_chunk: how many jobs of a chunk may bring nothing in one call.
        most_pending: most jobs at a time.
        sleep: waits for so many seconds.
        monotonic: the clock.

    >>> Patience().retry_wait(3, None)
    4.0
    """

    poll_first: float = 0.02
    poll_factor: float = 1.5
    poll_most: float = 1.0
    retries: int = 8
    retry_first: float = 1.0
    retry_most: float = 60.0
    longest_wait: float = 600.0
    unknown_seconds: float = 60.0
    stuck_seconds: float = 6 * 3600.0
    repolls: int = 2
    jobs_per_chunk: int = 3
    most_pending: int = 4
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def retry_wait(self, failures: int, asked: float | None) -> float:
        """Return the wait after so many failures in a row, at least 1, or what was asked for."""
        if asked is not None:
            return asked
        return min(self.retry_most, self.retry_first * 2.0 ** min(failures - 1, 60))
