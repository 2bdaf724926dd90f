"""Certificates of a study's generators, at rest: ``certificates.json`` beside its rows.

One JSON object, ``{"schema": 1, "certificates": [...]}``, one certificate a run, by digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quantum_latents.disk import write_atomically

__all__ = ["CERTIFICATES", "read_certificates", "write_certificates"]

CERTIFICATES = "certificates.json"
"""Name of the file in a study's directory."""

_SCHEMA = 1


def read_certificates(directory: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the certificates of a study, [] if none was made.

    Raises:
        ValueError: the file is damaged, or of a newer version.
    """
    path = Path(directory) / CERTIFICATES
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema, certificates = content["schema"], content["certificates"]
        runs = [one["run"] for one in certificates]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): remove it and run qlat certify again"
        ) from error
    if schema != _SCHEMA:
        raise ValueError(f"{path} is of schema {schema}, and this version reads {_SCHEMA}")
    assert len(set(runs)) == len(runs)
    return certificates


def write_certificates(
    directory: str | os.PathLike[str], certificates: Sequence[Mapping[str, Any]]
) -> Path:
    """Add certificates to those of a study, in place of older ones of the same runs.

    The file is replaced whole or not at all.

    Raises:
        ValueError: what is there is damaged, see `read_certificates`.
    """
    path = Path(directory) / CERTIFICATES
    by_run = {one["run"]: dict(one) for one in read_certificates(directory)}
    by_run |= {one["run"]: dict(one) for one in certificates}
    content = {"schema": _SCHEMA, "certificates": list(by_run.values())}
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False).encode())
    return path
