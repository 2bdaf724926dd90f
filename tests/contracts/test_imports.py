"""The house holds: rooms import only rooms to their left, and heavy libraries wait for use."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "quantum_latents"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
HEAVY = (
    "torch",
    "numba",
    "scipy",
    "matplotlib",
    "pandas",
    "pyarrow",
    "sklearn",
    "ray",
    "rdkit",
    "perceval",
    "piquasso",
    "huggingface_hub",
    "qiskit",
    "merlin",
    "requests",
)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_what_it_says_it_has(room):
    module = importlib.import_module(f"quantum_latents.{room}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    # A module called as a function of its room takes the function's place.
    assert [name for name in module.__all__ if isinstance(getattr(module, name), ModuleType)] == []


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the project's contracts on the package in `folder`."""
    command = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    assert command is not None, "import-linter is not installed; run make test"
    return subprocess.run(
        [command, "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copied_package(tmp_path: Path) -> Path:
    """Return a copy of the package, found before the installed one from its parent folder."""
    copy = tmp_path / "quantum_latents"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_rooms_import_only_to_their_left(copied_package: Path) -> None:
    result = lint_imports(copied_package.parent)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\b0 broken", result.stdout)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("circuits/haar.py", "import quantum_latents.samplers", "layers"),
        ("data/bits.py", "import quantum_latents.latents", "layers"),
        ("report/page.py", "import quantum_latents.evaluation", "layers"),
        ("banks/bank.py", "import torch", "torch-free-rooms"),
        ("results/store.py", "import quantum_latents.random.torch", "torch-free-rooms"),
        ("random/streams.py", "import torch", "torch-in-random"),
        ("models/nn.py", "import quantum_latents.latents", "models-see-only-z"),
        ("metrics/modes.py", "import quantum_latents.data", "metrics-take-samples"),
        ("report/tables.py", "import quantum_latents.training", "rows-alone"),
        ("training/stack.py", "import ray", "ray-in-one-place"),
        ("banks/hub.py", "import huggingface_hub", "hub-client-in-two-places"),
        ("data/moons.py", "import sklearn.datasets", "scikit-learn-in-one-place"),
        ("banks/collected.py", "import requests", "clients-in-processors"),
        ("processors/orca.py", "import torch", "torch-free-rooms"),
        ("samplers/boson.py", "import quantum_latents.processors", "layers"),
        ("execution/plan.py", "import quantum_latents.bench", "layers"),
        ("bench/child.py", "import torch", "torch-free-rooms"),
        (
            "bench/training.py",
            "import quantum_latents.bench.trainers",
            "trainers-in-their-processes",
        ),
    ],
)
def test_a_planted_import_is_found(
    copied_package: Path, module: str, line: str, contract: str
) -> None:
    planted = copied_package / module
    # Inside a function, where an import is easiest to overlook.
    planted.write_text(f"{planted.read_text()}\n\ndef _planted() -> None:\n    {line}\n")
    result = lint_imports(copied_package.parent)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract_name(contract)} BROKEN" in " ".join(result.stdout.split())


def contract_name(identifier: str) -> str:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return next(c["name"] for c in linter["contracts"] if c["id"] == identifier)


def test_a_new_room_needs_its_place(copied_package: Path) -> None:
    (copied_package / "attic").mkdir()
    (copied_package / "attic" / "__init__.py").write_text('"""No place in the story."""\n')
    result = lint_imports(copied_package.parent)
    assert result.returncode == 1
    assert "attic" in result.stdout


def loaded_by(code: str, libraries: tuple[str, ...]) -> set[str]:
    """Return which of `libraries` a fresh interpreter has loaded after running `code`."""
    ask = f"import sys; print('loaded:', *(n for n in {libraries!r} if n in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ask}"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.rpartition("loaded:")[2].split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import quantum_latents", ("numpy", *HEAVY)) == set()


def test_the_question_what_is_loaded_can_be_answered_with_something() -> None:
    assert loaded_by("import json, colorsys", ("json", "colorsys", "torch")) == {"json", "colorsys"}


def test_rooms_without_torch_do_not_load_it() -> None:
    # One after the other in one interpreter: if none has loaded it in the end, none loads it.
    libraries = ("torch", "ray", "rdkit", "huggingface_hub")
    rooms = "random circuits samplers processors banks metrics results report bench".split()
    code = ["import sys"]
    for room in rooms:
        code += [f"import quantum_latents.{room}"]
        code += [f"assert not set(sys.modules) & set({libraries!r}), {room!r}"]
    assert loaded_by("\n".join(code), libraries) == set()


def test_a_process_that_trains_begins_without_what_it_may_never_need() -> None:
    # A study starts one for every worker: each of these takes it half a second or more.
    slow = ("scipy.stats", "scipy.optimize", "sklearn", "matplotlib", "rdkit", "ray")
    assert loaded_by("import quantum_latents.execution.worker", slow) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_of_the_command_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "from quantum_latents.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code\n"
    )
    assert loaded_by(code, HEAVY) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_documented_and_name_what_they_export(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module begins with what it is about"
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned or len(tree.body) == 1, "__all__ is missing"


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "misc"}
    for folder in (PACKAGE, ROOT / "tests", ROOT / "benchmarks"):
        names = {part for path in folder.rglob("*.py") for part in (path.parent.name, path.stem)}
        assert not names & nothing


def test_tests_mirror_the_rooms() -> None:
    tested = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*")}
    tested = {path.parts[0] for path in tested if path.parts}
    assert tested - {"contracts"} <= set(ROOMS), "a folder of tests for a room that is not there"
    assert set(ROOMS) <= tested, "a room without tests"


def test_no_kernel_lets_the_compiler_choose_how_to_round():
    # With fastmath a function compiled here and its copy in the cached file may fuse different
    # products, so that a run would depend on who compiled it: see `simd.multiply_add`.
    asked = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "fastmath"
    ]
    assert asked == []
