"""Kinds of latents are found: a file in the folder, or an entry point, and no other line.

The toy latent is the one that docs/extending shows.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quantum_latents.latents import (
    LatentSpec,
    build_latent,
    latent_kinds,
    latent_names,
    named_latent,
)
from quantum_latents.latents import kinds as folder
from quantum_latents.latents.kinds import ENTRY_POINTS
from quantum_latents.random import stream
from quantum_latents.recipes import table1
from quantum_latents.training import RunSpec

START = "import sys; from quantum_latents.cli import main; sys.exit(main())"
SIZES = {"dim": 4, "scaling": "centred", "bank_size": None, "num_held_out": 3}

PAGE = Path(__file__).parents[2] / "docs" / "extending" / "latent.md"
TOY = re.search(r'title="src/.*?signs.py"\n(.*?)```', PAGE.read_text(), re.S)[1]


@pytest.fixture
def found_anew():
    latent_kinds.cache_clear()
    yield
    latent_kinds.cache_clear()


def package(path, module, content, entry):
    """Write what an installed package leaves: a module, and its metadata with one entry point."""
    path.mkdir(exist_ok=True)
    (path / f"{module}.py").write_text(content)
    metadata = path / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{entry}\n")
    return path


def test_a_file_in_the_folder_is_a_latent(tmp_path, monkeypatch, found_anew):
    (tmp_path / "toy_signs.py").write_text(TOY)
    assert "signs" not in latent_names()
    latent_kinds.cache_clear()
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    assert "signs" in latent_names()
    spec = named_latent("signs", **SIZES)
    z = build_latent(spec, 0, tmp_path).sample(100, stream(0, "z"))
    assert set(z.unique().tolist()) == {-1.0, 1.0}
    run = replace(table1("smoke").runs[0], latent=replace(spec, num_held_out=1000))
    content = json.loads(json.dumps(run.to_json()))
    assert content["latent"]["kind"] == content["latent"]["name"] == "signs"
    assert RunSpec.from_json(content) == run
    del sys.modules["quantum_latents.latents.kinds.toy_signs"]


def test_a_package_of_ones_own_is_found_by_commands_and_stands_on_the_page(tmp_path):
    installed = package(tmp_path / "site", "my_signs", TOY, "signs = my_signs:SignsSpec")
    environment = os.environ | {"PYTHONPATH": str(installed)}
    out = tmp_path / "study"
    command = (
        "run challengers --preset smoke --num-steps 20 --seeds 1 --workers 1 --latents signs --out"
    )
    done = subprocess.run(
        [sys.executable, "-c", START, *command.split(), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert {row["spec"]["latent"]["name"] for row in rows} == {"signs"}
    assert all(row["status"] == "finished" for row in rows)
    assert "independent fair signs" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("content", "entry", "error", "message"),
    [
        ("import not_there", "signs = mine:SignsSpec", ImportError, "'signs' of mine .*not_there"),
        ("SignsSpec = 3", "signs = mine:SignsSpec", TypeError, "'signs' of mine.* is no frozen"),
        (TOY.replace("signs", "gaussian"), "s = mine:SignsSpec", ValueError, "called 'gaussian'"),
        (TOY.replace("SignsSpec", "PriorSpec"), "s = mine:PriorSpec", ValueError, "'PriorSpec'"),
    ],
)
def test_a_package_that_cannot_be_is_named(
    tmp_path, monkeypatch, found_anew, content, entry, error, message
):
    installed = package(tmp_path / "site", "mine", content, entry)
    monkeypatch.syspath_prepend(str(installed))
    latent_kinds.cache_clear()
    with pytest.raises(error, match=message):
        latent_kinds()
    sys.modules.pop("mine", None)


def test_every_latent_that_has_a_name_is_made_by_it():
    names = latent_names()
    assert len(set(names)) == len(names) > 20
    for name in names:
        spec = named_latent(name, **(SIZES | {"dim": 16}))
        assert spec.name == name
        assert isinstance(spec, LatentSpec)
        assert spec.card.what
    with pytest.raises(ValueError, match="no latent is called 'gausian'"):
        named_latent("gausian", **SIZES)
