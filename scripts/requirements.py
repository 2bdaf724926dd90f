#!/usr/bin/env python3
"""Print what the package needs, one requirement a line: for an installation in two layers.

    python scripts/requirements.py                 of the package alone
    python scripts/requirements.py data,molecules  and of extras

`pip install` of the printed list brings all that the package needs without the package itself, so
that a container keeps it while the source changes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

__all__ = ["requirements"]

ROOT = Path(__file__).resolve().parents[1]


def requirements(project: dict, extras: list[str]) -> list[str]:
    """Return the requirements of a project's table and of extras, extras of its own resolved.

    Raises:
        SystemExit: there is no such extra.

    >>> project = {"name": "x", "dependencies": ["a"], "optional-dependencies": {"b": ["c>=1"]}}
    >>> project["optional-dependencies"]["d"] = ["x[b]", "e"]
    >>> requirements(project, ["d"])
    ['a', 'c>=1', 'e']
    """
    optional = project["optional-dependencies"]
    found, waiting = dict.fromkeys(project["dependencies"]), list(extras)
    while waiting:
        extra = waiting.pop()
        if extra not in optional:
            raise SystemExit(
                f"there is no extra {extra!r}; there are {', '.join(sorted(optional))}"
            )
        for one in optional[extra]:
            if own := re.fullmatch(rf"{project['name']}\[(.*)\]", one):
                waiting += own[1].split(",")
            else:
                found.setdefault(one)
    return sorted(found)


if __name__ == "__main__":
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [name for word in sys.argv[1:] for name in word.split(",") if name]
    print("\n".join(requirements(table, asked)))
