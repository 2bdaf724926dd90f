"""The user's own array: any table of numbers as a data set.

Notation: N rows, one a sample, d columns, one a coordinate. Rows are put in a random order that
the spec fixes (`split_seed`), never a run's seed: every run and every latent meets one split.
The last rows of that order are held out, half for the metrics and half for their sampling
floor. Standardised coordinates are (x - mean) / sd with the mean and the standard deviation
(1 / N normalised) of the training rows alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.sizes import check_integer
from quantum_latents.data.split import split_rows
from quantum_latents.data.tables import Table, file_and_key, file_sha256, read_table

__all__ = ["MIN_ROWS", "ArraySpec", "array_spec", "cached_array", "load_array"]

MIN_ROWS = 20
"""Fewer rows than this cannot be split into sets that say anything."""

_MAX_ROUNDING = 1e-3
"""Largest error of a value in float32, in units of its column's spread."""

_MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class ArraySpec:
    """A user's file as a data set; `array_spec` makes one from the file.

    Attributes:
        path: FILE.npy, FILE.csv, FILE.parquet, FILE.npz of one array, or FILE.npz:NAME.
        sha256: the SHA-256 of the file, so that the spec names the content; a file that has
            changed since is refused.
        held_out_fraction: the share of the rows held out of training, in (0, 1).
        scaling: "standardised", or "raw" to train on the numbers as they are.
        split_seed: which random order of the rows is split, >= 0.

    Raises:
        TypeError, ValueError: a field is out of its range, or no such kind of file is read.
    """

    path: str
    sha256: str
    held_out_fraction: float = 0.2
    scaling: Literal["standardised", "raw"] = "standardised"
    split_seed: int = 0

    def __post_init__(self) -> None:
        file_and_key(self.path)
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(
                f"sha256 is 64 hexadecimal digits, not {self.sha256!r}; "
                "array_spec(path) computes it"
            )
        if not 0 < self.held_out_fraction < 1:
            raise ValueError(f"held_out_fraction is in (0, 1), not {self.held_out_fraction}")
        if self.scaling not in ("standardised", "raw"):
            raise ValueError(f"scaling is 'standardised' or 'raw', not {self.scaling!r}")
        check_integer("split_seed", self.split_seed, 0)

    @property
    def name(self) -> str:
        """The file's name without its suffix, with the array's name where it has one."""
        file, key = file_and_key(self.path)
        return file.stem if key is None else f"{file.stem}:{key}"


def array_spec(path: str | Path, **settings: Any) -> ArraySpec:
    """Return the spec of the file at `path`, with the SHA-256 of its present content.

    Args:
        path: the file; see `ArraySpec`.
        settings: the other fields of `ArraySpec`.

    Raises:
        TypeError, ValueError: the file is missing or of an unknown kind, or as `ArraySpec`.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "samples.npy"
    >>> np.save(file, np.arange(100.0).reshape(50, 2))
    >>> spec = array_spec(file, held_out_fraction=0.4)
    >>> spec.name, load_array(spec).train.shape
    ('samples', (30, 2))
    """
    file, _ = file_and_key(str(path))
    return ArraySpec(path=str(path), sha256=file_sha256(file), **settings)


def cached_array(spec: ArraySpec, cache: Path) -> Path:
    """Return where a copy of the file lies on a machine that does not see its path."""
    file, _ = file_and_key(spec.path)
    return cache / "arrays" / f"{spec.sha256}{file.suffix}"


def load_array(spec: ArraySpec, cache: Path | None = None) -> DataSet:
    """Read, check, split and scale the file.

    Args:
        spec: names the file and its content.
        cache: a folder whose copy of the file, see `cached_array`, is read where the file itself
            is not there.

    A constant column is kept, with scale 1, and named in the notes; so is a column that repeats
    another. If all numbers are integers, `l1_to_integer` is among the metrics. Facts:
    `column_names`, and with "standardised" `coordinate_scale`, the training rows' standard
    deviations, so that two-sample metrics do not depend on the columns' units.

    Raises:
        ValueError: the file has changed; see `read_table`; fewer than 20 rows, or too few for
            the held-out fraction; all rows equal; or numbers that float32 cannot hold.
        ImportError: pandas is needed and not installed.
    """
    file, key = file_and_key(spec.path)
    path = spec.path
    if cache is not None and not file.exists() and (copy := cached_array(spec, cache)).is_file():
        file, path = copy, str(copy) if key is None else f"{copy}:{key}"
    if file_sha256(file) != spec.sha256:
        raise ValueError(
            f"{spec.path!r} has changed since its spec was made (its SHA-256 is not "
            f"{spec.sha256[:12]}...); make a new spec with array_spec({spec.path!r})"
        )
    table = read_table(path)
    train, held_out, floor_reference = _split(spec, table.values)

    constant = np.ptp(train, axis=0) == 0
    if (table.values == table.values[0]).all():
        raise ValueError(f"{spec.path!r}: all rows are equal; there is no distribution to learn")
    # A constant column's computed mean may differ from the constant in the last digit.
    mean = np.where(constant, train[0], train.mean(axis=0))
    spread = np.where(constant, 1.0, train.std(axis=0))
    _refuse_unrepresentable(spec.path, table, spread)

    standardised = spec.scaling == "standardised"
    offset = mean if standardised else np.zeros_like(mean)
    scale = spread if standardised else np.ones_like(spread)
    facts: dict[str, Any] = {"column_names": table.columns}
    if standardised:
        facts["coordinate_scale"] = scale
    integers = bool((table.values == np.rint(table.values)).all())
    return DataSet(
        name=spec.name,
        train=((train - offset) / scale).astype(np.float32),
        held_out=held_out.astype(np.float32),
        floor_reference=floor_reference.astype(np.float32),
        metrics=("l1_to_integer",) * integers + ("energy_distance", "mmd", "sliced_wasserstein"),
        facts=facts,
        notes=(*table.notes, *_column_notes(table, constant, standardised)),
        offset=offset,
        scale=scale,
    )


def _split(spec: ArraySpec, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    num_rows = len(values)
    if num_rows < MIN_ROWS:
        raise ValueError(
            f"{spec.path!r} has {num_rows} {'row' if num_rows == 1 else 'rows'}: too few to split "
            f"into training and held-out rows; at least {MIN_ROWS} are needed"
        )
    num_half = round(num_rows * spec.held_out_fraction) // 2
    num_train = num_rows - 2 * num_half
    if num_half < 2 or num_train < 2:
        raise ValueError(
            f"held_out_fraction={spec.held_out_fraction} of {num_rows} rows leaves {num_train} to "
            f"train on and twice {num_half} held out; each needs at least 2"
        )
    return split_rows(values, num_half, spec.split_seed)


def _refuse_unrepresentable(path: str, table: Table, spread: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        rounding = np.abs(table.values.astype(np.float32) - table.values).max(axis=0)
    bad = ~(np.isfinite(rounding) & (rounding <= _MAX_ROUNDING * spread))
    if bad.any():
        column = int(bad.argmax())
        raise ValueError(
            f"{path!r}: column {table.columns[column]} reaches "
            f"{np.abs(table.values[:, column]).max():g} with a spread of {spread[column]:g}: "
            "float32 cannot hold its differences; subtract an offset from it or rescale it first"
        )


def _column_notes(table: Table, constant: np.ndarray, standardised: bool) -> list[str]:
    notes = []
    if constant.any():
        names = _named([table.columns[column] for column in np.flatnonzero(constant)])
        treatment = "centred and not scaled" if standardised else "kept as it is"
        notes.append(f"Constant among the training rows, {treatment}: {names}.")
    first_with: dict[bytes, str] = {}
    repeats = []
    for name, column in zip(table.columns, table.values.T, strict=True):
        first = first_with.setdefault(column.tobytes(), name)
        if first is not name:
            repeats.append(f"{name} (as {first})")
    if repeats:
        notes.append(f"Repeats another column, kept: {_named(repeats)}.")
    return notes


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    rest = len(names) - _MAX_NAMED
    noun = "column" if len(names) == 1 else "columns"
    return f"{noun} {shown}" + (f" and {rest} more" if rest > 0 else "")
