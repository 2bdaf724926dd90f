"""Corollary 1 as a study: g* in its class, fair starts, and from the command to the table."""

import json

import numpy as np
import pytest

from quantum_latents.cli import main
from quantum_latents.data import PushforwardSpec
from quantum_latents.metrics import METRICS
from quantum_latents.recipes import CHALLENGERS, COROLLARY_LATENTS, PRESETS, corollary, settings_of
from quantum_latents.results import MIN_SEEDS_VERDICT, read_rows, read_study
from quantum_latents.theory import gan_induced_distance, gan_induced_distances
from quantum_latents.training import RunSpec


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("further", [{}, {"latents": ("quantum", "student_t"), "num_restarts": 1}])
def test_every_setting_has_a_source_and_no_source_is_left_over(preset, further):
    study = corollary(preset, **further)
    names = {setting["name"] for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in names), source
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest
    assert (preset != "paper") == ("shrunken" in study.notes[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_the_targets_generator_is_in_the_class(preset):
    for run in corollary(preset).runs:
        network, data = run.model.generator, run.data
        assert isinstance(data, PushforwardSpec)
        assert (network.hidden, network.negative_slope) == (data.hidden, data.negative_slope)
        assert network.spectral_bound == data.gain
        assert network.non_decreasing and not network.reinject_latent
        assert run.latent.dim == data.num_modes
        assert run.latent.scaling == data.scaling
        assert getattr(run.latent, "sharing", "shared") == "shared"
        if hasattr(run.latent, "num_photons"):
            assert run.latent.num_photons == data.num_photons == data.num_modes // 2
        assert run.evaluation.num_samples == data.num_held_out


def test_every_latent_has_the_same_starts():
    study = corollary("quick", num_restarts=3)
    starts: dict[tuple[str, int], list] = {}
    for run in study.runs:
        starts.setdefault((run.latent.name, run.seed), []).append((run.start, run.restart))
    expected = [("target", 0), ("random", 0), ("random", 1), ("random", 2)]
    assert all(found == expected for found in starts.values())
    assert {name for name, _ in starts} == set(COROLLARY_LATENTS)
    assert study.restarts is not None
    assert study.restarts.num_runs == {"all starts": 4, "random starts alone": 3}
    alike = {(run.data, run.model, run.training, run.evaluation) for run in study.runs}
    assert len(alike) == 1


def test_what_is_declared_exists_and_what_must_be_told_is():
    study = corollary("quick")
    assert len({run.seed for run in study.runs}) >= MIN_SEEDS_VERDICT
    assert set(study.primary_metrics) <= set(METRICS)
    assert study.restarts is not None and study.restarts.by in METRICS
    text = " ".join(study.notes)
    assert "this shows the mechanism, not hardness" in text
    assert "training finds no infimum" in text and "finite samples" in text


def test_cheap_rivals_can_be_named():
    missing = ("negative_binomial", "ising", "learned_prior")
    several = [name for name in CHALLENGERS if name not in missing]
    study = corollary("smoke", latents=several)
    assert {run.latent.name for run in study.runs} == set(several)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latents": ("quantum", "gausian")}, "'gausian': did you mean 'gaussian'"),
        ({"num_seeds": 0}, "at least one run"),
        ({"num_restarts": 0}, "num_restarts is at least 1, not 0"),
        ({"latent_dim": 13}, "latent_dim is from 2 to 12, not 13"),
        ({"latent_dim": 1}, "latent_dim is from 2 to 12, not 1"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        corollary("smoke", **settings)
    with pytest.raises(ValueError, match="no preset is called 'full'"):
        corollary("full")


def test_from_the_command_to_the_table(tmp_path, monkeypatch, capsys, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "study"
    call = "run corollary --preset smoke --seeds 1 --latents quantum,gaussian --restarts 1"
    call += f" --num-steps 16 --workers 1 --out {folder}"
    with trains_here():
        assert main(call.split()) == 0
    text = capsys.readouterr().out
    for said in ("pushforward, all starts", "pushforward, random starts alone", "Above the floor"):
        assert said in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Above the floor" in page and "not hardness" in page
    rows, study = read_rows(folder), read_study(folder)
    assert len(rows) == 4
    assert main(["table", str(folder), "--format", "json"]) == 0
    sections = json.loads(capsys.readouterr().out)["sections"]
    assert [len(section["above"]["wasserstein_1"]) for section in sections] == [2, 2]
    found = {(d.data.partition(", ")[2], d.latent): d for d in gan_induced_distances(rows, study)}
    quantum = found["all starts", "quantum"]
    # g* itself, before training: as near to the data as the data are, but for finite samples.
    assert abs(quantum.values[0] / quantum.floors[0] - 1) < 0.25
    assert found["all starts", "gaussian"].values[0] > 1.3 * quantum.floors[0]
    _from_samples_it_is_the_same(folder, rows, quantum.values[0], tmp_path)
    assert main(["evaluate", str(folder)]) == 0
    assert "4 of 4 rows evaluated, 0 changed" in capsys.readouterr().out


def _from_samples_it_is_the_same(folder, rows, expected, tmp_path):
    from quantum_latents.evaluation import read_milestones, read_samples
    from quantum_latents.training import data_of

    own = [row for row in rows if row["spec"]["latent"]["name"] == "quantum"]
    data = data_of(RunSpec.from_json(own[0]["spec"]), tmp_path / "cache")
    candidates = [read_samples(folder, row["run"]) for row in own]
    candidates += [read_milestones(folder, row["run"])[0] for row in own]
    found = gan_induced_distance(candidates, data.held_out, data.floor_reference)
    assert np.isclose(found.value, expected, rtol=1e-9)
