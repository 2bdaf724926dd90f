"""Banks as latents of every recipe: the same fair play for all, and a clear line where it fails."""

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.cli import main
from quantum_latents.execution import compare_latents
from quantum_latents.recipes import challengers, compare, mixture, settings_of, table1
from quantum_latents.results import read_rows

NUM_SHOTS = 21_000
"""What the preset smoke asks for: 20,000 to train on and 1,000 held out."""


@pytest.fixture
def bank(tmp_path):
    counts = np.random.default_rng(0).poisson(0.5, size=(NUM_SHOTS, 16))
    return import_bank(counts, tmp_path / "pt2", {"processor": "mine"})


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(5000, 3)))
    return str(tmp_path / "mine.npy")


@pytest.fixture(params=[table1, mixture, challengers, compare], ids=lambda made: made.__name__)
def recipe(request, file):
    if request.param is compare:
        return lambda preset, **options: compare(file, preset, **options)
    return request.param


def _options(bank, tmp_path, latents=("gaussian",)):
    return {"latents": latents, "bank_folders": (bank.folder,), "cache": tmp_path / "cache"}


def test_a_bank_stands_beside_the_others_on_equal_terms(recipe, bank, tmp_path):
    study = recipe("smoke", **_options(bank, tmp_path, ("quantum", "gaussian")))
    names = list(dict.fromkeys(run.latent.name for run in study.runs))
    assert names == ["quantum", "gaussian", "bank:pt2"]
    for field in ("dim", "bank_size", "num_held_out", "scaling"):
        assert len({getattr(run.latent, field) for run in study.runs}) == 1
    assert study.reference == "quantum"
    stands = {entry["name"]: entry["source"] for entry in settings_of(study)}
    assert "bank's content" in stands["latent.checksum"]
    alone = recipe("smoke", **_options(bank, tmp_path, ()))
    assert alone.reference == "bank:pt2"


def test_too_few_shots_and_other_modes_are_refused_with_what_to_write(recipe, bank, tmp_path):
    with pytest.raises(ValueError, match=r"holds 21000 shots .*--bank (19000|20500)"):
        recipe("quick", **_options(bank, tmp_path))
    study = recipe("quick", **_options(bank, tmp_path), bank_size=15_000)
    assert {run.latent.bank_size for run in study.runs} == {15_000}
    assert any("bank_size 15000" in note for note in study.notes)
    with pytest.raises(ValueError, match=r"bank:pt2 has 16 modes .* add --latent-dim 16"):
        recipe("smoke", **_options(bank, tmp_path), latent_dim=12)
    with pytest.raises(ValueError, match="two banks are called 'bank:pt2'"):
        folders = (bank.folder, bank.folder)
        recipe("smoke", latents=(), bank_folders=folders, cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="needs cache="):
        recipe("smoke", bank_folders=(bank.folder,))


def test_the_length_of_z_follows_what_is_asked(recipe, tmp_path):
    study = recipe("smoke", latents=("quantum", "gaussian"), latent_dim=12)
    assert {run.latent.dim for run in study.runs} == {12}
    assert {run.latent.num_photons for run in study.runs if run.latent.name == "quantum"} == {6}
    settings_of(study)
    if study.name != "compare":  # there the length is an option like any other
        assert any("12 long instead of 16" in note for note in study.notes)
    usual = recipe("smoke", latents=("quantum",))
    assert not any("long instead of" in note for note in usual.notes)


def test_the_call_of_a_researcher_with_a_bank(bank, tmp_path, monkeypatch, capsys, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    call = ["run", "table1", "--latents", "bank:pt2,quantum,gaussian", "--data", "bernoulli"]
    call += ["--preset", "smoke", "--seeds", "1", "--num-steps", "3", "--bank", "2000"]
    with trains_here():
        assert main([*call, "--workers", "1", "--out", "study"]) == 0
    assert "bank:pt2" in capsys.readouterr().out
    rows = read_rows(tmp_path / "study")
    latents = {row["spec"]["latent"]["name"]: row["spec"]["latent"] for row in rows}
    assert set(latents) == {"bank:pt2", "quantum", "gaussian"}
    assert {latent["bank_size"] for latent in latents.values()} == {2000}
    assert all(row["status"] == "finished" for row in rows)
    assert {latent["dim"] for latent in latents.values()} == {16}
    assert "bank:pt2" in (tmp_path / "study" / "report.html").read_text()
    assert main([*call, "--workers", "1", "--out", "study"]) == 0
    assert len(read_rows(tmp_path / "study")) == 3


def test_a_bank_of_32_bins_is_a_latent_of_the_paper_s_table(tmp_path):
    counts = np.random.default_rng(0).poisson(0.5, size=(3000, 32))
    bank = import_bank(counts, tmp_path / "pt2", {})
    options = {**_options(bank, tmp_path, ("quantum",)), "bank_size": 2000}
    with pytest.raises(ValueError, match="add --latent-dim 32"):
        table1("smoke", **options)
    study = table1("smoke", latent_dim=32, **options)
    assert {run.latent.dim for run in study.runs} == {32}
    assert {getattr(run.data, "num_modes", None) or run.data.num_bits for run in study.runs} == {16}


@pytest.mark.slow
def test_a_bank_in_python(bank, tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    data = np.random.default_rng(0).normal(size=(200, 3))
    latents = ("gaussian", f"bank:{bank.folder}")
    options = {"preset": "smoke", "num_seeds": 1, "bank_size": 1000, "num_workers": 1}
    rows = compare_latents(data, tmp_path / "study", latents=latents, **options)
    assert {row["spec"]["latent"]["name"] for row in rows} == {"gaussian", "bank:pt2"}
