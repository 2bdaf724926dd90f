"""Every script of examples/ runs as its own docstring says, and prints what that promises.

The default suite runs one of them, `make examples` all, with what docs/other-loops.md claims.
A new script is picked up by its place alone.
"""

import ast
import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
README = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
QUICK = ("bunching.py",)
NUMBER = r"-?\d+(?:\.\d+)?"

LAWS = {
    # what must be true of the promised numbers, in their order
    "bunching.py": lambda a: a[0] == 1 and 0.47 < a[1] < 0.53 and a[2] < a[3] and a[4:] == [8, 8],
    "own_gan.py": lambda a: a[2] < a[1] < a[0] / 4,
    "compare_on_own_data.py": lambda a: min(a) > 0 and a[2] == 2,
    "compare_own_loop.py": lambda a: min(a[:2]) > 0 and a[2:4] == [3, 0],
    "molecules.py": lambda a: 2 * a[2] < a[3] <= 1000 and a[4] > 5 and a[5] == 1000,
    "flow_torchcfm.py": lambda a: a[2] < a[1] < a[0] / 2,
    "flow_diffusers.py": lambda a: a[2] < a[1] < a[0] / 4,
    "recorded_bank.py": lambda a: a[2] == 4 * a[0] and abs(a[3]) < 0.02 and a[4] < 0.2,
    "certify_generator.py": lambda a: a[0] > 1 and a[2] == 1,
}


def promise_of(script: Path) -> list[str]:
    """The lines that the docstring says are printed: its last indented block."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert text is not None
    return [line.strip() for line in text.rsplit("\n\n", 1)[1].splitlines()]


def kept(line: str, printed: list[str]) -> list[float] | None:
    """The numbers that are printed in the place of a promised line's `...`; None without it."""
    pattern = re.escape(line).replace(re.escape("..."), rf"({NUMBER})")
    for other in printed:
        if match := re.fullmatch(pattern, other.strip()):
            return [float(number) for number in match.groups()]
    return None


def missing_libraries(script: Path) -> list[str]:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


def run(script: Path, folder: Path, *python_path: Path) -> subprocess.CompletedProcess[str]:
    paths = [*map(str, python_path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "QLAT_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def optional_library(script: Path) -> str | None:
    """The library without which a script refuses to run: what its first statement tries."""
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Try) and isinstance(node.body[0], ast.ImportFrom):
            return node.body[0].module
    return None


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(path, id=path.name, marks=[] if path.name in QUICK else [pytest.mark.slow])
        for path in SCRIPTS
    ],
)
def test_a_script_prints_what_it_promises(script, tmp_path):
    missing = missing_libraries(script)
    result = run(script, tmp_path)
    if missing and missing == [optional_library(script)]:
        assert result.returncode == 1 and "pip install" in result.stderr
        pytest.skip(f"{missing[0]} is not installed; {result.stderr.strip()}")
    assert result.returncode == 0, result.stderr
    printed, numbers = result.stdout.splitlines(), []
    for line in promise_of(script):
        found = kept(line, printed)
        assert found is not None, f"{line!r} is not among {printed}"
        numbers += found
    assert numbers and all(map(math.isfinite, numbers))
    assert LAWS.get(script.name, lambda numbers: True)(numbers), numbers
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


@pytest.mark.parametrize(
    "script", [path for path in SCRIPTS if optional_library(path)], ids=lambda path: path.name
)
def test_without_its_library_a_script_says_what_to_install(script, tmp_path):
    library = optional_library(script)
    assert library is not None
    (tmp_path / f"{library}.py").write_text("raise ImportError('not here')\n")
    result = run(script, tmp_path, tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"this example needs {library}: pip install " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_and_says_what_it_shows(script):
    text = script.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None and f"run      python examples/{script.name}\n" in docstring
    assert re.search(r"^    needs    pip install ", docstring, re.MULTILINE)
    assert any("..." in line for line in promise_of(script))
    code = text[text.index('"""', 3) + 3 :].splitlines()
    assert 20 <= len([line for line in code if line.strip()]) <= 60
    assert f"]({script.name})" in README


def test_a_promise_that_is_not_kept_is_noticed():
    assert kept("after 300 steps ...", ["before 1.5", "after 300 steps -0.25"]) == [-0.25]
    assert kept("after 300 steps ...", ["after 300 steps nan", "after 300 steps"]) is None
    assert kept("after 300 steps ...", ["after 200 steps 0.5"]) is None
    assert kept("(... of 8)", ["(3 of 8)"]) == [3] and kept("done", ["done"]) == []
