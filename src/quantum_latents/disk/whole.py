"""Files that take their name only when they are whole and on the disk.

Notation: a file's *part* is what is written before, beside it under a name of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing", "sync_folder", "write_atomically"]


@contextlib.contextmanager
def replacing(path: Path, *, has_one_writer: bool = False) -> Iterator[BinaryIO]:
    """Open the part of a file, which takes the file's name when it is whole and on the disk.

    Args:
        path: the file, in a folder that exists; what stands there is replaced in one step.
        has_one_writer: a lock keeps other processes away, so that one name of a part is enough:
            what a killed writer left there is overwritten. Otherwise the part is ``NAME.PID.part``,
            and of several writers the last one wins.

    Raises:
        OSError: the part cannot be written; the file is then as it was.
    """
    name = f".{path.name}.new" if has_one_writer else f"{path.name}.{os.getpid()}.part"
    part = path.with_name(name)
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_atomically(path: Path, content: bytes, *, has_one_writer: bool = False) -> None:
    """Write a file whole or not at all, also when the process or the machine dies.

    Args:
        path: as for `replacing`.
        content: all of it.
        has_one_writer: as for `replacing`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.json"
    >>> write_atomically(path, b"[]")
    >>> path.read_bytes()
    b'[]'
    """
    with replacing(path, has_one_writer=has_one_writer) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
