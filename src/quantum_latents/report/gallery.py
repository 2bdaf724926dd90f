"""The figures of one page: each with a file name, what it says in words, and its numbers.

Notation: a *drawing* is one figure as the page shows it; its *numbers* are a header and lines, the
data that it was drawn from, which the page's script saves as CSV. Values of single seeds stand
once in the page (`quantum_latents.report.runs`), so a drawing of seeds only names them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

__all__ = ["Drawing", "Gallery", "Numbers", "rounded", "spread"]

_DIGITS = 6
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Numbers:
    """The data of a figure, as a table.

    Attributes:
        header: names of the columns.
        lines: as many values each: numbers, texts or None.
        seeds: None, or ("values" | "differences", data, metric): these of every seed come before
            the lines, by the same header.
    """

    header: Sequence[str]
    lines: Sequence[Sequence[Any]]
    seeds: tuple[str, str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, numbers to six digits."""
        content: dict[str, Any] = {
            "header": list(self.header),
            "lines": [[rounded(value) for value in line] for line in self.lines],
        }
        return content | ({"seeds": list(self.seeds)} if self.seeds else {})


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure of a page.

    Attributes:
        svg: the drawing.
        name: of the files that it is saved as, without an ending; unique on the page.
        data, metric, latent: what it shows; "" where it shows several or none.
        words: what it shows, for those who do not see it.
    """

    svg: Markup
    name: str
    data: str = ""
    metric: str = ""
    latent: str = ""
    words: str = ""


@dataclass
class Gallery:
    """All drawings of a page, in the order in which they were added.

    Attributes:
        study: its name, the first part of every file's.
        numbers: by name of the drawing.
    """

    study: str
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def add(
        self,
        svg: str,
        numbers: Numbers,
        *,
        kind: str,
        data: str = "",
        metric: str = "",
        latent: str = "",
        words: str = "",
    ) -> Drawing:
        """Return a figure as a drawing, and keep its numbers.

        Args:
            svg: from `figures`.
            numbers: what it shows.
            kind: one word, such as "seeds".
            data: the data set that it shows; "" where it shows several or none.
            metric: as `data`.
            latent: as `data`.
            words: what it shows, for those who do not see it.

        >>> gallery = Gallery("table1")
        >>> numbers = Numbers(["seed"], [[0]])
        >>> gallery.add("<svg/>", numbers, kind="seeds", data="qm9, d_z 16", metric="fcd").name
        'table1-seeds-fcd-qm9-d_z-16'
        >>> gallery.add("<svg/>", numbers, kind="seeds", data="qm9; d_z 16", metric="fcd").name
        'table1-seeds-fcd-qm9-d_z-16-2'
        """
        parts = (_plain(part) for part in (self.study, kind, metric, latent, data) if part)
        name = stem = "-".join(part for part in parts if part)[:_LONGEST_NAME]
        number = 1
        while name in self.numbers:
            name = f"{stem}-{(number := number + 1)}"
        self.numbers[name] = numbers
        return Drawing(
            svg=Markup(svg), name=name, data=data, metric=metric, latent=latent, words=words
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of every drawing as JSON values."""
        return {name: numbers.to_json() for name, numbers in self.numbers.items()}


def rounded(value: Any, digits: int = _DIGITS) -> Any:
    """Return a number with so many digits, None where it is not finite, anything else as it is.

    >>> [rounded(value) for value in (0.123456789, float("nan"), 12345678, "a", True)]
    [0.123457, None, 12345678, 'a', True]
    """
    if isinstance(value, bool | int | str) or value is None:
        return value
    value = float(value)
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def spread(values: Iterable[Any]) -> Any:
    """Return values as a list, or the one value that they all are.

    >>> spread([3, 3, 3]), spread([1, 2]), spread([])
    (3, [1, 2], [])
    """
    column = list(values)
    if column and all(value == column[0] for value in column) and not isinstance(column[0], list):
        return column[0]
    return column


def _plain(text: str) -> str:
    """Return what every file system takes in a name."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.")
