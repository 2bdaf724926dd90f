"""What worker processes inherit, and how they end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = [
    "blas_threads",
    "die_with_parent",
    "die_with_parent_in_background",
    "hidden_main_module",
    "interrupts_held_back",
    "interrupts_noted",
]


@contextlib.contextmanager
def hidden_main_module() -> Iterator[None]:
    """Keep new processes from importing the user's script again.

    Workers need nothing of it, and a script without the `__name__ == "__main__"` guard would
    start the study once more in each of them.
    """
    main = sys.modules["__main__"]
    hidden = {name: main.__dict__.pop(name) for name in ("__file__",) if hasattr(main, name)}
    hidden["__spec__"], main.__spec__ = main.__spec__, None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


@contextlib.contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Let new processes inherit how many threads numpy's BLAS may start.

    Left alone, every worker starts one a core for the metrics, and they wait for each other:
    minutes instead of seconds on a busy machine.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def interrupts_noted() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a set event, so that no row is cut in the middle of a write.

    A second one interrupts at once. Outside the main thread Python handles no signals.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(signal_number: int, frame: Any) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let new processes inherit a blocked SIGINT: Ctrl-C reaches them too, while they import.

    A worker is stopped by its parent, never by the terminal. Here a Ctrl-C only waits.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """End this process when its parent is gone, so that a killed study leaves no orphans."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def die_with_parent_in_background() -> None:
    """Look after the parent in a thread, while this process does something else."""
    threading.Thread(target=die_with_parent, daemon=True).start()
