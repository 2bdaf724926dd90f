"""How a page is written: templates of jinja, in which everything is escaped, and whole files."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from quantum_latents.disk import write_atomically

__all__ = ["json_in_html", "rendered", "resource", "write_page"]


def rendered(template: str, content: dict[str, Any]) -> str:
    """Return a template of this package, filled; a name that it misses is an error."""
    return _environment().get_template(template).render(content)


@cache  # with the templates that it has compiled
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
    environment.filters["json"] = json_in_html
    return environment


def resource(name: str) -> str:
    """Return the text of a file beside this module."""
    return resources.files("quantum_latents.report").joinpath(name).read_text(encoding="utf-8")


def write_page(target: Path, page: str) -> Path:
    """Write a page and return its path. The file appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, page.encode())
    return target


def json_in_html(content: Any) -> Markup:
    r"""Return JSON for a script element, as short as it gets; nothing in it is read as HTML.

    Raises:
        ValueError: a number is not finite.

    >>> json_in_html({"name": "</script>"})
    Markup('{"name":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
