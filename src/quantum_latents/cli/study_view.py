"""What a terminal shows of a study while it trains.

A bar with runs done, steps a second and the time left; under it a line a latent: its runs, the
critic's estimate, and the study's primary metrics over the runs that have theirs. As many metrics
and latents as the terminal has room for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quantum_latents.cli.words import duration

if TYPE_CHECKING:
    from quantum_latents.execution import LatentProgress, Progress

__all__ = ["StudyView", "view"]

_METRIC_WIDTH = 13
_FEWEST_LATENTS = 3


class StudyView:
    """The view of a study on a terminal, redrawn in place.

    Args:
        console: of the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def __call__(self, progress: Progress) -> None:
        width, height = self._console.size
        shown = view(progress, width, height)
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(shown, refresh=True)

    def close(self) -> None:
        """Leave the last view standing, and give the terminal its cursor back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def view(progress: Progress, width: int, height: int) -> RenderableType:
    """Return the view for a terminal of so many columns and lines."""
    share = progress.num_steps_done / max(1, progress.num_steps)
    words = [f"{share:.0%} of all steps", f"{progress.num_finished} of {progress.num_runs} runs"]
    if progress.num_waiting:
        words.append(f"{progress.num_waiting} wait for metrics")
    if progress.seconds_left:
        words.append(f"{progress.steps_per_second:,.0f} steps/s")
        words.append(f"{duration(progress.seconds_left)} left")
    bar = ProgressBar(total=1.0, completed=min(share, 1.0), width=min(width, 36))
    line = Text(", ".join(words))
    head = Table.grid(padding=(0, 1))
    if width > 36 + 1 + line.cell_len:
        head.add_row(bar, line)
    else:
        head.add_row(bar)
        head.add_row(line)
    parts: list[RenderableType] = [head]
    if progress.note:
        parts.append(Text(progress.note, style="yellow"))
    if progress.latents:
        # Head and foot of the table take three lines, a metric's name two or three.
        room = max(_FEWEST_LATENTS, height - 9)
        parts.append(_table(progress, width, room))
    return Group(*parts)


def _table(progress: Progress, width: int, room: int) -> RenderableType:
    latents = progress.latents
    has_data = len({one.data for one in latents}) > 1
    longest = max(cell_len(one.latent) for one in latents)
    used = min(longest, 24) + 2 + 7 + 2 + 9
    if has_data:
        used += min(max(cell_len(one.data) for one in latents), 24) + 2
    num_metrics = max(0, (width - used) // (_METRIC_WIDTH + 2))
    metrics = list(progress.labels.items())[:num_metrics]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    if has_data:
        table.add_column("data", max_width=24, overflow="ellipsis", no_wrap=True)
    table.add_column("latent", max_width=24, overflow="ellipsis", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    # Of a GAN's losses the critic's estimate says most; other kinds of training have one.
    names = latents[0].losses
    shown = "wasserstein" if "wasserstein" in names else next(iter(names))
    table.add_column("critic's\nW1" if shown == "wasserstein" else shown, justify="right")
    for _, label in metrics:
        table.add_column(label, justify="right", max_width=_METRIC_WIDTH)
    for one in latents[:room]:
        cells = [one.data] if has_data else []
        cells += [one.latent, f"{one.num_finished}/{one.num_runs}"]
        cells.append(_number(one.losses[shown]))
        cells += [_number(one.metrics[name]) for name, _ in metrics]
        table.add_row(*cells, style=_style(one))
    if len(latents) <= room:
        return table
    return Group(table, Text(f"and {len(latents) - room} more: progress.jsonl has all", "dim"))


def _style(latent: LatentProgress) -> str:
    return "green" if latent.num_finished == latent.num_runs else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
