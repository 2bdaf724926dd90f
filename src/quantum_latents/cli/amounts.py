"""Numbers that a user typed after an option of `qlat run`.

All raise `ValueError` with what was typed and what to write instead.
"""

from __future__ import annotations

__all__ = ["bank_size", "depths", "doses", "lengths", "seconds", "shares"]


def lengths(text: str | None) -> tuple[int, ...]:
    """Return lengths of z from `--latent-dim`."""
    words = (text or "16").split(",")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"--latent-dim is a length of z such as 16, or 16,32,48, not {text!r}")
    if len(set(words)) != len(words):
        raise ValueError(f"--latent-dim names a length twice: {text!r}")
    return tuple(int(word) for word in words)


def shares(text: str) -> tuple[float, ...]:
    """Return shares of the training from `--curve`."""
    try:
        found = tuple(sorted({float(word) for word in text.split(",") if word}))
    except ValueError:
        found = ()
    if not found or not all(0 < share < 1 for share in found):
        raise ValueError(
            f"--curve is shares of the training in (0, 1) such as 0.1,0.25,0.5, not {text!r}"
        )
    return found


def doses(text: str | None) -> tuple[float, ...]:
    """Return overlaps from `--doses`."""
    try:
        found = tuple(float(word) for word in (text or "").split(",") if word)
    except ValueError:
        found = (-1.0,)
    if not all(0 <= dose <= 1 for dose in found):
        raise ValueError(f"--doses are numbers in [0, 1] such as 0,0.5,1, not {text!r}")
    return found


def depths(text: str | None) -> tuple[int, ...] | None:
    """Return numbers of hidden layers from `--depths`; None takes the preset's."""
    if text is None:
        return None
    words = text.split(",")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"--depths are numbers of hidden layers such as 1,2,4,8, not {text!r}")
    return tuple(int(word) for word in words)


def bank_size(text: str) -> int | None:
    """Return a number of draws from `--bank`; None for fresh ones."""
    if text == "fresh":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--bank is a number of draws such as 1000000, or fresh, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Return a length of time from `--time-budget`."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        length = float(number) * units[unit]
    except ValueError:
        length = -1.0
    if not 0 <= length < float("inf"):
        raise ValueError(f"--time-budget is a length of time such as 90s, 9m or 2h, not {text!r}")
    return length
