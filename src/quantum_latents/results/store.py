"""Rows at rest: one JSON object a finished run, one line a row, append-only.

Notation: a *row* is the dict described in docs/architecture.md. Everything in it but
``"provenance"`` is a function of the run's spec (and of the stack it was trained in).

A process killed in the middle of a write leaves a *torn* last line, without its newline:
readers skip it, the next append cuts it off. Any other damaged line is refused by number,
because nobody but a person can say what it was.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pandas

from quantum_latents.disk import sync_folder
from quantum_latents.results.row_details import check_details

__all__ = [
    "ROW_SCHEMA",
    "TRAINED_FILE",
    "RowStore",
    "deterministic_part",
    "frame",
    "read_rows",
    "to_frame",
]

ROW_SCHEMA = 1
"""The newest row schema that this version reads, and the one it writes."""

TRAINED_FILE = "trained.jsonl"
"""Name of the file of runs that wait for their metrics, see `quantum_latents.results.trained`."""

_STATUSES = ("finished", "diverged", "failed")
_FIELDS = ("schema", "run", "study", "spec", "status", "metrics")

_logger = logging.getLogger(__name__)


class RowStore:
    """An append-only file of rows that survives ``kill -9`` at any moment.

    Args:
        path: a directory (the file is ``rows.jsonl`` in it) or a file ending in ``.jsonl``.
        statuses: what a row's status may be.

    Every append takes an exclusive lock of the file, so that several processes may share a
    store; readers take a shared one. Of several rows with one ``run`` hash the first counts.

    >>> import tempfile
    >>> row = {"schema": 1, "run": "a1", "study": "demo", "status": "finished",
    ...        "spec": {"data": {"name": "bits"}, "latent": {"name": "gaussian"}, "seed": 0},
    ...        "metrics": {"mmd": {"value": 0.5, "direction": "lower"}}}
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     store = RowStore(directory)
    ...     store.append(row)
    ...     store.append(row | {"study": "a repetition"})
    ...     [(row["run"], row["study"]) for row in store.read()]
    [('a1', 'demo')]
    """

    def __init__(self, path: str | os.PathLike[str], statuses: tuple[str, ...] = _STATUSES) -> None:
        path = Path(path)
        self.path = path if path.suffix == ".jsonl" else path / "rows.jsonl"
        self.statuses = statuses

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row and wait until it is on disk.

        Raises:
            ValueError: a field is missing or wrong, or a number is not finite (give None).
            TypeError: a value has no place in JSON (a tensor, a numpy array, a numpy integer).
        """
        _check_json(row, "row")
        _check_row(row, "this row", self.statuses)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with open(self.path, "a+b") as file, _locked(file, fcntl.LOCK_EX):
            prefix = self._mend_tail(file)
            file.write(prefix + _line(row))
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)

    def read(self) -> list[dict[str, Any]]:
        """Return the rows in the order of their first writing; none if there is no file.

        Raises:
            ValueError: a line (named by number) is damaged, or its schema is newer than ours.
        """
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file, _locked(file, fcntl.LOCK_SH):
            content = file.read()
        rows: dict[str, dict[str, Any]] = {}
        for row in self._parse(content):
            rows.setdefault(row["run"], row)
        return list(rows.values())

    def replace(self, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Put these rows in the place of all that is stored; return where the old file is kept.

        The one exception to append-only, for rows that are measured anew from the same samples.
        Nothing is lost: the old file stays beside the new one as ``rows-<time>.jsonl``, byte for
        byte, and the new one appears whole or not at all.

        Raises:
            ValueError, TypeError: as `append`; or a run is added or left out.
        """
        for row in rows:
            _check_json(row, "row")
            _check_row(row, "this row", self.statuses)
        if [row["run"] for row in rows] != [row["run"] for row in self.read()]:
            raise ValueError("rows are replaced run by run: none is added, none left out")
        time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        kept = self.path.with_name(f"{self.path.stem}-{time}.jsonl")
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        with open(self.path, "rb") as old, _locked(old, fcntl.LOCK_EX):
            try:
                for path, content in (
                    (kept, old.read()),
                    (partial, b"".join(_line(row) for row in rows)),
                ):
                    with open(path, "xb") as file:
                        file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
                os.replace(partial, self.path)
            finally:
                partial.unlink(missing_ok=True)
        sync_folder(self.path.parent)
        return kept

    def _parse(self, content: bytes) -> Iterator[dict[str, Any]]:
        lines = content.split(b"\n")
        tail = lines.pop()
        for number, line in enumerate(lines, start=1):
            where = f"{self.path}, line {number}"
            row = _decode(line)
            if row is None:
                raise ValueError(
                    f"{where}, is damaged (it is not a JSON object). Restore the file, or delete "
                    "that line and run the study again: only that run is repeated"
                )
            _check_row(row, where, self.statuses)
            yield row
        if tail:
            row = _decode(tail)
            if row is None:
                _logger.warning(
                    "%s: the last line is torn (a writer was killed); it is ignored", self.path
                )
                return
            _check_row(row, f"{self.path}, line {len(lines) + 1}", self.statuses)
            yield row

    def _mend_tail(self, file: BinaryIO) -> bytes:
        """Cut off a torn last line; return what must be written before the next row."""
        end = file.seek(0, os.SEEK_END)
        start, tail = end, b""
        while start > 0 and b"\n" not in tail:
            step = min(1 << 16, start)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
        tail = tail.rpartition(b"\n")[2]
        if not tail:
            return b""
        if _decode(tail) is not None:
            return b"\n"  # whole but for its newline (an editor may have dropped it): keep it
        _logger.warning("%s: a torn last line of %d bytes is cut off", self.path, len(tail))
        file.truncate(end - len(tail))
        return b""


def deterministic_part(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row without its provenance: what a repetition must reproduce.

    >>> deterministic_part({"run": "a1", "provenance": {"seconds": 3.2}})
    {'run': 'a1'}
    """
    return {name: value for name, value in row.items() if name != "provenance"}


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the rows of a study: a directory with ``rows.jsonl``, or the file itself.

    Raises:
        ValueError: there is no such file, or a line in it is damaged or too new; or all runs that
            there are wait for their metrics.
    """
    store = RowStore(path)
    if not store.path.is_file():
        if store.path.with_name(TRAINED_FILE).is_file():
            raise ValueError(
                f"no rows at {store.path} yet: the runs of this study are trained and wait for "
                f"their metrics: qlat evaluate {store.path.parent}"
            )
        raise ValueError(f"no rows at {store.path}: give the directory that `qlat run` wrote")
    return store.read()


def to_frame(rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return one line a run: who it was, how it ended, and one column a metric.

    Columns: ``run``, ``study``, ``data``, ``latent``, ``seed``, ``status``, ``seconds``, then
    the metrics' values by name (NaN where a run has none).

    Raises:
        ImportError: pandas is missing; it comes with the extra ``data``.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("data frames need pandas: pip install 'quantum-latents[data]'") from error
    metrics = dict.fromkeys(name for row in rows for name in row["metrics"])
    columns = ["run", "study", "data", "latent", "seed", "status", "seconds", *metrics]
    records = [
        {
            "run": row["run"],
            "study": row["study"],
            "data": row["spec"]["data"]["name"],
            "latent": row["spec"]["latent"]["name"],
            "seed": row["spec"]["seed"],
            "status": row["status"],
            "seconds": row.get("provenance", {}).get("seconds"),
        }
        | {name: metric["value"] for name, metric in row["metrics"].items()}
        for row in rows
    ]
    table = pandas.DataFrame.from_records(records, columns=columns)
    numeric = ["seconds", *metrics]
    return table.astype(dict.fromkeys(numeric, float)) if len(table) else table


def frame(path: str | os.PathLike[str]) -> pandas.DataFrame:
    """Return the rows of a study on disk as a data frame: `to_frame` of `read_rows`.

    >>> frame("no/such/study")
    Traceback (most recent call last):
        ...
    ValueError: no rows at no/such/study/rows.jsonl: give the directory that `qlat run` wrote
    """
    return to_frame(read_rows(path))


def _line(row: Mapping[str, Any]) -> bytes:
    text = json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # covers bad UTF-8 as well
        return None
    return row if isinstance(row, dict) else None


def _check_row(row: Mapping[str, Any], where: str, statuses: tuple[str, ...]) -> None:
    schema = row.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ValueError(f"{where}, has schema {schema!r}; a row's schema is a whole number >= 1")
    if schema > ROW_SCHEMA:
        raise ValueError(
            f"{where}, has schema {schema}, newer than schema {ROW_SCHEMA} of this version: "
            "update quantum-latents to read it"
        )
    missing = [name for name in _FIELDS if name not in row]
    if missing:
        raise ValueError(f"{where}, lacks {', '.join(missing)}")
    if row["status"] not in statuses:
        raise ValueError(f"{where}, has status {row['status']!r}; use one of {statuses}")
    spec = row["spec"]
    try:
        names = spec["data"]["name"], spec["latent"]["name"]
        seed = spec["seed"]
    except (KeyError, TypeError):
        raise ValueError(
            f"{where}, has a spec without data.name, latent.name or seed: {spec!r:.120}"
        ) from None
    is_seed = isinstance(seed, int) and not isinstance(seed, bool)
    if not all(isinstance(name, str) for name in (*names, row["run"])) or not is_seed:
        raise ValueError(
            f"{where}, needs names and the run's hash as text and the seed as a whole number, "
            f"not {(*names, row['run'], seed)!r}"
        )
    metrics = row["metrics"]
    if not isinstance(metrics, Mapping):
        raise ValueError(f"{where}, has metrics that are not an object: {metrics!r:.80}")
    for name, metric in metrics.items():
        value = metric.get("value", "missing") if isinstance(metric, Mapping) else "missing"
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            raise ValueError(f"{where}: metric {name!r} needs a number or None, not {value!r}")
        if metric.get("direction") not in ("lower", "higher"):
            raise ValueError(f"{where}: metric {name!r} needs direction 'lower' or 'higher'")
    check_details(row, where)


def _check_json(value: Any, where: str) -> None:
    """Name the first value that strict JSON cannot hold."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value!r}: JSON holds finite numbers only, give None")
    if value is None or isinstance(value, str | bool | int | float):
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{where} has the name {name!r}: names in JSON are text")
            _check_json(item, f"{where}[{name!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{where}[{index}]")
    else:
        raise TypeError(
            f"{where} is a {type(value).__name__}: give plain numbers, text, lists and dicts"
        )


@contextmanager
def _locked(file: BinaryIO, kind: int) -> Iterator[None]:
    fcntl.flock(file, kind)
    try:
        yield
    finally:
        # Closing alone would not do: a process forked meanwhile holds the same open file.
        fcntl.flock(file, fcntl.LOCK_UN)
