"""The site's pages, its nav and its tutorials fit together; the build itself is `make docs`."""

from __future__ import annotations

import doctest
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
PAGES = sorted(DOCS.rglob("*.md"))
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


def named(nav) -> list[str]:
    """Return the pages that a nav names, in its order."""
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in named(entry)]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_nav_once_and_the_nav_names_nothing_else():
    outside = CONFIG["extra"]["pages_outside_docs"]
    assert all((ROOT / source).is_file() for source in outside)
    pages = [page.relative_to(DOCS).as_posix() for page in PAGES]
    notebooks = [f"tutorials/{tutorial.stem}.ipynb" for tutorial in TUTORIALS]
    assert sorted(named(CONFIG["nav"])) == sorted([*pages, *notebooks, *outside.values()])


def test_every_room_but_the_command_line_has_a_page_of_the_reference_in_the_order_of_the_story():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["id"] == "layers")
    rooms = {room.strip() for layer in layers for room in layer.split("|")} - {"cli"}
    pages = [page for page in named(CONFIG["nav"]) if page.startswith("reference/")][1:]
    assert {Path(page).stem for page in pages} == rooms
    depth = {room.strip(): -i for i, layer in enumerate(layers) for room in layer.split("|")}
    assert [depth[Path(page).stem] for page in pages] == sorted(depth[r] for r in rooms)
    for page in pages:
        assert f"::: quantum_latents.{Path(page).stem}\n" in (DOCS / page).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_of_pages_in_folders_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_pages_fetch_no_font_and_no_script():
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True
    assert not any(
        "://" in entry for key in ("extra_css", "extra_javascript") for entry in CONFIG.get(key, [])
    )


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_committed_as_it_was_run(tutorial):
    notebook = json.loads(tutorial.with_suffix(".ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    text = tutorial.read_text(encoding="utf-8")
    for cell in notebook["cells"]:
        prefix = "# " if cell["cell_type"] == "markdown" else ""
        lines = "".join(cell["source"]).split("\n")
        assert "\n".join((prefix + line).rstrip() for line in lines) in text, "make tutorials"
    assert text.count("\n# %% ") + text.count("\n# %%\n") + 1 == len(notebook["cells"])
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [(cell, output) for cell in code for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for _, output in outputs)
    pictures = [cell for cell, output in outputs if "image/png" in output.get("data", {})]
    assert pictures and all(len(cell["metadata"]["alt"]) > 20 for cell in pictures)


def test_rows_shown_while_reading_the_statistics_are_those_of_the_results():
    shown = (DOCS / "explain" / "reading-statistics.md").read_text(encoding="utf-8")
    rows = [
        line for line in shown.splitlines() if re.match(r"\| (distinguishable|gaussian) ", line)
    ]
    results = (DOCS / "results.md").read_text(encoding="utf-8")
    begin = results.index("<!-- table: results/table1-certifiable -->")
    table = results[begin : results.index("<!-- end of table -->", begin)]
    table = table[table.index("**energy distance") :]
    assert len(rows) == 2
    assert all(row in table for row in rows)


def test_the_citation_names_the_version():
    import quantum_latents

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == quantum_latents.__version__
    assert citation["license"] == "Apache-2.0"


def test_a_built_site_with_faults_is_noticed(tmp_path):
    faults = script("check_site").faults
    page = '<h1 id="top">x</h1><a href="b.html#there">b</a><img src="a.png" alt="a">'
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.html").write_text('<h2 id="there">y</h2><a href="https://example.org">z</a>')
    assert faults(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<a href="a.html#nowhere">a</a><a href="c.html">c</a><img src="a.png">'
        '<link rel="stylesheet" href="https://example.org/font.css">'
        '<script src="//example.org/x.js"></script>'
    )
    said = "\n".join(faults(tmp_path))
    for fault in ("#nowhere", "c.html", "without a text", "font.css", "x.js", "#there"):
        assert fault in said
    assert len(faults(tmp_path)) == 6
    assert faults(tmp_path / "empty") != []


def test_links_are_led_to_where_the_site_has_what_they_name():
    hooks = script("site_hooks")
    pages = {"index.md", "results.md", "explain/control.md", "tutorials/bunching.md"}
    files = SimpleNamespace(get_file_from_path=lambda uri: uri if uri in pages else None)
    config = SimpleNamespace(
        config_file_path=str(ROOT / "mkdocs.yml"), extra=CONFIG["extra"], repo_url=None
    )

    def led(text, page):
        return hooks.LINK.sub(lambda link: hooks.led(link, page, config, files), text)

    assert led("[a](../results.md#x)", "explain/control.md") == "[a](../results.md#x)"
    assert led("[a](../../README.md#x)", "explain/control.md") == "[a](../index.md#x)"
    assert led("[a](docs/explain/control.md)", "index.md") == "[a](explain/control.md)"
    assert led("[a](docs/tutorials/bunching.ipynb)", "index.md") == "[a](tutorials/bunching.md)"
    assert led("[a](bunching.ipynb)", "tutorials/bunching.md") == "[a](bunching.ipynb)"
    assert led("[a](https://example.org)", "index.md") == "[a](https://example.org)"
    assert led("[the licence](../LICENSE)", "results.md") == "the licence (`LICENSE`)"
    assert led("[LICENSE](../LICENSE)", "results.md") == "LICENSE"
    config.repo_url = "https://example.org/house/"
    there = "https://example.org/house/blob/main/LICENSE"
    assert led("[the licence](../LICENSE)", "results.md") == f"[the licence]({there})"
    with pytest.raises(hooks.PluginError, match=r"there is no docs/nowhere\.md"):
        led("[a](nowhere.md)", "results.md")


@pytest.mark.parametrize("name", ["check_site", "site_docstrings"])
def test_examples_in_the_scripts(name):
    assert doctest.testmod(script(name)).attempted > 0
    assert doctest.testmod(script(name)).failed == 0
