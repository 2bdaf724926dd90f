"""The recipe of diffusion GANs: what it runs, says, and refuses; the command end to end."""

import json

import numpy as np
import pytest

from quantum_latents.cli import main
from quantum_latents.recipes import LATENTS, PRESETS, ddgan, settings_of, with_precision
from quantum_latents.results import read_rows


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source(preset):
    study = ddgan(preset, latents=(*LATENTS, "pairwise"))
    assert len(settings_of(study)) > 40  # raises where one has none
    assert {run.latent.name for run in study.runs} == {*LATENTS, "pairwise"}
    assert study.primary_metrics == ("frechet_feature_distance", "energy_distance")
    for run in study.runs:
        # Four steps back, each with a latent of its own.
        assert run.latent.num_held_out == 4 * run.evaluation.num_samples
    assert any("most of an image's randomness is normal" in note for note in study.notes)


def test_the_full_preset_trains_as_xiao_et_al_released_it():
    run = ddgan("paper", num_seeds=1).runs[0]
    training = run.training
    rates = training.optimiser.learning_rate, training.critic_learning_rate
    assert rates == (1.6e-4, 1.25e-4)
    assert (training.gradient_penalty, training.penalty_every) == (0.02, 15)
    assert (training.averaging, training.batch_size) == (0.9999, 64)
    assert run.model.diffusion.num_timesteps == 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latents": ("gauss",)}, "no latent is called 'gauss'"),
        ({"latents": ("learned_prior",)}, "use the gaussian latent"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        ddgan("smoke", **settings)


def test_it_knows_no_other_precision():
    with pytest.raises(ValueError, match="ddgan is trained in float32, not in bf16"):
        with_precision(ddgan("smoke"), "bf16")


def test_from_the_call_to_the_page(tmp_path, capsys, monkeypatch, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "study"
    call = ["run", "ddgan", "--preset", "smoke", "--seeds", "1", "--num-steps", "16"]
    call += ["--latents", "bernoulli,gaussian", "--workers", "1", "--out", str(out)]
    with trains_here():
        assert main(call) == 0
    rows = read_rows(out)
    assert [row["status"] for row in rows] == ["finished"] * 2
    for row in rows:
        assert row["spec"]["model"]["kind"] == "ddgan"
        assert row["spec"]["training"]["kind"] == "denoising"
        assert row["sampling"] == {"solver": "denoising", "function_evaluations": 4}
        assert {"frechet_feature_distance", "feature_coverage"} <= set(row["metrics"])
        assert row["preview"]["kind"] == "images"
    assert "2 runs of 16 steps" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert "Samples are denoised step by step; evaluations a sample: bernoulli 4" in page
    file = tmp_path / "samples.npy"
    generate = ["generate", str(out), rows[0]["run"], "--num-samples", "9", "--json"]
    assert main([*generate, "--out", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["num_written"] == 9
    first = np.load(file)
    assert first.shape == (9, 64)
    assert main([*generate, "--out", str(file)]) == 0
    assert np.array_equal(np.load(file), first)
    assert main(["certify", str(out), rows[0]["run"]]) == 2
    assert "is a diffusion GAN: certificates are of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ddgan --data moons", "ddgan takes --data grey_digits, cifar10 or a folder"),
        ("ddgan --coupling independent", "--coupling belongs to moons"),
        ("tune --recipe ddgan", "--recipe ddgan is not tuned"),
    ],
)
def test_what_does_not_belong_is_a_mistake_in_the_call(call, said, tmp_path, capsys):
    assert main(["run", *call.split(), "--out", str(tmp_path / "study")]) == 2
    assert said in capsys.readouterr().err
