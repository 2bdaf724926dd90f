"""Stacks trained by worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Sequence
from types import TracebackType

from quantum_latents.execution.executor import Message, OutOfMemory, StudyError, Work
from quantum_latents.execution.memory import num_oom_kills
from quantum_latents.execution.plan import StackPlan
from quantum_latents.execution.processes import (
    blas_threads,
    hidden_main_module,
    interrupts_held_back,
)
from quantum_latents.execution.worker import work

__all__ = ["ProcessExecutor"]


class ProcessExecutor:
    """Worker processes that write samples and checkpoints into the study's directory themselves.

    Args:
        of_study: what they are told.
        stacks: to be trained.
        num_workers: processes.
    """

    def __init__(self, of_study: Work, stacks: Sequence[StackPlan], num_workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._tasks, self._messages = context.Queue(), context.Queue()
        self._stop = context.Event()
        for stack in (*stacks, *[None] * num_workers):
            self._tasks.put(stack)  # None sends a worker home
        arguments = (
            of_study.study,
            dict(of_study.specs),
            str(of_study.directory),
            str(of_study.cache),
            of_study.seconds_between_checkpoints,
            of_study.commit,
            of_study.evaluate_later,
        )
        queues = (self._tasks, self._messages, self._stop)
        self._workers = [
            context.Process(target=work, args=(*queues, *arguments), daemon=True)
            for _ in range(num_workers)
        ]
        self._stack_of: dict[int, StackPlan] = {}
        self._kills_before: int | None = None
        self._num_threads = max(stack.num_threads for stack in stacks)

    def __enter__(self) -> ProcessExecutor:
        self._kills_before = num_oom_kills()
        try:
            with hidden_main_module(), interrupts_held_back(), blas_threads(self._num_threads):
                for worker in self._workers:
                    worker.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._stop.set()
        for worker in self._workers:
            if worker.pid is not None:
                worker.join(timeout=30)
                worker.kill()

    def is_running(self) -> bool:
        return any(worker.is_alive() for worker in self._workers) or not self._messages.empty()

    def receive(self, timeout: float) -> Message | None:
        try:
            kind, stack, content = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if kind == "taken":
            self._stack_of[content] = stack
            return self.receive(timeout=0)
        return kind, stack, content

    def check(self) -> None:
        for worker in self._workers:
            if worker.exitcode not in (None, 0):
                if worker.exitcode == -signal.SIGKILL and self._kernel_killed():
                    stack = self._stack_of.get(worker.pid or 0)
                    if stack is not None:
                        raise OutOfMemory(stack, "the kernel killed its process for want of memory")
                raise StudyError(
                    f"a worker process ended with code {worker.exitcode} (out of memory?): "
                    "finished runs are kept; the same command goes on, --workers 1 needs less"
                )

    def _kernel_killed(self) -> bool:
        """Return whether the kernel counts a kill for want of memory since the workers began.

        Somebody's `kill -9` looks the same from here, and must not change a plan.
        """
        before, now = self._kills_before, num_oom_kills()
        return before is not None and now is not None and now > before

    def stop(self) -> None:
        self._stop.set()
