"""`qlat run moons` and `qlat generate` of a flow, end to end; options that do not belong."""

import json

import numpy as np
import pytest

from quantum_latents.cli import main
from quantum_latents.results import read_rows


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))


def test_a_study_of_flows_end_to_end(tmp_path, capsys, trains_here):
    out = tmp_path / "study"
    call = ["run", "moons", "--preset", "smoke", "--seeds", "1", "--num-steps", "32"]
    call += ["--latents", "bernoulli,gaussian", "--data", "checkerboard", "--solver", "dopri5"]
    call += ["--dequantisation", "uniform", "--coupling", "optimal_transport", "--curve", "0.5"]
    with trains_here():
        assert main([*call, "--workers", "1", "--out", str(out)]) == 0
    rows = read_rows(out)
    assert [row["status"] for row in rows] == ["finished"] * 2
    for row in rows:
        assert row["spec"]["training"]["coupling"] == "optimal_transport"
        assert row["sampling"]["solver"] == "dopri5"
        assert row["sampling"]["function_evaluations"] > 6
        assert row["budget"]["step"] == [16]
        assert set(row["curves"]) == {"step", "loss"}
        assert row["preview"]["kind"] == "scatter"
    text = capsys.readouterr().out
    assert "2 runs of 32 steps" in text
    page = (out / "report.html").read_text()
    assert "Samples are solutions of a flow, by dopri5; function evaluations a sample" in page
    assert "flow matching loss" in page

    file = tmp_path / "samples.npy"
    generate = ["generate", str(out), rows[0]["run"], "--num-samples", "30", "--json"]
    assert main([*generate, "--out", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["num_written"] == 30
    first = np.load(file)
    assert first.shape == (30, 2)
    assert np.isfinite(first).all()
    assert main([*generate, "--out", str(file)]) == 0
    assert np.array_equal(np.load(file), first)
    assert main([*generate, "--out", str(file), "--seed", "1"]) == 0
    assert not np.array_equal(np.load(file), first)
    capsys.readouterr()

    assert main(["certify", str(out), rows[0]["run"]]) == 2
    assert "is a flow: certificates are of piecewise linear generators" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("table1 --coupling independent", "--coupling belongs to moons; table1 does not take it"),
        ("mixture --evaluations 10", "--evaluations belongs to moons"),
        ("tune --recipe moons", "--recipe moons is not tuned"),
        ("moons --data quantum", "data in the plane"),
        ("moons --path variance_preserving", "assumes a standard Gaussian source"),
        ("moons --certifiable", "--certifiable belongs to"),
        ("moons --latent-dim 2,4", "takes one --latent-dim"),
    ],
)
def test_what_does_not_belong_is_a_mistake_in_the_call(call, said, tmp_path, capsys):
    assert main(["run", *call.split(), "--out", str(tmp_path / "study")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
