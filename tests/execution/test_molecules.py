"""Molecules from a file to a page, through the command line, in a study of seconds."""

import json
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.cli import main
from quantum_latents.data import load_molecules, molecules_spec
from quantum_latents.results import read_rows, read_study
from quantum_latents.training import load_generator

BY_HAND = Path(__file__).parents[1] / "molecules" / "by_hand.smi"
CALL = [
    *("run table2 --preset smoke --seeds 1 --latents quantum,gaussian --num-steps 20".split()),
    *("--latent-dim 8 --interferometer haar,1-1 --workers 1".split()),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def directory(tmp_path_factory, cache, trains_here):
    directory = tmp_path_factory.mktemp("molecular") / "study"
    with pytest.MonkeyPatch.context() as patched, trains_here():
        patched.setenv("QLAT_CACHE", str(cache))
        assert main([*CALL, "--data", str(BY_HAND), "--out", str(directory)]) == 0
    return directory


@pytest.fixture(autouse=True)
def same_cache(monkeypatch, cache):
    monkeypatch.setenv("QLAT_CACHE", str(cache))


def test_a_row_holds_every_metric_with_what_it_is_held_against(directory, cache):
    rows = read_rows(directory)
    assert len(rows) == 3  # the Gaussian latent is trained once for both interferometers
    data = load_molecules(molecules_spec(BY_HAND, cache), cache)
    for row in rows:
        assert row["status"] == "finished"
        assert list(row["metrics"]) == list(data.metrics)
        assert row["metrics"]["validity"]["trivial"] > 0.9
        assert row["metrics"]["fcd_unique"]["value"] is None  # too few for a covariance
        assert "fewer than 513" in row["metrics"]["fcd_unique"]["reason"]
        assert row["metrics"]["validity"]["floor"] == 1
    assert any("held-out" in note for note in rows[0]["notes"])


def test_the_samples_on_disk_are_what_the_stored_generator_makes(directory, cache):
    from quantum_latents.evaluation import read_samples
    from quantum_latents.latents import build_latent

    for row in read_rows(directory):
        generator = load_generator(directory / "runs" / row["run"])
        z = build_latent(generator.spec.latent, generator.spec.seed, cache).held_out(500)
        samples = read_samples(directory, row["run"])
        assert samples.dtype == np.uint8
        # Rounding differs between the batch of training and this one; a tie is rare.
        assert (generator.generate(z) == samples).mean() > 0.999


def test_the_page_has_each_comparison_and_the_molecules(directory):
    page = (directory / "report.html").read_text(encoding="utf-8")
    for group in ("by_hand, d_z 8, haar", "by_hand, d_z 8, 1-1"):
        assert group in page
    assert page.count("<svg") > 24
    for row in read_rows(directory):
        pictures = json.loads((directory / "pictures" / f"{row['run']}.json").read_text())
        assert len(pictures["molecules"]) == 24
    assert set(read_study(directory)["groups"]) == {row["run"] for row in read_rows(directory)}


def test_the_same_call_has_nothing_left_to_do(directory):
    before = (directory / "rows.jsonl").read_bytes()
    assert main([*CALL, "--data", str(BY_HAND), "--out", str(directory)]) == 0
    assert (directory / "rows.jsonl").read_bytes() == before


def test_evaluating_again_changes_nothing_and_draws_lost_pictures(directory, capsys):
    before = (directory / "rows.jsonl").read_bytes()
    lost = next((directory / "pictures").iterdir())
    content = lost.read_bytes()
    lost.unlink()
    assert main(["evaluate", str(directory)]) == 0
    assert (directory / "rows.jsonl").read_bytes() == before
    assert lost.read_bytes() == content


@pytest.mark.parametrize("suffix", ["smi", "sdf", "csv", "npy"])
def test_a_chemist_gets_a_file(directory, tmp_path, suffix, capsys):
    run = next((directory / "runs").iterdir())
    out = tmp_path / f"molecules.{suffix}"
    assert main(["generate", str(run), "--num-samples", "50", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["num_samples"] == 50 and out.exists()
    if suffix == "npy":
        assert np.load(out).shape[0] == 50
    if suffix == "csv":
        assert len(out.read_text().splitlines()) == 51
    if suffix == "smi":
        assert len(out.read_text().splitlines()) == said["num_written"] == said["num_valid"]


def test_molecules_that_are_no_more_in_the_cache_are_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="--data FILE"):
        spec = molecules_spec(BY_HAND, tmp_path / "cache")
        load_molecules(spec, tmp_path / "empty")
