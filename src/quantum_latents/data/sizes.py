"""The sizes of a drawn data set, checked once for every spec."""

from __future__ import annotations

import operator

__all__ = ["check_integer", "check_sizes"]


def check_integer(name: str, value: int, minimum: int) -> None:
    """Refuse a `value` that is not an integer of at least `minimum`.

    Raises:
        TypeError: not an integer.
        ValueError: too small.

    >>> check_integer("num_bits", 0, 1)
    Traceback (most recent call last):
    ...
    ValueError: num_bits is at least 1, not 0
    """
    if isinstance(value, bool):
        raise TypeError(f"{name} is an integer, not {value!r}")
    try:
        operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an integer, not {value!r}") from None
    if value < minimum:
        raise ValueError(f"{name} is at least {minimum}, not {value}")


def check_sizes(num_train: int, num_held_out: int) -> None:
    """Refuse sizes that nothing can be trained on or measured against: below 2 samples."""
    check_integer("num_train", num_train, 2)
    check_integer("num_held_out", num_held_out, 2)
