"""Bit strings: one digit a mode, one line a shot, or a dictionary of how often each occurred."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quantum_latents.banks.recorded import BLOCK_ROWS, RecordedFile, lines_of, one_line

__all__ = ["read_dictionary", "read_strings", "written_strings"]

_LARGEST_DICTIONARY = 1 << 28
"""Bytes of a .json file: unlike the others, it is read at once."""


def read_strings(path: Path, reverse: bool) -> RecordedFile:
    """Open a .txt of strings."""
    lines = lines_of(path)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{str(path)!r} is empty")
    return RecordedFile(_string_blocks(path, itertools.chain([first], lines), reverse), None)


def _string_blocks(path: Path, lines: Iterator[str], reverse: bool) -> Iterator[np.ndarray]:
    num_modes, number = None, 1
    while block := list(itertools.islice(lines, BLOCK_ROWS)):
        num_modes = len(block[0]) if num_modes is None else num_modes
        for line, text in enumerate(block, number):
            # isdecimal alone knows the digits of other scripts too.
            if not (text.isascii() and text.isdecimal()):
                raise ValueError(f"{str(path)!r}, line {line}: {_no_string(text)}")
            if len(text) != num_modes:
                raise ValueError(
                    f"{str(path)!r}, line {line} has {len(text)} digits and the lines before it "
                    f"{num_modes}: a shot has one digit a mode"
                )
        yield _digits(block, reverse)
        number += len(block)


def _no_string(text: str) -> str:
    shown = repr(text if len(text) <= 40 else text[:37] + "...")
    return f"{shown} is no shot: a digit for every mode, such as 0011, and nothing else"


def _digits(strings: list[str], reverse: bool) -> np.ndarray:
    table = np.frombuffer("".join(strings).encode("ascii"), np.uint8).reshape(len(strings), -1)
    return (table[:, ::-1] if reverse else table) - np.uint8(ord("0"))


def read_dictionary(path: Path, reverse: bool) -> RecordedFile:
    """Open a .json of how often each string occurred."""
    if (size := path.stat().st_size) > _LARGEST_DICTIONARY:
        raise ValueError(
            f"{str(path)!r} has {size:,} bytes and is read at once: at most "
            f"{_LARGEST_DICTIONARY:,}; write the shots as strings, one a line, in a .txt"
        )
    try:
        pairs = json.loads(path.read_text("utf-8"), object_pairs_hook=list)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged or no JSON: {one_line(error)}") from error
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError(f'{str(path)!r} is no dictionary of counts such as {{"0011": 5}}')
    if not pairs:
        raise ValueError(f"{str(path)!r} is empty")
    num_modes, seen = len(pairs[0][0]), set()
    for text, times in pairs:
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{str(path)!r}: {_no_string(text)}")
        if len(text) != num_modes:
            raise ValueError(f"{str(path)!r}: {text!r} has not {num_modes} digits as the others")
        if text in seen:
            raise ValueError(f"{str(path)!r} names {text!r} twice")
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError(
                f"{str(path)!r}: {text!r} occurred {times!r} times, not a whole number of at least "
                "1; probabilities are no shots"
            )
        seen.add(text)
    outcomes = _digits([text for text, _ in pairs], reverse)
    times = [times for _, times in pairs]
    note = "A dictionary of counts: the order in which the shots were taken is lost."
    return RecordedFile(_repeated(outcomes, times), sum(times), notes=(note,), keeps_order=False)


def _repeated(outcomes: np.ndarray, times: list[int]) -> Iterator[np.ndarray]:
    for outcome, left in zip(outcomes, times, strict=True):
        while left:
            size = min(left, BLOCK_ROWS)
            yield np.tile(outcome, (size, 1))
            left -= size


def written_strings(blocks: Iterator[np.ndarray], num_modes: int) -> Iterator[bytes]:
    """Give the text of a .txt: one line a shot, one digit a mode; counts are below ten."""
    for block in blocks:
        text = np.full((len(block), num_modes + 1), ord("\n"), np.uint8)
        text[:, :-1] = block + np.uint8(ord("0"))
        yield text.tobytes()
