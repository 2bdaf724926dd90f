"""Re-use as a study: one latent at several sizes of bank, held against itself drawn afresh."""

import json
from dataclasses import replace

import pytest

from quantum_latents.cli.main import main
from quantum_latents.recipes import BANK_SIZES, LATENTS, PRESETS, bank_sizes, settings_of, table1
from quantum_latents.recipes.bank_sizes import draws_of
from quantum_latents.results import MIN_SEEDS_VERDICT, read_rows, read_study
from quantum_latents.training import RunSpec


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source_and_no_source_is_left_over(preset):
    study = bank_sizes(preset)
    settings = {setting["name"]: setting for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in settings), source
    assert "factor" in settings["latent.bank_size"]["source"]
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest


@pytest.mark.parametrize("preset", PRESETS)
def test_the_size_of_the_bank_changes_and_nothing_else(preset):
    study = bank_sizes(preset)
    assert study.axis is not None
    assert study.axis.against == "fresh"
    assert max(study.axis.of, key=study.axis.of.__getitem__) == "fresh"
    of_group = {group: [] for group in study.axis.of}
    for run, (group,) in zip(study.runs, study.groups, strict=True):
        size = run.latent.bank_size
        assert study.axis.of[group] == (draws_of(run) if size is None else size)
        of_group[group].append(replace(run, latent=replace(run.latent, bank_size=None)))
    assert len({tuple(runs) for runs in of_group.values()}) == 1
    runs = of_group["fresh"]
    assert len(set(runs)) == len(runs) == len({run.seed for run in runs}) * len(LATENTS)
    assert set(study.axis.of.values()) == {*map(float, BANK_SIZES[preset]), draws_of(runs[0])}


def test_it_is_table_1_with_other_banks():
    theirs = table1("paper", num_seeds=2, data_sets=("quantum",))
    ours = [run for run in bank_sizes("paper", num_seeds=2).runs if run.latent.bank_size == 10**6]
    assert [run.digest for run in ours] == [run.digest for run in theirs.runs]
    assert len({run.seed for run in bank_sizes("quick").runs}) >= MIN_SEEDS_VERDICT


def test_a_run_of_fewer_steps_has_fewer_draws():
    study = bank_sizes("smoke", num_steps=10)
    assert study.axis is not None
    assert study.axis.of["fresh"] == draws_of(study.runs[0]) == 10 * 64 * 6


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"sizes": (0, 10)}, ValueError, "one row or more, not 0"),
        ({"sizes": ()}, ValueError, "one size of bank or more"),
        ({"sizes": (10, 10)}, ValueError, "each once"),
        ({"sizes": (10.0,)}, TypeError, "whole number of rows, not 10.0"),
        ({"sizes": (38_400,)}, ValueError, "takes 38,400 draws of z"),
        ({"latents": ("pairwise",)}, ValueError, "no latent is called 'pairwise'"),
    ],
)
def test_what_cannot_be_compared_is_refused(settings, error, words):
    with pytest.raises(error, match=words):
        bank_sizes("smoke", **settings)


def test_from_the_call_to_the_page(tmp_path, capsys, monkeypatch, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "study"
    call = ["run", "bank-sizes", "--preset", "smoke", "--bank", "60", "--num-steps", "32"]
    call += ["--latents", "quantum,gaussian", "--out", str(folder), "--workers", "1"]
    with trains_here():
        assert main(call) == 0
    capsys.readouterr()
    rows, study = read_rows(folder), read_study(folder)
    assert len(rows) == 8
    assert study["axis"]["of"] == {"bank 60": 60.0, "fresh": 32 * 64 * 6}
    # One run, one seed, one latent: the bank alone makes the difference, and makes one.
    values = {
        (row["spec"]["latent"]["name"], row["spec"]["seed"], row["spec"]["latent"]["bank_size"]): (
            row["metrics"]["energy_distance"]["value"]
        )
        for row in rows
    }
    for latent in ("quantum", "gaussian"):
        for seed in (0, 1):
            assert values[latent, seed, 60] != values[latent, seed, None]
    assert main(["table", str(folder), "--format", "json"]) == 0
    (along,) = json.loads(capsys.readouterr().out)["along"]
    found = along["arrivals"]["quantum"]
    expected = sum(values["quantum", seed, 60] - values["quantum", seed, None] for seed in (0, 1))
    assert found["excesses"]["energy_distance"] == pytest.approx([expected / 2, 0])
    page = (folder / "report.html").read_text()
    assert "Differences from the same latent at fresh" in page
    assert "12,288" in page
