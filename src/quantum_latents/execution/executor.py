"""What the parent of a study asks of whoever trains its stacks, here or elsewhere.

A message is (kind, stack, content): ``step``, generator steps done; ``note``, what takes long;
``losses``, as `Watch.on_losses` takes them; ``rows``, of a stack that is finished; ``memory``, why
one did not fit; ``error``, why one failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from quantum_latents.execution.plan import StackPlan

__all__ = ["Executor", "Message", "OutOfMemory", "StudyError", "Work"]

Message = tuple[str, StackPlan, Any]


class StudyError(RuntimeError):
    """A stack failed; what other stacks finished is on disk."""


class OutOfMemory(StudyError):
    """A stack did not fit into memory.

    Attributes:
        stack: which.
    """

    def __init__(self, stack: StackPlan, why: str) -> None:
        super().__init__(why)
        self.stack = stack


@dataclass(frozen=True)
class Work:
    """What all workers of a study are told.

    Attributes:
        study: its name.
        specs: of all runs, as JSON values by digest.
        directory: where the study lives on the parent's machine.
        cache: folder of banks on the parent's machine.
        seconds_between_checkpoints: the most that a kill can cost, per stack.
        commit: of the source, for the rows.
        evaluate_later: leave the metrics to `evaluate_study`.
    """

    study: str
    specs: Mapping[str, Any]
    directory: Path
    cache: Path
    seconds_between_checkpoints: float
    commit: str
    evaluate_later: bool = False


class Executor(Protocol):
    """Trains stacks; a context, which starts what trains and leaves nothing of it behind."""

    def __enter__(self) -> Executor: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def is_running(self) -> bool:
        """Return whether anything trains yet, or a message waits."""
        ...

    def receive(self, timeout: float) -> Message | None:
        """Return the next message, None if there is none within `timeout` seconds.

        When ``rows`` of a stack are returned, its samples and generators are in the directory.
        """
        ...

    def check(self) -> None:
        """Look after those who train.

        Raises:
            StudyError: one is gone for good.
            OutOfMemory: one was killed by the kernel for want of memory.
        """
        ...

    def stop(self) -> None:
        """Ask all to stop with a checkpoint; may be called again."""
        ...
