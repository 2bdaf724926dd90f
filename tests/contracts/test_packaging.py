"""The wheel holds what the package needs, and installs in a clean environment."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import quantum_latents

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of the checkout, built by the installed setuptools: no network."""
    # From a copy, so that no build folder of an earlier day or of this one takes part.
    checkout = tmp_path_factory.mktemp("checkout")
    out = tmp_path_factory.mktemp("wheel")
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE", *source_files()]:
        copy = checkout / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", out, checkout),
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (path,) = out.glob("*.whl")
    return path


def source_files() -> list[Path]:
    return [
        path
        for path in sorted((SOURCE / "quantum_latents").rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    ]


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    missing = {str(path.relative_to(SOURCE)) for path in source_files()} - packed
    assert not missing, f"add them to [tool.setuptools.package-data]: {sorted(missing)}"
    assert "quantum_latents/py.typed" in packed
    assert any(name.endswith(".jinja") for name in packed), "the report's template"
    assert not any(name.startswith(("tests", "benchmarks")) for name in packed)


def test_metadata_of_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"quantum_latents-{quantum_latents.__version__}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{folder}/METADATA").decode())
        assert f"{folder}/licenses/LICENSE" in archive.namelist()
        assert "qlat = quantum_latents.cli:main" in archive.read(
            f"{folder}/entry_points.txt"
        ).decode().replace("'", "")
    assert metadata["Version"] == quantum_latents.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"


def test_changelog_knows_the_version() -> None:
    assert f"## [{quantum_latents.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin), f"no plain pin: {pin}"
        assert not pin.startswith(("nvidia", "triton", "cuda")), f"CUDA's package: {pin}"
    pinned = {normalised(pin.partition("==")[0]) for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        normalised(re.split(r"[<>=!\[; ]", requirement)[0])
        for extra in (project["dependencies"], *project["optional-dependencies"].values())
        for requirement in extra
    } - {"quantum-latents"}
    assert wanted <= pinned, f"constraints.txt lacks {sorted(wanted - pinned)}"


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
def test_wheel_installs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "clean"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel],
        capture_output=True,
        text=True,
    )
    assert install.returncode == 0, install.stderr
    ask = "import quantum_latents as q; print(q.__version__, q.__file__)"
    answer = subprocess.run(
        [python, "-c", ask], capture_output=True, text=True, cwd=tmp_path, check=True
    ).stdout.split()
    assert answer[0] == quantum_latents.__version__
    assert Path(answer[1]).is_relative_to(environment)
    command = environment / "bin" / "qlat"
    told = subprocess.run(
        [command, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert quantum_latents.__version__ in told.stdout


def extras_script():
    path = ROOT / "scripts" / "check_extras.py"
    spec = importlib.util.spec_from_file_location("check_extras", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_extra_is_used_where_a_release_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    script = extras_script()
    assert set(script.USES) == set(project["optional-dependencies"])
    for extra, code in script.USES.items():
        compile(code, extra, "exec")
    text = (ROOT / "docs" / "releasing.md").read_text()
    assert "scripts/check_extras.py" in text
    assert "docs/releasing.md" in (ROOT / "CONTRIBUTING.md").read_text()


def test_pythons_that_are_named_are_allowed_and_said_to_be_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert project["requires-python"] == f">={pythons[0]}"
    text = (ROOT / "docs" / "releasing.md").read_text().partition("## Which Pythons")[2]
    assert re.findall(r"\*\*(3\.\d+)\*\*", text) == pythons


def test_the_version_stands_in_one_place() -> None:
    for path in (ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "Dockerfile"):
        assert quantum_latents.__version__ not in path.read_text(), path
    for path in source_files():
        if path.suffix == ".py" and path.name != "__init__.py":
            assert f'"{quantum_latents.__version__}"' not in path.read_text(), path
