"""Banks whose shots a processor measured.

Notation: N shots that post-selection kept, of the more that were received; the rest of the
received shots, and every job, stay in the folder beside the bank (`processors.ledger`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.banks.bank import SampleBank, open_bank
from quantum_latents.banks.folder import (
    COUNTS,
    FORMAT_VERSION,
    MANIFEST,
    BankError,
    chunk_checksum,
    chunk_ranges,
    create_counts,
    map_counts,
    read_checksums,
    read_manifest,
    write_lock,
    write_manifest,
    write_rows,
)
from quantum_latents.processors import Collection, Order, Processor, collect
from quantum_latents.processors.ledger import JOBS, PARTS

__all__ = ["collect_bank"]

_CHUNK_ROWS = 65536


def collect_bank(
    processor: Processor, order: Order, directory: str | os.PathLike[str], **settings: Any
) -> SampleBank:
    """Return the bank of an order in `directory`: drawn from a processor, resumed, or as it is.

    The same call goes on after Ctrl-C, a kill or a lost connection; of a complete bank it asks
    the processor nothing. The bank's provenance names the processor, what it said of itself, its
    jobs with their times, and what post-selection discarded.

    Args:
        processor: who measures; see `processors`.
        order: what is wanted.
        directory: the bank's own folder, made if missing.
        settings: of `processors.collect`: max_jobs, resend, confirm, patience, progress.

    Raises:
        BankError: the folder holds something else.
        ValueError, ProcessorError: see `processors.collect`.

    >>> import tempfile
    >>> from quantum_latents.circuits import time_bin
    >>> from quantum_latents.processors import SimulatedProcessor
    >>> from quantum_latents.samplers import Noise
    >>> order = Order(
    ...     interferometer=time_bin(3, (1,), angles=[0.7, 0.7], phases=[0.0, 0.0]),
    ...     occupation=(1, 1, 1),
    ...     num_samples=50,
    ...     at_least=2,
    ... )
    >>> device = SimulatedProcessor(Noise(input_transmission=0.6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bank = collect_bank(device, order, folder)
    ...     len(bank), int(bank.counts.sum(axis=1).min()), bank.manifest["provenance"]["processor"]
    (50, 2, 'simulate')
    """
    folder = Path(directory)
    _refuse_another(folder)
    collection = collect(processor, order, folder, **settings)
    with write_lock(folder):
        if not _is_there(folder, collection):
            _assemble(folder, collection)
    return open_bank(folder)


def _refuse_another(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BankError(f"{folder} is a file; a bank is a folder")
    if (folder / MANIFEST).exists() and (kind := read_manifest(folder)["kind"]) != "collected":
        raise BankError(
            f"{folder} holds a bank that no processor measured ({kind}); choose another folder"
        )
    if (folder / MANIFEST).exists() and not (folder / JOBS).exists():
        raise BankError(
            f"{folder} holds a bank that a processor measured, without its {JOBS}: open it as it "
            "is, or draw another into another folder"
        )
    ours = {MANIFEST, COUNTS, JOBS, PARTS}
    foreign = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in ours and not path.name.startswith(".")
    )
    if foreign and not (folder / JOBS).exists():
        raise BankError(f"{folder} is not a bank and holds {foreign[0]!r}; choose an empty folder")


def _is_there(folder: Path, collection: Collection) -> bool:
    """Whether the folder holds the bank of a collection, undamaged."""
    if not (folder / MANIFEST).exists():
        return False
    manifest = read_manifest(folder)
    size = manifest["num_samples"], manifest["num_modes"]
    if manifest["provenance"].get("order") != collection.order.digest:
        return False
    if map_counts(folder, *size) is None:
        return False
    ranges = chunk_ranges(size[0], manifest["chunk_rows"])
    return read_checksums(folder, ranges, size[1]) == manifest["checksums"]


def _assemble(folder: Path, collection: Collection) -> None:
    """Write the counts, and last the manifest, without which there is no bank."""
    num_samples, num_modes = collection.order.num_samples, collection.order.num_modes
    create_counts(folder, num_samples, num_modes)
    first, checksums = 0, []
    for rows in _in_chunks(collection.rows(), _CHUNK_ROWS):
        write_rows(folder, first, rows)
        checksums.append(chunk_checksum(rows))
        first += len(rows)
    manifest = {
        "format_version": FORMAT_VERSION,
        "kind": "collected",
        "complete": True,
        "num_samples": num_samples,
        "num_modes": num_modes,
        "chunk_rows": _CHUNK_ROWS,
        "checksums": checksums,
        "recipe": None,
        "digest": None,
        "path": None,
        "sampler_version": None,
        "provenance": collection.provenance(),
    }
    write_manifest(folder, manifest)


def _in_chunks(parts: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same rows, `size` at a time, the last fewer."""
    held: list[np.ndarray] = []
    number = 0
    for part in parts:
        while number + len(part) >= size:
            cut = size - number
            yield np.concatenate([*held, part[:cut]])
            part, held, number = part[cut:], [], 0
        held.append(part)
        number += len(part)
    if number:
        yield np.concatenate(held)
