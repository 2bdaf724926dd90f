"""The command `qlat`: one module a family of commands, each with its `COMMANDS`.

Exit codes: 0 when what was asked for is done, 1 when it failed, 2 for a mistake in the call,
3 when a time budget ended first, 130 on Ctrl-C; whatever was finished is kept.

Rooms are imported inside the commands: `qlat --help` loads neither torch nor numba.
"""

from quantum_latents.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
