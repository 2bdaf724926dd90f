"""Spread the shots of a kernel over threads.

Notation: a *shot* is one row of counts; a kernel fills rows with shots of a stream, each a
function of its index alone, so neither the chunks nor the threads change a count.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["available_cores", "draw_shots"]

_MAX_CHUNK = 4096
_CHUNKS_PER_THREAD = 8


def draw_shots(
    kernel: Callable[[int, np.ndarray], None],
    num_samples: int,
    num_modes: int,
    *,
    start: int,
    num_threads: int | None,
    chunk: int | None = None,
) -> np.ndarray:
    """Return shots [start, start + num_samples), uint8 (num_samples, m).

    Args:
        kernel: ``kernel(first, rows)`` fills `rows` with shots first, first + 1, ...; it
            releases the global interpreter lock.
        num_samples: number of shots, at least 0.
        num_modes: number of modes m.
        start: index of the first shot, at least 0.
        num_threads: threads to use; None is one for each core this process may run on.
        chunk: rows that a kernel fills at once; None is what keeps all threads busy.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of range.
    """
    for name, value, least in (("num_samples", num_samples, 0), ("start", start, 0)):
        _check_integer(name, value, least)
    if num_threads is None:
        num_threads = available_cores()
    _check_integer("num_threads", num_threads, 1)
    counts = np.zeros((num_samples, num_modes), dtype=np.uint8)
    chunk = chunk or min(_MAX_CHUNK, max(1, num_samples // (_CHUNKS_PER_THREAD * num_threads)))
    firsts = range(0, num_samples, chunk)
    if num_threads == 1 or len(firsts) <= 1:
        for first in firsts:
            kernel(start + first, counts[first : first + chunk])
        return counts
    with ThreadPoolExecutor(num_threads) as pool:
        futures = [
            pool.submit(kernel, start + first, counts[first : first + chunk]) for first in firsts
        ]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return counts


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_integer(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is an integer, not {value!r}")
    if not least <= value < 2**63:
        raise ValueError(f"{name} is at least {least}, not {value}")
