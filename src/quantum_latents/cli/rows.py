"""`qlat table`, `figure`, `report`, `evaluate` and `generate`: what is made of finished runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from quantum_latents.cli.progress import Line
from quantum_latents.cli.words import check_folder

if TYPE_CHECKING:
    from quantum_latents.report import Table as StudyTable

__all__ = ["COMMANDS", "Evaluate", "Figure", "Generate", "Report", "Table", "made_table"]


@dataclass(frozen=True)
class Table:
    """Print tables with statistics, from rows alone."""

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study, or a rows.jsonl."""
    format: Literal["text", "markdown", "latex", "json"] = "text"
    """How to print it."""


@dataclass(frozen=True)
class Figure:
    """Draw one figure of a study as an SVG file that stands alone, from rows alone.

    The page of `qlat report` has all of them, and saves each as SVG, PNG or CSV.
    """

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study."""
    kind: Annotated[str, tyro.conf.Positional]
    """differences paired by seed; every seed's value; the ladder of what each latent shares against
    how well it does; the response to doses; gaps against the training budget; along the study's
    axis."""
    metric: Annotated[str, tyro.conf.Positional] = ""
    """Its name in the rows (the study's first primary metric by default)."""
    data: str = ""
    """Which data set, where the study has several."""
    latents: str = ""
    """Comma-separated latents to be shown beside the reference (all by default; a response is of
    all doses)."""
    out: Path | None = None
    """File to write (KIND-METRIC.svg in the directory by default)."""


@dataclass(frozen=True)
class Report:
    """Write one static page, from rows alone."""

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study."""
    out: Path | None = None
    """File to write (report.html in the directory by default)."""


@dataclass(frozen=True)
class Evaluate:
    """Compute a study's metrics from its stored samples, without training.

    Runs that wait for their metrics get their rows. Where none waits, all is measured again: rows
    that change are replaced, and the old file is kept as rows-<time>.jsonl.
    """

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study."""
    json: bool = False
    """Print machine-readable output alone: what became of the rows."""


@dataclass(frozen=True)
class Generate:
    """Generate samples with a run's trained generator, from latents drawn afresh."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a run (DIR/runs/<digest>), or the directory of a study."""
    out: Path
    """File to write: .smi (valid SMILES, one a line), .sdf (valid, 2D), .csv or .npy."""
    digest: Annotated[str, tyro.conf.Positional] = ""
    """With a study's directory: the first digits of the run's digest, as many as name one run."""
    num_samples: int = 10_000
    """How many to generate. Molecules that are not valid count too."""
    seed: int = 0
    """Names the draws of the latent: the same seed gives the same samples."""
    json: bool = False
    """Print machine-readable output alone: what was written."""


def _table(command: Table, arguments: Sequence[str]) -> int:
    print(made_table(command.directory).render(command.format))
    return 0


def made_table(directory: Path) -> StudyTable:
    from quantum_latents.report import table
    from quantum_latents.results import read_rows, read_study, standing, unevaluated

    folder = directory if directory.is_dir() else directory.parent
    rows = read_rows(directory)
    if not (folder / "study.json").exists():
        return table(rows)
    study, num_waiting = read_study(folder), len(unevaluated(folder))
    return table(rows, study, standing(folder, rows), num_waiting=num_waiting)


def _figure(command: Figure, arguments: Sequence[str]) -> int:
    from quantum_latents.disk import write_atomically
    from quantum_latents.report import study_figure
    from quantum_latents.results import read_study

    primary = read_study(command.directory)["primary_metrics"]
    if not (metric := command.metric or next(iter(primary), "")):
        raise ValueError("the study names no primary metric: name one behind the kind of figure")
    out = command.out or command.directory / f"{command.kind}-{metric}.svg"
    if out.suffix != ".svg":
        raise ValueError(f"a figure is an .svg file, not {out.name}: the page saves others")
    check_folder(out)
    latents = tuple(name for name in command.latents.split(",") if name) or None
    made = study_figure(
        command.directory, command.kind, metric, data=command.data or None, latents=latents
    )
    write_atomically(out, made.svg.encode())
    for warning in made_table(command.directory).warnings:  # as the study's table says
        print(f"qlat: {warning}", file=sys.stderr)
    print(f"{made.title}\n{made.words}\nfigure: {out}")
    return 0


def _report(command: Report, arguments: Sequence[str]) -> int:
    from quantum_latents.report import write_report

    print(f"page: {write_report(command.directory, command.out)}")
    return 0


def _evaluate(command: Evaluate, arguments: Sequence[str]) -> int:
    from quantum_latents.execution import evaluate_study

    line = Line(quiet=command.json)
    done = evaluate_study(
        command.directory,
        on_progress=lambda done, total: line.show(f"{done} of {total} runs evaluated"),
    )
    line.close()
    if command.json:
        print(json.dumps(asdict(done), indent=1))
        return 0
    if done.first_measured:
        print(f"{len(done.first_measured)} runs measured for the first time, {done.num_rows} rows")
    else:
        print(
            f"{done.num_evaluated} of {done.num_rows} rows evaluated, {len(done.changed)} changed"
        )
    if done.kept_as is not None:
        print(f"the old rows: {command.directory / done.kept_as}")
    for runs, what in (
        (done.diverged, "diverged or failed: nothing to measure"),
        (done.without_samples, "stored no samples here: they stay as they are"),
        (done.without_row, "have samples and no row: `qlat run` finishes them"),
    ):
        if runs:
            print(f"{len(runs)} runs {what}")
    return 0


def _generate(command: Generate, arguments: Sequence[str]) -> int:
    from quantum_latents.execution import find_run, generate_file

    check_folder(command.out)
    folder = find_run(command.run, command.digest)
    line = Line(quiet=command.json)
    made = generate_file(
        folder,
        command.out,
        num_samples=command.num_samples,
        seed=command.seed,
        on_progress=line.show,
    )
    line.close()
    if command.json:
        print(json.dumps(asdict(made), indent=1))
        return 0
    print(f"run {made.run}: {made.num_samples:,} generated from {made.latents}")
    if made.num_valid is not None:
        invalid = made.num_samples - made.num_valid
        share = made.num_valid / made.num_samples
        print(f"{made.num_valid:,} are valid molecules ({share:.1%})")
        if made.num_written < made.num_samples:
            print(f"qlat: {invalid:,} that are not valid are left out", file=sys.stderr)
    print(f"{made.num_written:,} written: {command.out}")
    return 0


COMMANDS = {
    "table": (Table, _table),
    "figure": (Figure, _figure),
    "report": (Report, _report),
    "evaluate": (Evaluate, _evaluate),
    "generate": (Generate, _generate),
}
