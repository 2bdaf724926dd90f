"""Was the machine ours while we measured?

Notation: a *round* is one timed piece of work in a child process. Foreign load shows in three
ways, and any of them marks the round as disturbed:

- the child waited for its core: its CPU time is short of the wall time;
- others worked: the machine's busy time (`/proc/stat`, Linux alone) beyond the child's;
- the core was slow: bursts of multiply-adds right before and after fall behind the best burst
  (a neighbour on the same core or a lower clock, which no CPU time shows).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from quantum_latents.bench.peak import Burst, fma_burst

__all__ = ["Guard", "Timed", "Timing", "best_of", "busy_seconds", "disturbances"]

LEAST_SHARE_OF_CORE = 0.95
MOST_FOREIGN_SHARE = 0.05
LEAST_SHARE_OF_BURST = 0.90


@dataclass(frozen=True)
class Timing:
    """What a child reports of a round.

    Attributes:
        done: how much it did, in shots or in training iterations.
        cpu_seconds, wall_seconds: what it took, by either clock.
    """

    done: int
    cpu_seconds: float
    wall_seconds: float


Timed = tuple[Timing, list[str]]
"""A round, and in words what disturbed it."""

_Who = TypeVar("_Who")


def busy_seconds(path: Path = Path("/proc/stat")) -> tuple[float, int] | None:
    """Return the busy seconds of all cores since the start, and their number; None if unknown.

    Idle time and waiting for disks are not busy; time that a hypervisor took away is.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    ticks = [int(word) for word in lines[0].split()[1:9]]
    cores = sum(line.startswith("cpu") for line in lines) - 1
    # user nice system idle iowait irq softirq steal
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK"), cores


def disturbances(
    timing: Timing, num_threads: int, foreign_share: float | None, burst_share: float
) -> list[str]:
    """Return in words what was wrong with a round; nothing if the machine was ours.

    Args:
        timing: of the round.
        num_threads: of the child. More than one finish at different times, so that a short
            CPU time says nothing.
        foreign_share: share of all cores that others used, None if unknown.
        burst_share: the slower burst beside the round over the best burst.

    >>> disturbances(Timing(10, 1.0, 1.0), 1, 0.0, 1.0)
    []
    >>> disturbances(Timing(10, 0.5, 1.0), 1, 0.3, 1.0)
    ['had 50 % of its core', 'others used 30 % of the machine']
    """
    said = []
    share = timing.cpu_seconds / timing.wall_seconds
    if num_threads == 1 and share < LEAST_SHARE_OF_CORE:
        said.append(f"had {share:.0%} of its core")
    if foreign_share is not None and foreign_share > MOST_FOREIGN_SHARE:
        said.append(f"others used {foreign_share:.0%} of the machine")
    if burst_share < LEAST_SHARE_OF_BURST:
        said.append(f"the core ran at {burst_share:.0%} of its best")
    return [text.replace("%", " %") for text in said]


def best_of(
    timings: Sequence[Timed], rate: Callable[[Timing], float]
) -> tuple[Timing, dict[str, Any]]:
    """Return the best undisturbed round, or the best of all if there is none, and what to say.

    >>> quick, slow = Timing(9, 1.0, 1.0), Timing(5, 1.0, 1.0)
    >>> timing, said = best_of([(quick, ["load"]), (slow, [])], lambda timing: timing.done)
    >>> timing.done, said["status"], said["disturbed_rounds"]
    (5, 'measured', 1)
    """
    clean = [timed for timed in timings if not timed[1]]
    timing, disturbed = max(clean or timings, key=lambda timed: rate(timed[0]))
    return timing, {
        "status": "disturbed" if disturbed else "measured",
        "detail": "; ".join(disturbed),
        "rounds": len(timings),
        "disturbed_rounds": len(timings) - len(clean),
    }


class Guard:
    """Runs rounds and says of each whether it was disturbed.

    Attributes:
        peak: best multiply-adds a CPU-second of all bursts so far, the core's peak.
    """

    def __init__(self, burst: Callable[[], Burst] = fma_burst) -> None:
        self._burst = burst
        self.peak = 0.0
        self._best = 0.0
        for _ in range(5):
            self._look()

    def _look(self) -> float:
        burst = self._burst()
        self.peak = max(self.peak, burst.per_cpu_second)
        self._best = max(self._best, burst.per_second)
        return burst.per_second

    def watch(self, work: Callable[[], Timing], num_threads: int) -> tuple[Timing, list[str]]:
        """Return the timing of a round and what disturbed it."""
        slowest = self._look()
        busy, own, started = busy_seconds(), time.process_time(), time.perf_counter()
        timing = work()
        wall = time.perf_counter() - started
        own, after = time.process_time() - own, busy_seconds()
        slowest = min(slowest, self._look())
        foreign = None
        if busy is not None and after is not None:
            seconds = after[0] - busy[0] - own - timing.cpu_seconds
            foreign = seconds / (wall * after[1])
        return timing, disturbances(timing, num_threads, foreign, slowest / self._best)

    def alternate(
        self,
        works: Mapping[_Who, tuple[Callable[[], Timing], int]],
        wanted: int,
        errors: tuple[type[Exception], ...],
    ) -> tuple[dict[_Who, list[Timed]], dict[_Who, Exception]]:
        """Run rounds in turn; return all rounds of each, and who stopped by an error.

        Args:
            works: for each who takes part, a round of it and its threads.
            wanted: undisturbed rounds of each; at most twice as many are run.
            errors: what stops one and not the others.
        """
        timings: dict[_Who, list[Timed]] = {who: [] for who in works}
        stopped: dict[_Who, Exception] = {}
        for _ in range(2 * wanted):
            for who, (work, num_threads) in works.items():
                quiet = sum(not disturbed for _, disturbed in timings[who])
                if who in stopped or quiet >= wanted:
                    continue
                try:
                    timings[who].append(self.watch(work, num_threads))
                except errors as error:
                    stopped[who] = error
        return timings, stopped
