"""No file that is read can run code: nothing of ours pickles, and no library does it for us."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("src", "scripts", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)

MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
CALLS = {
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "joblib.load",
    "joblib.dump",
    "pd.read_pickle",
    "pandas.read_pickle",
}
WITHOUT_PICKLE = {"np.load", "numpy.load", "np.save", "numpy.save"}
"""Of numpy, which pickles arrays of objects unless it is told not to."""


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return getattr(node, "id", "")


def offences(source: str) -> list[str]:
    """What of a module's source pickles, in words."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [f"import {n}" for n in names if n.partition(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        if name in CALLS or name.endswith(".read_pickle"):
            found.append(name)
        is_off = any(
            word.arg == "allow_pickle"
            and isinstance(word.value, ast.Constant)
            and word.value.value is False
            for word in node.keywords
        )
        if (name in WITHOUT_PICKLE or name.endswith("format.read_array")) and not is_off:
            found.append(f"{name} without allow_pickle=False")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_pickles(path):
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import cloudpickle as c",
        "import torch\ntorch.load('f', weights_only=True)",
        "np.load('f')",
        "np.load('f', allow_pickle=True)",
        "np.lib.format.read_array(f)",
        "pd.read_pickle('f')",
    ],
)
def test_the_check_can_fail(source):
    assert offences(source)


def test_what_does_not_pickle_passes():
    assert offences("np.load('f', allow_pickle=False)\nimport json\njson.load(f)") == []
