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

from quantum_latents.cli.flow import FlowOptions, check_flow_options, moons_study
from quantum_latents.cli.progress import Line, StudyLine
from quantum_latents.cli.words import names_in, near_miss

with contextlib.suppress(ModuleNotFoundError):  # `offline` reads the options without it
    import tyro

if TYPE_CHECKING:
    from quantum_latents.recipes import Study
    from quantum_latents.training import Precision, RunSpec

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
    "ddgan": "Appendix F of the paper, on digits: a diffusion GAN from four latents, or any",
    "autoencoder": "digits, or your images (--data FILE), through an autoencoder: a GAN or a flow",
    "compare": "your own data (--data FILE), four latents",
    "tune": "another recipe (--recipe table1) with every latent tuned equally before the test",
}


_PRECISIONS: dict[str, Precision] = {"fp32": "float32", "tf32": "tf32", "bf16": "bf16"}
"""What `--precision` is called in a run's spec."""

_MOLECULAR = ("table2", "hyperparameters")
_DIALS = ("interference", "loss")


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
    any of moons, checkerboard, mixture.
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
    from quantum_latents.training import flop_of

    entries = []
    for name, what in RECIPES.items():
        for preset in PRESETS:
            if name == "compare":
                entries.append({"recipe": name, "preset": preset, "what": what})
                continue
            try:
                runs = _example(name, preset)
            except ImportError as error:  # its cost depends on data of an extra that is missing
                entries.append(
                    {"recipe": name, "preset": preset, "what": what, "needs": str(error)}
                )
                continue
            entries.append(
                {
                    "recipe": name,
                    "preset": preset,
                    "what": what,
                    "runs": len(runs),
                    "generator_steps": runs[0].training.num_steps,
                    "teraflop": round(sum(flop_of(run) for run in runs) / 1e12, 1),
                }
            )
    if command.json:
        print(json.dumps(entries, indent=1))
        return 0
    for name, what in RECIPES.items():
        print(f"{name:10} {what}")
        for entry in (e for e in entries if e["recipe"] == name):
            cost = (
                f"{entry['runs']} runs of {entry['generator_steps']} steps, "
                f"{entry['teraflop']:,g} TFLOP of matrix products"
                if "runs" in entry
                else entry.get("needs", "depends on your data")
            )
            print(f"  --preset {entry['preset']:6} {cost}")
    return 0


def _example(name: str, preset: str) -> tuple[RunSpec, ...]:
    """Return a recipe's runs, to count their cost; of molecules, on a set shaped like QM9."""
    if name == "tune":
        from quantum_latents.cli.tune import tuned_study

        tuned = tuned_study(Run(recipe=name, preset=preset))  # type: ignore[arg-type]
        return (*tuned.search.runs, *tuned.study.runs)
    if name not in _MOLECULAR:
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
        "time_budget": None if command.time_budget is None else _seconds(command.time_budget),
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
    check_precision(_PRECISIONS[command.precision], command.device)


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


def study_of(command: Run) -> Study:
    """Return the study that a call asks for; a mistake raises before anything is written."""
    from quantum_latents import recipes
    from quantum_latents.execution import default_cache

    wanted, banks = _latents(command)
    is_ladder = command.recipe == "challengers"
    usual_of = {
        "challengers": recipes.LADDER,
        "survey": recipes.SURVEY_LATENTS,
        "corollary": recipes.COROLLARY_LATENTS,
        "moons": recipes.LATENTS,
        "ddgan": recipes.LATENTS,
        "autoencoder": recipes.LATENTS,
    }
    known = recipes.CHALLENGERS if command.recipe in usual_of else recipes.LATENTS
    usual = usual_of.get(command.recipe, known)
    latents = names_in(wanted, known, "latent") or usual
    settings: dict[str, Any] = {"num_seeds": command.seeds, "latents": latents}
    if command.seeds is not None and command.seeds < 1:
        raise ValueError(f"--seeds is at least 1, not {command.seeds}")
    if command.num_steps is not None and command.num_steps < 1:
        raise ValueError(f"--num-steps is at least 1, not {command.num_steps}")
    for option, wanted_by in _BELONGS_TO.items():
        if command.recipe not in wanted_by and getattr(command, option) not in (None, False):
            name = _OPTIONS.get(option, option.replace("_", "-"))
            raise ValueError(
                f"--{name} belongs to {' and '.join(wanted_by)}; {command.recipe} does not take it"
            )
    check_flow_options(command.recipe, command.flow)
    dims = _lengths(command.latent_dim)
    dim, *more = dims
    if command.recipe not in _MOLECULAR and more:
        raise ValueError(f"{command.recipe} takes one --latent-dim, not {command.latent_dim}")
    if banks:
        settings |= {"bank_folders": banks, "cache": default_cache()}
        settings["bank_size"] = _bank_size(command.bank) if command.bank else None
    if command.recipe in (
        *("compare", "table1", "mixture", "depth", "challengers", "bank-sizes", "survey", "moons"),
        *("ddgan", "autoencoder"),
    ):
        settings["latent_dim"] = dim
    if command.recipe == "compare":
        if command.data is None:
            raise ValueError("compare needs your data: --data FILE.npy (or npz, csv, parquet)")
        study = recipes.compare(command.data, command.preset, **settings)
    elif command.recipe == "autoencoder":
        study = recipes.autoencoder(
            command.preset,
            model=command.model or "gan",
            file=command.data,
            code_dim=12 if command.code_dim is None else command.code_dim,
            **settings,
        )
    elif command.recipe == "table1":
        chosen = _data_sets(command) or recipes.TABLE1_DATA
        study = recipes.table1(command.preset, data_sets=chosen, **settings)
    elif is_ladder:
        chosen = _data_sets(command) or ("quantum",)
        study = recipes.challengers(command.preset, data_sets=chosen, **settings)
    elif command.recipe == "survey":
        chosen = _data_sets(command) or recipes.NON_CIRCULAR
        study = recipes.survey(command.preset, data_sets=chosen, **settings)
    elif command.recipe == "corollary":
        study = _corollary(command, dim, settings)
    elif command.recipe in _DIALS:
        if wanted is not None:
            raise ValueError(
                f"{command.recipe} has latents of its own: name --doses, not --latents"
            )
        chosen = _data_sets(command) or ("quantum",)
        dial, usual_doses = {
            "interference": (recipes.interference, recipes.DOSES),
            "loss": (recipes.loss, recipes.TRANSMISSIONS),
        }[command.recipe]
        study = dial(
            command.preset,
            num_seeds=command.seeds,
            doses=_doses(command.doses) or usual_doses,
            data_sets=chosen,
        )
    elif command.recipe == "moons":
        study = moons_study(command.preset, command.flow, _data_sets(command), settings)
    elif command.recipe == "bank-sizes":
        study = _bank_sizes(command, settings)
    elif command.recipe in _MOLECULAR:
        study = _molecular(command, dims, settings)
    else:
        if command.data is not None:
            raise ValueError(
                f"{command.recipe} draws its own data: leave --data out, or run compare"
            )
        if command.recipe == "ddgan":
            study = recipes.ddgan(command.preset, **settings)
        elif command.recipe == "depth":
            study = recipes.depth(command.preset, depths=_depths(command.depths), **settings)
        else:
            study = recipes.mixture(command.preset, **settings)
    if command.certifiable:
        study = recipes.with_certifiable_generators(study)
    if command.num_steps is not None and command.recipe != "bank-sizes":
        study = recipes.with_num_steps(study, command.num_steps)
    if command.precision != "fp32":
        study = recipes.with_precision(study, _PRECISIONS[command.precision])
    if command.curve is not None:
        study = recipes.with_milestones(study, _shares(command.curve))
    if command.bank is not None and not banks and command.recipe != "bank-sizes":
        study = recipes.with_bank_size(study, _bank_size(command.bank))
    return study


_BELONGS_TO = {
    "latent_dim": (
        *("compare", "table1", "mixture", "depth", "challengers", "bank-sizes", "survey"),
        *("corollary", "moons", "ddgan", "autoencoder"),
        *("table2", "hyperparameters"),
    ),
    "interferometer": ("table2", "hyperparameters"),
    "setup": ("table2",),
    "doses": _DIALS,
    "certifiable": ("compare", "table1", "challengers"),
    "depths": ("depth",),
    "restarts": ("corollary",),
    "model": ("autoencoder",),
    "code_dim": ("autoencoder",),
    "tuned": ("tune",),
    "trials": ("tune",),
    "tuning_seeds": ("tune",),
}
"""Options of `qlat run` that only some recipes take."""

_OPTIONS = {"tuned": "recipe"}
"""Options that are not called as their field is."""


def _data_sets(command: Run) -> tuple[str, ...]:
    """Return the data sets named in a call; none where it names none."""
    from quantum_latents.recipes import DATA_SETS

    return names_in(command.data, tuple(DATA_SETS), "data set")


def _lengths(text: str | None) -> tuple[int, ...]:
    """Return lengths of z from `--latent-dim`."""
    words = (text or "16").split(",")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"--latent-dim is a length of z such as 16, or 16,32,48, not {text!r}")
    if len(set(words)) != len(words):
        raise ValueError(f"--latent-dim names a length twice: {text!r}")
    return tuple(int(word) for word in words)


def _shares(text: str) -> tuple[float, ...]:
    """Return shares of the training from `--curve`."""
    try:
        shares = tuple(sorted({float(word) for word in text.split(",") if word}))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise ValueError(
            f"--curve is shares of the training in (0, 1) such as 0.1,0.25,0.5, not {text!r}"
        )
    return shares


def _doses(text: str | None) -> tuple[float, ...]:
    """Return overlaps from `--doses`."""
    try:
        doses = tuple(float(word) for word in (text or "").split(",") if word)
    except ValueError:
        doses = (-1.0,)
    if not all(0 <= dose <= 1 for dose in doses):
        raise ValueError(f"--doses are numbers in [0, 1] such as 0,0.5,1, not {text!r}")
    return doses


def _depths(text: str | None) -> tuple[int, ...] | None:
    """Return numbers of hidden layers from `--depths`; None takes the preset's."""
    if text is None:
        return None
    words = text.split(",")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"--depths are numbers of hidden layers such as 1,2,4,8, not {text!r}")
    return tuple(int(word) for word in words)


def _latents(command: Run) -> tuple[str | None, tuple[str, ...]]:
    """Return the latents named in a call, and the folders of banks among them."""
    from quantum_latents.recipes import split_latents

    named, banks = split_latents([name for name in (command.latents or "").split(",") if name])
    if banks and command.recipe in ("hyperparameters", *_DIALS, "bank-sizes", "corollary"):
        raise ValueError(f"{command.recipe} takes no bank:FOLDER: its latents are its own")
    if banks and command.bank == "fresh":
        raise ValueError("--latents bank:FOLDER cannot be drawn afresh: leave --bank fresh out")
    return ",".join(named) or None, banks


def _corollary(command: Run, dim: int, settings: dict[str, Any]) -> Study:
    from quantum_latents import recipes

    if command.data is not None:
        raise ValueError("corollary makes its own data: leave --data out")
    if command.curve is not None:
        raise ValueError(
            "corollary chooses between the steps it measures, so it has no curve: leave --curve out"
        )
    return recipes.corollary(
        command.preset,
        latent_dim=None if command.latent_dim is None else dim,
        num_restarts=command.restarts,
        **settings,
    )


def _bank_sizes(command: Run, settings: dict[str, Any]) -> Study:
    from quantum_latents import recipes

    words = [] if command.bank is None else command.bank.split(",")
    sizes = [_bank_size(word) for word in words]
    if words == ["fresh"]:
        raise ValueError("--bank fresh is always among the sizes: name rows, such as 1000,10000")
    chosen = _data_sets(command) or ("quantum",)
    return recipes.bank_sizes(
        command.preset,
        sizes=[size for size in sizes if size is not None] or None,
        data_sets=chosen,
        num_steps=command.num_steps,
        **settings,
    )


def _molecular(command: Run, dims: tuple[int, ...], settings: dict[str, Any]) -> Study:
    from quantum_latents import recipes
    from quantum_latents.data import molecules_spec
    from quantum_latents.execution import default_cache

    known = tuple(recipes.INTERFEROMETERS)
    interferometers = names_in(command.interferometer, known, "interferometer") or ("haar",)
    (setup,) = names_in(command.setup, tuple(recipes.SETUPS), "set-up") or ("paper",)
    line = Line(quiet=command.json)
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
        **settings,
    )


def check_recipe(name: str) -> None:
    """Refuse a recipe that does not exist.

    Raises:
        ValueError: as said, with the nearest name.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe is called {name!r}; {near_miss(name, RECIPES)}")


def _bank_size(text: str) -> int | None:
    if text == "fresh":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--bank is a number of draws such as 1000000, or fresh, not {text!r}")
    return int(text)


def _other_studies(text: str | None) -> tuple[Path, ...]:
    """Return the directories of `--rows-from`, all of which have rows."""
    folders = tuple(Path(word) for word in (text or "").split(",") if word)
    for folder in folders:
        if not (folder / "rows.jsonl").is_file():
            raise ValueError(f"--rows-from {folder}: there are no rows.jsonl of a study")
    return folders


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


COMMANDS = {"recipes": (Recipes, _recipes), "run": (Run, _run)}
