"""The documentation says what the rows and the code say."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def _renderer():
    path = ROOT / "scripts" / "render_tables.py"
    spec = importlib.util.spec_from_file_location("render_tables", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_tables_are_rendered_from_the_committed_rows(page):
    text = page.read_text(encoding="utf-8")
    assert _renderer().rendered(text) == text, "run scripts/render_tables.py"


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_figures_are_drawn_from_the_committed_rows(name):
    renderer = _renderer()
    for file, svg in renderer.drawn((ROOT / "docs" / name).read_text(encoding="utf-8")).items():
        there = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert renderer.same_drawing(there, svg), f"{file}: run scripts/render_tables.py"


def test_a_stale_figure_is_noticed():
    same = _renderer().same_drawing
    svg = '<svg id="f0123456789-a"><path d="M10.25 57 a"/><text x="1">quantum 0.02</text></svg>'
    assert same(svg, svg.replace("f0123456789", "fabcdef0123").replace("10.25", "10.26"))
    assert same(svg, svg.replace("57", "57.000001"))
    for old, new in (
        ("10.25", "10.35"),
        ("quantum", "gaussian"),
        ("0.02", "0.03"),
        ("57 a", "a"),
        ("path", "rect"),
    ):
        assert not same(svg, svg.replace(old, new)), new
    assert not same("", svg)


def test_a_stale_table_is_noticed():
    whole = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    first = whole.index("| quantum |")
    end = "<!-- end of table -->"
    page = whole[whole.rindex("<!-- table: ", 0, first) : whole.index(end, first) + len(end)]
    stale = re.sub(r"\| quantum \| \d", "| quantum | 9", page, count=1)
    assert stale != page
    assert _renderer().rendered(stale) == page


def test_the_speed_of_the_samplers_is_rendered_from_rows(tmp_path):
    page = "<!-- bench: rows.json -->\nold\n<!-- end of bench -->\n"
    assert _renderer().rendered(page, tmp_path) == page
    machine = {"processor": "a core", "cores": 2, "vector_bits": 256, "libraries": {}}
    rows = [{"what": "start", "cache": "warm", "wall_seconds": 0.5}]
    measurement = {"schema": 1, "machine": machine, "peak_gflops": 50.0, "rows": rows}
    (tmp_path / "rows.json").write_text(json.dumps(measurement))
    text = _renderer().rendered(page, tmp_path)
    assert "| warm cache | 0.5 | 2 |" in text and "old" not in text


@pytest.mark.parametrize(
    "page",
    [page for place in (".", "docs", "examples") for page in sorted((ROOT / place).glob("*.md"))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_names_every_command_and_recipe():
    from quantum_latents.cli import COMMANDS
    from quantum_latents.cli.run import RECIPES

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"qlat {command}" in readme
    for recipe in RECIPES:
        assert f"qlat run {recipe}" in readme
