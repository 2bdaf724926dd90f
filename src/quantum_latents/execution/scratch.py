"""Folders that live no longer than their process, also where it is killed."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["scratch_folder"]

_HELD = ".held"


@contextlib.contextmanager
def scratch_folder(prefix: str, longest: int | None = None) -> Iterator[Path]:
    """Make a folder for temporary files; remove it at the end, and those of processes that died.

    Args:
        prefix: of its name, for this use alone.
        longest: characters of the place for temporary files beyond which /tmp is taken; None takes
            any.

    >>> with scratch_folder("qlat-example-") as folder:
    ...     folder.is_dir()
    True
    >>> folder.exists()
    False
    """
    place = Path(tempfile.gettempdir())
    if longest is not None and len(str(place)) > longest:
        place = Path("/tmp")
    for left in place.glob(f"{prefix}*/{_HELD}"):
        with contextlib.suppress(OSError), open(left) as file:  # another user's, or in use
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with open(folder / _HELD, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
