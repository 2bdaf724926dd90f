"""The files of a bank, written so that a kill at any moment loses at most a chunk.

Notation: a bank of N shots in m modes is cut into chunks of `chunk_rows` shots; its folder
holds

- ``manifest.json``: what the bank is; once it is complete, also one SHA-256 a chunk;
- ``counts.npy``: all counts, uint8 (N, m), of full size from the start;
- ``ledger.jsonl``: while the bank is built, one line a finished chunk with its SHA-256,
  appended only after the chunk itself is on the disk;
- ``.lock``: held by the one process that writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from quantum_latents.disk import replacing, sync_folder, write_atomically
from quantum_latents.processors.ledger import JOBS

__all__ = [
    "COUNTS",
    "FORMAT_VERSION",
    "LEDGER",
    "MANIFEST",
    "BankError",
    "append_to_ledger",
    "chunk_checksum",
    "chunk_ranges",
    "counts_header",
    "create_counts",
    "map_counts",
    "read_checksums",
    "read_ledger",
    "read_manifest",
    "write_lock",
    "write_manifest",
    "write_rows",
]

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
COUNTS = "counts.npy"
LEDGER = "ledger.jsonl"
_LOCK = ".lock"
_MOST = 2**48  # of shots, modes or rows: more is damage

_FIELDS = {
    "format_version",
    "kind",
    "complete",
    "num_samples",
    "num_modes",
    "chunk_rows",
    "checksums",
    "recipe",
    "digest",
    "path",
    "sampler_version",
    "provenance",
}

logger = logging.getLogger(__name__)


class BankError(ValueError):
    """A folder that is not, or not safely, the bank that was asked for."""


@contextlib.contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Hold the folder for writing; wait for another process that holds it.

    The operating system releases the lock of a process that dies.
    """
    with open(folder / _LOCK, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("bank %s: another process is writing; waiting for it", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bank.

    Raises:
        BankError: there is none, it cannot be read, or it is of a newer format.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if (folder / JOBS).exists():
            raise BankError(
                f"{folder} is not complete: the call that began to draw it from a processor goes on"
            ) from None
        raise BankError(f"{folder} is not a bank: it holds no {MANIFEST}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BankError(f"{path} is damaged: {error}") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or version < 1:
        raise BankError(f"{path} is not the manifest of a bank")
    if version > FORMAT_VERSION:
        raise BankError(
            f"{folder} has bank format {version}; this version reads up to {FORMAT_VERSION}: "
            "upgrade quantum-latents"
        )
    if set(manifest) != _FIELDS:
        difference = sorted(set(manifest) ^ _FIELDS)
        raise BankError(f"{path} is damaged: missing or unknown fields {difference}")
    _check_fields(path, manifest)
    return manifest


def _check_fields(path: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse fields that no writer of ours leaves, before anything is reckoned with them.

    Raises:
        BankError: as said.
    """
    for name in ("num_samples", "num_modes", "chunk_rows"):
        if type(value := manifest[name]) is not int or not 1 <= value < _MOST:
            raise BankError(f"{path} is damaged: {name} is a number from 1, not {value!r:.40}")
    if not isinstance(manifest["complete"], bool) or not isinstance(manifest["kind"], str):
        raise BankError(f"{path} is damaged: its kind, or whether it is complete, is no bank's")
    for name in ("recipe", "provenance"):
        if not isinstance(value := manifest[name], dict | None):
            raise BankError(f"{path} is damaged: {name} is an object, not {value!r:.40}")
    checksums = manifest["checksums"]
    num_chunks = -(-manifest["num_samples"] // manifest["chunk_rows"])
    if not isinstance(checksums, list) or not all(
        isinstance(one, str) and re.fullmatch("[0-9a-f]{64}", one) for one in checksums
    ):
        raise BankError(f"{path} is damaged: checksums are texts of 64 hexadecimal digits")
    if len(checksums) > num_chunks or (manifest["complete"] and len(checksums) < num_chunks):
        raise BankError(
            f"{path} is damaged: it has {len(checksums)} checksums of {num_chunks} chunks"
        )


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest in one step: a reader sees the old one or the new one, whole."""
    assert set(manifest) == _FIELDS
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    write_atomically(folder / MANIFEST, text.encode(), has_one_writer=True)


def create_counts(folder: Path, num_samples: int, num_modes: int) -> None:
    """Create ``counts.npy`` of full size, all zeros, in one step."""
    with replacing(folder / COUNTS, has_one_writer=True) as file:
        file.write(counts_header(num_samples, num_modes))
        file.truncate(file.tell() + num_samples * num_modes)


def counts_header(num_samples: int, num_modes: int) -> bytes:
    """Return the header of ``counts.npy``; its length does not depend on the number of samples."""
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (num_samples, num_modes)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def map_counts(folder: Path, num_samples: int, num_modes: int) -> np.ndarray | None:
    """Return the memory-mapped counts, read-only, or None if the file is not what it should be."""
    try:
        # Unlike np.load it opens nothing but a plain array: no archive and no pickle.
        mapped = np.lib.format.open_memmap(folder / COUNTS, mode="r")
    except (OSError, ValueError, TokenError):  # the latter of a header that numpy cannot read
        return None
    if mapped.dtype != np.uint8 or mapped.shape != (num_samples, num_modes):
        return None
    return np.asarray(mapped)  # indexing a plain array is several times faster than a memmap


def write_rows(folder: Path, first: int, rows: np.ndarray) -> None:
    """Write rows at shot `first` of ``counts.npy`` and put them on the disk."""
    path = folder / COUNTS
    with open(path, "r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(first * rows.shape[1], os.SEEK_CUR)
        file.write(np.ascontiguousarray(rows).tobytes())
        file.flush()
        os.fsync(file.fileno())


def chunk_ranges(num_samples: int, chunk_rows: int) -> list[tuple[int, int]]:
    """Return the (start, stop) rows of every chunk.

    >>> chunk_ranges(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [
        (start, min(start + chunk_rows, num_samples)) for start in range(0, num_samples, chunk_rows)
    ]


def chunk_checksum(rows: np.ndarray) -> str:
    """Return the SHA-256 of a chunk's bytes."""
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()


def read_checksums(folder: Path, ranges: Sequence[tuple[int, int]], num_modes: int) -> list[str]:
    """Return the SHA-256 of every chunk of ``counts.npy``, read one at a time.

    A memory map would let a bank larger than the memory count as this process's own.
    """
    with open(folder / COUNTS, "rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return [
            hashlib.sha256(file.read((stop - start) * num_modes)).hexdigest()
            for start, stop in ranges
        ]


def read_ledger(folder: Path) -> dict[int, str]:
    """Return chunk -> SHA-256 of the finished chunks; a torn last line is cut off.

    Call it with the lock held.
    """
    path = folder / LEDGER
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with open(path, "r+b") as file:
            file.truncate(len(whole))
            os.fsync(file.fileno())
    finished = {}
    for line in whole.splitlines():
        # A line that the disk garbled is a chunk that is not finished.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            finished[int(entry["chunk"])] = str(entry["sha256"])
    return finished


def append_to_ledger(folder: Path, chunk: int, checksum: str) -> None:
    """Record a chunk that is on the disk."""
    path = folder / LEDGER
    created = not path.exists()
    with open(path, "ab") as file:
        file.write(json.dumps({"chunk": chunk, "sha256": checksum}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if created:
        sync_folder(folder)
