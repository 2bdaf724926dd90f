"""Files with SMILES in them, as a list of strings.

Three kinds: tables with a header and a column `smiles` (.csv, .tsv), plain lists whose lines
begin with a SMILES (.smi, .smiles, .txt), each as it is or compressed by gzip (.gz); and QM9's
own archive (.tar.bz2), an XYZ file a molecule. Nothing of an archive is written to the disk, and
of what a compressed file unfolds to no more is read than `LARGEST_TEXT`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from quantum_latents.molecules import Progress

__all__ = ["LARGEST_TEXT", "SMILES_SUFFIXES", "read_archive", "read_smiles", "smiles_suffix"]

SMILES_SUFFIXES = (
    *(kind + end for kind in (".csv", ".tsv", ".smi", ".smiles", ".txt") for end in ("", ".gz")),
    ".tar.bz2",
)
"""The kinds of file that can be read."""

LARGEST_TEXT = 1 << 30
"""Bytes that a compressed file may unfold to: 1 GiB, three times as many as QM9's archive."""

_LARGEST_MEMBER = 1 << 20
_NUM_QM9 = 133_885
_SEPARATOR = re.compile(r"[\s,]")


def smiles_suffix(file: Path) -> str:
    """Return the kind of `file`, one of `SMILES_SUFFIXES`.

    Raises:
        ValueError: it is none of them.

    >>> smiles_suffix(Path("some.molecules.CSV.gz"))
    '.csv.gz'
    """
    name = file.name.lower()
    for suffix in SMILES_SUFFIXES:
        if name.endswith(suffix):
            return suffix
    raise ValueError(
        f"{str(file)!r} is of no kind that molecules are read from: its name must end in "
        f"{', '.join(SMILES_SUFFIXES)}"
    )


def read_smiles(
    file: Path, on_progress: Progress = lambda what, done, total: None
) -> tuple[str, ...]:
    """Return the SMILES of a file, in its order, as they are written.

    Empty lines are passed over; so are, in a list, lines that begin with # and a first line that
    begins with the word "smiles".

    Raises:
        ValueError: the file is missing, damaged, no text or of no known kind; a table has no
            column `smiles`; or there is no molecule in it.
    """
    suffix = smiles_suffix(file)
    if not file.is_file():
        raise ValueError(f"there is no file at {str(file)!r}; give the path of an existing file")
    if suffix == ".tar.bz2":
        found = tuple(smiles for _, smiles in read_archive(file, on_progress))
    else:
        text = _text(file, compressed=suffix.endswith(".gz"))
        table = suffix.startswith((".csv", ".tsv"))
        found = _from_table(file, text) if table else _from_list(text)
    if not found:
        raise ValueError(f"{str(file)!r} is empty: there is no molecule in it")
    return found


def read_archive(
    file: Path, on_progress: Progress = lambda what, done, total: None
) -> tuple[tuple[int, str], ...]:
    """Return (id, SMILES) of every molecule of QM9's archive, in its order.

    A member is called dsgdb9nsd_ID.xyz and has its number of atoms in the first line; the line
    after the atoms and the frequencies holds two SMILES, of which the first is the one that the
    molecule was built from.

    Raises:
        ValueError: the file is damaged or no such archive.
    """
    found = []
    try:
        with (
            bz2.open(file) as unfolded,
            tarfile.open(fileobj=_Bounded(unfolded), mode="r|") as archive,  # type: ignore[call-overload]
        ):
            for member in archive:
                match = re.search(r"_(\d+)\.xyz$", member.name)
                if match and member.size > _LARGEST_MEMBER:
                    raise ValueError(f"{member.name[-40:]!r} has {member.size:,} bytes")
                content = archive.extractfile(member) if match else None
                if match is None or content is None:
                    continue
                if len(found) % 2000 == 0:
                    on_progress(f"reading {file.name}", len(found), max(_NUM_QM9, len(found)))
                lines = content.read().decode().splitlines()
                found.append((int(match[1]), lines[int(lines[0]) + 3].split()[0]))
    except (tarfile.TarError, OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise ValueError(
            f"{str(file)!r} is damaged, cut short or not QM9's archive of XYZ files: "
            f"{' '.join(str(error).split())}"
        ) from error
    if not found:
        raise ValueError(f"{str(file)!r} holds no files called ..._ID.xyz: it is not QM9's archive")
    return tuple(found)


class _TooLarge(ValueError):
    """A file that unfolds to more than is read."""


class _Bounded:
    """What a compressed file unfolds to, up to `LARGEST_TEXT` bytes."""

    def __init__(self, unfolded: io.BufferedIOBase) -> None:
        self._unfolded, self._left = unfolded, LARGEST_TEXT

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all.

        Raises:
            _TooLarge: there are more in all than may be read.
        """
        most = self._left + 1
        content = self._unfolded.read(most if size < 0 else min(size, most))
        self._left -= len(content)
        if self._left < 0:
            raise _TooLarge(f"unfolds to more than {LARGEST_TEXT:,} bytes: divide it, or unpack it")
        return content


def _text(file: Path, compressed: bool) -> str:
    opened: Callable[[Path], io.BufferedIOBase]
    opened = gzip.open if compressed else Path.open  # type: ignore[assignment]
    try:
        with opened(file, "rb") as stream:  # type: ignore[call-arg]
            content = _Bounded(stream).read() if compressed else stream.read()
            return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(file)!r} is no text in UTF-8 (if it is compressed by gzip, its name must end "
            "in .gz)"
        ) from error
    except _TooLarge as error:
        raise ValueError(f"{str(file)!r} {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{str(file)!r} is damaged, cut short or not compressed by gzip: "
            f"{' '.join(str(error).split())}"
        ) from error


def _from_list(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines()]
    first = [_SEPARATOR.split(line, maxsplit=1)[0] for line in lines if line and line[0] != "#"]
    if first and first[0].lower() == "smiles":
        first = first[1:]
    return tuple(first)


def _from_table(file: Path, text: str) -> tuple[str, ...]:
    header, _, _ = text.lstrip().partition("\n")
    if not header.strip():
        return ()
    separator = max(",\t;", key=header.count)
    try:
        rows = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator, strict=True)
        names = [name.strip() for name in next(rows)]
        columns = [k for k, name in enumerate(names) if name.lower() == "smiles"]
        if len(columns) != 1:
            fault = "two columns" if columns else "no column"
            raise ValueError(
                f"{str(file)!r} has {fault} called smiles among {', '.join(names[:8])}; give the "
                "one meant that name, or save the SMILES alone as FILE.smi, one a line"
            )
        (column,) = columns
        return tuple(row[column].strip() for row in rows if row and row[column].strip())
    except IndexError as error:
        raise ValueError(
            f"{str(file)!r} is damaged or cut short: a row ends before its column smiles"
        ) from error
    except csv.Error as error:
        raise ValueError(f"{str(file)!r} cannot be read as a table: {error}") from error
