"""Stacks trained on a Ray cluster: an actor each, placed by its cores or its share of a GPU.

The parent asks each actor for messages; what an actor makes comes back as bytes, and the parent
alone writes them. An actor whose process or node is lost is started anew from the last checkpoint
that came back.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

import quantum_latents
from quantum_latents.disk import write_atomically
from quantum_latents.execution.executor import Message, StudyError, Work
from quantum_latents.execution.inputs import files_of
from quantum_latents.execution.node import Hello, StackTask, StackTrainer
from quantum_latents.execution.plan import StackPlan
from quantum_latents.execution.ray.cluster import Cluster
from quantum_latents.training import RunSpec

__all__ = ["MAX_RETRIES", "RayExecutor"]

MAX_RETRIES = 3
"""How often a stack is started anew after its worker was lost, in one call."""

_SECONDS_BETWEEN_LOOKS = 5.0
"""Between two looks at how many nodes there are."""


@dataclass
class _Started:
    """A stack that has an actor: `reply` is what it was asked last."""

    stack: StackPlan
    actor: Any
    reply: Any
    has_begun: bool = False


class RayExecutor:
    """Trains stacks on a cluster, see the module's first lines.

    Args:
        cluster: where.
        work: what the study's workers are told.
        stacks: to be trained.
        at_once: the most that train at once; None is as many as have a place.

    Raises:
        ValueError: a stack has more threads than any node has cores.
    """

    def __init__(
        self, cluster: Cluster, work: Work, stacks: Sequence[StackPlan], at_once: int | None
    ) -> None:
        self._cluster, self._work, self._at_once = cluster, work, at_once
        for stack in stacks:
            if not cluster.places(stack.num_threads):
                raise ValueError(
                    f"the plan gives a stack {stack.num_threads} threads, and no node of the Ray "
                    f"cluster has as many cores (they have {cluster.cores}): add one, go on "
                    "without --ray, or choose another --out"
                )
        self._waiting = deque(stacks)
        self._started: dict[int, _Started] = {}
        self._messages: deque[Message] = deque()
        self._lost = dict.fromkeys((stack.index for stack in stacks), 0)
        self._num_places, self._looked = 0, float("-inf")
        self._is_stopping = False
        self._mark = f".seen-{uuid.uuid4().hex}"
        self._inputs = {}
        self._contents: dict[str, Any] = {}

    def __enter__(self) -> RayExecutor:
        cache = self._work.cache
        cache.mkdir(parents=True, exist_ok=True)
        (cache / self._mark).touch()
        of_stacks = {digest for stack in self._waiting for digest in stack.runs}
        runs = [RunSpec.from_json(self._work.specs[digest]) for digest in of_stacks]
        self._inputs = files_of(runs, cache)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for started in self._started.values():
            ray.kill(started.actor)
        self._started.clear()
        (self._work.cache / self._mark).unlink(missing_ok=True)

    def is_running(self) -> bool:
        return bool(self._started or self._messages or self._waiting)

    def receive(self, timeout: float) -> Message | None:
        deadline = time.monotonic() + timeout
        while not self._messages:
            self._start_more()
            left = deadline - time.monotonic()
            if left <= 0 or not self._started:
                return None
            replies = {started.reply: started for started in self._started.values()}
            ready, _ = ray.wait(list(replies), timeout=left)
            for reply in ready:
                self._hear(replies[reply])
        return self._messages.popleft()

    def check(self) -> None:
        """Do nothing: a lost worker is heard of where it is asked."""

    def stop(self) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        self._waiting.clear()
        for started in list(self._started.values()):
            if started.has_begun:
                started.actor.stop.remote()
            else:  # it waits for a place, or has nothing yet to lose
                self._end(started)

    def _start_more(self) -> None:
        """Start actors for the stacks that have a place."""
        if not self._waiting:
            return
        if time.monotonic() - self._looked > _SECONDS_BETWEEN_LOOKS:
            self._num_places = self._cluster.places(self._waiting[0].num_threads)
            self._looked = time.monotonic()
        most = self._num_places if self._at_once is None else self._at_once
        while self._waiting and len(self._started) < max(1, most):
            stack = self._waiting.popleft()
            actor = self._actor(stack)
            self._started[stack.index] = _Started(stack, actor, actor.hello.remote())
            if not self._lost[stack.index]:
                note = "waiting for workers of the Ray cluster"
                self._messages.append(("note", stack, note))

    def _actor(self, stack: StackPlan) -> Any:
        work = self._work
        task = StackTask(
            stack=stack,
            study=work.study,
            specs={digest: work.specs[digest] for digest in stack.runs},
            seconds_between_checkpoints=work.seconds_between_checkpoints,
            commit=work.commit,
            cache=str(work.cache.absolute()),
            mark=self._mark,
            inputs={name: str(path) for name, path in self._inputs.items()},
            evaluate_later=work.evaluate_later,
        )
        # BLAS as in worker processes: with other threads it sums in another order.
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        variables = dict.fromkeys(names, str(stack.num_threads))
        options = {
            "num_cpus": stack.num_threads,
            "num_gpus": self._cluster.gpu_share if stack.device == "cuda" else 0,
            "max_restarts": 0,
            "runtime_env": {"env_vars": variables},
        }
        return ray.remote(StackTrainer).options(**options).remote(task)

    def _hear(self, started: _Started) -> None:
        """Take what an actor answered, and ask it again."""
        try:
            answer = ray.get(started.reply)
        except RayTaskError as error:
            raise self._failed(started, f"failed: {error}") from error
        except RayError as error:
            self._lose(started, error)
            return
        if isinstance(answer, Hello):
            self._begin(started, answer)
        for message in [] if isinstance(answer, Hello) else answer:
            kind, _, content = message
            if kind == "files":
                self._write(content)
            elif kind == "ended":
                self._end(started)
                return
            else:
                self._messages.append(message)
        started.reply = started.actor.next.remote()

    def _begin(self, started: _Started, hello: Hello) -> None:
        if hello.version != quantum_latents.__version__:
            raise self._failed(
                started,
                f"cannot train on {hello.node}, which has quantum-latents {hello.version} and not "
                f"{quantum_latents.__version__}: install the same version on every node",
            )
        for name in hello.lacks:
            if name not in self._contents:
                self._contents[name] = ray.put(self._inputs[name].read_bytes())
            started.actor.take.remote(name, self._contents[name])
        stack = started.stack
        names = [stack.checkpoint_name, *(earlier.checkpoint for earlier in stack.split_from)]
        paths = [self._work.directory / name for name in names]
        kept = {path.name: path.read_bytes() for path in paths if path.exists()}
        started.actor.begin.remote(kept)
        started.has_begun = True

    def _lose(self, started: _Started, error: RayError) -> None:
        """Start a stack anew whose worker or node is gone, so often and no more.

        Raises:
            StudyError: it was lost too often, or a worker could not begin at all.
        """
        why = " ".join(str(error).split())
        if "creation task" in why:
            raise self._failed(
                started,
                f"could not begin ({why[:500]}): every node needs the same quantum-latents, torch "
                "and Python as this machine",
            )
        stack = started.stack
        self._lost[stack.index] += 1
        if self._lost[stack.index] > MAX_RETRIES:
            raise self._failed(
                started,
                f"lost its worker after {MAX_RETRIES} new starts (out of memory?): {why[:500]}; "
                "finished runs are kept; the same command goes on",
            )
        self._end(started)
        if not self._is_stopping:
            self._waiting.appendleft(stack)
            note = f"a worker was lost: stack {stack.index} goes on from its last checkpoint"
            self._messages.append(("note", stack, note))

    def _failed(self, started: _Started, why: str) -> StudyError:
        self._end(started)
        return StudyError(f"stack {started.stack.index} {why}")

    def _end(self, started: _Started) -> None:
        ray.kill(started.actor)
        del self._started[started.stack.index]

    def _write(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise StudyError(f"a worker sent a file {name!r}, outside the study")
            path = self._work.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
