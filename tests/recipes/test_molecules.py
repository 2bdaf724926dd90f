"""The molecular recipes: which runs, in which comparisons, and where settings come from."""

import json
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.data import MoleculesSpec
from quantum_latents.models import GraphGANSpec
from quantum_latents.recipes import (
    INTERFEROMETERS,
    LATENTS,
    PRESETS,
    hyperparameters,
    settings_of,
    table2,
    with_num_steps,
)
from quantum_latents.training import bytes_of, flop_of

QM9 = MoleculesSpec(name="qm9", sha256="0" * 64, num_atoms=9, elements=("C", "N", "O", "F"))
OTHER = MoleculesSpec(name="mine", sha256="1" * 64, num_atoms=12, elements=("C", "O"))


@pytest.mark.parametrize("recipe", [table2, hyperparameters])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source(recipe, preset):
    study = recipe(QM9, preset)
    assert all(setting["source"] for setting in settings_of(study))
    assert len(study.groups) == len(study.runs)


def test_the_papers_settings_to_the_letter():
    study = table2(QM9, "paper")
    run = study.runs[0]
    assert len(study.runs) == 20 * 4
    assert run.model.generator.hidden == (64, 176, 288, 400, 512)
    assert run.model.generator.activation == "leaky_relu" and run.model.generator.reinject_latent
    assert run.model.data_dim == 36 * 4 + 9 * 5
    training = run.training
    assert (training.batch_size, training.num_steps, training.critic_steps) == (256, 20_000, 5)
    assert (training.optimiser.name, training.optimiser.learning_rate) == ("adam", 1e-4)
    assert (run.evaluation.num_samples, run.latent.dim) == (10_000, 16)


def test_the_set_ups_differ_in_what_they_say_and_alike_for_every_latent():
    paper, tuned = (table2(QM9, "paper", num_seeds=1, setup=name) for name in ("paper", "tuned"))
    first, second = paper.runs[0], tuned.runs[0]
    assert second.model.generator.initialisation == "orthogonal"
    assert first.model.critic == second.model.critic
    for study in (paper, tuned):
        alike = {(run.model, run.training, run.latent.scaling) for run in study.runs}
        assert len(alike) == 1


def test_every_length_with_every_interferometer_is_a_comparison_of_its_own():
    study = table2(
        QM9, "smoke", num_seeds=2, latent_dims=(8, 16), interferometers=tuple(INTERFEROMETERS)
    )
    # A seed and a length: two photonic latents an interferometer, two that have none.
    assert len(study.runs) == 2 * 2 * (2 * 3 + 2)
    in_group = {}
    for run, names in zip(study.runs, study.groups, strict=True):
        for name in names:
            in_group.setdefault(name, []).append((run.seed, run.latent.name))
            assert name.startswith(f"d_z {run.latent.dim}, ")
    assert len(in_group) == 6
    for members in in_group.values():
        assert sorted(members) == sorted((seed, name) for seed in range(2) for name in LATENTS)


def test_published_figures_stand_by_the_groups_they_belong_to():
    study = table2(QM9, "paper", latent_dims=(16, 32), interferometers=("haar", "1-1"))
    assert study.paper is not None
    named = {figure.data for figure in study.paper.figures}
    assert named == {"qm9, d_z 16, haar", "qm9, d_z 32, haar"}
    groups = {f"qm9, {name}" for names in study.groups for name in names}
    assert named <= groups
    assert table2(OTHER, "paper").paper is None
    assert table2(QM9, "paper", interferometers=("1-1",)).paper is None


def test_another_budget_keeps_the_comparisons():
    study = with_num_steps(table2(QM9, "smoke"), 7)
    assert {run.training.num_steps for run in study.runs} == {7}
    assert len(study.groups) == len(study.runs)


def test_a_bank_is_a_latent_of_its_length(tmp_path):
    counts = np.random.default_rng(0).poisson(0.5, size=(30_000, 16)).astype(np.uint8)
    import_bank(counts, tmp_path / "pt2", {"from": "a test"})
    options = {"bank_folders": (str(tmp_path / "pt2"),), "cache": tmp_path / "cache"}
    study = table2(QM9, "smoke", num_seeds=1, latent_dims=(8, 16), **options)
    names = [run.latent.name for run in study.runs if run.latent.dim == 16]
    assert names == [*LATENTS, "bank:pt2"]
    assert "bank:pt2" not in {run.latent.name for run in study.runs if run.latent.dim == 8}
    with pytest.raises(ValueError, match=r"bank:pt2 has 16 modes .* add --latent-dim 16"):
        table2(QM9, "smoke", latent_dims=(8,), **options)
    with pytest.raises(ValueError, match="holds 30000 shots"):
        table2(QM9, "smoke", bank_size=40_000, **options)


def test_every_latent_meets_every_setting_with_the_same_seeds():
    study = hyperparameters(QM9, "paper", num_seeds=2)
    settings = {}
    for run in study.runs:
        key = run.model, run.training
        settings.setdefault(key, []).append((run.seed, run.latent.name))
    assert len(settings) == 12
    assert all(
        sorted(members) == sorted((seed, name) for seed in range(2) for name in LATENTS)
        for members in settings.values()
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"setup": "tunde"}, "no set-up is called 'tunde'"),
        ({"interferometers": ("har",)}, "no interferometer is called 'har'"),
        ({"latents": ("thermal",)}, "no latent is called 'thermal'"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_a_wrong_name_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        table2(QM9, "smoke", **settings)


def test_the_counted_cost_is_about_that_of_the_reference():
    """About 20 GFLOP an iteration at batch 256, counted by hand."""
    (run, *_) = table2(QM9, "paper").runs
    assert 16e9 < flop_of(run) / run.training.num_steps < 22e9


def test_placed_sees_places_and_is_said_to():
    placed, tuned = (table2(QM9, "paper", num_seeds=1, setup=name) for name in ("placed", "tuned"))
    first, second = placed.runs[0], tuned.runs[0]
    assert isinstance(first.model, GraphGANSpec) and first.data.order == "rings_first"
    assert (first.training.critic_steps, second.training.critic_steps) == (2, 5)
    assert (first.model.generator, first.latent) == (second.model.generator, second.latent)
    # A hidden weight of the critic is kept some ten times over, and needed in every precision.
    wider = replace(first.model, critic=replace(first.model.critic, hidden=(1024, 512)))
    assert bytes_of(replace(first, model=wider)) - bytes_of(first) > 10 * 4 * 512 * 512
    settings = settings_of(placed)
    assert "placed" in json.dumps(settings)
    assert "placed" in " ".join(placed.notes) and "placed" not in " ".join(tuned.notes)
