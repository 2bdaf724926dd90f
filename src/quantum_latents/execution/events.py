"""A study's progress as JSON lines (``progress.jsonl``), for whoever watches from outside.

One object a line, appended and never read back by a study: rows are the truth, this is how it came
about. Every event has ``time`` (UTC) and ``event``:

    start     study, preset, device, runs, finished, waiting, steps, primary_metrics
    progress  seconds, runs, finished, waiting, steps, steps_done, steps_per_second, seconds_left,
              note, latents: of each what `LatentProgress` says
    run       run, data, latent, seed, status (finished, diverged or trained), metrics by name
    end       why (finished, time budget, interrupted, out of memory or failed), and all that
              progress has

A call writes its first progress after `_FIRST_SECONDS`, the next ones ever more seldom: seven
hundred in a day. Beyond `MAX_BYTES` only starts, runs and ends are written. A process killed in the
middle of a write leaves a torn last line: readers skip it, the next call cuts it off.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["EVENTS_FILE", "MAX_BYTES", "EventLog", "read_events"]

EVENTS_FILE = "progress.jsonl"
"""Name of the file in a study's directory."""

MAX_BYTES = 16 * 2**20
"""Size beyond which progress is no more written, only what happens once a call or a run."""

_FIRST_SECONDS, _SHARE = 2.0, 0.01


class EventLog:
    """The events of one call, appended to a study's file.

    Args:
        directory: of the study.
        clock: seconds that never go back.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = directory / EVENTS_FILE
        self._clock, self._started, self._last = clock, clock(), clock()
        self._mend()

    def write(self, event: str, **content: Any) -> None:
        """Append an event; a number that is not finite becomes null."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps(_finite({"time": now, "event": event, **content}), allow_nan=False)
        with open(self.path, "ab") as file:
            file.write(line.encode() + b"\n")

    def progress(self, content: Callable[[], dict[str, Any]]) -> None:
        """Append a progress event if it is time for one; only then is `content` asked for."""
        now = self._clock()
        if now - self._last < max(_FIRST_SECONDS, _SHARE * (now - self._started)):
            return
        self._last = now
        if not self.path.exists() or self.path.stat().st_size < MAX_BYTES:
            self.write("progress", **content())

    def _mend(self) -> None:
        """Cut off the torn last line of a call that was killed."""
        if not self.path.exists():
            return
        with open(self.path, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            start, tail = end, b""
            while start > 0 and b"\n" not in tail:
                step = min(1 << 16, start)
                start -= step
                file.seek(start)
                tail = file.read(step) + tail
            file.truncate(end - len(tail.rpartition(b"\n")[2]))


def read_events(directory: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the events of a study, oldest first; a torn last line is left out.

    Raises:
        ValueError: there are none, or a line that is not the last one is damaged.

    >>> read_events("no/such/study")
    Traceback (most recent call last):
    ...
    ValueError: no events at no/such/study/progress.jsonl: give the directory of a study
    """
    path = Path(directory) / EVENTS_FILE
    if not path.is_file():
        raise ValueError(f"no events at {path}: give the directory of a study")
    *lines, _ = path.read_bytes().split(b"\n")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError("it is no object")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}, is damaged ({error})") from error
        events.append(event)
    return events


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
