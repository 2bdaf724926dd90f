"""The command `qlat`: one module a family of commands, each with its `COMMANDS`.

Exit codes: 0 when what was asked for is done, 1 when it failed, 2 for a mistake in the call,
3 when a time budget ended first, 130 on Ctrl-C; whatever was finished is kept.

Rooms are imported inside the commands: `qlat --help` loads neither torch nor numba. `offline` is
`qlat run` for machines without tyro, which `qlat` itself needs.
"""

from collections.abc import Sequence

try:
    from quantum_latents.cli.main import COMMANDS, main
except ModuleNotFoundError as error:
    if error.name != "tyro":
        raise
    COMMANDS = {}

    def say_what_is_missing(arguments: Sequence[str] | None = None) -> int:
        """Raise, naming tyro."""
        raise SystemExit(
            "qlat: the command line needs tyro: pip install tyro; to train without it: "
            "python -m quantum_latents.cli.offline"
        )

    main = say_what_is_missing


__all__ = ["COMMANDS", "main"]
