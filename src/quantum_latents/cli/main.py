"""Reading a call of `qlat`, and its exit code."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import tyro

from quantum_latents.cli import (
    bench,
    certify,
    cost,
    doctor,
    leaderboard,
    prepare,
    processors,
    recorded,
    rows,
    run,
    sample,
    share,
    validate,
)
from quantum_latents.cli.exits import exit_code

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[type, Callable[[Any, Sequence[str]], int]]] = {
    **run.COMMANDS,
    **rows.COMMANDS,
    **leaderboard.COMMANDS,
    **certify.COMMANDS,
    **sample.COMMANDS,
    **processors.COMMANDS,
    **recorded.COMMANDS,
    **share.COMMANDS,
    **prepare.COMMANDS,
    **validate.COMMANDS,
    **cost.COMMANDS,
    **bench.COMMANDS,
    **doctor.COMMANDS,
}
"""Every command by its name: the dataclass of its options, and what runs it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `qlat`; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["--version"]:
        from quantum_latents import __version__

        print(f"qlat {__version__}")
        return 0
    command = tyro.cli(
        _any_command(),
        prog="qlat",
        description="Quantum latents for generative models: sample, train, compare, report.",
        args=arguments or ["--help"],
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    return exit_code(lambda: _run(command, arguments), is_kept=_is_kept(command))


def _is_kept(command: object) -> bool:
    return isinstance(command, run.Run | rows.Evaluate | sample.Sample)


def _any_command() -> Any:
    """Return the union of all commands, each under its name."""
    named = [
        Annotated[options, tyro.conf.subcommand(name)] for name, (options, _) in COMMANDS.items()
    ]
    return functools.reduce(operator.or_, named)


def _run(command: Any, arguments: Sequence[str]) -> int:
    by_options = dict(COMMANDS.values())
    return by_options[type(command)](command, arguments)
