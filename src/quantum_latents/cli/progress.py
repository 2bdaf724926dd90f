"""What a command shows while it works."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from quantum_latents.cli.words import duration

if TYPE_CHECKING:
    from quantum_latents.cli.study_view import StudyView
    from quantum_latents.execution import Progress

__all__ = ["Line", "ShotsLine", "StudyLine"]


class Line:
    """Progress: one moving line on a terminal, a plain line every 10 seconds in a log."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._last, self._line = quiet, 0.0, ""
        self._terminal = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show this, or nothing if it is too soon for a log."""
        if self._quiet:
            return
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._last > 10 and text != self._line:
            print(text, file=sys.stderr, flush=True)
            self._last, self._line = time.monotonic(), text

    def close(self) -> None:
        """End the moving line."""
        if self._terminal and not self._quiet:
            print(file=sys.stderr)


class StudyLine(Line):
    """Progress of a study: on a terminal latent by latent, elsewhere a line."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._view: StudyView | None = None
        if self._terminal and not quiet:
            try:
                from rich.console import Console

                from quantum_latents.cli.study_view import StudyView
            except ModuleNotFoundError as error:
                if error.name != "rich":  # which `offline` does without
                    raise
            else:
                console = Console(stderr=True)
                self._view = None if console.is_dumb_terminal else StudyView(console)

    def __call__(self, progress: Progress) -> None:
        if self._view is not None:
            self._view(progress)
        else:
            self.show(_progress_text(progress))

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
        else:
            super().close()


class ShotsLine(Line):
    """Progress of a bank: shots on the disk, their rate and the time left."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._started, self._before = time.monotonic(), -1

    def announce(self, text: str) -> None:
        """Say what is about to be drawn."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def __call__(self, done: int, total: int) -> None:
        text = f"{done:,} of {total:,} shots"
        if self._before < 0:  # what an earlier call drew says nothing about this one's rate
            self._started, self._before = time.monotonic(), done
        elif (seconds := time.monotonic() - self._started) > 0 and done > self._before:
            rate = (done - self._before) / seconds
            text += f", {rate:,.0f}/s, {duration((total - done) / rate)} left"
        self.show(text)


def _progress_text(progress: Progress) -> str:
    share = progress.num_steps_done / max(1, progress.num_steps)
    text = f"{progress.num_finished} of {progress.num_runs} runs, {share:4.0%} of all steps"
    if progress.num_waiting:
        text += f", {progress.num_waiting} wait for metrics"
    if progress.seconds_left:
        text += f", {progress.steps_per_second:.0f} steps/s, {duration(progress.seconds_left)} left"
    elif progress.note:
        text += f", {progress.note}"
    return text
