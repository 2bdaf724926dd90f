"""The recipe of flow matching: what it runs, says, and refuses."""

import pytest

from quantum_latents.recipes import (
    LATENTS,
    MOONS_DATA,
    PRESETS,
    FlowSettings,
    moons,
    settings_of,
    tune,
    with_milestones,
    with_num_steps,
)
from quantum_latents.training import flop_of

OPTIONS = [
    FlowSettings(),
    FlowSettings(coupling="optimal_transport", embedding="zero_padding"),
    FlowSettings(dequantisation="uniform", solver="euler", num_evaluations=20),
    FlowSettings(dequantisation="gaussian", jitter=0.1, solver="dopri5"),
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("flow", OPTIONS)
def test_every_setting_has_a_source(preset, flow):
    study = moons(preset, data_sets=MOONS_DATA, latents=(*LATENTS, "pairwise"), flow=flow)
    assert len(settings_of(study)) > 40  # raises where one has none
    assert {run.latent.name for run in study.runs} == {*LATENTS, "pairwise"}
    assert {run.data.name for run in study.runs} == set(MOONS_DATA)
    assert study.reference == "quantum"
    assert ("energy_distance" in study.primary_metrics) and study.notes


def test_ten_seeds_by_default_and_flows_on_all_four_latents():
    study = moons("quick")
    assert len(study.runs) == 40
    assert {run.model.embedding for run in study.runs} == {"orthonormal"}
    assert any("put into 16 dimensions" in note for note in study.notes)
    # By operations, most of a minute of a slow core: the rest is launching them.
    assert sum(flop_of(run) for run in study.runs) < 5e12


def test_latents_as_wide_as_the_data_are_not_embedded():
    study = moons("smoke", latents=("gaussian",), latent_dim=2)
    assert {run.model.embedding for run in study.runs} == {"none"}
    assert not any("dimensions" in note for note in study.notes)
    settings_of(study)
    narrow = moons("smoke", latents=("gaussian",), latent_dim=1)
    assert any("cannot fill what lies around it" in note for note in narrow.notes)


def test_budget_and_milestones_are_as_of_every_recipe():
    study = with_milestones(with_num_steps(moons("smoke"), 64), (0.5,))
    assert "64 steps instead of this preset's 240" in study.notes[-1]
    assert {run.training.num_steps for run in study.runs} == {64}
    settings_of(study)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data_sets": ("quantum",)}, "data in the plane, not 'quantum'"),
        ({"latents": ("gauss",)}, "no latent is called 'gauss'"),
        ({"latents": ("learned_prior",)}, "use the gaussian latent"),
        ({"flow": FlowSettings(path="variance_preserving")}, "latent 'quantum' is none"),
        ({"flow": FlowSettings(solver="dopri5", num_evaluations=10)}, "leave them out"),
        ({"flow": FlowSettings(solver="midpoint", num_evaluations=9)}, "multiple of 2, not 9"),
        ({"flow": FlowSettings(jitter=1.0)}, "jitter=1.0 needs a dequantisation"),
        (
            {"latent_dim": 2, "flow": FlowSettings(embedding="orthonormal")},
            "as wide as the data, 2: nothing is embedded",
        ),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        moons("smoke", **settings)


def test_a_gaussian_path_takes_gaussian_sources():
    flow = FlowSettings(path="variance_preserving")
    study = moons("smoke", latents=("gaussian",), flow=flow)
    assert {run.training.path for run in study.runs} == {"variance_preserving"}


def test_a_flow_is_not_tuned_as_a_gan_is():
    with pytest.raises(ValueError, match="moons trains no GANs"):
        tune(moons("smoke"))
