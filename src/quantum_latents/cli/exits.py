"""The exit codes of a call, and the one line that a failure is told in."""

from __future__ import annotations

import sys
from collections.abc import Callable

__all__ = ["exit_code"]

_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)


def exit_code(call: Callable[[], int], *, is_kept: bool) -> int:
    """Return what a call returns: 1 when it failed, 2 for a mistake in it, 130 on Ctrl-C.

    Args:
        call: returns its own code when nothing is raised.
        is_kept: whether the same call goes on with what is finished, which is then said.

    >>> exit_code(lambda: 3, is_kept=True)
    3
    """
    hint = "; what is finished is kept, the same call goes on" if is_kept else ""
    try:
        return call()
    except KeyboardInterrupt:
        print(f"qlat: interrupted{hint}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, ImportError, *_WRONG_PATH) as error:
        print(f"qlat: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError, MemoryError) as error:
        print(f"qlat: {error}{hint}", file=sys.stderr)
        return 1
