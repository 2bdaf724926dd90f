"""Counts from elsewhere as a bank: checked, written as they arrive, whole or not at all.

Notation: counts are whole numbers in [0, 255], (N, m), one row a shot; a *block* is some of the
rows, in order. No more than a block and a chunk are in memory at once.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.banks.bank import SampleBank, open_bank
from quantum_latents.banks.folder import (
    COUNTS,
    FORMAT_VERSION,
    BankError,
    chunk_checksum,
    counts_header,
    write_manifest,
)
from quantum_latents.disk import sync_folder

__all__ = ["IMPORTED_CHUNK_ROWS", "check_new_folder", "checked_counts", "import_bank"]

IMPORTED_CHUNK_ROWS = 65536
"""Shots a chunk of an imported bank."""


def import_bank(
    counts: np.ndarray | Iterator[np.ndarray],
    path: str | os.PathLike[str],
    provenance: Mapping[str, Any],
) -> SampleBank:
    """Write a user's own counts as a bank and open it.

    Args:
        counts: whole numbers in [0, 255], (N, m), one row a shot; or an iterator of blocks of
            them, for what does not fit into memory.
        path: the new bank's folder; it must not exist, or be empty.
        provenance: where the counts come from, JSON-able.

    Raises:
        TypeError: the counts or the provenance are not what they should be.
        ValueError: the counts are not a table of whole numbers in [0, 255].
        BankError: the folder already holds something.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bank = import_bank(np.array([[1, 0], [0, 1]]), f"{folder}/mine", {"from": "me"})
    ...     bank.counts.tolist()
    [[1, 0], [0, 1]]
    """
    said = _checked_provenance(provenance)
    folder = check_new_folder(path)
    blocks = counts if isinstance(counts, Iterator) else iter([np.asarray(counts)])
    # The first block is looked at before anything is written.
    first = next(blocks, None)
    if first is None:
        raise ValueError("there are no counts: a bank holds at least 1 shot")
    first = checked_counts(first)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The bank appears under its name only when it is whole.
    temporary = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        num_samples, checksums = _write_blocks(temporary, first, blocks)
        manifest = {
            "format_version": FORMAT_VERSION,
            "kind": "imported",
            "complete": True,
            "num_samples": num_samples,
            "num_modes": first.shape[1],
            "chunk_rows": IMPORTED_CHUNK_ROWS,
            "checksums": checksums,
            "recipe": None,
            "digest": None,
            "path": None,
            "sampler_version": None,
            "provenance": said,
        }
        write_manifest(temporary, manifest)
        try:
            os.rename(temporary, folder)
        except OSError as error:
            raise BankError(f"{folder} cannot be created: {error}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)
    return open_bank(folder)


def check_new_folder(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a folder for a new bank.

    Raises:
        BankError: something is there.
    """
    folder = Path(path).absolute()
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise BankError(f"{folder} already exists and is not empty; import into a new folder")
    return folder


def checked_counts(counts: np.ndarray, num_modes: int | None = None) -> np.ndarray:
    """Return a block of counts as uint8 (num_rows, m), C-contiguous.

    Args:
        counts: whole numbers of any dtype.
        num_modes: m, if it is known.

    Raises:
        TypeError: not an array of numbers.
        ValueError: not a table, another number of modes, or a number that no count can be.
    """
    array = np.asarray(counts)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"counts are whole numbers, not an array of {array.dtype}")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"counts are a table (num_samples, num_modes) with at least one of each, "
            f"not of shape {array.shape}"
        )
    if num_modes is not None and array.shape[1] != num_modes:
        raise ValueError(f"a shot has {num_modes} counts, one a mode, not {array.shape[1]}")
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError("counts are whole numbers: no fractions, NaN or infinities")
    if array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"counts are stored as uint8, 0 to 255; these span {array.min()} to {array.max()}"
        )
    return np.ascontiguousarray(array, dtype=np.uint8)


def _checked_provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(provenance, Mapping):
        raise TypeError(f"provenance is a dict that says whence the counts, not {provenance!r}")
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"provenance is written as JSON: {error}") from error


def _write_blocks(
    folder: Path, first: np.ndarray, blocks: Iterable[np.ndarray]
) -> tuple[int, list[str]]:
    """Write ``counts.npy`` of a size that only its end tells; return N and the checksums."""
    num_modes = first.shape[1]
    checksums, num_samples = [], 0
    with open(folder / COUNTS, "wb") as file:
        begin = file.write(counts_header(0, num_modes))
        for chunk in _chunks(first, blocks):
            file.write(chunk.data)
            checksums.append(chunk_checksum(chunk))
            num_samples += len(chunk)
        file.seek(0)
        header = counts_header(num_samples, num_modes)
        assert len(header) == begin  # numpy pads a header for any number of rows
        file.write(header)
        file.flush()
        os.fsync(file.fileno())
    return num_samples, checksums


def _chunks(first: np.ndarray, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Cut blocks of any sizes into chunks."""
    waiting: list[np.ndarray] = []
    num_waiting = 0
    for block in itertools.chain([first], blocks):
        # A copy: the caller may fill the same array again.
        waiting.append(np.array(checked_counts(block, first.shape[1])))
        num_waiting += len(block)
        if num_waiting >= IMPORTED_CHUNK_ROWS:
            rows = np.concatenate(waiting)
            stop = num_waiting - num_waiting % IMPORTED_CHUNK_ROWS
            for start in range(0, stop, IMPORTED_CHUNK_ROWS):
                yield rows[start : start + IMPORTED_CHUNK_ROWS]
            waiting, num_waiting = [rows[stop:]], num_waiting - stop
    if num_waiting:
        yield np.concatenate(waiting)
