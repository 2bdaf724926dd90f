"""A study in a few files that can be carried to another machine, and back into a directory.

    study.tar.gz         what the study declared, its rows and records, its events
    samples-000.tar.gz   generated samples of finished runs, so many runs that a part keeps its size
    ...

They are plain archives: unpacked by hand in an empty folder they are the study's directory. A
folder that they are copied into is unpacked by `qlat evaluate`; if it holds an earlier state of the
same study, with rows of its own, nothing of that is lost. Checkpoints and weights stay behind.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from quantum_latents.disk import write_atomically
from quantum_latents.evaluation.stored import run_folder
from quantum_latents.results import (
    FROZEN,
    RowStore,
    next_number,
    read_frozen,
    seal_of,
    sealed,
    trained_store,
)

__all__ = ["PACKED_STUDY", "check_part_size", "pack_study", "unpack_study"]

PACKED_STUDY = "study.tar.gz"
"""Name of the file that a folder with a packed study has."""

_SAMPLES = "samples-{:03}.tar.gz"
_RECORDS = ("trained.jsonl", "rows.jsonl")
_FILES = (FROZEN, "study.json", "runs.json", "plan.json", "progress.jsonl", *_RECORDS)
_MEMBER = re.compile(r"runs/([0-9a-f]{16})/samples\.safetensors")
_MIB = 2**20


def check_part_size(part_size: float) -> None:
    """Refuse a size that nothing fits into.

    Raises:
        ValueError: it is not above 0.
    """
    if not part_size > 0:
        raise ValueError(f"a part's size is above 0 MiB, not {part_size}")


def pack_study(directory: Path, out: Path, *, part_size: float = 15.0) -> list[Path]:
    """Write a study's files into a folder, over those of an earlier call; return their paths.

    Args:
        directory: of the study.
        out: the folder, made if it is not there.
        part_size: of a file of samples before compression, in MiB; a run is never divided, so one
            that is larger has a file of its own.

    Raises:
        ValueError: `part_size` is not above 0, or a row or record is damaged.
    """
    check_part_size(part_size)
    out.mkdir(parents=True, exist_ok=True)
    stores = RowStore(directory), trained_store(directory)
    runs = dict.fromkeys(row["run"] for store in stores for row in store.read())
    files = [run_folder(directory, run) / "samples.safetensors" for run in runs]
    made = []
    for number, part in enumerate(_parts([f for f in files if f.exists()], part_size * _MIB)):
        made.append(out / _SAMPLES.format(number))
        write_atomically(made[-1], _archive(directory, part))
    for old in set(out.glob(_SAMPLES.replace("{:03}", "*"))) - set(made):
        old.unlink()
    # Last: where it stands, the samples of all its rows and records are there.
    described = [directory / name for name in _FILES if (directory / name).exists()]
    write_atomically(out / PACKED_STUDY, _archive(directory, described))
    return [out / PACKED_STUDY, *made]


def unpack_study(folder: Path) -> bool:
    """Unpack what was copied into a folder; return whether there was anything.

    The folder becomes the study's directory, or goes on being it: rows and records that it has are
    kept, those that it has not are appended.

    Raises:
        ValueError: an archive is damaged or no packed study, or of another study than the folder's.
    """
    if not (folder / PACKED_STUDY).is_file():
        return False
    found = dict(_members(folder / PACKED_STUDY))
    if unknown := sorted(set(found) - set(_FILES)):
        raise ValueError(f"{folder / PACKED_STUDY} is no packed study: it holds {unknown[0]!r:.80}")
    _check_same_study(folder, found)
    for archive in sorted(folder.glob(_SAMPLES.replace("{:03}", "*"))):
        for name, content in _members(archive):
            if not _MEMBER.fullmatch(name):
                raise ValueError(f"{archive} is no packed study: it holds {name!r:.80}")
            path = folder / name
            if not path.exists() or path.stat().st_size != len(content):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)
    for name in _FILES:
        if name in found and name not in _RECORDS:
            write_atomically(folder / name, found[name])
    for name in _RECORDS:
        if name in found:
            _append(folder, name, found[name])
    return True


def _check_same_study(folder: Path, found: dict[str, bytes]) -> None:
    """Refuse to lay one study over another.

    Raises:
        ValueError: the folder's is frozen otherwise.
    """
    ours = [spec.hash for spec in read_frozen(folder)]
    if not ours:
        return
    import tempfile

    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / FROZEN).write_bytes(found.get(FROZEN, b""))
        theirs = [spec.hash for spec in read_frozen(aside)]
    if theirs[: len(ours)] != ours:
        raise ValueError(
            f"{folder} holds another study than {PACKED_STUDY} in it, or a later state of it: copy "
            "the packed files into a folder of their own"
        )


def _append(folder: Path, name: str, content: bytes) -> None:
    """Append those rows, or records, that the folder has not yet."""
    store = RowStore(folder) if name == "rows.jsonl" else trained_store(folder)
    aside = folder / f".packed-{name}"
    write_atomically(aside, content)
    packed = RowStore(aside, statuses=store.statuses)
    try:
        rows, there = packed.read(), store.read()
    finally:
        aside.unlink()
    known, number = {row["run"] for row in there}, next_number(there)
    for row in rows:
        if row["run"] in known:
            continue
        # Numbers are in the order of writing, which is this folder's own.
        seal = seal_of(row)
        store.append(row if seal is None else sealed(row, seal["spec"], number))
        number += 1


def _parts(files: Sequence[Path], most: float) -> Iterator[list[Path]]:
    part: list[Path] = []
    size = 0
    for file in files:
        if part and size + file.stat().st_size > most:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.stat().st_size
    if part:
        yield part


def _archive(directory: Path, files: Sequence[Path]) -> bytes:
    """Return an archive that depends on names and contents alone."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for file in files:
            content = file.read_bytes()
            member = tarfile.TarInfo(file.relative_to(directory).as_posix())
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Return the files of an archive by name; nothing of it is ever written by its own word."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    raise ValueError(f"{path} is no packed study: {member.name!r:.80} is no file")
                yield member.name, content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}): copy it again") from error
