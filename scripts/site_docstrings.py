"""An extension of griffe: doctests of docstrings as blocks of code.

A doctest stands in a docstring without a heading of its own; as Markdown its `>>>` would be read as
three quotations, one in the other.
"""

from __future__ import annotations

import griffe

__all__ = ["Doctests"]


class Doctests(griffe.Extension):
    """Fence every doctest."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        """Fence the doctests of one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    r"""Return a docstring with a fence around each doctest, up to its next blank line.

    >>> fenced(">>> 1 + 1\n2\n\nDone.").splitlines()
    ['```pycon', '>>> 1 + 1', '2', '```', '', 'Done.']
    """
    lines, indent = [], None
    for line in [*text.split("\n"), ""]:
        if indent is None and line.lstrip().startswith(">>> "):
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(f"{indent}```pycon")
        elif indent is not None and not line.strip():
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    return "\n".join(lines[:-1])
