"""The recipe through an autoencoder: what it runs, says and refuses; the command end to end."""

import json

import numpy as np
import pytest

from quantum_latents.cli import main
from quantum_latents.random import stream
from quantum_latents.recipes import LATENTS, PRESETS, autoencoder, settings_of
from quantum_latents.results import read_rows
from quantum_latents.training import FlowMatchingSpec, WGANSpec


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", ["gan", "flow"])
def test_every_setting_has_a_source(preset, model):
    study = autoencoder(preset, model=model, latents=(*LATENTS, "pairwise"))
    assert len(settings_of(study)) > 40  # raises where one has none
    kind = WGANSpec if model == "gan" else FlowMatchingSpec
    assert {type(run.training) for run in study.runs} == {kind}
    assert {run.latent.name for run in study.runs} == {*LATENTS, "pairwise"}
    assert study.primary_metrics == ("frechet_feature_distance", "energy_distance")
    assert {run.evaluation.num_samples for run in study.runs} <= {200, 400}
    assert len({run.data for run in study.runs}) == 1


def test_a_learned_prior_is_a_generators():
    assert autoencoder("smoke", latents=("learned_prior", "gaussian")).runs
    with pytest.raises(ValueError, match="use the gaussian latent"):
        autoencoder("smoke", model="flow", latents=("learned_prior",))


@pytest.fixture
def file(tmp_path):
    rows = stream(0, "test").generator().normal(size=(300, 30))
    rows[:, 10:] = np.tanh(rows[:, :10] @ rows[:10, 10:])
    np.save(tmp_path / "mine.npy", rows)
    return str(tmp_path / "mine.npy")


def test_ones_own_rows(file):
    study = autoencoder("smoke", file=file, code_dim=5)
    settings_of(study)
    assert {run.data.name for run in study.runs} == {"encoded_mine"}
    assert study.primary_metrics == ("energy_distance",)
    assert {run.evaluation.num_samples for run in study.runs} == {30}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"code_dim": 64}, "code_dim is from 1 to 63 for 'grey_digits', not 64"),
        ({"code_dim": 0}, "code_dim is from 1 to 63"),
        ({"latents": ("gauss",)}, "no latent is called 'gauss'"),
        ({"model": "vae"}, "model is 'gan' or 'flow', not 'vae'"),
        ({"file": "absent.npy"}, "absent.npy"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        autoencoder("smoke", **settings)


@pytest.mark.parametrize("model", ["gan", "flow"])
def test_from_the_call_to_the_page(model, file, tmp_path, capsys, monkeypatch, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "study"
    call = ["run", "autoencoder", "--preset", "smoke", "--seeds", "1", "--num-steps", "16"]
    call += ["--model", model, "--latents", "bernoulli,gaussian", "--workers", "1"]
    data = ["--data", file, "--code-dim", "5"] if model == "gan" else []
    with trains_here():
        assert main([*call, *data, "--out", str(out)]) == 0
    rows = read_rows(out)
    assert [row["status"] for row in rows] == ["finished"] * 2
    for row in rows:
        assert row["spec"]["data"]["kind"] == "encoded"
        assert any("there and back through the autoencoder score" in note for note in row["notes"])
        assert (row["preview"]["kind"] == "images") == (model == "flow")
    capsys.readouterr()
    made = tmp_path / "made.npy"
    generate = ["generate", str(out), rows[0]["run"], "--num-samples", "7", "--json"]
    assert main([*generate, "--out", str(made)]) == 0
    assert json.loads(capsys.readouterr().out)["num_written"] == 7
    # Samples in data units, by the decoder that lies in the generator's file.
    assert np.load(made).shape == (7, 30 if model == "gan" else 64)
    if model == "gan":
        assert main(["certify", str(out), rows[0]["run"]]) == 2
        assert "no certificate covers that decoder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("table1 --model flow", "--model belongs to autoencoder; table1 does not take it"),
        ("moons --code-dim 3", "--code-dim belongs to autoencoder"),
        ("tune --recipe autoencoder", "--recipe autoencoder is not tuned: its autoencoder has"),
        ("autoencoder --code-dim 64", "code_dim is from 1 to 63"),
    ],
)
def test_what_does_not_belong_is_a_mistake_in_the_call(call, said, tmp_path, capsys):
    assert main(["run", *call.split(), "--out", str(tmp_path / "study")]) == 2
    assert said in capsys.readouterr().err
