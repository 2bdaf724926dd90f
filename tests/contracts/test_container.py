"""The Dockerfile names what is there; no daemon is asked: an image is built elsewhere."""

import fnmatch
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word.upper(), " ".join(rest.split()))
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


STEPS = instructions((ROOT / "Dockerfile").read_text())
COPIES = [source for word, rest in STEPS if word == "COPY" for source in rest.split()[:-1]]


def is_left_out(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore leaves a file out: the last pattern that fits it or a parent rules."""
    parts = path.split("/")
    parents = ["/".join(parts[:stop]) for stop in range(1, len(parts) + 1)]
    left_out = False
    for pattern in patterns:
        kept, plain = pattern.startswith("!"), pattern.lstrip("!")
        names = parents
        if plain.startswith("**/"):
            names, plain = parts, plain[3:]
        elif "/" not in plain:
            names = parents[:1]
        if any(fnmatch.fnmatch(name, plain) for name in names):
            left_out = not kept
    return left_out


IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def source_files(source: str) -> list[str]:
    call = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", source]
    return subprocess.run(
        call, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("source", COPIES)
def test_what_is_copied_is_there_and_reaches_the_builder(source):
    files = source_files(source)
    assert files, f"COPY {source}: there is no such file"
    assert [name for name in files if is_left_out(name, IGNORED)] == []


def test_nothing_else_reaches_the_builder():
    wanted = {name for source in COPIES for name in source_files(source)}
    everything = source_files(".")
    assert {name for name in everything if not is_left_out(name, IGNORED)} == wanted
    assert is_left_out("src/quantum_latents/__pycache__/x.pyc", IGNORED)
    assert is_left_out("studies/demo/rows.jsonl", IGNORED)


def test_the_check_of_what_is_left_out_can_fail():
    assert not is_left_out("tests/x.py", ["*", "!tests"])
    assert is_left_out("tests/x.py", ["*", "!tests", "**/*.py"])
    assert not is_left_out("a/b/c.txt", ["a/b/c.md"])
    assert is_left_out("a/b/c.txt", ["a/b"])


def test_the_interpreter_is_one_that_the_package_is_for():
    images = [rest for word, rest in STEPS if word == "FROM"]
    assert len(images) == 1
    found = re.fullmatch(r"python:(3\.\d+)-slim", images[0])
    assert found, images
    assert f"Programming Language :: Python :: {found[1]}" in PROJECT["classifiers"]


def test_it_runs_qlat_and_not_as_root():
    users = [rest for word, rest in STEPS if word == "USER"]
    assert users and users[-1] not in ("root", "0")
    assert ("ENTRYPOINT", '["qlat"]') in STEPS
    assert "qlat" in PROJECT["scripts"]


def test_dependencies_are_a_layer_before_the_source_and_of_pinned_versions():
    words = [f"{word} {rest}" for word, rest in STEPS]
    (dependencies,) = [step for step in words if "-r requirements.txt" in step]
    (package,) = [step for step in words if "--no-deps ." in step]
    assert "-c constraints.txt" in dependencies
    assert words.index(dependencies) < words.index("COPY src src") < words.index(package)
    copied_before = {
        source
        for word, rest in STEPS[: words.index(dependencies)]
        if word == "COPY"
        for source in rest.split()[:-1]
    }
    assert copied_before == {"pyproject.toml", "constraints.txt", "scripts/requirements.py"}
    arguments = {rest.partition("=")[0]: rest.partition("=")[2] for w, rest in STEPS if w == "ARG"}
    assert arguments["TORCH_INDEX"] == '""', "no host of anyone's is named"
    extras = arguments["EXTRAS"].strip('"').split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_requirements_of_the_package_and_of_its_extras():
    path = ROOT / "scripts" / "requirements.py"
    spec = importlib.util.spec_from_file_location("requirements", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.requirements(PROJECT, [])
    assert found == sorted(PROJECT["dependencies"])
    with_data = module.requirements(PROJECT, ["data"])
    assert set(with_data) == {*found, *PROJECT["optional-dependencies"]["data"]}
    assert {*with_data, "pytest>=8"} < set(module.requirements(PROJECT, ["dev"]))
    with pytest.raises(SystemExit, match="there is no extra 'nothing'"):
        module.requirements(PROJECT, ["nothing"])
