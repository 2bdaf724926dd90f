"""Chunks of a bank drawn on a Ray cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from quantum_latents.banks import BankRecipe
from quantum_latents.execution.ray.cluster import Cluster
from quantum_latents.execution.sample import LostWorkerError, drawn

__all__ = ["RayDrawer"]

_MAX_RETRIES = 3


class RayDrawer:
    """Draws chunks on a cluster, one core each; a `ChunkDrawer` of `build_bank`.

    A chunk whose worker or node is lost is drawn again, three times at most.

    Args:
        cluster: where.
        at_once: the most chunks that are drawn at once; None is one a core.
    """

    def __init__(self, cluster: Cluster, at_once: int | None = None) -> None:
        if at_once is not None and at_once < 1:
            raise ValueError(f"a bank needs at least 1 worker, not {at_once}")
        self._cluster, self._at_once = cluster, at_once

    def __call__(
        self, recipe: BankRecipe, ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Draw ranges, as many at once as have a place and, where that is not bounded, as many
        more in line.

        Raises:
            LostWorkerError: a chunk was lost too often.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(drawn).options(
            num_cpus=1, max_retries=_MAX_RETRIES, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}}
        )
        order = (json.dumps(recipe.to_json()), recipe.digest)
        left, running = iter(ranges), {}

        def hand_out() -> None:
            most = self._at_once or 2 * self._cluster.num_places
            for _, pair in zip(range(most - len(running)), left, strict=False):
                running[task.remote(*order, *pair, 1)] = pair

        try:
            hand_out()
            while running:
                ready, _ = ray.wait(list(running))
                for reply in ready:
                    pair = running.pop(reply)
                    # A copy: the object store's memory is given back with the reply.
                    yield pair, np.array(ray.get(reply))
                del ready, reply
                hand_out()
        except RayTaskError as error:
            raise LostWorkerError(f"a chunk failed on the Ray cluster: {error}") from error
        except RayError as error:
            raise LostWorkerError(
                f"a chunk was lost on the Ray cluster {_MAX_RETRIES + 1} times: "
                f"{' '.join(str(error).split())[:500]}; chunks on the disk are kept"
            ) from error
        finally:
            for reply in running:
                ray.cancel(reply, force=True)
