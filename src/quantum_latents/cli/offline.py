"""Training where only torch, numpy, scipy, numba and safetensors are installed.

    python -m quantum_latents.cli.offline table1 --preset paper --data quantum --device cuda
        --time-budget 9m --out STUDY --pack BACK

It takes the options of `qlat run`, read from the same dataclass by the standard library, and trains
the same runs under the same names. Metrics that need an absent library are left to `qlat evaluate`;
tables and pages are made elsewhere, too. With ``--pack`` the study is written into a few files
(`quantum_latents.execution.pack`). ``scripts/gpu_study.sh`` calls it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import inspect
import json
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from quantum_latents.cli.exits import exit_code
from quantum_latents.cli.flow import FlowOptions
from quantum_latents.cli.progress import StudyLine
from quantum_latents.cli.run import (
    Run,
    announce,
    check_device,
    check_recipe,
    directory_of,
    settings_of_call,
)
from quantum_latents.cli.studies import study_of

__all__ = ["main", "parser"]

_PROGRAM = "python -m quantum_latents.cli.offline"
_TUNING = ("tuned", "trials", "tuning_seeds")
_MARKS = {"tyro": types.SimpleNamespace(conf=types.SimpleNamespace(Positional=None, arg=dict))}
"""What `Run`'s annotations name, whether it is installed or not."""


def parser() -> argparse.ArgumentParser:
    """Return a parser of `Run`'s options, but those of tuning, and of ``--pack``."""
    made = argparse.ArgumentParser(prog=_PROGRAM, description=(__doc__ or "").partition("\n")[0])
    _add_options(made, Run)
    made.add_argument(
        "--pack", type=Path, help="Folder that the study is packed into, as a few files."
    )
    made.add_argument(
        "--part-size",
        type=float,
        default=15.0,
        help="Largest size of a packed file of samples, in MiB (15).",
    )
    return made


def _add_options(made: argparse.ArgumentParser, options: type) -> None:
    """Add the fields of a dataclass, and those of the dataclasses in it."""
    hints, texts = typing.get_type_hints(options, localns=_MARKS), _texts(options)
    for field in dataclasses.fields(options):
        kind, name = hints[field.name], "--" + field.name.replace("_", "-")
        if field.name in _TUNING:
            continue
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            _add_options(made, kind)
            continue
        text = texts[field.name].replace("%", "%%")
        if field.default is dataclasses.MISSING:
            made.add_argument(field.name, help=text)
            continue
        settings: dict[str, Any] = {"default": field.default, "help": text}
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        if typing.get_origin(kind) in (types.UnionType, typing.Union) and len(kinds) == 1:
            (kind,) = kinds
        if kind is bool:
            settings["action"] = "store_true"
        elif typing.get_origin(kind) is Literal:
            settings["choices"] = typing.get_args(kind)
        else:
            settings["type"] = kind
        made.add_argument(name, **settings)


def _run_of(given: dict[str, Any]) -> Run:
    """Return the options read, with those of a flow in an object of their own."""
    names = {field.name for field in dataclasses.fields(FlowOptions)}
    flow = FlowOptions(**{name: given.pop(name) for name in names})
    return Run(**given, flow=flow)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a study, or go on with it, and pack it; return the exit code of `qlat run`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = vars(parser().parse_args(words))
    pack, part_size = given.pop("pack"), given.pop("part_size")
    command = _run_of(given)
    return exit_code(lambda: _train(command, words, pack, part_size), is_kept=True)


def _train(command: Run, words: Sequence[str], pack: Path | None, part_size: float) -> int:
    check_recipe(command.recipe)
    if command.recipe == "tune":
        raise ValueError("tune chooses trials by their metrics: run it with qlat")
    study, directory = study_of(command), directory_of(command)
    check_device(command)
    from quantum_latents.execution import StudyError, run_study
    from quantum_latents.execution.pack import check_part_size, pack_study

    if pack is not None:
        check_part_size(part_size)
    announce(study, directory, command)
    settings = settings_of_call(command, words)
    settings["command"] = f"{_PROGRAM} {settings['command'].partition(' ')[2]}"
    try:
        with contextlib.closing(StudyLine(quiet=command.json)) as show:
            finished = run_study(study, directory, on_progress=show, **settings)
    except (KeyboardInterrupt, StudyError):
        if pack is not None:  # what is finished may be all that ever comes back
            pack_study(directory, pack, part_size=part_size)
        raise
    packed = [] if pack is None else pack_study(directory, pack, part_size=part_size)
    return _told(finished, directory, len(study.runs), packed, command)


def _told(
    finished: bool, directory: Path, num_runs: int, packed: Sequence[Path], command: Run
) -> int:
    """Print how far the study is, and return the exit code."""
    from quantum_latents.results import RowStore, unevaluated

    num_rows, num_waiting = len(RowStore(directory).read()), len(unevaluated(directory))
    if command.json:
        told = {
            "directory": str(directory),
            "runs": num_runs,
            "rows": num_rows,
            "waiting": num_waiting,
            "packed": [str(path) for path in packed],
        }
        print(json.dumps(told, indent=1))
    else:
        print(f"{num_rows + num_waiting} of {num_runs} runs trained: {num_rows} have their metrics")
        if num_waiting:
            print(f"{num_waiting} wait for theirs: qlat evaluate, where they can be computed")
        for path in packed:
            print(f"packed: {path} ({path.stat().st_size:,} bytes)")
    if not finished:
        print("qlat: the time budget is spent; the same call goes on", file=sys.stderr)
        return 3
    return 0


def _texts(options: type) -> dict[str, str]:
    """Return what stands under each field of a dataclass."""
    (definition,) = ast.parse(inspect.getsource(options)).body
    assert isinstance(definition, ast.ClassDef)
    texts: dict[str, str] = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        text = ""
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).split())
        texts[field.target.id] = text
    return texts


if __name__ == "__main__":
    sys.exit(main())
