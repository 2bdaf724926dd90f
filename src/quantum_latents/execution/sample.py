"""Drawing a bank in many processes: chunks of shots, each a function of the recipe and its place.

The parent alone writes the bank. Which process drew a chunk, and in which order chunks arrive,
leaves no trace in it.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from quantum_latents.banks import BankRecipe
from quantum_latents.execution.processes import (
    blas_threads,
    die_with_parent_in_background,
    hidden_main_module,
    interrupts_held_back,
)
from quantum_latents.samplers.shots import available_cores

__all__ = ["LostWorkerError", "ProcessDrawer", "drawn"]

_SECONDS_BETWEEN_PROBES = 5.0


class LostWorkerError(RuntimeError):
    """A process that drew chunks is gone; the chunks on disk are kept."""


class ProcessDrawer:
    """Draws chunks in worker processes; a `ChunkDrawer` of `build_bank`.

    Args:
        num_workers: processes.

    Raises:
        ValueError: fewer than one.
    """

    def __init__(self, num_workers: int) -> None:
        if num_workers < 1:
            raise ValueError(f"a bank needs at least 1 worker, not {num_workers}")
        self._num_workers = num_workers

    def __call__(
        self, recipe: BankRecipe, ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Draw ranges, as many at once as there are workers and as many more in line.

        Raises:
            LostWorkerError: a worker was killed.
        """
        number = min(self._num_workers, len(ranges))
        if not number:
            return
        num_threads = max(1, available_cores() // number)
        order = (json.dumps(recipe.to_json()), recipe.digest)
        pool = ProcessPoolExecutor(
            number, multiprocessing.get_context("spawn"), initializer=die_with_parent_in_background
        )
        left, running = iter(ranges), {}  # the future of each range

        def hand_out(count: int) -> None:
            with hidden_main_module(), interrupts_held_back(), blas_threads(num_threads):
                for _, pair in zip(range(count), left, strict=False):
                    running[pool.submit(drawn, *order, *pair, num_threads)] = pair

        try:
            hand_out(2 * number)
            while running:
                found = wait(running, timeout=_SECONDS_BETWEEN_PROBES, return_when=FIRST_COMPLETED)
                ready: set[Future[np.ndarray]] = found.done
                if not ready:
                    # What is submitted while a worker dies may never get its error: a pool that
                    # is broken takes nothing more, and says so.
                    pool.submit(int)
                for future in ready:
                    pair = running.pop(future)
                    yield pair, future.result()
                hand_out(len(ready))
        except BrokenProcessPool as error:
            raise LostWorkerError(
                "a process that drew shots is gone (out of memory?): chunks on the disk are kept, "
                "--workers 1 needs less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def drawn(recipe: str, digest: str, start: int, stop: int, num_threads: int) -> np.ndarray:
    """Return shots [start, stop) of a recipe, uint8 (stop - start, m).

    Args:
        recipe: as JSON.
        digest: of the recipe on the machine that asks.
        start: first shot.
        stop: the one behind the last.
        num_threads: threads to draw with.

    Raises:
        ValueError: this machine draws the recipe otherwise than the one that asks.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> recipe = BankRecipe(
    ...     interferometer=haar(4, stream(0, "interferometer")).recipe,
    ...     occupation=(1, 0, 1, 0),
    ...     statistics="boson",
    ...     num_samples=100,
    ...     stream=stream(0, "latent"),
    ... )
    >>> drawn(json.dumps(recipe.to_json()), recipe.digest, 10, 12, 1).sum(1)
    array([2, 2], dtype=uint64)
    """
    made, sampler = _sampler(recipe)
    if made.digest != digest:
        raise ValueError(
            "the recipe has another digest here: install the same version of quantum-latents "
            "on every node"
        )
    return sampler.sample(stop - start, made.stream, start=start, num_threads=num_threads)


@functools.lru_cache(maxsize=1)
def _sampler(recipe: str):
    """Return recipe and sampler; a law that is written out is written out once in a process."""
    made = BankRecipe.from_json(json.loads(recipe))
    return made, made.sampler()
