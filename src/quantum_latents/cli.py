"""The command `qlat`.

Exit codes: 0 when what was asked for is done, 1 when it failed, 2 for a mistake in the call,
3 when a time budget ended first, 130 on Ctrl-C; whatever was finished is kept.

Rooms are imported inside the commands: `qlat --help` loads neither torch nor numba.
"""

from __future__ import annotations

import difflib
import json
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from quantum_latents.execution import Progress
    from quantum_latents.recipes import Study
    from quantum_latents.report import Table as StudyTable
    from quantum_latents.samplers import Noise

__all__ = ["main"]

_RECIPES = {
    "table1": "Table I of the paper: photon counts and bits, four latents",
    "table2": "Table II of the paper: molecules (--data qm9 or FILE), four latents",
    "hyperparameters": "Appendix H: initialisation and learning rate as factors, on molecules",
    "mixture": "Figure 2 of the paper: seven blobs on a circle, four latents",
    "challengers": "the ladder of classical challengers of the quantum latent, on photon counts",
    "interference": "the interference dial: dose and response, from no interference to full",
    "compare": "your own data (--data FILE), four latents",
}


_MOLECULAR = ("table2", "hyperparameters")


@dataclass(frozen=True)
class Recipes:
    """List what can be run, with its cost."""

    json: bool = False
    """Print machine-readable output alone."""


@dataclass(frozen=True)
class Run:
    """Run a recipe, or go on with it: the same call resumes, and a finished run is kept."""

    recipe: Annotated[str, tyro.conf.Positional]
    """table1, table2, hyperparameters, mixture, challengers, interference or compare."""
    preset: Literal["smoke", "quick", "paper"] = "quick"
    """smoke: under a minute on 2 cores; quick: under 5 minutes (table2: 15), shrunken; paper: in
    full."""
    seeds: int | None = None
    """Number of seeds, from 0; default is the preset's. Below 10 there is no verdict."""
    latents: str | None = None
    """Comma-separated: quantum,distinguishable,bernoulli,gaussian (all by default). table2 takes
    bank:FOLDER too, the shots of a bank; challengers take any classical rival or prior, such as
    pairwise or student_t."""
    data: str | None = None
    """compare: your file (npy, npz, csv, parquet; one row a sample). table1, challengers,
    interference: quantum,bernoulli.
    Molecules: qm9 (downloaded), or a file of SMILES (csv, tsv, smi, txt, each also as .gz)."""
    num_steps: int | None = None
    """Generator steps instead of the preset's; stated on the page."""
    bank: str | None = None
    """Draws of every latent that are kept and re-used, such as 1000000, or fresh for none."""
    latent_dim: str | None = None
    """compare and molecules: length of z, the modes of the interferometer (16 by default);
    molecules take several, such as 16,32,48."""
    interferometer: str | None = None
    """Molecules: haar (by default), 1-1 or 1-3-9; or several, such as haar,1-1."""
    setup: str | None = None
    """table2: paper (by default), or tuned: another initialisation, batch and learning rate."""
    doses: str | None = None
    """interference: overlaps of the photons in [0, 1], such as 0,0.5,1 (0,0.25,0.5,0.75,1)."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to train."""
    workers: int | None = None
    """Processes (one a core by default); frozen when the study starts."""
    time_budget: str | None = None
    """Stop cleanly after this long, such as 90s, 9m or 2h; the same call goes on."""
    out: Path | None = None
    """Directory of the study (studies/RECIPE-PRESET by default)."""
    json: bool = False
    """Print machine-readable output alone: the table."""


@dataclass(frozen=True)
class Table:
    """Print tables with statistics, from rows alone."""

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study, or a rows.jsonl."""
    format: Literal["text", "markdown", "json"] = "text"
    """How to print it."""


@dataclass(frozen=True)
class Report:
    """Write one static page, from rows alone."""

    directory: Annotated[Path, tyro.conf.Positional]
    """Directory of a study."""
    out: Path | None = None
    """File to write (report.html in the directory by default)."""


@dataclass(frozen=True)
class Evaluate:
    """Compute a study's metrics again from its stored samples, without training.

    Rows that change are replaced, and the old file is kept as rows-<time>.jsonl.
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


@dataclass(frozen=True)
class Sample:
    """Draw a bank of photon counts; the same call resumes it."""

    interferometer: str
    """haar:MODES, time-bin:MODES:1,3,9 or FILE.npy (a unitary)."""
    num_samples: int
    """Shots."""
    out: Path
    """Folder of the bank."""
    photons: int | None = None
    """Photons, spread evenly over the input modes; or give --input or --fill."""
    input: str | None = None
    """Photons in each input mode, such as 1,0,1,0."""
    fill: Literal["all"] | None = None
    """all: one photon in every input mode."""
    seed: int = 0
    """Names the interferometer and the shots."""
    distinguishable: bool = False
    """Photons that do not interfere, the paper's control."""
    interference: float = 1.0
    """Overlap of two photons' states, 0 to 1; they dip by its square (Hong, Ou and Mandel)."""
    g2: float = 0.0
    """g2(0) of the sources, 0 to 0.5: some emit two photons, the second interfering with none."""
    transmission: float = 1.0
    """Probability that a photon gets from its source to the detectors, 0 to 1."""
    detector_efficiency: float = 1.0
    """Probability that a detector sees a photon that reaches it, 0 to 1."""
    dark_counts: float = 0.0
    """Mean number of dark counts in a mode and shot (Poisson)."""
    threshold: bool = False
    """Detectors that click or not: counts are 0 or 1."""
    postselect: str | None = None
    """Keep the shots with at least N counts in all (N), or with exactly N (=N)."""
    path: str | None = None
    """enumeration, clifford-clifford or progressive; left out, the cheapest by estimate."""
    precision: Literal["float64", "float32"] = "float64"
    """Of Clifford-Clifford's permanents; float32 is about twice as fast."""
    yes: bool = False
    """Draw also what takes longer than a day."""
    json: bool = False
    """Print the manifest alone."""


@dataclass(frozen=True)
class Bench:
    """Measure speed side by side with peers, as ratios within one run."""

    what: Annotated[Literal["samplers", "training"], tyro.conf.Positional]
    """samplers: exact boson samplers; training: a GAN's iterations beside plain PyTorch."""
    network: Literal["table1", "mixture", "molgan"] | None = None
    """training: which networks (molgan by default, batch 256)."""
    seconds: float | None = None
    """Length of a round. samplers: 2 CPU seconds by default, a quarter of it for a cost curve;
    training: 5 seconds by default, and a step begun is ended."""
    rounds: int = 3
    """Undisturbed rounds wanted of each contender; at most twice as many are tried."""
    budget: float | None = None
    """samplers: CPU seconds that one shot may take, 20 by default; a slower one is stopped."""
    figure: Path | None = None
    """samplers: also draw the cost against the number of photons: an SVG file to write."""
    rows: Path | None = None
    """Tell the rows of an earlier run, what --json printed, and measure nothing."""
    json: bool = False
    """Print the rows and what follows from them alone."""


_LONGEST_UNASKED = 86_400.0
"""Seconds of drawing beyond which `qlat sample` wants --yes."""

_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)

Command = (
    Annotated[Recipes, tyro.conf.subcommand("recipes")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Table, tyro.conf.subcommand("table")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `qlat`; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["--version"]:
        from quantum_latents import __version__

        print(f"qlat {__version__}")
        return 0
    command = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="qlat",
        description="Quantum latents for generative models: sample, train, compare, report.",
        args=arguments or ["--help"],
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    try:
        return _RUN[type(command)](command, arguments)
    except KeyboardInterrupt:
        hint = "; what is finished is kept, the same call goes on" if _is_kept(command) else ""
        print(f"qlat: interrupted{hint}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, ImportError, *_WRONG_PATH) as error:
        print(f"qlat: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError, MemoryError) as error:
        hint = "; what is finished is kept, the same call goes on" if _is_kept(command) else ""
        print(f"qlat: {error}{hint}", file=sys.stderr)
        return 1


def _is_kept(command: object) -> bool:
    return isinstance(command, Run | Sample | Evaluate)


def _recipes(command: Recipes, arguments: Sequence[str]) -> int:
    from quantum_latents.recipes import PRESETS
    from quantum_latents.training import flop_of

    entries = []
    for name, what in _RECIPES.items():
        for preset in PRESETS:
            if name == "compare":
                entries.append({"recipe": name, "preset": preset, "what": what})
                continue
            study = _example(name, preset)
            entries.append(
                {
                    "recipe": name,
                    "preset": preset,
                    "what": what,
                    "runs": len(study.runs),
                    "generator_steps": study.runs[0].training.num_steps,
                    "teraflop": round(sum(flop_of(run) for run in study.runs) / 1e12, 1),
                }
            )
    if command.json:
        print(json.dumps(entries, indent=1))
        return 0
    for name, what in _RECIPES.items():
        print(f"{name:10} {what}")
        for entry in (e for e in entries if e["recipe"] == name):
            cost = (
                f"{entry['runs']} runs of {entry['generator_steps']} steps, "
                f"{entry['teraflop']:,g} TFLOP of matrix products"
                if "runs" in entry
                else "depends on your data"
            )
            print(f"  --preset {entry['preset']:6} {cost}")
    return 0


def _example(name: str, preset: str) -> Study:
    """Return a recipe's study, to count its cost; of molecules, on a set shaped like QM9."""
    if name not in _MOLECULAR:
        return _study(Run(recipe=name, preset=preset))  # type: ignore[arg-type]
    from quantum_latents import recipes
    from quantum_latents.data import MoleculesSpec

    elements = ("C", "N", "O", "F")
    shape = MoleculesSpec(name="qm9", sha256="0" * 64, num_atoms=9, elements=elements)
    return getattr(recipes, name)(shape, preset)


def _run(command: Run, arguments: Sequence[str]) -> int:
    _check_recipe(command.recipe)
    budget = None if command.time_budget is None else _seconds(command.time_budget)
    directory = command.out or Path("studies") / f"{command.recipe}-{command.preset}"
    study = _study(command)
    if command.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("--device cuda: this machine's torch sees no GPU; use --device cpu")
    from quantum_latents.execution import run_study
    from quantum_latents.report import write_report

    note = print if not command.json else (lambda *_: None)
    num_runs, num_steps = len(study.runs), study.runs[0].training.num_steps
    note(f"{study.title}: {num_runs} runs of {num_steps} generator steps in {directory}")
    for line in study.notes:
        note(f"  {line}")
    show = _Show(quiet=command.json)
    finished = run_study(
        study,
        directory,
        command=shlex.join(["qlat", *arguments]),
        device=command.device,
        num_workers=command.workers,
        time_budget=budget,
        on_progress=show,
    )
    show.close()
    rows = directory / "rows.jsonl"
    if rows.exists() and rows.stat().st_size:
        page = write_report(directory)
        if command.json:
            print(_made_table(directory).render("json"))
        else:
            print(_made_table(directory).brief(study.primary_metrics).render("text"))
            print(f"all differences: qlat table {shlex.quote(str(directory))}")
            print(f"page: {page}")
    if not finished:
        print("qlat: the time budget is spent; the same call goes on", file=sys.stderr)
        return 3
    return 0


def _study(command: Run) -> Study:
    """Return the study that a call asks for; a mistake raises before anything is written."""
    from quantum_latents import recipes

    wanted, banks = _latents(command)
    is_ladder = command.recipe == "challengers"
    known = recipes.CHALLENGERS if is_ladder else recipes.LATENTS
    latents = _names(wanted, known, "latent") or (recipes.LADDER if is_ladder else known)
    settings: dict[str, Any] = {"num_seeds": command.seeds, "latents": latents}
    if command.seeds is not None and command.seeds < 1:
        raise ValueError(f"--seeds is at least 1, not {command.seeds}")
    if command.num_steps is not None and command.num_steps < 1:
        raise ValueError(f"--num-steps is at least 1, not {command.num_steps}")
    for option, wanted_by in _BELONGS_TO.items():
        if command.recipe not in wanted_by and getattr(command, option) is not None:
            raise ValueError(
                f"--{option.replace('_', '-')} belongs to {' and '.join(wanted_by)}; "
                f"{command.recipe} is as in the paper"
            )
    dims = _lengths(command.latent_dim)
    if command.recipe == "compare":
        if command.data is None:
            raise ValueError("compare needs your data: --data FILE.npy (or npz, csv, parquet)")
        dim, *more = dims
        if more:
            raise ValueError(f"compare takes one --latent-dim, not {command.latent_dim}")
        study = recipes.compare(command.data, command.preset, latent_dim=dim, **settings)
    elif command.recipe == "table1":
        chosen = _names(command.data, recipes.DATA_SETS, "data set") or recipes.DATA_SETS
        study = recipes.table1(command.preset, data_sets=chosen, **settings)
    elif is_ladder:
        chosen = _names(command.data, recipes.DATA_SETS, "data set") or ("quantum",)
        study = recipes.challengers(command.preset, data_sets=chosen, **settings)
    elif command.recipe == "interference":
        if wanted is not None:
            raise ValueError("interference has latents of its own: name --doses, not --latents")
        chosen = _names(command.data, recipes.DATA_SETS, "data set") or ("quantum",)
        study = recipes.interference(
            command.preset,
            num_seeds=command.seeds,
            doses=_doses(command.doses) or recipes.DOSES,
            data_sets=chosen,
        )
    elif command.recipe in _MOLECULAR:
        study = _molecular(command, dims, banks, settings)
    else:
        if command.data is not None:
            raise ValueError("mixture draws its own data: leave --data out, or run compare")
        study = recipes.mixture(command.preset, **settings)
    if command.num_steps is not None:
        study = recipes.with_num_steps(study, command.num_steps)
    if command.bank is not None and not banks:
        study = recipes.with_bank_size(study, _bank_size(command.bank))
    return study


_BELONGS_TO = {
    "latent_dim": ("compare", "table2", "hyperparameters"),
    "interferometer": ("table2", "hyperparameters"),
    "setup": ("table2",),
    "doses": ("interference",),
}
"""Options of `qlat run` that only some recipes take."""


def _lengths(text: str | None) -> tuple[int, ...]:
    """Return lengths of z from `--latent-dim`."""
    words = (text or "16").split(",")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"--latent-dim is a length of z such as 16, or 16,32,48, not {text!r}")
    if len(set(words)) != len(words):
        raise ValueError(f"--latent-dim names a length twice: {text!r}")
    return tuple(int(word) for word in words)


def _doses(text: str | None) -> tuple[float, ...]:
    """Return overlaps from `--doses`."""
    try:
        doses = tuple(float(word) for word in (text or "").split(",") if word)
    except ValueError:
        doses = (-1.0,)
    if not all(0 <= dose <= 1 for dose in doses):
        raise ValueError(f"--doses are numbers in [0, 1] such as 0,0.5,1, not {text!r}")
    return doses


def _latents(command: Run) -> tuple[str | None, tuple[str, ...]]:
    """Return the latents named in a call, and the folders of banks among them."""
    names = (command.latents or "").split(",")
    banks = tuple(name.removeprefix("bank:") for name in names if name.startswith("bank:"))
    if banks and command.recipe != "table2":
        raise ValueError(f"--latents bank:FOLDER belongs to table2, not to {command.recipe}")
    if banks and command.bank == "fresh":
        raise ValueError("--latents bank:FOLDER cannot be drawn afresh: leave --bank fresh out")
    named = [name for name in names if name and not name.startswith("bank:")]
    return ",".join(named) or None, banks


def _molecular(
    command: Run, dims: tuple[int, ...], banks: tuple[str, ...], settings: dict[str, Any]
) -> Study:
    from quantum_latents import recipes
    from quantum_latents.data import molecules_spec
    from quantum_latents.execution import default_cache

    known = tuple(recipes.INTERFEROMETERS)
    interferometers = _names(command.interferometer, known, "interferometer") or ("haar",)
    (setup,) = _names(command.setup, tuple(recipes.SETUPS), "set-up") or ("paper",)
    line = _Line(quiet=command.json)
    data = molecules_spec(
        command.data or "qm9",
        default_cache(),
        on_progress=lambda what, done, total: line.show(f"{what}: {done:,} of {total:,}"),
    )
    line.close()
    settings |= {"latent_dims": dims, "interferometers": interferometers}
    if command.recipe == "hyperparameters":
        return recipes.hyperparameters(data, command.preset, **settings)
    return recipes.table2(
        data,
        command.preset,
        setup=setup,
        bank_folders=banks,
        bank_size=_bank_size(command.bank) if banks and command.bank else None,
        cache=default_cache(),
        **settings,
    )


def _check_recipe(name: str) -> None:
    if name not in _RECIPES:
        raise ValueError(f"no recipe is called {name!r}; {_hint(name, _RECIPES)}")


def _names(text: str | None, known: Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(name for name in (text or "").split(",") if name)
    for name in names:
        if name not in known:
            raise ValueError(f"no {what} is called {name!r}; {_hint(name, known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a {what} is named twice in {text!r}")
    return names


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def _bank_size(text: str) -> int | None:
    if text == "fresh":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--bank is a number of draws such as 1000000, or fresh, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"--time-budget is a length of time such as 90s, 9m or 2h, not {text!r}")
    return seconds


class _Line:
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


class _Show(_Line):
    """Progress of a study."""

    def __call__(self, progress: Progress) -> None:
        self.show(_progress_text(progress))


class _ShowShots(_Line):
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
            text += f", {rate:,.0f}/s, {_duration((total - done) / rate)} left"
        self.show(text)


def _check_room(folder: Path, num_bytes: int) -> None:
    """Refuse what the disk cannot hold, before anything is drawn."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if folder.exists():
        return  # a bank to go on with has its full size already
    if num_bytes > (free := shutil.disk_usage(there).free):
        raise ValueError(
            f"the bank takes {num_bytes / 2**30:,.1f} GiB and {there} has {free / 2**30:,.1f}: "
            "draw fewer shots or choose another --out"
        )


def _progress_text(progress: Progress) -> str:
    share = progress.num_steps_done / max(1, progress.num_steps)
    text = f"{progress.num_finished} of {progress.num_runs} runs, {share:4.0%} of all steps"
    if progress.steps_per_second > 0:
        left = (progress.num_steps - progress.num_steps_done) / progress.steps_per_second
        text += f", {progress.steps_per_second:.0f} steps/s, {_duration(left)} left"
    elif progress.note:
        text += f", {progress.note}"
    return text


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _table(command: Table, arguments: Sequence[str]) -> int:
    print(_made_table(command.directory).render(command.format))
    return 0


def _made_table(directory: Path) -> StudyTable:
    from quantum_latents.report import table
    from quantum_latents.results import read_rows, read_study

    folder = directory if directory.is_dir() else directory.parent
    study = read_study(folder) if (folder / "study.json").exists() else None
    return table(read_rows(directory), study)


def _report(command: Report, arguments: Sequence[str]) -> int:
    from quantum_latents.report import write_report

    print(f"page: {write_report(command.directory, command.out)}")
    return 0


def _evaluate(command: Evaluate, arguments: Sequence[str]) -> int:
    from quantum_latents.execution import evaluate_study

    line = _Line(quiet=command.json)
    done = evaluate_study(
        command.directory,
        on_progress=lambda done, total: line.show(f"{done} of {total} runs evaluated"),
    )
    line.close()
    if command.json:
        print(json.dumps(asdict(done), indent=1))
        return 0
    print(f"{done.num_evaluated} of {done.num_rows} rows evaluated, {len(done.changed)} changed")
    if done.kept_as is not None:
        print(f"the old rows: {command.directory / done.kept_as}")
    for runs, what in (
        (done.diverged, "diverged: nothing to measure"),
        (done.without_samples, "stored no samples here: their rows stay as they are"),
        (done.without_row, "have samples and no row: `qlat run` finishes them"),
    ):
        if runs:
            print(f"{len(runs)} runs {what}")
    return 0


def _generate(command: Generate, arguments: Sequence[str]) -> int:
    from quantum_latents.execution import find_run, generate_file

    _check_folder(command.out)
    folder = find_run(command.run, command.digest)
    line = _Line(quiet=command.json)
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


def _sample(command: Sample, arguments: Sequence[str]) -> int:
    from quantum_latents.banks import BankRecipe, build_bank
    from quantum_latents.circuits import parse
    from quantum_latents.circuits.occupation import evenly_spread
    from quantum_latents.random import stream
    from quantum_latents.samplers.boson import PATHS, compile_path

    if command.num_samples < 1:
        raise ValueError(f"--num-samples is at least 1, not {command.num_samples}")
    interferometer = parse(command.interferometer, stream(command.seed, "interferometer"))
    if sum(value is not None for value in (command.photons, command.input, command.fill)) != 1:
        raise ValueError("give the photons once: --photons 8, --input 1,0,1,0 or --fill all")
    noise = _noise(command)
    if command.fill is not None:
        occupation = (1,) * interferometer.num_modes
    elif command.photons is not None:
        occupation = evenly_spread(interferometer.num_modes, command.photons)
    else:
        assert command.input is not None
        try:
            occupation = tuple(int(word) for word in command.input.split(","))
        except ValueError:
            raise ValueError(
                f"--input is whole numbers such as 1,0,1,0, not {command.input!r}"
            ) from None
    recipe = BankRecipe(
        interferometer=interferometer.recipe,
        occupation=occupation,
        statistics="distinguishable" if command.distinguishable and noise is None else "boson",
        num_samples=command.num_samples,
        stream=stream(command.seed, "shots"),
        noise=noise,
        forced_path=command.path,
        precision=command.precision,
    )
    _check_room(command.out, command.num_samples * interferometer.num_modes)
    seconds = recipe.estimated_seconds()
    if seconds > _LONGEST_UNASKED and not command.yes:
        raise ValueError(
            f"{command.num_samples:,} shots by {recipe.path} take about {_duration(seconds)} here: "
            "draw fewer, use fewer photons, or add --yes"
        )
    show = _ShowShots(quiet=command.json)
    show.announce(f"{command.num_samples:,} shots by {recipe.path}, about {_duration(seconds)}")
    if recipe.path in PATHS:
        note = "compiling, once for each installation (half a minute)"
        announcement = threading.Timer(2.0, show.announce, [note])
        announcement.start()
        try:
            compile_path(recipe.path, command.precision)
        finally:
            announcement.cancel()
    bank = build_bank(recipe, command.out, progress=show)
    show.close()
    if command.json:
        print(json.dumps(bank.manifest, indent=1))
    else:
        kept = "" if noise is None else f", {bank.counts.sum() / len(bank):.4g} counts a shot"
        print(f"{len(bank)} shots of {sum(occupation)} photons in {bank.num_modes} modes{kept}")
        print(f"bank: {command.out}")
    return 0


def _noise(command: Sample) -> Noise | None:
    """Return the noise that a call asks for, None for an ideal device."""
    from quantum_latents.samplers import Noise

    if command.distinguishable and command.interference != 1:
        raise ValueError("--distinguishable is --interference 0: give one of them")
    selection = {}
    if command.postselect is not None:
        word = command.postselect
        number = word.removeprefix("=")
        if not (number.isascii() and number.isdecimal()):
            raise ValueError(
                f"--postselect is N (at least) or =N (exactly), such as 4 or =4, not {word!r}"
            )
        selection["exactly" if word.startswith("=") else "at_least"] = int(number)
    noise = Noise(
        interference=command.interference,
        g2=command.g2,
        input_transmission=command.transmission,
        detector_efficiency=command.detector_efficiency,
        dark_counts=command.dark_counts,
        threshold=command.threshold,
        **selection,
    )
    if noise.is_ideal:
        return None
    return replace(noise, interference=0.0) if command.distinguishable else noise


def _bench(command: Bench, arguments: Sequence[str]) -> int:
    from quantum_latents.bench import markdown, read_measurement, summary

    _check_bench(command)
    if command.figure is not None:
        _check_folder(command.figure)
    if command.rows is not None:
        measurement = read_measurement(command.rows, command.what)
    else:
        measurement = _measured(command)
    if command.figure is not None:
        from quantum_latents.bench.figure import write_cost_figure

        write_cost_figure(measurement, command.figure)
    if command.json:
        print(json.dumps({**measurement, "summary": summary(measurement)}, indent=1))
        return 0
    print(markdown(measurement), end="")
    if command.figure is not None:
        print(f"\nfigure: {command.figure}")
    return 0


def _check_bench(command: Bench) -> None:
    owner = {"network": "training", "budget": "samplers", "figure": "samplers"}
    for name, what in owner.items():
        if getattr(command, name) is not None and command.what != what:
            raise ValueError(f"--{name} belongs to qlat bench {what}: leave it out")
    if command.rows is not None and command.network is not None:
        raise ValueError("--rows holds the rows of one network: leave --network out")


def _measured(command: Bench) -> dict[str, Any]:
    """Measure what a call of `qlat bench` asks for."""
    from quantum_latents.bench import Settings, TrainingSettings, measure, measure_training

    started = time.monotonic()

    def note(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    given = {"network": command.network, "seconds": command.seconds, "budget": command.budget}
    settings: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
    if command.what == "training":
        return measure_training(TrainingSettings(rounds=command.rounds, **settings), note)
    return measure(Settings(rounds=command.rounds, **settings), note)


def _check_folder(file: Path) -> None:
    # Before the measuring, not after it.
    if not file.parent.is_dir():
        raise FileNotFoundError(f"no folder {file.parent} for {file.name}")


_RUN: dict[type, Any] = {
    Recipes: _recipes,
    Run: _run,
    Table: _table,
    Report: _report,
    Evaluate: _evaluate,
    Generate: _generate,
    Sample: _sample,
    Bench: _bench,
}

if __name__ == "__main__":
    sys.exit(main())
