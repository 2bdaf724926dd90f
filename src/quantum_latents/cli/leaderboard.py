"""`qlat leaderboard`: latents ranked over the data sets of one study or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from quantum_latents.cli.words import near_miss

__all__ = ["COMMANDS", "Leaderboard"]


@dataclass(frozen=True)
class Leaderboard:
    """Rank latents over data sets, from rows alone; one folder or several.

    Data sets are what is generalised over: seeds, groups and folders of one repeat it. With one
    data set its seeds are ranked, and every word is about it alone.
    """

    directories: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Directories of studies."""
    metric: str = ""
    """The metric (the first that all data sets share, primary ones leading, by default)."""
    latents: str = ""
    """Comma-separated latents to rank, chosen before looking (all that every data set has)."""
    reference: str = ""
    """The latent that effects are summed up against (that of the studies by default)."""
    format: Literal["text", "markdown", "latex"] = "text"
    """How to print it."""
    json: bool = False
    """Print machine-readable output alone: every rank, pair and effect."""


def _leaderboard(command: Leaderboard, arguments: Sequence[str]) -> int:
    from quantum_latents.report.leaderboard import overview
    from quantum_latents.results import metric_names, read_rows, read_study, standing

    if not command.directories:
        raise ValueError("give one directory of a study or more")
    folders = [directory.resolve() for directory in command.directories]
    if len(set(folders)) < len(folders):
        raise ValueError("a directory is given twice")
    studies = {
        str(directory): (read_rows(directory), read_study(directory))
        for directory in command.directories
    }
    known = metric_names(row for rows, _ in studies.values() for row in rows)
    if command.metric and command.metric not in known:
        near = near_miss(command.metric, known)
        raise ValueError(f"no row has the metric {command.metric!r}; {near}")
    wanted = tuple(name for name in command.latents.split(",") if name)
    stands = {name: standing(name, rows) for name, (rows, _) in studies.items()}
    notes = [
        f"{name}: {one.headline}; its own page and table say how."
        for name, one in stands.items()
        if one.headline
    ]
    made = overview(studies, command.metric, wanted, command.reference, notes)
    print(made.render("json" if command.json else command.format).rstrip("\n"))
    return 0


COMMANDS = {"leaderboard": (Leaderboard, _leaderboard)}
