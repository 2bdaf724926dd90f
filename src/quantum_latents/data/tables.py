"""A user's file as a table of numbers, or one sentence about why it is none.

Notation: a table has N rows, one a sample, and d columns, one a coordinate. Rows and columns
are counted from 0 in errors, as numpy and pandas count them; columns with names are named.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from types import ModuleType

import numpy as np

__all__ = ["SUFFIXES", "Table", "file_and_key", "file_sha256", "read_table"]

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")
"""The kinds of file that can be read."""

_NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers read from a file.

    Attributes:
        values: float64 (N, d), all finite, N >= 1, d >= 1.
        columns: the d names of the columns.
        notes: how something in the file was read that could have been meant otherwise.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def file_and_key(path: str) -> tuple[Path, str | None]:
    """Return the file that `path` names and, for FILE.npz:KEY, the array's name in it.

    Raises:
        ValueError: the suffix is not one of `SUFFIXES`.

    >>> file_and_key("samples.npz:train")[1]
    'train'
    """
    head, separator, key = path.rpartition(".npz:")
    file = Path(head + ".npz" if separator else path)
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path!r} is of no kind that can be read: its name must end in "
            f"{', '.join(SUFFIXES)} (or .npz:NAME for one array of several)"
        )
    return file, key if separator else None


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ValueError: there is no such file, or it cannot be read.
    """
    _refuse_missing(file)
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{str(file)!r} cannot be read: {error.strerror}") from error


def read_table(path: str) -> Table:
    """Read .npy, .npz, .csv or .parquet: one row a sample, one column a coordinate.

    An .npz file holds one array, or `path` names the one meant as FILE.npz:NAME. The first line
    of a CSV file is its header, unless all its cells are numbers: then it is a row, and a note
    says so. Pickled objects are never loaded.

    Args:
        path: the file; `.csv` and `.parquet` need the extra `data`.

    Raises:
        ValueError: the file is missing, damaged, empty or of another kind; it holds text, dates,
            complex numbers, objects, NaN or infinity; or it is not two-dimensional.
        ImportError: pandas is needed and not installed.
    """
    file, key = file_and_key(path)
    _refuse_missing(file)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        table = _from_array(path, _read_npy(path, file))
    elif suffix == ".npz":
        table = _from_array(path, _read_npz(file, key))
    elif suffix == ".csv":
        table = _from_frame(path, *_read_csv(path, file))
    else:
        table = _from_frame(path, _read_parquet(path, file), [])
    finite = np.isfinite(table.values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        value = table.values[row, column]
        what = "a missing value (NaN)" if np.isnan(value) else f"an infinity ({value})"
        raise ValueError(
            f"{path!r}: column {table.columns[column]} holds {what} at row {row} (from 0); "
            "drop such rows or fill them in first"
        )
    return table


def _refuse_missing(file: Path) -> None:
    if not file.is_file():
        raise ValueError(f"there is no file at {str(file)!r}; give the path of an existing file")


def _read_npy(path: str, file: Path) -> np.ndarray:
    with file.open("rb") as stream:
        if stream.read(len(_NPY_MAGIC)) != _NPY_MAGIC:
            raise ValueError(f"{path!r} is damaged or no .npy file: write it with np.save")
        stream.seek(0)
        try:
            return np.load(stream, allow_pickle=False)
        except (ValueError, EOFError, OSError, TokenError) as error:
            raise _unreadable_array(path, error) from error


def _read_npz(file: Path, key: str | None) -> np.ndarray:
    path = str(file)
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{path!r} is damaged or no .npz file: write it with np.savez")
    try:
        with np.load(file, allow_pickle=False) as archive:
            names = archive.files
            if key is None:
                if len(names) != 1:
                    raise ValueError(
                        f"{path!r} holds {len(names)} arrays ({', '.join(names) or 'none'}); "
                        f"name the one meant, as {path}:{names[0] if names else 'NAME'}"
                    )
                key = names[0]
            if key not in names:
                raise ValueError(
                    f"{path!r} holds no array {key!r}; it holds {', '.join(names) or 'none'}"
                )
            try:
                return archive[key]
            except (ValueError, TokenError) as error:
                raise _unreadable_array(f"{path}:{key}", error) from error
    except (EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable_array(path, error) from error


def _unreadable_array(path: str, error: Exception) -> ValueError:
    if "allow_pickle" in str(error):
        return ValueError(
            f"{path!r} holds pickled Python objects, which are not read because they can run "
            "code; save plain numbers instead: np.save(FILE, array.astype(float))"
        )
    return ValueError(f"{path!r} is damaged or cut short: {_one_line(error)}")


def _pandas(path: str) -> ModuleType:
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"reading {path!r} needs pandas and pyarrow: "
            "pip install 'quantum-latents[data]', or save the array with np.save as .npy"
        ) from error
    return pandas


def _read_csv(path: str, file: Path):
    pandas = _pandas(path)
    try:
        first = pandas.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False)
        cells = first.iloc[0].tolist()
        headless = all(_is_number(cell) for cell in cells)
        frame = pandas.read_csv(
            file,
            header=None if headless else 0,
            low_memory=False,
        )
    except pandas.errors.EmptyDataError as error:
        raise ValueError(f"{path!r} is empty") from error
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{path!r} cannot be read as comma-separated values: {_one_line(error)}"
        ) from error
    if len(cells) == 1 and any(separator in cells[0] for separator in ";\t"):
        raise ValueError(
            f"{path!r} is not separated by commas (its first line is {cells[0]!r}); "
            "save it with commas between the columns"
        )
    if not isinstance(frame.index, pandas.RangeIndex):
        raise ValueError(
            f"{path!r} has more values in its rows than names in its header; "
            "give every column a name, or leave the header out"
        )
    if cells[0] == "" and not headless:
        raise ValueError(
            f"{path!r} begins with a column without a name, as a saved row index does; "
            "save it with frame.to_csv(FILE, index=False), or name the column"
        )
    if headless:
        return frame, ["The first line holds numbers only: it was read as a row, not as a header."]
    return frame, []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(path: str, file: Path):
    pandas = _pandas(path)
    try:
        return pandas.read_parquet(file)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path!r} is damaged or no Parquet file: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _from_array(path: str, array: np.ndarray) -> Table:
    if array.dtype.kind == "c":
        raise ValueError(
            f"{path!r} holds complex numbers; save real ones, such as "
            "np.concatenate([x.real, x.imag], axis=1)"
        )
    if array.dtype.kind in "US":
        raise ValueError(f"{path!r} holds text ({array.dtype}); encode it as numbers first")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path!r} holds {array.dtype}, not plain numbers")
    if array.ndim != 2:
        fix = "x[:, None]" if array.ndim == 1 else "x.reshape(len(x), -1)"
        raise ValueError(
            f"{path!r} holds an array of shape {array.shape}; one row is a sample, so the shape "
            f"must be (num_samples, dim): save {fix}"
        )
    _refuse_empty(path, array.shape)
    return Table(array.astype(np.float64), tuple(map(str, range(array.shape[1]))), ())


def _from_frame(path: str, frame, notes: list[str]) -> Table:
    pandas = _pandas(path)
    types = pandas.api.types
    _refuse_empty(path, frame.shape)
    values = np.empty(frame.shape)
    for index, name in enumerate(frame.columns):
        column = frame.iloc[:, index]
        if types.is_complex_dtype(column.dtype):
            raise ValueError(f"{path!r}: column {name!r} holds complex numbers; save real ones")
        if types.is_numeric_dtype(column.dtype):
            values[:, index] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            continue
        if not (types.is_string_dtype(column.dtype) or types.is_object_dtype(column.dtype)):
            raise ValueError(
                f"{path!r}: column {name!r} holds {column.dtype}, not numbers; "
                "drop it or encode it as numbers"
            )
        numbers = pandas.to_numeric(column, errors="coerce")
        text = (numbers.isna() & column.notna()).to_numpy()
        if text.any():
            row = int(text.argmax())
            raise ValueError(
                f"{path!r}: column {name!r} holds text ({column.iloc[row]!r} at row {row}, "
                "from 0); drop the column or encode it as numbers"
            )
        values[:, index] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        notes.append(f"Column {name!r} holds numbers written as text: they were read as numbers.")
    return Table(values, tuple(repr(name) for name in frame.columns), tuple(notes))


def _refuse_empty(path: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise ValueError(f"{path!r} is empty: {shape[0]} rows of {shape[1]} columns")
