"""Banks from files and to files.

Notation: a bank holds N shots of m modes. A file holds a table of them, one row a shot and one
column a mode (`.npy`, `.csv`, `.parquet`), or strings of digits, one line a shot and one digit a
mode (`.txt`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.banks.bank import SampleBank
from quantum_latents.banks.folder import counts_header
from quantum_latents.banks.imported import check_new_folder, import_bank
from quantum_latents.banks.recorded import BLOCK_ROWS, RecordedFile
from quantum_latents.banks.strings import read_dictionary, read_strings, written_strings
from quantum_latents.banks.tables import (
    read_csv,
    read_npy,
    read_parquet,
    write_parquet,
    written_csv,
)
from quantum_latents.disk import sync_folder

__all__ = ["EXPORTED_SUFFIXES", "IMPORTED_SUFFIXES", "export_bank", "import_file", "read_counts"]

EXPORTED_SUFFIXES = (".npy", ".csv", ".parquet", ".txt")
"""Kinds of file that a bank is written as: tables, and strings."""

IMPORTED_SUFFIXES = (*EXPORTED_SUFFIXES, ".json")
"""Kinds of file that are read: those, and a dictionary of how often each string occurred."""

Progress = Callable[[int, int | None], None]
"""Called with (shots done, shots in all, None if nobody knows yet)."""


def import_file(
    file: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    provenance: Mapping[str, Any] | None = None,
    num_modes: int | None = None,
    header: bool | None = None,
    reverse: bool = False,
    progress: Progress | None = None,
) -> SampleBank:
    r"""Read a file of counts into a new bank; what is wrong in it is named, and nothing is left.

    The manifest keeps the file's name, size and SHA-256, and whether its rows are in the order in
    which the shots were taken.

    Args:
        file: see `read_counts`.
        folder: the new bank's; it must not exist, or be empty.
        provenance: what else is known of the counts, JSON-able; `interferometer` (a recipe) and
            `occupation` say what they are to be tested against.
        num_modes: m if it is known; None takes the file's.
        header: whether the first line of a `.csv` names the columns; None looks.
        reverse: the last digit of a string is mode 0, as in Qiskit's strings.
        progress: called after every block.

    Raises:
        ValueError: a file that is not what it should be.
        BankError: the folder already holds something.
        ImportError: pyarrow is needed and not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "shots.txt").write_text("0110\n2001\n")
    ...     bank = import_file(f"{folder}/shots.txt", f"{folder}/mine")
    ...     bank.counts.tolist()
    [[0, 1, 1, 0], [2, 0, 0, 1]]
    """
    target = check_new_folder(folder)
    opened = read_counts(file, header=header, reverse=reverse)
    said = {
        "source": _facts(Path(file)),
        "shot_order": "kept" if opened.keeps_order else "lost",
        "notes": list(opened.notes),
        **(provenance or {}),
    }
    return import_bank(_followed(file, opened, target, num_modes, progress), folder, said)


def read_counts(
    file: str | os.PathLike[str], *, header: bool | None = None, reverse: bool = False
) -> RecordedFile:
    """Open a file of counts.

    `.npy`, `.csv` and `.parquet` hold a table, one row a shot, one column a mode. `.txt` holds
    strings, one a line, one digit a mode. `.json` holds how often each string occurred, such as
    ``{"0011": 5}``: the shots come in the order of its entries. Nothing is ever unpickled.

    Args:
        file: its suffix says how it is read; `.parquet` needs the extra `data`.
        header: whether the first line of a `.csv` names the columns; None looks.
        reverse: the last digit of a string is mode 0, as in Qiskit's strings.

    Raises:
        ValueError: no such file, another suffix, or no counts in it.
        ImportError: pyarrow is needed and not installed.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix not in IMPORTED_SUFFIXES:
        raise ValueError(
            f"{str(path)!r} is of no kind that can be read: its name must end in "
            f"{', '.join(IMPORTED_SUFFIXES)}"
        )
    if not path.is_file():
        raise ValueError(f"there is no file at {str(path)!r}; give the path of an existing file")
    if header is not None and suffix != ".csv":
        raise ValueError(f"only a .csv may have a header, not {str(path)!r}: leave it out")
    if reverse and suffix not in (".txt", ".json"):
        raise ValueError(f"only strings are reversed, in .txt and .json, not {str(path)!r}")
    if path.stat().st_size == 0:
        raise ValueError(f"{str(path)!r} is empty")
    if suffix == ".csv":
        return read_csv(path, header)
    if suffix == ".txt":
        return read_strings(path, reverse)
    if suffix == ".json":
        return read_dictionary(path, reverse)
    return read_npy(path) if suffix == ".npy" else read_parquet(path)


def export_bank(
    bank: SampleBank,
    file: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> Path:
    """Write the counts of a bank to a new file, which appears when it is whole.

    Args:
        bank: the bank.
        file: its suffix says how it is written, see `EXPORTED_SUFFIXES`; `.parquet` needs the
            extra `data`.
        progress: called after every block.

    Raises:
        ValueError: another suffix, or counts of ten and more as `.txt`.
        FileExistsError: the file is there already; nothing is overwritten.
        FileNotFoundError: there is no folder for it.
        ImportError: pyarrow is needed and not installed.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix == ".json":
        raise ValueError("a dictionary of counts loses the order of the shots: export .txt")
    if suffix not in EXPORTED_SUFFIXES:
        raise ValueError(
            f"the suffix of {str(path)!r} says how it is written: {', '.join(EXPORTED_SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} for {path.name}")
    _refuse_existing(path)
    if suffix == ".txt":
        _refuse_two_digits(bank)
    # The file appears under its name only when it is whole.
    temporary = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        if suffix == ".parquet":
            write_parquet(temporary, _blocks(bank, progress), bank.num_modes)
        elif suffix == ".npy":
            _write(temporary, _npy(bank, progress))
        else:
            written = written_csv if suffix == ".csv" else written_strings
            _write(temporary, written(_blocks(bank, progress), bank.num_modes))
        _refuse_existing(path)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.absolute().parent)
    return path


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256}


def _followed(
    file: str | os.PathLike[str],
    opened: RecordedFile,
    target: Path,
    num_modes: int | None,
    progress: Progress | None,
) -> Iterator[np.ndarray]:
    done = 0
    for block in opened.blocks:
        if num_modes is not None and block.shape[1] != num_modes:
            raise ValueError(
                f"{str(file)!r} holds shots of {block.shape[1]} modes, and the interferometer has "
                f"{num_modes}"
            )
        if done == 0 and opened.num_samples is not None:
            _check_room(target, opened.num_samples * block.shape[1])
        yield block
        done += len(block)
        if progress is not None:
            progress(done, opened.num_samples)


def _check_room(folder: Path, num_bytes: int) -> None:
    """Refuse what the disk cannot hold, before anything is written."""
    there = next(parent for parent in folder.parents if parent.exists())
    if num_bytes > (free := shutil.disk_usage(there).free):
        raise ValueError(f"the bank takes {num_bytes:,} bytes and {there} has {free:,}")


def _blocks(bank: SampleBank, progress: Progress | None) -> Iterator[np.ndarray]:
    for start in range(0, len(bank), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(bank))
        yield bank.rows(start, stop)
        if progress is not None:
            progress(stop, len(bank))


def _npy(bank: SampleBank, progress: Progress | None) -> Iterator[bytes]:
    yield counts_header(len(bank), bank.num_modes)
    for block in _blocks(bank, progress):
        yield np.ascontiguousarray(block).tobytes()


def _write(path: Path, parts: Iterator[bytes]) -> None:
    with path.open("wb") as stream:
        stream.writelines(parts)
        stream.flush()
        os.fsync(stream.fileno())


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} already exists; choose another name")


def _refuse_two_digits(bank: SampleBank) -> None:
    for block, start in zip(_blocks(bank, None), range(0, len(bank), BLOCK_ROWS), strict=True):
        if block.max() > 9:
            row, mode = np.argwhere(block > 9)[0]
            raise ValueError(
                f"shot {start + row + 1} of the bank has {block[row, mode]} counts in mode {mode}, "
                "and a string has one digit a mode: export .npy, .csv or .parquet"
            )
