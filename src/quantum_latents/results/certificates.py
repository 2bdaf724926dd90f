"""Certificates of a study's generators, at rest: ``certificates.json`` beside its rows.

One JSON object, ``{"schema": 1, "certificates": [...]}``, one certificate a run, by digest. A
*form* is what a JSON value must look like: a type, a tuple of types, a list of one form, or an
object of forms, which may hold more.
"""

from __future__ import annotations

import itertools
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

_NUMBER = (int, float)
_CONSTANT = (int, float, type(None))
_CONSTANTS = {"found": _CONSTANT, "upper": _CONSTANT}
_LAYER = {
    **dict.fromkeys(("name", "verdict", "reason"), str),
    **dict.fromkeys(("num_outputs", "num_inputs"), int),
    "slope": _NUMBER,
    **dict.fromkeys(
        ("smallest_singular_value", "largest_singular_value", "condition_number"), _CONSTANT
    ),
}
_MAP = {
    **dict.fromkeys(("name", "verdict", "reason"), str),
    "widths": [int],
    "layers": [_LAYER],
    "lipschitz": _CONSTANTS,
    "inverse_lipschitz": _CONSTANTS,
    "condition_number": _CONSTANT,
}
_REDUCTION = {
    "guaranteed_radius": _NUMBER,
    "levels": [{"precision": str, "noise": _NUMBER, "success_rate": _NUMBER}],
}
_FORM = {
    **dict.fromkeys(("run", "data", "latent", "verdict", "conclusion", "reduction_note"), str),
    "seed": int,
    "reduced": (str, type(None)),
    "survives": [str],
    "generator": _MAP,
    "support": {"num_latents": int, "num_outputs": int},
    "hypotheses": [{"name": str, "holds": str, "why": str}],
}
"""What tables and pages read of a certificate; of `features` and `reduction` where they are."""


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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if schema != _SCHEMA:
        raise ValueError(f"{path} is of schema {schema!r:.40}, and this version reads {_SCHEMA}")
    if odd := _misfit(certificates, [_FORM]):
        raise _damaged(path, f"certificates{odd}")
    for number, one in enumerate(certificates):
        one.setdefault("features", None)
        one.setdefault("reduction", None)
        law = one["reduction"] if isinstance(one["reduction"], dict) else {}
        for name, part, form in (
            ("features", one["features"], _MAP),
            ("reduction", one["reduction"], _REDUCTION),
            ("reduction.recovered", law.get("recovered"), {"verdict": str}),
            ("reduction.control", law.get("control"), {"verdict": str}),
        ):
            if part is not None and (odd := _misfit(part, form)):
                raise _damaged(path, f"certificates.{number}.{name}{odd}")
    if len({one["run"] for one in certificates}) < len(certificates):
        raise _damaged(path, "a run has two certificates")
    return certificates


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(f"{path} is damaged ({what}): remove it and run qlat certify again")


def _misfit(value: Any, form: Any) -> str:
    """Return where a value is not of a form, and what stands there; "" if it fits.

    >>> _misfit({"a": [1, 2, "x"]}, {"a": [int]})
    ".a.2 is 'x'"
    """
    if isinstance(form, list):
        inside = enumerate(value) if isinstance(value, list) else None
        of = itertools.repeat(form[0])
    elif isinstance(form, Mapping):
        is_whole = isinstance(value, Mapping) and form.keys() <= value.keys()
        inside = [(name, value[name]) for name in form] if is_whole else None
        of = form.values()
    else:
        fits = isinstance(value, form) and not isinstance(value, bool)
        return "" if fits else f" is {value!r:.40}"
    if inside is None:
        return f" is {value!r:.40}"
    pairs = zip(inside, of, strict=False)  # a list's form goes on for ever
    found = (f".{name}{odd}" for (name, part), one in pairs if (odd := _misfit(part, one)))
    return next(found, "")


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
