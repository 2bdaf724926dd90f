"""The measurement of a GPU's sampler, where a warp on the CPU takes its place."""

import json
import sys

import pytest

from quantum_latents.bench import gpu, markdown, read_measurement, summary
from quantum_latents.cli import main


@pytest.fixture
def one_warp(monkeypatch, cupy_on_a_warp):
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_a_warp)


def measured(sizes, **settings):
    return gpu.measure_gpu(sizes, seconds=0.02, most_compared=30, **settings)


def test_rates_shares_and_shots_that_differ(one_warp):
    notes = []
    found = measured([(3, 6), (5, 12)], rounds=2, goal_shots=20, note=notes.append)
    assert json.loads(json.dumps(found)) == found
    rates, goal = found["rows"][:-1], found["rows"][-1]
    assert [(row["photons"], row["precision"]) for row in rates] == [
        (photons, precision) for photons in (3, 5) for precision in ("float64", "float32")
    ]
    for row in rates:
        share = row["per_second"] * row["flops_per_shot"] / found["peak_gflops"][row["precision"]]
        assert row["share_of_peak"] == pytest.approx(share / 1e9)
        assert row["per_second"] > 0 and row["cores_per_second"] > 0 and row["compared_shots"] > 0
        if row["precision"] == "float64":
            assert row["differing_shots"] == 0
    assert (goal["what"], goal["photons"], goal["shots"]) == ("goal", 5, 20)
    assert found["gpu"] == "a warp on the CPU" and len(notes) == 7
    told = summary(found)
    assert [row["ratio"] for row in told["ratios"]] == [
        row["per_second"] / row["cores_per_second"] for row in rates
    ]
    assert told["goal"] == {**goal, "goal": None} and told["differing_shots"] == 0
    table = markdown(found)
    assert table.count("| (") == 4 and "20 shots of 5 photons in 12 modes:" in table


def test_a_goal_out_of_reach_is_left_out(one_warp):
    found = measured([(3, 6)], rounds=1, goal_shots=10**12)
    assert [row["what"] for row in found["rows"]] == ["rate", "rate"]


def test_shots_that_differ_are_a_failure(one_warp, monkeypatch, tmp_path, capsys):
    kept = []
    rows = measured(
        [(2, 4), (3, 6)], rounds=1, goal_shots=10**12, keep=lambda f: kept.append(len(f["rows"]))
    )
    assert kept == [2, 4], "what is measured is kept as it comes"
    monkeypatch.setattr(gpu, "measure_gpu", lambda **_: rows)
    assert gpu.main(["--json", str(tmp_path / "rows.json")]) == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    rows["rows"][1]["differing_shots"] = 1  # float32 may
    assert gpu.main([]) == 0
    rows["rows"][0]["differing_shots"] = 1
    assert gpu.main([]) == 1
    assert "1 of" in capsys.readouterr().out


def test_no_round_is_no_measurement(one_warp):
    for settings in ({"rounds": 0}, {"seconds": 0.0}):
        with pytest.raises(ValueError, match="both are positive"):
            gpu.measure_gpu([(2, 4)], **settings)


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match="needs CuPy"):
        gpu.measure_gpu()
    assert gpu.main([]) == 2
    assert "needs CuPy" in capsys.readouterr().err


def test_the_command_measures_and_tells_rows_again(one_warp, monkeypatch, tmp_path, capsys):
    rows, given = measured([(2, 4)], rounds=1, goal_shots=10**12), []
    monkeypatch.setattr(gpu, "measure_gpu", lambda **settings: given.append(settings) or rows)
    path = tmp_path / "gpu.json"
    assert main(["bench", "gpu", "--rounds", "2", "--seconds", "0.5", "--json"]) == 0
    path.write_text(capsys.readouterr().out)
    assert (given[0]["rounds"], given[0]["seconds"]) == (2, 0.5)
    assert main(["bench", "gpu", "--rows", str(path)]) == 0
    assert capsys.readouterr().out == markdown(read_measurement(path, "gpu"))
    assert main(["bench", "samplers", "--rows", str(path)]) == 2
    assert f"holds gpu: qlat bench gpu --rows {path}" in capsys.readouterr().err
    goal = {"what": "goal", "photons": 24, "modes": 48, "shots": 10**6, "wall_seconds": 40.0}
    rows["rows"] += [goal]
    assert "1,000,000 shots of 24 photons in 48 modes: 40.0 s (goal: under 60 s)" in markdown(rows)
    rows["rows"][0]["differing_shots"] = 2
    assert main(["bench", "gpu"]) == 1
    assert "2 shots of the GPU in float64 are not the CPU's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (["--figure", "a.svg"], "no figure of a GPU's rows"),
        (["--network", "table1"], "--network belongs to qlat bench training"),
        (["--budget", "3"], "--budget belongs to qlat bench samplers"),
        (["--rounds", "0"], "0 rounds of 2.0 s"),
    ],
)
def test_what_the_command_cannot_do_is_refused(option, why, one_warp, capsys):
    assert main(["bench", "gpu", *option]) == 2
    assert why in capsys.readouterr().err
