"""What `qlat doctor` says, and its exit code."""

import importlib.metadata
import json

import pytest

from quantum_latents import __version__
from quantum_latents.cli import main
from quantum_latents.execution import installation, self_check
from quantum_latents.execution.self_check import Checked


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "not" / "there"))
    return tmp_path


@pytest.fixture
def without(monkeypatch):
    """Let a distribution be missing."""

    def forget(missing):
        known = importlib.metadata.version

        def version(name):
            if name == missing:
                raise importlib.metadata.PackageNotFoundError(name)
            return known(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return forget


def test_it_says_what_there_is(capsys, cache):
    assert main(["doctor", "--no-self-check"]) == 0
    said = capsys.readouterr().out
    assert f"quantum-latents {__version__}" in said
    assert f"numpy {importlib.metadata.version('numpy')}" in said
    assert str(cache / "not" / "there") in said and "GiB free" in said
    assert not (cache / "not").exists()


def test_what_is_missing_is_named_with_what_installs_it(capsys, without):
    without("ray")
    assert main(["doctor", "--no-self-check"]) == 0  # an extra, so nobody needs it
    assert "not ray: pip install 'quantum-latents[ray]'" in capsys.readouterr().out
    without("tyro")
    assert main(["doctor", "--no-self-check"]) == 1
    said = capsys.readouterr()
    assert "not tyro: pip install 'quantum-latents'" in said.out
    assert "not as it should be" in said.err


def test_a_wrong_check_is_exit_code_1(capsys, monkeypatch):
    ended = [Checked("threads", True, "the same", 0.1), Checked("banks", False, "another", 0.2)]
    monkeypatch.setattr(self_check, "self_check", lambda: iter(ended))
    assert main(["doctor"]) == 1
    said = capsys.readouterr()
    assert "right  threads: the same" in said.out and "WRONG  banks: another" in said.out
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["is_right"] and told["checks"][1]["name"] == "banks"


def test_json_is_all_that_is_printed(capsys):
    assert main(["doctor", "--json", "--no-self-check"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == __version__ and told["is_right"] and not told["checks"]
    assert (
        "rdkit" in {**told["extras"]["molecules"]["versions"]}
        or told["extras"]["molecules"]["missing"]
    )
    assert "dev" not in told["extras"] and told["cores"] >= 1


def test_a_package_that_is_only_on_the_path_is_told(capsys, monkeypatch):
    def requires(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation.importlib.metadata, "requires", requires)
    assert main(["doctor"]) == 2
    assert "is on the path and not installed: pip install ." in capsys.readouterr().err
