"""Tables of counts: .npy, .csv and .parquet, one row a shot, one column a mode."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from types import ModuleType

import numpy as np

from quantum_latents.banks.recorded import (
    BLOCK_ROWS,
    RecordedFile,
    are_counts,
    lines_of,
    no_count,
    one_line,
)

__all__ = ["read_csv", "read_npy", "read_parquet", "write_parquet", "written_csv"]


def read_npy(path: Path) -> RecordedFile:
    """Open a .npy, memory-mapped."""
    with path.open("rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise ValueError(f"{str(path)!r} is damaged or no .npy file: write it with np.save")
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, TokenError) as error:
        if "Python objects" in str(error) or "pickle" in str(error):
            raise ValueError(
                f"{str(path)!r} holds pickled Python objects, which are not read because they can "
                "run code; save plain numbers instead: np.save(FILE, counts.astype(np.uint8))"
            ) from error
        raise ValueError(f"{str(path)!r} is damaged or cut short: {one_line(error)}") from error
    if table.dtype.kind not in "biuf" or table.ndim != 2 or 0 in table.shape:
        raise ValueError(
            f"{str(path)!r} holds an array of {table.dtype} of shape {table.shape}, not a table of "
            "counts (num_samples, num_modes): save counts.reshape(-1, NUM_MODES)"
        )
    starts = range(0, len(table), BLOCK_ROWS)
    blocks = _checked(path, (np.array(table[start : start + BLOCK_ROWS]) for start in starts))
    return RecordedFile(blocks, len(table))


def read_parquet(path: Path) -> RecordedFile:
    """Open a .parquet, batch by batch."""
    pyarrow = _pyarrow(path)
    try:
        table = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged, cut short or no Parquet file: {one_line(error)}"
        ) from error
    schema = table.schema_arrow
    for column in schema:
        kind = pyarrow.types
        if column.name.startswith("__index_level_"):
            raise ValueError(
                f"{str(path)!r} holds a saved row index, {column.name!r}; save it with "
                "frame.to_parquet(FILE, index=False)"
            )
        if not (
            kind.is_integer(column.type)
            or kind.is_floating(column.type)
            or kind.is_boolean(column.type)
        ):
            raise ValueError(
                f"{str(path)!r}: column {column.name!r} holds {column.type}, not counts; a column "
                "is a mode and a row a shot"
            )
    if table.metadata.num_rows == 0 or not len(schema):
        raise ValueError(f"{str(path)!r} is empty")

    def batches() -> Iterator[np.ndarray]:
        try:
            for batch in table.iter_batches(BLOCK_ROWS):
                for name, column in zip(schema.names, batch.columns, strict=True):
                    if column.null_count:
                        raise ValueError(f"{str(path)!r}: column {name!r} holds missing values")
                yield np.column_stack(
                    [column.to_numpy(zero_copy_only=False) for column in batch.columns]
                )
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{str(path)!r} is damaged: {one_line(error)}") from error

    return RecordedFile(_checked(path, batches()), table.metadata.num_rows)


def write_parquet(path: Path, blocks: Iterator[np.ndarray], num_modes: int) -> None:
    """Write blocks of counts, a row group each; columns mode_0, mode_1 and so on."""
    pyarrow = _pyarrow(path)
    names = _names(num_modes)
    schema = pyarrow.schema([(name, pyarrow.uint8()) for name in names])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            columns = [pyarrow.array(np.ascontiguousarray(column)) for column in block.T]
            writer.write_batch(pyarrow.record_batch(columns, names=names))
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def written_csv(blocks: Iterator[np.ndarray], num_modes: int) -> Iterator[bytes]:
    """Give the text of a .csv with a header."""
    yield (",".join(_names(num_modes)) + "\n").encode()
    for block in blocks:
        if block.max() > 9:
            yield "".join(",".join(map(str, row)) + "\n" for row in block.tolist()).encode()
            continue
        # One digit a count: a shot is twice as many characters as modes.
        text = np.full((len(block), 2 * num_modes), ord(","), np.uint8)
        text[:, ::2] = block + np.uint8(ord("0"))
        text[:, -1] = ord("\n")
        yield text.tobytes()


def _names(num_modes: int) -> list[str]:
    return [f"mode_{mode}" for mode in range(num_modes)]


def _pyarrow(path: Path) -> ModuleType:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"{path.name.removeprefix('.')} needs pyarrow: pip install 'quantum-latents[data]', or "
            "take .npy in its place"
        ) from error
    return pyarrow


def _checked(path: Path, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass blocks of numbers on as counts; name the first shot that is none."""
    first = 1
    for block in blocks:
        values = block.astype(np.float64) if block.dtype.kind == "f" else block
        with np.errstate(invalid="ignore"):
            bad = ~((values >= 0) & (values <= 255) & (values == np.floor(values)))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"{str(path)!r}, shot {first + row}, mode {column}: {no_count(values[row, column])}"
            )
        yield block.astype(np.uint8)
        first += len(block)


def read_csv(path: Path, header: bool | None) -> RecordedFile:
    """Open a .csv; its first line is a header if no cell of it is a number."""
    lines = lines_of(path)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{str(path)!r} is empty")
    cells = _cells(path, first)
    if len(cells) == 1 and (separator := next((s for s in ";\t |" if s in first), None)):
        raise ValueError(
            f"{str(path)!r} is separated by {separator!r} and not by commas: save it with commas "
            "between the columns, or strings of digits as .txt"
        )
    if cells[0] == "" and header is not False and len(cells) > 1:
        raise ValueError(
            f"{str(path)!r} begins with a column without a name, as a saved row index does; save "
            "it with frame.to_csv(FILE, index=False)"
        )
    if not (_is_header(path, cells) if header is None else header):
        return RecordedFile(_csv_blocks(path, itertools.chain([first], lines), 1), None)
    second = next(lines, None)
    if second is None:
        raise ValueError(f"{str(path)!r} holds a header and no shot")
    if (found := len(_cells(path, second))) != len(cells):
        raise ValueError(
            f"{str(path)!r}: the header has {len(cells)} names and line 2 {found} cells"
        )
    names = ", ".join(cells[:4]) + ", ..." * (len(cells) > 4)
    return RecordedFile(
        _csv_blocks(path, itertools.chain([second], lines), 2),
        None,
        notes=(f"The first line was read as a header: {names}.",),
    )


def _cells(path: Path, line: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise ValueError(f"{str(path)!r} cannot be read as .csv: {one_line(error)}") from error


def _is_header(path: Path, cells: list[str]) -> bool:
    numbers = [_is_number(cell) or not cell.strip() for cell in cells]
    if not all(numbers):
        if any(_is_number(cell) for cell in cells):
            word = cells[numbers.index(False)]
            raise ValueError(
                f"{str(path)!r}, line 1: {word!r} is no count, and other cells are numbers; a "
                "header names every column"
            )
        return True
    if len(cells) > 2 and cells == [str(place) for place in range(len(cells))]:
        raise ValueError(
            f"{str(path)!r} begins with {','.join(cells[:4])}...: the numbers of the columns, or a "
            "shot? Say which: --header yes or --header no (header=True or False)"
        )
    return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv_blocks(path: Path, lines: Iterator[str], number: int) -> Iterator[np.ndarray]:
    """Give the counts of lines, of which the first is line `number` of the file."""
    num_modes = None
    while block := list(itertools.islice(lines, BLOCK_ROWS)):
        try:
            values = np.loadtxt(
                block, delimiter=",", dtype=np.float64, comments=None, quotechar='"', ndmin=2
            )
        except ValueError:
            values = None
        if num_modes is None:
            num_modes = len(_cells(path, block[0]))
        if values is None or values.shape != (len(block), num_modes) or not are_counts(values):
            raise ValueError(_bad_line(path, block, number, num_modes))
        yield values.astype(np.uint8)
        number += len(block)


def _bad_line(path: Path, block: list[str], first: int, num_modes: int) -> str:
    for number, line in enumerate(block, first):
        cells = _cells(path, line)
        if len(cells) != num_modes:
            return (
                f"{str(path)!r}, line {number} has {len(cells)} cells and the lines before it "
                f"{num_modes}: a shot has one count a mode"
            )
        for cell in cells:
            where = f"{str(path)!r}, line {number}: "
            if not _is_number(cell):
                what = "an empty cell" if not cell.strip() else repr(cell)
                return f"{where}{what} is no count"
            if not are_counts(np.array(float(cell))):
                return where + no_count(float(cell))
    return f"{str(path)!r}, lines {first} to {first + len(block) - 1} cannot be read as counts"
