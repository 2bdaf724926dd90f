"""CIFAR-10's binary version, read from its archive or from a folder.

Notation: six files of R = 10,000 records; a record is 3,073 bytes, a label from 0 to 9 and the
*levels* of 32 x 32 pixels: 1,024 of red, row by row, then green, then blue. Every class has a
tenth of the training records (five files) and of the test records (the sixth).

Nothing is unpacked onto the disk, and the version for Python, which is pickled, is not read.

Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
"""

from __future__ import annotations

import functools
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from quantum_latents.data.download import RemoteFile, fault_of

__all__ = ["FILES", "NUM_PIXELS", "NUM_RECORDS", "read_cifar10"]

NUM_RECORDS = 10_000
"""R."""

NUM_PIXELS = 3_072
"""Levels of an image, three for every pixel."""

FILES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
"""Five to train on and one to test on, in the order in which they are read."""

_FOLDER = "cifar-10-batches-bin"
_NUM_CLASSES = 10
_MOST_MEMBERS = 100
_OF_PYTHON = (
    *("cifar-10-python.tar.gz", "cifar-10-batches-py"),
    *("batches.meta", "data_batch_1", "test_batch"),
)
_OF_CIFAR100 = (
    *("cifar-100-binary.tar.gz", "cifar-100-python.tar.gz", "cifar-100-binary"),
    *("cifar-100-python", "train.bin"),
)


def read_cifar10(source: Path, archive: RemoteFile, num_records: int = NUM_RECORDS) -> np.ndarray:
    """Return the levels of all images, uint8 (6 R, 3072), the test images last.

    They take 184 MB; beside them one file's records are held at a time, 31 MB.

    Args:
        source: the archive, or a folder that holds it, or the extracted files, or their folder.
        archive: what the archive must be; one with another sum is refused.
        num_records: R, other than 10,000 for tests alone.

    Raises:
        ValueError: what is there is not all of CIFAR-10's binary version, with what to do.
    """
    again = f"take the binary version, {archive.urls[0]}"
    where = _found(source, archive.name, again)
    read = functools.partial(_of_archive, archive=archive) if where.is_file() else _of_folder
    levels = np.empty((len(FILES) * num_records, NUM_PIXELS), dtype=np.uint8)
    labels = np.empty(len(levels), dtype=np.uint8)
    left = set(FILES)
    for name, content in read(where, num_records=num_records):
        if name not in left:
            raise ValueError(f"{str(where)!r} holds {name} twice: {again}")
        left.discard(name)
        place = FILES.index(name) * num_records
        rows = slice(place, place + num_records)
        levels[rows], labels[rows] = _read(where, name, content, num_records, again)
    if left:
        missing = " and ".join(name for name in FILES if name in left)
        raise ValueError(
            f"{str(where)!r} lacks {missing}: all of {', '.join(FILES)} are needed; {again}"
        )
    _check_classes(where, labels[: 5 * num_records], "training", again)
    _check_classes(where, labels[5 * num_records :], "test", again)
    return levels


def _found(source: Path, archive: str, again: str) -> Path:
    """Return the archive, or the folder with the extracted files."""
    if not source.exists():
        raise ValueError(
            f"there is neither a file nor a folder {str(source)!r}: name 'cifar10', which is "
            f"downloaded, or a folder with {archive} or its extracted files"
        )
    for folder in (source, source / _FOLDER):
        if any((folder / name).is_file() for name in FILES):
            return folder
    if (source / archive).is_file():
        return source / archive
    for other, what in (
        (_OF_PYTHON, "CIFAR-10's version for Python, which is pickled and not read"),
        (_OF_CIFAR100, "CIFAR-100, not CIFAR-10"),
    ):
        if source.name in other or any((source / name).exists() for name in other):
            raise ValueError(f"{str(source)!r} is {what}: {again}")
    if source.is_file():
        return source
    raise ValueError(
        f"{str(source)!r} holds neither {archive} nor its files {FILES[0]}, ...: {again}"
    )


def _of_folder(folder: Path, num_records: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files that are there; of one that is too large, a byte too many."""
    for name in FILES:
        if (file := folder / name).is_file():
            with file.open("rb") as stream:
                yield name, stream.read(num_records * (1 + NUM_PIXELS) + 1)


def _of_archive(path: Path, num_records: int, archive: RemoteFile) -> Iterator[tuple[str, bytes]]:
    """Yield the files in the archive's order; nothing that it says of paths is believed."""
    if fault := fault_of(archive, path):
        raise ValueError(
            f"{str(path)!r} is damaged or another archive than {archive.name} ({fault}): take "
            f"{archive.urls[0]}"
        )
    most = num_records * (1 + NUM_PIXELS)
    try:
        with tarfile.open(path, "r|gz") as members:
            for number, member in enumerate(members):
                if number >= _MOST_MEMBERS or member.size > most:
                    raise ValueError(
                        f"{str(path)!r} holds {member.name!r:.80} of {member.size:,} bytes: it is "
                        "not CIFAR-10's archive"
                    )
                name = PurePosixPath(member.name).name
                content = members.extractfile(member) if member.isfile() else None
                if name in FILES and content is not None:
                    yield name, content.read(most)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} is damaged ({' '.join(str(error).split())}): take {archive.urls[0]}"
        ) from error


def _read(
    where: Path, name: str, content: bytes, num_records: int, again: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return levels (R, 3072) and labels (R,) of a file."""
    size = num_records * (1 + NUM_PIXELS)
    if len(content) != size:
        what = "is cut off after" if len(content) < size else "has more than its"
        bytes_there = len(content) if len(content) < size else size
        raise ValueError(
            f"{name} in {str(where)!r} {what} {bytes_there:,} bytes"
            f"{f' of {size:,}' if len(content) < size else ''}: {again}"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(num_records, 1 + NUM_PIXELS)
    labels = records[:, 0]
    if (labels >= _NUM_CLASSES).any():
        record = int((labels >= _NUM_CLASSES).argmax())
        raise ValueError(
            f"record {record} of {name} in {str(where)!r} has the label {labels[record]}, and "
            f"CIFAR-10's are 0 to 9: it is damaged or another data set; {again}"
        )
    return records[:, 1:], labels


def _check_classes(where: Path, labels: np.ndarray, what: str, again: str) -> None:
    """Refuse images that are not of ten equally large classes."""
    wanted = len(labels) // _NUM_CLASSES
    for label, count in enumerate(np.bincount(labels, minlength=_NUM_CLASSES)):
        if count != wanted:
            raise ValueError(
                f"{str(where)!r} has {count:,} {what} images of class {label}, not {wanted:,}: a "
                f"file is damaged, or stands there under two names; {again}"
            )
