"""The study that a call of `qlat run` asks for.

A mistake raises before anything is written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from quantum_latents.cli.amounts import bank_size, depths, doses, lengths, shares
from quantum_latents.cli.flow import check_flow_options, moons_study
from quantum_latents.cli.progress import Line
from quantum_latents.cli.words import names_in

if TYPE_CHECKING:
    from quantum_latents.cli.run import Run
    from quantum_latents.data import Cifar10Spec
    from quantum_latents.recipes import Study
    from quantum_latents.training import Precision

__all__ = ["MOLECULAR", "PRECISIONS", "cifar10_of_call", "study_of"]

PRECISIONS: dict[str, Precision] = {"fp32": "float32", "tf32": "tf32", "bf16": "bf16"}
"""What `--precision` is called in a run's spec."""

MOLECULAR = ("table2", "hyperparameters")
"""Recipes of molecules."""

_DIALS = ("interference", "loss")

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


def study_of(command: Run) -> Study:
    """Return the study that a call asks for.

    Raises:
        ValueError: an option that the recipe does not take, or takes otherwise.
    """
    from quantum_latents import recipes
    from quantum_latents.execution import default_cache

    wanted, banks = _latents(command)
    usual_of = {
        "compare": recipes.LATENTS,
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
    _check_options(command)
    dims = lengths(command.latent_dim)
    dim, *more = dims
    if command.recipe not in MOLECULAR and more:
        raise ValueError(f"{command.recipe} takes one --latent-dim, not {command.latent_dim}")
    if banks:
        settings |= {"bank_folders": banks, "cache": default_cache()}
        settings["bank_size"] = bank_size(command.bank) if command.bank else None
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
    elif command.recipe == "challengers":
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
            doses=doses(command.doses) or usual_doses,
            data_sets=chosen,
        )
    elif command.recipe == "moons":
        study = moons_study(command.preset, command.flow, _data_sets(command), settings)
    elif command.recipe == "bank-sizes":
        study = _bank_sizes(command, settings)
    elif command.recipe in MOLECULAR:
        study = _molecular(command, dims, settings)
    elif command.recipe == "ddgan":
        study = recipes.ddgan(command.preset, data=_images(command), **settings)
    else:
        if command.data is not None:
            raise ValueError(
                f"{command.recipe} draws its own data: leave --data out, or run compare"
            )
        if command.recipe == "depth":
            study = recipes.depth(command.preset, depths=depths(command.depths), **settings)
        else:
            study = recipes.mixture(command.preset, **settings)
    if command.certifiable:
        study = recipes.with_certifiable_generators(study)
    if command.num_steps is not None and command.recipe != "bank-sizes":
        study = recipes.with_num_steps(study, command.num_steps)
    if command.precision != "fp32":
        study = recipes.with_precision(study, PRECISIONS[command.precision])
    if command.curve is not None:
        study = recipes.with_milestones(study, shares(command.curve))
    if command.bank is not None and not banks and command.recipe != "bank-sizes":
        study = recipes.with_bank_size(study, bank_size(command.bank))
    return study


def _check_options(command: Run) -> None:
    """Refuse numbers that cannot be, and options that the recipe does not take."""
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


def _latents(command: Run) -> tuple[str | None, tuple[str, ...]]:
    """Return the latents named in a call, and the folders of banks among them."""
    from quantum_latents.recipes import split_latents

    named, banks = split_latents([name for name in (command.latents or "").split(",") if name])
    if banks and command.recipe in ("hyperparameters", *_DIALS, "bank-sizes", "corollary"):
        raise ValueError(f"{command.recipe} takes no bank:FOLDER: its latents are its own")
    if banks and command.bank == "fresh":
        raise ValueError("--latents bank:FOLDER cannot be drawn afresh: leave --bank fresh out")
    return ",".join(named) or None, banks


def _data_sets(command: Run) -> tuple[str, ...]:
    """Return the data sets named in a call; none where it names none."""
    from quantum_latents.recipes import DATA_SETS

    return names_in(command.data, tuple(DATA_SETS), "data set")


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
    sizes = [bank_size(word) for word in words]
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


def cifar10_of_call(source: str, *, quiet: bool, is_measured: bool) -> Cifar10Spec:
    """Return CIFAR-10 as a call names it, which is then in the cache.

    Args:
        source: "cifar10", a file or a folder, see `cifar10_spec`.
        quiet: show no progress.
        is_measured: the network that measures images is wanted too.

    Raises:
        ValueError, ImportError, ConnectionError: as `cifar10_spec` and `check_network_of`.
    """
    from quantum_latents.data import cifar10_spec
    from quantum_latents.evaluation import check_network_of
    from quantum_latents.execution import default_cache

    line = Line(quiet=quiet)

    def show(what: str, done: int, total: int) -> None:
        line.show(f"{what}: {done:,} of {total:,}")

    try:
        spec = cifar10_spec(source, default_cache(), on_progress=show)
        if is_measured:
            check_network_of(spec, default_cache(), show)
    finally:
        line.close()
    return spec


def _images(command: Run) -> Cifar10Spec | None:
    """Return CIFAR-10 where a call names it, with the network that measures it; None is digits."""
    if command.data in (None, "grey_digits"):
        return None
    if command.data != "cifar10" and not os.path.exists(command.data):
        raise ValueError(
            "ddgan takes --data grey_digits, cifar10 or a folder of CIFAR-10's files, "
            f"not {command.data!r}"
        )
    return cifar10_of_call(command.data, quiet=command.json, is_measured=not command.evaluate_later)


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
