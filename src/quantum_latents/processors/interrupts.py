"""Ctrl-C, held while something happens that must not be cut in two."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["interrupts_held"]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def interrupts_held(why: str) -> Iterator[None]:
    """Hear a first Ctrl-C at the end of a block, a second one at once.

    Args:
        why: what the first one waits for, said when it comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[Any] = []

    def hear(number: int, frame: Any) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)
        logger.warning("interrupted: %s", why)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if heard:
        raise KeyboardInterrupt
