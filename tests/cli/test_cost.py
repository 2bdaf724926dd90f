"""`qlat cost` as a user types it."""

from __future__ import annotations

import json

import pytest

from quantum_latents import theory
from quantum_latents.cli import main
from quantum_latents.theory import Speeds, planted_speed


@pytest.fixture
def planted(monkeypatch):
    """Speeds in the place of the stopwatch: no test measures time."""
    speeds = Speeds(
        "a planted machine",
        2,
        (
            planted_speed("clifford-clifford", (0, 0, 1e-10, 1e-10)),
            planted_speed("progressive", (0, 1e-8)),
            planted_speed("enumeration", (1e-6, 0)),
            planted_speed("enumeration, once", (0, 1e-8)),
        ),
    )
    original = theory.simulation_cost

    def given(device, occupation, *, num_threads, note, **options):
        note("planted")
        return original(device, occupation, speeds=speeds, **options)

    monkeypatch.setattr(theory, "simulation_cost", given)


def test_a_call_prints_table_crossing_and_warning(planted, capsys):
    assert main("cost --interferometer time-bin:32:1,1 --photons 16".split()) == 0
    told = capsys.readouterr()
    assert "planted" in told.err
    assert "progressive" in told.out and "NOT IN Q" in told.out
    assert "slower at every size" in told.out


def test_json_is_alone_and_the_options_arrive(planted, capsys):
    call = "cost --interferometer haar:12 --input 1,0,1,0,1,0,1,0,1,0,1,0 --rate 50 --json"
    call += " --num-samples 1000 --transmission 0.5"
    assert main(call.split()) == 0
    told = capsys.readouterr()
    assert told.err == ""
    content = json.loads(told.out)
    assert content["processor"]["shots_per_second"] == 50
    assert (content["num_samples"], content["transmission"]) == (1000, 0.5)
    assert (content["num_modes"], content["num_photons"]) == (12, 6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--interferometer haar:8", "give the photons once"),
        ("--interferometer haar:8 --photons 4 --fill all", "give the photons once"),
        ("--interferometer haar:8 --photons 9", "exceeds num_modes=8"),
        ("--interferometer ring:8 --photons 4", "an interferometer is haar:16"),
        ("--interferometer absent.npy --photons 4", "no unitary at absent.npy"),
        ("--interferometer haar:8 --photons 4 --rate 0", "--rate is a positive"),
        ("--interferometer haar:8 --photons 4 --threads 0", "--threads is at least 1"),
        ("--interferometer haar:8 --photons 4 --num-samples 0", "--num-samples is at least 1"),
        ("--interferometer haar:8 --photons 4 --interference 2", "interference is between"),
        ("--interferometer haar:2 --input 0,0", "without photons"),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_2(planted, capsys, arguments, said):
    assert main(["cost", *arguments.split()]) == 2
    told = capsys.readouterr().err
    assert said in told.splitlines()[-1]
