"""The measurement of a GPU's sampler, where a warp on the CPU takes its place."""

import json
import sys

import pytest

from quantum_latents.bench import gpu


@pytest.fixture
def one_warp(monkeypatch, cupy_on_a_warp):
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_a_warp)


def measured(sizes, **settings):
    return gpu.measure(sizes, seconds=0.02, most_compared=30, **settings)


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
    table = gpu.markdown(found)
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
    monkeypatch.setattr(gpu, "measure", lambda **_: rows)
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
            gpu.measure([(2, 4)], **settings)


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match="needs CuPy"):
        gpu.measure()
    assert gpu.main([]) == 2
    assert "needs CuPy" in capsys.readouterr().err
