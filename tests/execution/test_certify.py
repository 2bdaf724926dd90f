"""Certificates of trained runs, kept beside their rows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from quantum_latents.cli import main
from quantum_latents.data import BitsSpec
from quantum_latents.execution import certify_runs, run_study, runs_of
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.report import write_report
from quantum_latents.results import read_certificates


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_study, cache, trains_here):
    """Quantum and Bernoulli latents; a generator that widens to the end, and one that does not."""
    study = tiny_study(num_steps=16)
    runs = []
    for run in study.runs:
        if run.latent.name not in ("quantum", "bernoulli"):
            continue
        network = MLPSpec(
            hidden=(20,) if run.latent.name == "bernoulli" else (30,),
            activation="leaky_relu",
            negative_slope=0.2,
            initialisation="pytorch",
        )
        data = BitsSpec(num_bits=24, num_train=400, num_held_out=60)
        model = GANSpec(generator=network, critic=network)
        runs.append(replace(run, data=data, model=model))
    directory = tmp_path_factory.mktemp("finished") / "study"
    small = replace(study, runs=tuple(runs))
    with trains_here():
        assert run_study(small, directory, command="qlat run tiny", num_workers=1, cache=cache)
    return directory


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


@pytest.fixture
def made(study, cache):
    return {
        one.spec.latent.name: one
        for one in certify_runs(runs_of(study), num_samples=300, cache=cache)
    }


def test_a_studys_generators_are_certified_and_kept(study, made):
    assert made["bernoulli"].certificate.verdict == "certified"
    quantum = made["quantum"]
    assert quantum.certificate.verdict == "undetermined"
    assert quantum.certificate.features.verdict == "certified"
    kept = {one["latent"]: one for one in read_certificates(study)}
    assert kept == {name: json.loads(json.dumps(one.to_json())) for name, one in made.items()}


def test_the_reduction_is_run_for_photons_and_what_can_be_undone(made):
    quantum, bernoulli = made["quantum"], made["bernoulli"]
    assert quantum.reduced == "features"
    assert quantum.reduction.levels[0].success_rate == 1
    assert "300 samples of the features, 100.00%" in quantum.reduction_note
    assert bernoulli.reduction is None
    assert "no boson sampler's counts" in bernoulli.reduction_note


def test_every_hypothesis_is_stated(made):
    told = {one.name: one.holds for one in made["bernoulli"].statement.hypotheses}
    assert told == {
        "z is the generator's only randomness": "holds",
        "g has an inverse on its image": "holds",
        "the inverse is cheap to compute": "holds",
        "the inverse is Lipschitz": "holds",
        "the latent's law cannot be sampled classically": "does not hold",
        "constants polynomial in n": "undetermined",
    }
    assert (
        "sampled classically, so Theorem 1 does not apply" in made["bernoulli"].statement.conclusion
    )
    assert "is not shown" in made["quantum"].statement.conclusion
    assert "features before the head" in made["quantum"].statement.conclusion


def test_certifying_one_run_again_replaces_its_certificate_alone(study, made, cache):
    before = read_certificates(study)
    (folder,) = runs_of(study, made["quantum"].spec.digest[:8])
    certify_runs([folder], num_samples=200, cache=cache)
    after = {one["run"]: one for one in read_certificates(study)}
    assert len(after) == len(before) == 2
    for one in before:
        changed = one["run"] == made["quantum"].spec.digest
        assert (after[one["run"]] != one) == changed


def test_the_page_shows_certificates_and_is_whole_without(study, cache):
    page = write_report(study).read_text(encoding="utf-8")
    assert 'id="certificates"' not in page
    certify_runs(runs_of(study), num_samples=200, cache=cache)
    page = write_report(study).read_text(encoding="utf-8")
    assert 'id="certificates"' in page
    assert "narrows from 30 numbers to 24" in page
    assert "100.0% of the features" in page


def test_damaged_or_newer_certificates_are_refused_by_name(study, cache):
    file = study / "certificates.json"
    file.write_text('{"schema": 1, "certif')
    with pytest.raises(ValueError, match=r"certificates\.json is damaged"):
        certify_runs(runs_of(study)[:1], num_samples=100, cache=cache)
    file.write_text('{"schema": 9, "certificates": []}')
    with pytest.raises(ValueError, match="is of schema 9, and this version reads 1"):
        write_report(study)


def test_the_command_prints_text_or_json(study, capsys, monkeypatch, cache):
    monkeypatch.setattr("quantum_latents.execution.certify.default_cache", lambda: cache)
    assert main(["certify", str(study), "--num-samples", "200"]) == 0
    text = capsys.readouterr().out
    assert "generator (8 -> 20 -> 24): certified" in text
    assert "head      not certified  singular values 0 to" in text
    assert "float64, noise 0.00e+00:  100.00%" in text
    assert main(["certify", str(study), "--num-samples", "200", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in content].count("certified") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["certify", "absent"], "no run at absent"),
        (["certify", "{study}", "zz"], "begins with 'zz'"),
        (["certify", "{study}", "--num-samples", "5"], "--num-samples is at least 100, not 5"),
    ],
)
def test_a_wrong_call_says_so(study, capsys, call, message):
    assert main([part.format(study=study) for part in call]) == 2
    assert message in capsys.readouterr().err
    assert read_certificates(study) == []


def test_a_study_without_a_trained_generator_says_so(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    assert main(["certify", str(tmp_path)]) == 2
    assert "no trained generator in" in capsys.readouterr().err


def test_a_diverged_run_does_not_keep_the_others_from_being_certified(study, capsys, cache):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    first, second = sorted((study / "runs").glob("*/generator.safetensors"))
    with safe_open(first, "pt") as file:
        metadata = file.metadata()
    save_file({name: 0 * weight for name, weight in load_file(first).items()}, first, metadata)
    refused: list[str] = []
    (made,) = certify_runs(runs_of(study), num_samples=200, cache=cache, on_refused=refused.append)
    assert made.spec.digest == second.parent.name
    assert len(refused) == 1 and "diverged" in refused[0]
    assert [one["run"] for one in read_certificates(study)] == [second.parent.name]
    assert main(["certify", str(first.parent)]) == 2
    assert "diverged" in capsys.readouterr().err


def test_certificates_are_kept_when_called_from_the_runs_own_folder(study, cache, monkeypatch):
    (folder,) = runs_of(study, runs_of(study)[0].name)
    monkeypatch.chdir(folder)
    certify_runs(runs_of(Path()), num_samples=200, cache=cache)
    assert [one["run"] for one in read_certificates(study)] == [folder.name]
