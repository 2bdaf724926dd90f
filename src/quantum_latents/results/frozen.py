"""What a study declared before its first run, and whether its folder still says the same.

Notation: the *declaration* of a study is its ``study.json`` but for who wrote it and how
(`_ASIDE`); a *spec* is a declaration with the digests of the runs, its *hash* the SHA-256 of their
canonical JSON. ``frozen.json`` holds the spec and the time at which it was written, before the
first run, and one more for every extension. A row is *sealed*: its provenance names the spec that
it was made under, its number in the order of writing, and a checksum of all that a repetition must
reproduce.

So what is added, left out, edited or declared afterwards is seen by whoever reads the folder.
This guards against mistakes and second thoughts, not against forgers: who rewrites the rows and the
record together is caught by repeating a run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantum_latents.disk import write_atomically
from quantum_latents.results.store import deterministic_part

__all__ = [
    "FROZEN",
    "REUSED",
    "FrozenSpec",
    "checksum",
    "declaration_of",
    "next_number",
    "read_frozen",
    "rows_hash",
    "seal_of",
    "sealed",
    "spec_hash",
    "write_frozen",
]

Row = Mapping[str, Any]

FROZEN = "frozen.json"
"""Name of the file in a study's directory."""

REUSED = "reused_from"
"""Entry of a row's provenance that says from where it was taken, of rows of other studies."""

_SCHEMA = 1
_SEAL = "frozen"
_ASIDE = ("schema", "command", "version", "commit")


@dataclass(frozen=True, kw_only=True)
class FrozenSpec:
    """A spec as it was written down.

    Attributes:
        at: when, in UTC; "" where the runs began before studies were frozen.
        hash: of declaration and runs, as written.
        declaration: see the module's first lines.
        runs: digests, in order.
        num_rows: rows that existed then.
        added: of an extension, what it added: `runs` (their number), `seeds`, `latents` and `data`
            (names); {} of the first.
    """

    at: str
    hash: str
    declaration: Mapping[str, Any]
    runs: tuple[str, ...]
    num_rows: int
    added: Mapping[str, Any]

    @property
    def is_as_written(self) -> bool:
        """Whether the hash is that of the content."""
        return self.hash == spec_hash(self.declaration, self.runs)


def declaration_of(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is frozen of a ``study.json``, as JSON would give it back.

    >>> declaration_of({"schema": 1, "study": "table1", "command": "qlat run table1"})
    {'study': 'table1'}
    """
    kept = {name: value for name, value in study.items() if name not in _ASIDE}
    return json.loads(json.dumps(kept, allow_nan=False))


def spec_hash(declaration: Mapping[str, Any], runs: Sequence[str]) -> str:
    """Return the hash of a spec, 64 hexadecimal digits.

    >>> spec_hash({"study": "table1"}, ["a1"]) == spec_hash({"study": "table1"}, ["a2"])
    False
    """
    return _sha256({"declaration": declaration, "runs": list(runs)})


def checksum(row: Row) -> str:
    """Return the checksum of what a repetition of a run must reproduce, 16 hexadecimal digits.

    >>> checksum({"run": "a1", "provenance": {"seconds": 1}}) == checksum({"run": "a1"})
    True
    """
    return _sha256(deterministic_part(row))[:16]


def rows_hash(rows: Iterable[Row]) -> str:
    """Return one hash of several rows, whatever their order, 64 hexadecimal digits.

    >>> a, b = {"run": "a"}, {"run": "b"}
    >>> rows_hash([a, b]) == rows_hash([b, a]) != rows_hash([a])
    True
    """
    return _sha256(sorted((row["run"], checksum(row)) for row in rows))


def sealed(row: Row, spec: str, number: int) -> dict[str, Any]:
    """Return a row that names the spec it was made under; its result stays as it is.

    Args:
        row: as it was made, or sealed before: its seal is replaced.
        spec: hash of the spec.
        number: in the order of writing, from 1.
    """
    seal = {"spec": spec, "number": number, "checksum": checksum(row)}
    return {**row, "provenance": {**row.get("provenance", {}), _SEAL: seal}}


def seal_of(row: Row) -> Mapping[str, Any] | None:
    """Return the seal of a row; None where it has none, or what stands there is no seal."""
    seal = row.get("provenance", {}).get(_SEAL)
    if not isinstance(seal, Mapping) or not isinstance(seal.get("number"), int):
        return None
    return seal if all(isinstance(seal.get(n), str) for n in ("spec", "checksum")) else None


def next_number(rows: Iterable[Row]) -> int:
    """Return the number of the next row to be sealed.

    Rows of other studies do not count: theirs are the numbers of their own study.
    """
    ours = (row for row in rows if not row.get("provenance", {}).get(REUSED))
    return 1 + max((seal["number"] for row in ours if (seal := seal_of(row))), default=0)


def read_frozen(directory: str | os.PathLike[str]) -> list[FrozenSpec]:
    """Return the specs of a study in the order in which they were written; [] if none was.

    Raises:
        ValueError: the file is damaged, or of a newer version.
    """
    path = Path(directory) / FROZEN
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] > _SCHEMA:
            raise ValueError(
                f"{path} has schema {content['schema']}, newer than schema {_SCHEMA} of this "
                "version: update quantum-latents to read it"
            )
        specs = [_checked(one) for one in content["specs"]]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore the file") from error
    if not specs:
        raise ValueError(f"{path} is damaged (it holds no spec): restore the file")
    return specs


def write_frozen(directory: str | os.PathLike[str], specs: Sequence[FrozenSpec]) -> None:
    """Write the specs of a study; the file appears whole or not at all."""
    path = Path(directory) / FROZEN
    content = {"schema": _SCHEMA, "specs": [asdict(spec) for spec in specs]}
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False).encode())


_FORMS = {
    "at": str,
    "hash": str,
    "declaration": Mapping,
    "runs": list,
    "num_rows": int,
    "added": Mapping,
}
_ADDED = {"runs": int, "seeds": list, "latents": list, "data": list}


def _checked(one: Mapping[str, Any]) -> FrozenSpec:
    """Return a spec as it was written.

    Raises:
        TypeError, KeyError: something in it is missing or has another form.
    """
    forms = [(one, _FORMS), *([(one["added"], _ADDED)] if one["added"] else [])]
    for what, of in forms:
        if odd := [name for name, form in of.items() if not isinstance(what[name], form)]:
            raise TypeError(f"{odd[0]} is {what[odd[0]]!r:.40}")
    return FrozenSpec(**{**one, "runs": tuple(map(str, one["runs"]))})


def _sha256(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
