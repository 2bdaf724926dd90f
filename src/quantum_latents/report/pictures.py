"""Drawings of generated molecules, from what evaluation stored beside the rows.

A file ``pictures/<run>.json`` in a study's directory holds the first draws of a run in order of
drawing, nothing picked: ``{"schema": 1, "molecules": [{"svg", "smiles", "valid", "novel",
"reason"}]}``. A drawing becomes part of the page, so nothing of it is taken on trust: it is read
as XML and written anew from a short list of shapes and properties. Its white ground goes, and its
colours become the page's, so that it is read on a light and a dark page.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

__all__ = ["PICTURES_SCHEMA", "Picture", "inline_svg", "read_pictures"]

PICTURES_SCHEMA = 1
"""The newest schema of a pictures file that this version reads."""

_SHAPES = frozenset(
    {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text"}
    | {"tspan"}
)
_GEOMETRY = frozenset(
    {"d", "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2"}
    | {"points", "transform", "dy", "dx", "text-anchor", "font-size"}
)
_PAINT = frozenset(
    {"fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "fill-rule", "opacity"}
    | {"text-anchor", "font-size"}
)
_DEFAULTS = {("opacity", "1"), ("opacity", "1.0"), ("fill-opacity", "1"), ("stroke", "none")}
_PLAIN = re.compile(r"[-+.,\w\s#%()]*")
# Colours of the drawing library's usual palette, to variables of the page's style sheet.
_COLOURS = {
    "#000000": "--ink",
    "#0000FF": "--atom-n",
    "#4284F4": "--atom-n",
    "#FF0000": "--atom-o",
    "#33CCCC": "--atom-f",
    "#00CC00": "--atom-f",
    "#CCCC00": "--atom-s",
    "#FF7F00": "--atom-p",
    "#7F4C19": "--atom-p",
}


@dataclass(frozen=True)
class Picture:
    """One drawn molecule.

    Attributes:
        svg: safe to stand in the page; "" where there is no drawing.
        smiles: canonical; "" if it has none.
        valid: whether it is a molecule, strictly.
        novel: whether it is valid and not among the training molecules.
        reason: why it is not valid; else "".
    """

    svg: str
    smiles: str
    valid: bool
    novel: bool
    reason: str


def read_pictures(directory: Path, name: str) -> list[Picture] | None:
    """Return the molecules of a pictures file, None if there is none.

    Args:
        directory: of the study.
        name: the file's path in it, as the row gives it.

    Raises:
        ValueError: the path leads out of the directory, the file is damaged or too new.
    """
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ValueError(f"pictures lie in the study's directory, not at {name!r}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete it, and `qlat evaluate` draws it again"
        ) from None
    if not isinstance(content, Mapping) or not isinstance(content.get("molecules"), list):
        raise ValueError(f"{path} holds no list of molecules: delete it and run `qlat evaluate`")
    if not isinstance(content.get("schema"), int) or content["schema"] > PICTURES_SCHEMA:
        raise ValueError(
            f"{path} has schema {content.get('schema')!r}, newer than schema {PICTURES_SCHEMA} of "
            "this version: update quantum-latents to show it"
        )
    return [
        _picture(entry, number, path) for number, entry in enumerate(content["molecules"], start=1)
    ]


def _picture(entry: Any, number: int, path: Path) -> Picture:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{path}: molecule {number} is no object: run `qlat evaluate` again")
    smiles, reason = str(entry.get("smiles") or ""), str(entry.get("reason") or "")
    valid, novel = bool(entry.get("valid")), bool(entry.get("novel"))
    words = (f"{smiles}, {'novel' if novel else 'known'}") if valid else f"not valid: {reason}"
    try:
        svg = inline_svg(str(entry.get("svg") or ""), f"Draw {number}: {words}")
    except ValueError as error:
        raise ValueError(f"{path}: the drawing of molecule {number} {error}") from None
    return Picture(svg, smiles, valid, novel, reason)


def inline_svg(text: str, label: str) -> str:
    """Return a drawing as SVG for the page, with a name for those who do not see it.

    Args:
        text: an SVG document; "" gives "".
        label: what it shows.

    Raises:
        ValueError: it is no SVG, or declares a document type.

    >>> inline_svg('<svg viewBox="0 0 9 9"><script>x</script><path d="M 0,0 L 9,9" '
    ...            'onclick="x" style="stroke:#000000;behavior:url(x)"/></svg>', "a bond")
    '<svg viewBox="0 0 9 9" role="img" aria-label="a bond"><path d="M 0,0 L 9,9" \
stroke="var(--ink, #000000)"/></svg>'
    """
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    if not text.strip():
        return ""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("declares a document type, which no drawing needs")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"is no SVG ({error})") from None
    box = root.get("viewBox", "")
    if _name(root.tag) != "svg" or not re.fullmatch(r"[-+.\d\seE,]+", box):
        raise ValueError("is no SVG with a viewBox")
    inside = "".join(_written(child, box) for child in root)
    # The namespace of HTML is understood: no xmlns in the page.
    return (
        f'<svg viewBox="{box}" role="img" aria-label="{html.escape(label, quote=True)}">'
        f"{inside}</svg>"
    )


def _written(element: ElementTree.Element, box: str) -> str:
    name = _name(element.tag)
    if name not in _SHAPES or name == "svg":
        return ""
    found = {key: value for key, value in element.attrib.items() if key in _GEOMETRY | _PAINT}
    for part in element.get("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() in _PAINT:
            found[key.strip()] = value.strip()
    if name == "rect" and found.get("fill", "").upper() in ("#FFFFFF", "WHITE"):
        return ""  # the ground
    attributes = "".join(
        f' {key}="{html.escape(_themed(value), quote=True)}"'
        for key, value in found.items()
        if _PLAIN.fullmatch(value) and "url" not in value and (key, value) not in _DEFAULTS
    )
    own = html.escape((element.text or "").strip())
    inside = own + "".join(_written(child, box) for child in element)
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


def _name(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _themed(value: str) -> str:
    """Return a colour as the page's variable with itself as the fallback; lines on one line."""
    variable = _COLOURS.get(value.upper())
    return f"var({variable}, {value})" if variable else " ".join(value.split())
