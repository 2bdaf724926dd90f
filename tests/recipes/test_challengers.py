"""The ladder of challengers as a study."""

import json

import pytest

from quantum_latents.latents import PRIORS, RIVALS, latent_names
from quantum_latents.recipes import (
    CHALLENGERS,
    DATA_SETS,
    LADDER,
    LATENTS,
    PRESETS,
    challengers,
    corollary,
    settings_of,
    table1,
    with_certifiable_generators,
)
from quantum_latents.results import MIN_SEEDS_VERDICT
from quantum_latents.training import RunSpec

NOT_EVERYWHERE = {"negative_binomial"}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "latents",
    [LADDER, ("quantum", "student_t"), ("quantum", "learned_prior")],
    ids=["ladder", "prior", "learned prior"],
)
def test_every_setting_has_a_source_and_no_source_is_left_over(preset, latents):
    study = challengers(preset, latents=latents)
    names = {setting["name"] for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in names), source
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest


def test_it_is_table_1_but_for_the_latents():
    theirs, study = table1("paper").runs[0], challengers("paper")
    for run in study.runs:
        assert (run.data, run.model, run.training) == (theirs.data, theirs.model, theirs.training)
        assert run.latent.dim == 16
        assert getattr(run.latent, "sharing", "shared") == "shared"
    assert {run.latent.name for run in study.runs} == set(LADDER)
    assert len({run.seed for run in challengers("quick").runs}) >= MIN_SEEDS_VERDICT


def test_everything_can_be_named_and_its_card_says_what_it_shares():
    beyond = {"gbs", "iqp", "ising", "learned", "learned_prior"}
    assert set(CHALLENGERS) == set(latent_names()) >= {*LATENTS, *RIVALS, *PRIORS, *beyond}
    study = challengers("smoke", latents=[n for n in CHALLENGERS if n not in NOT_EVERYWHERE])
    cards = [run.latent.card for run in study.runs]
    assert all(card.what and card.shares and card.simulation for card in cards)


def test_what_is_learned_is_told_to_the_reader():
    text = " ".join(challengers("smoke", latents=("quantum", "learned", "learned_prior")).notes)
    assert "500,000 shots of the quantum latent that nothing else draws" in text
    assert "32 parameters more than on any other latent" in text
    assert "learned" not in " ".join(challengers("smoke", latents=("quantum", "gaussian")).notes)


def test_a_certifiable_generator_keeps_what_a_learned_prior_needs():
    study = challengers("smoke", num_seeds=1, latents=("learned_prior",), data_sets=("quantum",))
    study = with_certifiable_generators(study)
    assert study.runs[0].model.generator.trainable_input_affine
    assert study.runs[0].model.generator.non_decreasing
    source = study.sources["model.generator.trainable_input_affine"]
    assert source == "by definition: learned_prior alone"


def test_the_corollary_takes_the_learned_rival_but_no_learned_prior():
    names = {run.latent.name for run in corollary("smoke", latents=("quantum", "learned")).runs}
    assert names == {"quantum", "learned"}
    settings_of(corollary("smoke", latents=("quantum", "learned")))
    with pytest.raises(ValueError, match="learned_prior: its generator scales and shifts z"):
        corollary("smoke", latents=("quantum", "learned_prior"))


def test_what_cannot_exist_is_refused_by_name_before_anything_runs():
    with pytest.raises(ValueError, match=r"negative_binomial does not exist for seed \d+: .*leave"):
        challengers("quick", latents=("quantum", "negative_binomial"), num_seeds=40)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latents": ("quantum", "gausian")}, "'gausian': did you mean 'gaussian'"),
        ({"data_sets": ("bits",)}, "'bits': choose among quantum, bernoulli"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        challengers("smoke", **settings)


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_has_its_sources_and_its_notes(name):
    study = challengers("smoke", latents=("quantum", "gaussian"), data_sets=(name,))
    names = {setting["name"] for setting in settings_of(study)}
    sizes = {"data.num_train", "data.num_held_out"}  # digits are as many as they are
    for source in set(study.sources) - sizes:
        assert any(one == source or one.startswith(f"{source}.") for one in names), source
    assert {run.data.name for run in study.runs} == {name}
    assert ("outcome_distance" in study.primary_metrics) == (name in ("gbs", "iqp", "ising"))
    assert DATA_SETS[name].note in ("", *study.notes)
