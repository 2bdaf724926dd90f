"""What a node of a cluster does: train one stack, and hand back all that it makes as data.

A node need not see the study's directory. It works in a folder of its own, and whatever appears
there (a checkpoint, samples, generators, pictures) is a message of kind ``files`` for the parent,
sent before the message that follows it: content is a dict from the file's name to its bytes.
``ended`` is the last message of a stack.

Where the parent's cache is seen from here, banks are drawn once into it for all; elsewhere they are
drawn once a node, from the same streams, into the node's own cache.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.disk import write_atomically
from quantum_latents.execution.executor import Message
from quantum_latents.execution.inputs import note_banks
from quantum_latents.execution.machine import default_cache
from quantum_latents.execution.plan import StackPlan
from quantum_latents.execution.scratch import scratch_folder
from quantum_latents.execution.worker import failure_of, train_planned
from quantum_latents.training import RunSpec

__all__ = ["Hello", "StackTask", "StackTrainer"]

_PATIENCE = 1.0
"""Seconds that `next` waits for a message, the most that a call to stop waits for it."""


@dataclass(frozen=True)
class StackTask:
    """One stack, with all that a node needs to know of it.

    Attributes:
        stack: as planned.
        study: its name.
        specs: of the stack's runs, as JSON values by digest.
        seconds_between_checkpoints: see `train_stack`.
        commit: of the parent's source, for the rows.
        cache: the parent's cache, if the node sees it.
        mark: name of a file in that cache; where it is seen, the cache is the parent's.
        inputs: the files that streams do not make: where each lies on the parent's machine, by its
            name inside a cache.
        evaluate_later: leave the metrics to `evaluate_study`.
    """

    stack: StackPlan
    study: str
    specs: Mapping[str, Any]
    seconds_between_checkpoints: float
    commit: str
    cache: str
    mark: str
    inputs: Mapping[str, str]
    evaluate_later: bool


@dataclass(frozen=True)
class Hello:
    """What a node says first.

    Attributes:
        node: its name.
        version: of quantum-latents there.
        lacks: the inputs that must be sent.
    """

    node: str
    version: str
    lacks: tuple[str, ...]


class StackTrainer:
    """Trains one stack in a thread of its own, so that it can be asked and stopped meanwhile.

    The parent calls `hello`, `take` for each file the node lacks and for a checkpoint, `begin`,
    and `next` until a message is ``ended``.

    Args:
        task: what to train.
    """

    def __init__(self, task: StackTask) -> None:
        self._task = task
        seen = (Path(task.cache) / task.mark).is_file()
        self._cache = Path(task.cache) if seen else default_cache()
        self._is_shared = seen
        self._messages: queue.Queue[Message] = queue.Queue()
        self._stop = threading.Event()
        self._checkpoints: dict[str, bytes] = {}

    def hello(self) -> Hello:
        """Return who is here and what is missing."""
        lacks = tuple(
            name
            for name, origin in self._task.inputs.items()
            if not (self._is_shared and Path(origin).is_file())
            and not (self._cache / name).is_file()
        )
        return Hello(socket.gethostname(), quantum_latents.__version__, lacks)

    def take(self, name: str, content: bytes) -> None:
        """Keep an input under its name in the node's cache."""
        path = self._cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)

    def begin(self, checkpoints: Mapping[str, bytes]) -> None:
        """Start to train, from the checkpoint of an earlier attempt if there is one.

        Args:
            checkpoints: files by name, for the stack's folder.
        """
        self._checkpoints = dict(checkpoints)
        threading.Thread(target=self._train, daemon=True).start()

    def next(self) -> list[Message]:
        """Return the messages since the last call, after at most a second."""
        try:
            found = [self._messages.get(timeout=_PATIENCE)]
        except queue.Empty:
            return []
        while True:
            try:
                found.append(self._messages.get_nowait())
            except queue.Empty:
                return found

    def stop(self) -> None:
        """Let the training end with a checkpoint."""
        self._stop.set()

    def _train(self) -> None:
        task = self._task
        try:
            with scratch_folder("qlat-stack-") as folder:
                for name, content in self._checkpoints.items():
                    write_atomically(folder / name, content)
                self._checkpoints = {}
                runs = [RunSpec.from_json(task.specs[digest]) for digest in task.stack.runs]
                note_banks(runs, self._cache)
                outbox = _Outbox(self._messages, task.stack, folder)
                try:
                    rows = train_planned(
                        task.stack,
                        outbox,
                        self._stop,
                        task.study,
                        dict(task.specs),
                        folder,
                        self._cache,
                        task.seconds_between_checkpoints,
                        task.commit,
                        task.evaluate_later,
                    )
                finally:  # a checkpoint outlives what failed after it
                    outbox.send_files()
                if rows is not None:
                    outbox.put(("rows", task.stack, rows))
        except Exception as error:
            self._messages.put(failure_of(task.stack, error, f" on {socket.gethostname()}"))
        # The folder is gone by now: the parent kills this process when it reads this.
        self._messages.put(("ended", task.stack, None))


class _Outbox:
    """Sends the files of a folder that are new or newly written before every message."""

    def __init__(self, messages: queue.Queue[Message], stack: StackPlan, folder: Path) -> None:
        self._messages, self._stack, self._folder = messages, stack, folder
        self._sent = dict(self._stamps())  # what came from the parent is not sent back

    def put(self, message: Message) -> None:
        self.send_files()
        self._messages.put(message)

    def send_files(self) -> None:
        stamps = dict(self._stamps())
        new = [name for name, stamp in stamps.items() if self._sent.get(name) != stamp]
        if new:
            files = {name: (self._folder / name).read_bytes() for name in new}
            self._messages.put(("files", self._stack, files))
        self._sent = stamps

    def _stamps(self):
        for path in self._folder.rglob("*"):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".part":
                stat = path.stat()
                yield str(path.relative_to(self._folder)), (stat.st_mtime_ns, stat.st_size)
