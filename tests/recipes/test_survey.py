"""The survey as a study."""

import json

import pytest

from quantum_latents.recipes import (
    DATA_SETS,
    LATENTS,
    NON_CIRCULAR,
    PRESETS,
    SURVEY_LATENTS,
    settings_of,
    survey,
    table1,
    with_num_steps,
)
from quantum_latents.results import MIN_SEEDS_VERDICT
from quantum_latents.training import RunSpec, flop_of


@pytest.mark.parametrize(
    ("preset", "latents"), [*((preset, SURVEY_LATENTS) for preset in PRESETS), ("smoke", LATENTS)]
)
def test_every_setting_has_a_source_and_no_source_is_left_over(preset, latents):
    study = survey(preset, latents=latents, num_seeds=2)
    names = {setting["name"] for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in names), source
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest


def test_every_latent_meets_every_data_set_that_is_not_circular():
    study = survey("quick")
    met = {(run.data.name, run.latent.name, run.seed) for run in study.runs}
    seeds = {run.seed for run in study.runs}
    assert len(seeds) >= MIN_SEEDS_VERDICT
    assert met == {(d, z, s) for d in NON_CIRCULAR for z in SURVEY_LATENTS for s in seeds}
    assert study.primary_metrics == ("energy_distance",)


def test_one_model_and_one_budget():
    study = survey("quick")
    assert len({(run.model, run.training) for run in study.runs}) == 1
    assert len({(run.latent.bank_size, run.latent.num_held_out) for run in study.runs}) == 1
    for run in study.runs:
        assert run.evaluation.num_samples == min(1000, run.data.num_held_out)
        assert getattr(run.latent, "sharing", "shared") == "shared"


def test_in_full_it_is_table_1s_model_and_budget():
    theirs, study = table1("paper").runs[0], survey("paper")
    for run in study.runs:
        assert (run.model, run.training) == (theirs.model, theirs.training)


def test_quick_asks_for_less_than_the_quick_table_1():
    # Which takes under five minutes on two cores; half of that leaves room for metrics.
    ours, theirs = (sum(map(flop_of, make("quick").runs)) for make in (survey, table1))
    assert ours < theirs / 2


def test_what_is_of_a_latents_own_family_is_said():
    assert any("bernoulli latent's own family" in note for note in survey("smoke").notes)
    without = survey("smoke", latents=("quantum", "gaussian"))
    assert not any("own family" in note for note in without.notes)
    circular = survey("smoke", data_sets=("quantum", "moons"))
    assert DATA_SETS["quantum"].note in circular.notes


def test_another_budget_and_another_length_are_stated():
    study = with_num_steps(survey("smoke", latent_dim=8), 32)
    assert {run.latent.dim for run in study.runs} == {8}
    assert any("32 generator steps" in note for note in study.notes)
    assert any("Every latent is 8 long" in note for note in study.notes)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latents": ("quantum", "gausian")}, "'gausian': did you mean 'gaussian'"),
        ({"data_sets": ("moon",)}, "'moon': choose among quantum, bernoulli, .*moons"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        survey("smoke", **settings)
