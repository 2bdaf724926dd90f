"""`qlat recipes` and `qlat run`: studies."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from quantum_latents.cli.amounts import seconds
from quantum_latents.cli.flow import FlowOptions
from quantum_latents.cli.progress import StudyLine
from quantum_latents.cli.studies import MOLECULAR, PRECISIONS, study_of
from quantum_latents.cli.words import near_miss

with contextlib.suppress(ModuleNotFoundError):  # `offline` reads the options without it
    import tyro

if TYPE_CHECKING:
    from quantum_latents.recipes import Study
    from quantum_latents.training import RunSpec

__all__ = ["COMMANDS", "RECIPES", "Recipes", "Run"]

RECIPES = {
    "table1": "Table I of the paper: photon counts and bits, four latents",
    "table2": "Table II of the paper: molecules (--data qm9 or FILE), four latents",
    "hyperparameters": "Appendix H: initialisation and learning rate as factors, on molecules",
    "mixture": "Figure 2 of the paper: seven blobs on a circle, four latents",
    "depth": "Figure 1 of the paper: how many layers each latent needs to make those blobs",
    "challengers": "the ladder of classical challengers of the quantum latent, on photon counts",
    "interference": "the interference dial: dose and response, from no interference to full",
    "loss": "the loss dial: dose and response, from few photons that get in to all",
    "bank-sizes": "re-use: what a bank of so many rows costs each latent, against fresh draws",
    "survey": "across data sets that are not the quantum latent's own: does it help there?",
    "corollary": "Corollary 1: who reaches data that a quantum latent made? GAN-induced distances",
    "moons": "Appendix G of the paper: flow matching on two moons from four latents, or any",
    "ddgan": "Appendix F of the paper: a diffusion GAN of digits (or --data cifar10), any latent",
    "autoencoder": "digits, or your images (--data FILE), through an autoencoder: a GAN or a flow",
    "compare": "your own data (--data FILE), four latents, or any",
    "tune": "another recipe (--recipe table1) with every latent tuned equally before the test",
}


@dataclass(frozen=True)
class Recipes:
    """List what can be run, with its cost."""

    json: bool = False
    """Print machine-readable output alone."""


@dataclass(frozen=True)
class Run:
    """Run a recipe, or go on with it: the same call resumes, and a finished run is kept."""

    recipe: Annotated[str, tyro.conf.Positional]
    """table1, table2, hyperparameters, mixture, depth, challengers, interference, loss,
    bank-sizes, survey, corollary, moons, ddgan, autoencoder, compare or tune."""
    preset: Literal["smoke", "quick", "paper"] = "quick"
    """smoke: under a minute on 2 cores; quick: under 5 minutes (autoencoder: 10, table2: 15),
    shrunken; paper: in full."""
    seeds: int | None = None
    """Number of seeds, from 0; default is the preset's. Below 10 there is no verdict."""
    latents: str | None = None
    """Comma-separated: quantum,distinguishable,bernoulli,gaussian (all by default); also
    bank:FOLDER, the shots of a bank of as many modes as z is long. challengers, survey, corollary,
    moons, ddgan and autoencoder take any classical rival or prior too, such as pairwise or
    student_t."""
    data: str | None = None
    """compare, autoencoder: your file (npy, npz, csv, parquet; one row a sample). table1,
    challengers, interference, loss, bank-sizes, survey: any of quantum, bernoulli, gbs, thermal,
    iqp, ising, mixture, moons, checkerboard, binary_digits, grey_digits, comma-separated. moons:
    any of moons, checkerboard, mixture. ddgan: grey_digits, cifar10 (downloaded), or a folder of
    CIFAR-10's binary version.
    Molecules: qm9 (downloaded), or a file of SMILES (csv, tsv, smi, txt, each also as .gz)."""
    num_steps: int | None = None
    """Generator steps instead of the preset's; stated on the page."""
    curve: str | None = None
    """Shares of the training, such as 0.1,0.25,0.5, after which the metrics are taken too: the gap
    between latents against the budget."""
    bank: str | None = None
    """Draws of every latent that are kept and re-used, such as 1000000, or fresh for none.
    bank-sizes: several to compare, such as 1000,10000; fresh draws are always among them."""
    latent_dim: str | None = None
    """Length of z, the modes of the interferometer (16 by default); molecules take several, such as
    16,32,48."""
    interferometer: str | None = None
    """Molecules: haar (by default), 1-1 or 1-3-9; or several, such as haar,1-1."""
    setup: str | None = None
    """table2: paper (by default); tuned: another initialisation, batch and learning rate; placed:
    tuned, with a critic that sees places, a perceptron, and molecules ring first."""
    doses: str | None = None
    """interference: overlaps of the photons in [0, 1], such as 0,0.5,1 (0,0.25,0.5,0.75,1).
    loss: transmissions in (0, 1], such as 0.5,0.9,1 (0.25,0.5,0.75,1)."""
    depths: str | None = None
    """depth: hidden layers of the generator, such as 1,2,4,8 (1 to 8 in full)."""
    restarts: int | None = None
    """corollary: random draws of initial weights of a latent and seed, beside the start at the
    target's own generator (the preset's number)."""
    model: Literal["gan", "flow"] | None = None
    """autoencoder: what makes codes (gan)."""
    code_dim: int | None = None
    """autoencoder: numbers of a code (12)."""
    tuned: Annotated[str | None, tyro.conf.arg(name="recipe")] = None
    """tune: which recipe, with the options of that recipe (table1 on --data quantum by default)."""
    trials: int | None = None
    """tune: settings of the training that every latent is given, the recipe's own among them (3 at
    smoke, 5 at quick, 12 at paper)."""
    tuning_seeds: int | None = None
    """tune: seeds of every trial, from 1000 (1 at smoke, 2 at quick, 3 at paper)."""
    flow: Annotated[FlowOptions, tyro.conf.arg(name="")] = field(default_factory=FlowOptions)
    certifiable: bool = False
    """table1, challengers, compare: generators whose layers widen to the end, so that
    every one of them has an inverse (Theorem 1)."""
    extend: bool = False
    """Go on with more seeds or latents than the study in --out has. Page and table say from then
    on that they were added after so many results were known."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to train."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Of the matrix products, recorded in every run's name. tf32: TensorFloat-32, on CUDA. bf16:
    bfloat16 with fp32 weights and sums, where the device has matrix units for it."""
    workers: int | None = None
    """Processes (one a core by default); frozen when the study starts. On Ray: stacks that train
    at once (all that have a place)."""
    ray: str | None = None
    """Train on a Ray cluster: HOST:PORT or auto, from one of its nodes; or local, a Ray of this
    machine alone."""
    gpu_share: float = 1.0
    """--ray with --device cuda: how much of a GPU each stack takes, such as 0.25."""
    rows_from: str | None = None
    """Directories of other studies, comma-separated: rows that they already have of this study's
    runs are taken over when it starts or is extended, and say so."""
    evaluate_later: bool = False
    """Store samples and leave all metrics to `qlat evaluate`, here or elsewhere. Where a library
    that they need is not installed, they are left to it anyway."""
    tensorboard: bool = False
    """Write losses and metrics for TensorBoard too, under tensorboard/ in the study's directory."""
    time_budget: str | None = None
    """Stop cleanly after this long, such as 90s, 9m or 2h; the same call goes on."""
    out: Path | None = None
    """Directory of the study (studies/RECIPE-PRESET by default)."""
    json: bool = False
    """Print machine-readable output alone: the table."""


def _recipes(command: Recipes, arguments: Sequence[str]) -> int:
    from quantum_latents.recipes import PRESETS

    if command.json:
        entries = [_entry(name, preset) for name in RECIPES for preset in PRESETS]
        print(json.dumps(entries, indent=1))
        return 0
    for name, what in RECIPES.items():  # each as soon as it is counted
        print(f"{name:10} {what}", flush=True)
        for preset in PRESETS:
            entry = _entry(name, preset)
            cost = (
                f"{entry['runs']} runs of {entry['generator_steps']} steps, "
                f"{entry['teraflop']:,g} TFLOP of matrix products"
                if "runs" in entry
                else entry.get("needs", "depends on your data")
            )
            print(f"  --preset {preset:6} {cost}", flush=True)
    return 0


def _entry(name: str, preset: str) -> dict[str, Any]:
    """Return what a recipe costs at a preset, or what it needs to be counted."""
    from quantum_latents.training import flop_of

    entry = {"recipe": name, "preset": preset, "what": RECIPES[name]}
    if name == "compare":
        return entry
    try:
        runs = _example(name, preset)
    except ImportError as error:  # its cost depends on data of an extra that is missing
        return entry | {"needs": str(error)}
    return entry | {
        "runs": len(runs),
        "generator_steps": runs[0].training.num_steps,
        "teraflop": round(sum(flop_of(run) for run in runs) / 1e12, 1),
    }


def _example(name: str, preset: str) -> tuple[RunSpec, ...]:
    """Return a recipe's runs, to count their cost; of molecules, on a set shaped like QM9."""
    if name == "tune":
        from quantum_latents.cli.tune import tuned_study

        tuned = tuned_study(Run(recipe=name, preset=preset))  # type: ignore[arg-type]
        return (*tuned.search.runs, *tuned.study.runs)
    if name not in MOLECULAR:
        return study_of(Run(recipe=name, preset=preset)).runs  # type: ignore[arg-type]
    from quantum_latents import recipes
    from quantum_latents.data import MoleculesSpec

    elements = ("C", "N", "O", "F")
    shape = MoleculesSpec(name="qm9", sha256="0" * 64, num_atoms=9, elements=elements)
    return getattr(recipes, name)(shape, preset).runs


def _run(command: Run, arguments: Sequence[str]) -> int:
    check_recipe(command.recipe)
    if command.recipe == "tune":
        from quantum_latents.cli.tune import run_tune

        return run_tune(command, arguments)
    settings = settings_of_call(command, arguments)
    directory = directory_of(command)
    study = study_of(command)
    check_device(command)
    from quantum_latents.execution import run_study

    announce(study, directory, command)
    with contextlib.closing(StudyLine(quiet=command.json)) as show:
        finished = run_study(study, directory, on_progress=show, **settings)
    return told(finished, directory, study.primary_metrics, command)


def settings_of_call(command: Run, arguments: Sequence[str]) -> dict[str, Any]:
    """Return what `run_study` is told of a call, but the study and its directory."""
    return {
        "command": shlex.join(["qlat", *arguments]),
        "device": command.device,
        "num_workers": command.workers,
        "ray": command.ray,
        "gpu_share": command.gpu_share,
        "time_budget": None if command.time_budget is None else seconds(command.time_budget),
        "extend": command.extend,
        "rows_from": _other_studies(command.rows_from),
        "evaluate_later": command.evaluate_later,
        "tensorboard": command.tensorboard,
    }


def directory_of(command: Run) -> Path:
    """Return where a call's study lives."""
    return command.out or Path("studies") / f"{command.recipe}-{command.preset}"


def check_device(command: Run) -> None:
    """Refuse a device that this machine has not, or a precision that the device has not.

    What a Ray cluster has, Ray is asked.

    Raises:
        ValueError: as said.
    """
    from quantum_latents.execution import check_precision

    if command.device == "cuda" and command.ray is None:
        import torch

        if not torch.cuda.is_available():
            raise ValueError("--device cuda: this machine's torch sees no GPU; use --device cpu")
    check_precision(PRECISIONS[command.precision], command.device)


def announce(study: Study, directory: Path, command: Run) -> None:
    """Print what is about to run."""
    from quantum_latents.recipes import steps_of

    if command.json:
        return
    num_runs, num_steps = len(study.runs), study.runs[0].training.num_steps
    print(f"{study.title}: {num_runs} runs of {num_steps} {steps_of(study)} in {directory}")
    for line in study.notes:
        print(f"  {line}")


def told(finished: bool, directory: Path, primary: Sequence[str], command: Run) -> int:
    """Write the page, print the table of what there is, and return the exit code."""
    from quantum_latents.cli.rows import made_table
    from quantum_latents.report import write_report
    from quantum_latents.results import unevaluated

    rows = directory / "rows.jsonl"
    if rows.exists() and rows.stat().st_size:
        page = write_report(directory)
        if command.json:
            print(made_table(directory).render("json"))
        else:
            print(made_table(directory).brief(primary).render("text"))
            print(f"all differences: qlat table {shlex.quote(str(directory))}")
            print(f"page: {page}")
    elif command.json:
        waiting = unevaluated(directory)
        print(json.dumps({"study": command.recipe, "num_rows": 0, "num_waiting": len(waiting)}))
    if num_waiting := len(unevaluated(directory)):
        where = f"qlat evaluate {shlex.quote(str(directory))}"
        print(f"qlat: {num_waiting} runs wait for their metrics: {where}", file=sys.stderr)
    if not finished:
        print("qlat: the time budget is spent; the same call goes on", file=sys.stderr)
        return 3
    return 0


def check_recipe(name: str) -> None:
    """Refuse a recipe that does not exist.

    Raises:
        ValueError: as said, with the nearest name.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe is called {name!r}; {near_miss(name, RECIPES)}")


def _other_studies(text: str | None) -> tuple[Path, ...]:
    """Return the directories of `--rows-from`, all of which have rows."""
    folders = tuple(Path(word) for word in (text or "").split(",") if word)
    for folder in folders:
        if not (folder / "rows.jsonl").is_file():
            raise ValueError(f"--rows-from {folder}: there are no rows.jsonl of a study")
    return folders


COMMANDS = {"recipes": (Recipes, _recipes), "run": (Run, _run)}
