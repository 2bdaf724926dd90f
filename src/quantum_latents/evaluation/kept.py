"""Arrays that are derived once from data, and kept in a folder under what they follow from.

Notation: an *identity* is JSON values, all that the arrays depend on; its SHA-256 names the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from quantum_latents.disk import write_atomically

__all__ = ["Arrays", "kept"]

Arrays = dict[str, np.ndarray]


def kept(
    folder: Path, kind: str, identity: Mapping[str, Any], build: Callable[[], Arrays]
) -> Arrays:
    """Return arrays of a folder, built and kept there if they are missing or damaged.

    Two processes build them once: the second waits.

    Args:
        folder: made if missing.
        kind: the first word of the file's name.
        identity: see the module's first lines.
        build: makes the arrays.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> kept(folder, "ones", {"number": 2}, lambda: {"a": np.ones(2)})["a"]
    array([1., 1.])
    >>> kept(folder, "ones", {"number": 2}, lambda: {})["a"]
    array([1., 1.])
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{kind}-{digest}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    if (found := _read(path)) is not None:
        return found
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _read(path)
        if found is None:
            found = build()
            content = BytesIO()
            np.savez(content, **found)  # type: ignore[arg-type]
            write_atomically(path, content.getvalue())
    return found


def _read(path: Path) -> Arrays | None:
    """Return the arrays of a file, None if it is not there or damaged (each has a CRC)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, TokenError, zipfile.BadZipFile):
        return None
