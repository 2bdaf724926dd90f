"""`qlat validate` as a user types it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.circuits import haar
from quantum_latents.cli import main
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, sample_distinguishable, sample_noisy


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def simulated(here):
    sample = "sample --interferometer haar:6 --photons 3 --num-samples 3000 --out bank --json"
    assert main(sample.split()) == 0
    return here / "bank"


def test_a_bank_that_keeps_its_promise_ends_with_0(simulated, capsys):
    capsys.readouterr()
    assert main(["validate", "bank", "--out", "page.html"]) == 0
    told = capsys.readouterr().out
    assert "No test contradicts the promise" in told
    assert "alpha 0.01, 3,000 shots" in told
    assert "page: page.html" in told
    assert "Two-point correlators" in (simulated.parent / "page.html").read_text()


def test_json_is_alone(simulated, capsys):
    capsys.readouterr()
    assert main(["validate", "bank", "--json", "--alpha", "0.05"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["alpha"] == 0.05 and content["verdict"] == "consistent"
    assert len(content["findings"]) == 17
    assert content["bank"]["kind"] == "simulated"


def test_a_bank_that_breaks_its_promise_ends_with_1(here, capsys):
    device = haar(6, stream(3, "interferometer"))
    counts = sample_distinguishable(device, [1, 0] * 3, 3000, stream(0, "shots"))
    import_bank(counts, here / "mine", {"from": "me"})
    told = "validate mine --interferometer haar:6 --seed 3 --input 1,0,1,0,1,0"
    assert main(told.split()) == 1
    assert "inconsistent  Indistinguishability x" in capsys.readouterr().out
    assert main([*told.split(), "--interference", "0"]) == 0


def test_an_imported_bank_is_held_to_what_the_call_says(here, capsys):
    device = haar(6, stream(0, "interferometer"))
    noise = Noise(input_transmission=0.5, at_least=3)
    counts = sample_noisy(device, [1] * 6, noise, 3000, stream(0, "shots"))
    import_bank(counts, here / "mine", {"from": "me"})
    assert main("validate mine --interferometer haar:6 --fill all --postselect 3".split()) == 0
    assert main("validate mine".split()) == 0
    assert "note: the manifest names no interferometer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("validate absent", "no bank at absent"),
        ("validate empty", "not a bank"),
        ("validate bank --alpha 2", "alpha"),
        ("validate bank --out no/page.html", "no folder no"),
        ("validate bank --interferometer haar:6 --photons 3", "leave the interferometer out"),
        ("validate bank --interferometer haar:6", "give the photons once"),
        ("validate bank --interferometer haar:6 --photons 3 --fill all", "give the photons once"),
        ("validate bank --interferometer harr:6 --photons 3", "harr"),
        ("validate bank --photons 3", "go with --interferometer"),
        ("validate bank --interference 0.5", "stands in its recipe"),
        ("validate mine --interferometer haar:4 --photons 2", "6 modes, the interferometer 4"),
        ("validate mine --interferometer haar:6 --input 1,x", "1,x"),
        ("validate mine --interferometer haar:6 --photons 3 --postselect many", "many"),
        ("validate mine --interferometer haar:6 --photons 3 --interference 2", "interference"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(simulated, capsys, arguments, said):
    (simulated.parent / "empty").mkdir()
    import_bank(np.ones((50, 6), np.uint8), simulated.parent / "mine", {"from": "me"})
    capsys.readouterr()
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err and len(captured.err.strip().splitlines()) == 1
