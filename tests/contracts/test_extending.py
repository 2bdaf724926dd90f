"""docs/extending shows how to add things; here they are added, in a copy of the house."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
BLOCK = re.compile(r'```(python|diff) title="([^"]+)"\n(.*?)```', re.S)


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def edited(text, diff, path):
    """Apply a piece of a diff whose unchanged and removed lines occur once."""
    lines = diff.rstrip("\n").split("\n")
    before = "\n".join(line[1:] for line in lines if line[0] in " -") + "\n"
    after = "\n".join(line[1:] for line in lines if line[0] in " +") + "\n"
    assert text.count(before) == 1, f"{path} has {text.count(before)} times:\n{before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return a copy of package and tests with what all pages add."""
    folder = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "contracts", folder / "tests" / "contracts", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for kind, path, content in added():
        file = folder / path
        if kind == "python":
            assert not file.exists(), f"{path} is there already"
            file.write_text(content)
        else:
            file.write_text(edited(file.read_text(), content, path))
    return folder


def added():
    return [block for page in PAGES for block in blocks(page) if block[1] != "try"]


def test_what_the_pages_add_works(house, tmp_path):
    assert [page.stem for page in PAGES] == ["data-set", "latent", "metric", "processor"]
    script = [f"from pathlib import Path\n\ncache = Path({str(tmp_path)!r})\n"]
    for page in PAGES:
        (tried,) = [content for _, path, content in blocks(page) if path == "try"]
        script.append(f"print({page.stem!r}, flush=True)\n{tried}")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)],
        env=os.environ | {"PYTHONPATH": str(house / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [page.stem for page in PAGES]


def test_what_the_pages_add_is_in_the_houses_style(house):
    files = sorted({path for _, path, _ in added()})
    for command in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *files],
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_that_has_gone_stale_is_noticed():
    with pytest.raises(AssertionError, match="0 times"):
        edited("one\ntwo\n", " three\n+four\n", "file")
    with pytest.raises(AssertionError, match="2 times"):
        edited("one\none\n", " one\n+four\n", "file")
    assert edited("one\ntwo\n", " one\n-two\n+four\n", "file") == "one\nfour\n"
