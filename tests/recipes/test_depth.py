"""The depth of the generator as a study."""

import json
from dataclasses import replace

import pytest

from quantum_latents.metrics import METRICS
from quantum_latents.recipes import DEPTHS, LATENTS, PRESETS, depth, mixture, settings_of
from quantum_latents.results import MIN_SEEDS_VERDICT
from quantum_latents.training import RunSpec, flop_of


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source_and_no_source_is_left_over(preset):
    study = depth(preset)
    settings = {setting["name"]: setting for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in settings), source
    assert "factor" in settings["model.generator.hidden"]["source"]
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest


@pytest.mark.parametrize("preset", PRESETS)
def test_the_depth_of_the_generator_changes_and_nothing_else(preset):
    study = depth(preset)
    placed = list(zip(study.runs, study.groups, strict=True))
    assert study.axis is not None
    for run, (group,) in placed:
        hidden = run.model.generator.hidden
        assert len(hidden) == study.axis.of[group]
        assert set(hidden) == set(run.model.critic.hidden)
    alike = {
        (run.model.critic, replace(run.model.generator, hidden=(1,)), run.training, run.data)
        for run in study.runs
    }
    assert len(alike) == 1
    # Each depth is a comparison of all latents, paired by seed, and the same at every depth.
    of_group = {group: [] for group in study.axis.of}
    for run, (group,) in placed:
        of_group[group].append((run.latent, run.seed))
    assert len({tuple(pairs) for pairs in of_group.values()}) == 1
    pairs = next(iter(of_group.values()))
    num_seeds = len({run.seed for run in study.runs})
    assert len(set(pairs)) == len(pairs) == num_seeds * len(LATENTS)


def test_two_layers_are_figure_2():
    ours, theirs = depth("paper"), mixture("paper", num_seeds=10)
    of_two = [
        run for run, groups in zip(ours.runs, ours.groups, strict=True) if groups == ("depth 2",)
    ]
    assert [run.digest for run in of_two] == [run.digest for run in theirs.runs]


def test_in_full_it_has_one_to_eight_layers_and_seeds_enough():
    for preset in ("quick", "paper"):
        assert len({run.seed for run in depth(preset).runs}) >= MIN_SEEDS_VERDICT
    study = depth("paper")
    assert sorted(study.axis.of.values()) == list(DEPTHS) == list(range(1, 9))
    assert {run.model.generator.hidden for run in study.runs} == {(256,) * d for d in DEPTHS}
    assert len(study.notes) == 1
    for preset in ("smoke", "quick"):
        text = " ".join(depth(preset).notes)
        assert "shrunken" in text
        assert "alone (in full 1 to 8)" in text


def test_what_is_declared_exists_and_a_lost_blob_counts():
    study = depth("quick")
    assert set(study.primary_metrics) | set(study.axis.margins) <= set(METRICS)
    assert not all(METRICS[name].constant_wins for name in study.primary_metrics)
    # A constant output has no point between the blobs: it must find them all, too.
    assert any(not METRICS[name].constant_wins for name in study.axis.margins)


def test_one_can_ask_for_less():
    study = depth("smoke", num_seeds=1, latents=("gaussian", "quantum"), depths=(3, 1))
    assert [len(run.model.generator.hidden) for run in study.runs] == [1, 1, 3, 3]
    assert study.axis.of == {"depth 1": 1.0, "depth 3": 3.0}
    assert "Depths 1, 3 alone" in " ".join(study.notes)
    assert depth("smoke", latent_dim=10).runs[0].latent.num_photons == 5
    assert depth("smoke", latent_dim=4, latents=("gaussian", "bernoulli")).reference == "gaussian"


def test_a_deeper_generator_costs_what_its_matrices_do():
    of = {len(run.model.generator.hidden): flop_of(run) for run in depth("paper").runs}
    # Five times one sweep and three more over 256 x 256, at batch 32, 5,000 steps.
    assert of[5] - of[4] == pytest.approx(5000 * 8 * 2 * 32 * 256 * 256)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"depths": ()}, "two numbers of hidden layers or more"),
        ({"depths": (2,)}, r"such as 1,2,4, not \(2,\)"),
        ({"depths": (1, 0)}, "one hidden layer or more, not 0"),
        ({"depths": (1, -2)}, "one hidden layer or more, not -2"),
        ({"depths": (1, 2, 1)}, "named twice"),
        ({"latents": ("quantum", "quantum")}, "name each latent once"),
        ({"latents": ("thermal",)}, "'thermal'"),
        ({"num_seeds": 0}, "at least one run"),
        ({"latent_dim": 9}, "loops of delay 1, 3, 9: give 10 or more"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        depth("smoke", **settings)


def test_a_depth_is_a_whole_number():
    for odd in (1.5, True, "2"):
        with pytest.raises(TypeError, match="whole number of hidden layers"):
            depth("smoke", depths=(1, odd))
    with pytest.raises(ValueError, match="'tiny': choose among smoke, quick, paper"):
        depth("tiny")
