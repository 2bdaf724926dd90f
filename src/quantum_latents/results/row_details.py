"""What a row holds beside its metrics, checked before anything is drawn of it.

Notation: a number is finite or None, as strict JSON holds it; of depth d are lists within lists, d
deep, of numbers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["check_details", "unpacked_levels"]

_LONGEST_SIDE, _MOST_IMAGES = 4096, 64

_OF_COUNTS = {
    "mean_data": 1,
    "mean_generated": 1,
    "correlation_data": 2,
    "correlation_generated": 2,
}
_DEPTHS = {
    "scatter": {"data": 2, "generated": 2},
    "images": {"data": 2, "generated": 2, "shape": 1, "pixel_range": 1},
    "counts": _OF_COUNTS,
    "vector": _OF_COUNTS,
}
"""What a preview of each kind holds, and how deep; those of molecules are read by themselves."""

_TYPES = frozenset({int, float, type(None)})


def check_details(row: Mapping[str, Any], where: str) -> None:
    """Refuse curves, budgets, previews, notes or a sampling of another form than a row's.

    Args:
        row: of which the fields that it has are checked.
        where: the row, for the message.

    Raises:
        ValueError: as said, with the field's name.

    >>> check_details({"curves": {"loss": [0.5, "x"]}}, "row 1")
    Traceback (most recent call last):
    ...
    ValueError: row 1: curves.loss is a list of numbers, not [0.5, 'x']
    """
    if not isinstance(curves := row.get("curves") or {}, Mapping):
        raise _wrong(where, "curves", "an object", curves)
    for name, values in curves.items():
        _check(where, f"curves.{name}", values, 1)
    if (budget := row.get("budget")) is not None:
        _check_budget(where, budget)
    if (preview := row.get("preview")) is not None:
        _check_preview(where, preview)
    notes = row.get("notes") or []
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise _wrong(where, "notes", "a list of texts", notes)
    if (sampling := row.get("sampling")) is not None:
        told = sampling if isinstance(sampling, Mapping) else {}
        number = told.get("function_evaluations")
        if not isinstance(told.get("solver"), str) or not _is_number(number) or number is None:
            raise _wrong(where, "sampling", "a solver and its function_evaluations", sampling)


def _check_budget(where: str, budget: Any) -> None:
    told = budget if isinstance(budget, Mapping) else {}
    steps, metrics = told.get("step"), told.get("metrics")
    if not isinstance(steps, list) or not all(type(step) is int for step in steps):
        raise _wrong(where, "budget.step", "a list of whole numbers", steps)
    if not isinstance(metrics, Mapping):
        raise _wrong(where, "budget.metrics", "an object", metrics)
    for name, values in metrics.items():
        _check(where, f"budget.metrics.{name}", values, 1)
        if len(values) != len(steps):
            raise _wrong(where, f"budget.metrics.{name}", f"{len(steps)} numbers", values)


def _check_preview(where: str, preview: Any) -> None:
    kind = preview.get("kind") if isinstance(preview, Mapping) else None
    if not isinstance(kind, str):
        raise _wrong(where, "preview", "an object of a kind", preview)
    for name, depth in _DEPTHS.get(kind, {}).items():
        _check(where, f"preview.{name}", preview.get(name), depth)
    for name in ("data", "generated") if kind == "photographs" else ():
        try:
            unpacked_levels(preview.get(name), preview.get("shape"))
        except ValueError as error:
            raise ValueError(f"{where}: preview.{name} {error}") from error


def unpacked_levels(text: Any, shape: Any) -> np.ndarray:
    """Return images of a row's preview, uint8 (num_images, 3, H, W).

    Args:
        text: their levels as base64.
        shape: 3, H and W.

    Raises:
        ValueError: what is there is none, as the rest of a sentence.

    >>> unpacked_levels("AAD/", [3, 1, 1]).ravel().tolist()
    [0, 0, 255]
    """
    is_shape = isinstance(shape, list) and len(shape) == 3 and all(type(n) is int for n in shape)
    if not is_shape or shape[0] != 3 or min(shape) < 1 or max(shape) > _LONGEST_SIDE:
        raise ValueError(f"is of images of 3 colours, height and width, not {shape!r:.80}")
    try:
        levels = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise ValueError(f"is levels as base64, not {text!r:.80}") from None
    size = math.prod(shape)
    if len(levels) > _MOST_IMAGES * size:
        raise ValueError(f"has more than {_MOST_IMAGES} images")
    if not levels or len(levels) % size:
        raise ValueError(f"has {len(levels)} levels, and an image has {size}")
    return np.frombuffer(levels, dtype=np.uint8).reshape(-1, *shape)


def _check(where: str, name: str, value: Any, depth: int) -> None:
    if not _is_deep(value, depth):
        raise _wrong(where, name, "a list of " + "lists of " * (depth - 1) + "numbers", value)


def _is_deep(value: Any, depth: int) -> bool:
    if not isinstance(value, list):
        return False
    if depth > 1:
        return all(_is_deep(item, depth - 1) for item in value)
    # Almost all that a file of rows holds are such numbers: one look at their types, not at each.
    return _TYPES.issuperset(map(type, value)) or all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _wrong(where: str, name: str, form: str, value: Any) -> ValueError:
    return ValueError(f"{where}: {name} is {form}, not {value!r:.80}")
