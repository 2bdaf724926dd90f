"""Recipes: the paper's figures to the letter, sources of every setting, fair latents."""

import json
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.data import BitsSpec, MixtureSpec, PhotonCountsSpec
from quantum_latents.metrics import METRICS
from quantum_latents.random import stream
from quantum_latents.recipes import (
    LATENTS,
    PRESETS,
    Study,
    compare,
    mixture,
    settings_of,
    table1,
    with_bank_size,
    with_num_steps,
)
from quantum_latents.results import MIN_SEEDS_VERDICT
from quantum_latents.training import RunSpec


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "mine.npy"
    np.save(path, stream(0, "test").generator().normal(size=(400, 3)))
    return str(path)


@pytest.fixture(params=[(r, p) for r in ("table1", "mixture", "compare") for p in PRESETS])
def study(request, file) -> Study:
    recipe, preset = request.param
    if recipe == "compare":
        return compare(file, preset)
    return {"table1": table1, "mixture": mixture}[recipe](preset)


def test_every_setting_has_a_source(study):
    settings = settings_of(study)
    assert all(setting["source"] and setting["value"] for setting in settings)
    names = {setting["name"] for setting in settings}
    assert {"seed", "training.optimiser.learning_rate", "model.generator.hidden"} <= names
    assert json.loads(json.dumps(settings)) == settings


def test_a_setting_without_a_source_is_refused(study):
    unsourced = {k: v for k, v in study.sources.items() if not k.startswith("training")}
    with pytest.raises(ValueError, match=r"'training\..*' has no source"):
        settings_of(replace(study, sources=unsourced))


def test_no_source_is_left_over(study):
    # Presets speak of the sizes of drawn data, which a file does not have.
    names = {"data.num_train", "data.num_held_out"}
    names |= {setting["name"] for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in names), source


def test_runs_are_read_back_from_json(study):
    for run in study.runs:
        again = RunSpec.from_json(json.loads(json.dumps(run.to_json())))
        assert again == run
        assert again.digest == run.digest


def test_latents_are_alike_in_all_but_their_law(study):
    assert [run.latent.name for run in study.runs[:4]] == list(LATENTS)
    alike = {
        (run.latent.dim, run.latent.scaling, run.latent.bank_size, run.latent.num_held_out)
        for run in study.runs
    }
    assert len(alike) == 1
    assert len({(run.model, run.training, run.evaluation) for run in study.runs}) == 1
    photonic = [run.latent for run in study.runs if hasattr(run.latent, "num_photons")]
    assert len({(x.num_photons, x.interferometer, x.sharing) for x in photonic}) == 1
    assert all(2 * x.num_photons == x.dim for x in photonic)


def test_runs_are_paired_by_seed(study):
    seeds = {run.seed for run in study.runs}
    sets = {run.data for run in study.runs}
    assert seeds == set(range(len(seeds)))
    assert len(study.runs) == len(seeds) * len(sets) * len(LATENTS)
    assert len({run.digest for run in study.runs}) == len(study.runs)


def test_what_is_declared_exists(study):
    assert study.reference in LATENTS
    assert set(study.primary_metrics) <= set(METRICS)
    assert set(study.equivalence_margins) <= set(METRICS)
    # L1 alone gives no verdict: a constant output wins it.
    assert not all(METRICS[name].constant_wins for name in study.primary_metrics)


def test_quick_can_carry_a_verdict_and_smoke_cannot(file):
    for make in (table1, mixture, lambda preset: compare(file, preset)):
        assert len({run.seed for run in make("quick").runs}) >= MIN_SEEDS_VERDICT == 10
        assert len({run.seed for run in make("smoke").runs}) < MIN_SEEDS_VERDICT


def test_a_shrunken_preset_says_so(study):
    text = " ".join(study.notes)
    assert (study.preset != "paper") == ("shrunken" in text)
    changed = [s for s in settings_of(study) if ", in full " in s["source"]]
    assert bool(changed) == (study.preset != "paper")


def test_table1_is_the_papers():
    study = table1("paper")
    run = study.runs[0]
    # reference: paper-protocol, section 4b.
    assert {r.data for r in study.runs} == {
        PhotonCountsSpec(
            num_modes=16,
            num_photons=8,
            interferometer="haar",
            num_train=1_000_000,
            num_held_out=10_000,
        ),
        BitsSpec(num_bits=16, num_train=1_000_000, num_held_out=10_000),
    }
    for network in (run.model.generator, run.model.critic):
        assert network.hidden == (512, 512)
        assert network.activation == "relu"
        assert not network.reinject_latent
    optimiser = run.training.optimiser
    assert (optimiser.name, optimiser.learning_rate) == ("rmsprop", 5e-4)
    assert run.training.batch_size == 500
    assert run.training.num_steps == 40_000
    assert run.training.critic_steps == 5
    assert run.training.gradient_penalty == 10
    assert len({r.seed for r in study.runs}) == 12
    assert run.latent.dim == 16
    assert run.latent.num_photons == 8
    assert run.latent.interferometer == "haar"
    assert run.latent.sharing == "independent"
    assert run.latent.scaling == "centred"
    assert run.latent.bank_size == 1_000_000


def test_the_mixture_is_the_papers_and_the_demos():
    study = mixture("paper")
    run = study.runs[0]
    # reference: paper-protocol, section 4a.
    assert {r.data for r in study.runs} == {
        MixtureSpec(
            num_modes=7,
            radius=5.0,
            radial_sd=0.2,
            angular_sd=0.05,
            num_train=1_000_000,
            num_held_out=10_000,
        )
    }
    for network in (run.model.generator, run.model.critic):
        assert network.hidden == (256, 256)
        assert network.activation == "leaky_relu"
        assert network.initialisation == "xavier_uniform"
    optimiser = run.training.optimiser
    assert (optimiser.name, optimiser.learning_rate) == ("adam", 5e-4)
    assert optimiser.betas == (0, 0.9)
    assert run.training.batch_size == 32
    assert run.training.num_steps == 5000
    assert run.training.critic_steps == 5
    assert run.training.gradient_penalty == 10
    assert run.latent.interferometer == "time-bin:1,3,9"
    assert run.latent.sharing == "shared"
    assert run.latent.scaling == "centred"
    assert len({r.seed for r in study.runs}) == 5


def test_one_can_ask_for_less():
    study = table1("smoke", num_seeds=3, latents=("quantum", "gaussian"), data_sets=("quantum",))
    assert [(r.seed, r.latent.name) for r in study.runs] == [
        (seed, name) for seed in range(3) for name in ("quantum", "gaussian")
    ]
    assert len(mixture("smoke", num_seeds=1).runs) == 4


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: table1("tiny"), "'tiny': choose among smoke, quick, paper"),
        (lambda: mixture("tiny"), "'tiny'"),
        (
            lambda: table1("smoke", latents=("quantum", "gausian")),
            "'gausian': choose among quantum",
        ),
        (lambda: mixture("smoke", latents=("thermal",)), "'thermal'"),
        (lambda: table1("smoke", data_sets=("bits",)), "'bits': choose among quantum, bernoulli"),
        (lambda: table1("smoke", latents=("quantum", "quantum")), "a run occurs twice"),
        (lambda: table1("smoke", latents=()), "at least one run"),
        (lambda: mixture("smoke", num_seeds=0), "at least one run"),
    ],
)
def test_mistakes_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_compare_fits_the_metrics_to_the_file(file):
    study = compare(file, "quick", latent_dim=5)
    run = study.runs[0]
    # 400 rows, a fifth held out, half of it for the floor.
    assert run.evaluation.num_samples == run.latent.num_held_out == 40
    assert (run.latent.dim, run.latent.num_photons) == (5, 2)
    assert compare(file, "quick", latent_dim=1).runs[0].latent.num_photons == 1
    assert "mine" in study.title


def test_compare_takes_every_latent_and_says_where_its_settings_come_from(file):
    names = ("quantum", "pairwise", "student_t", "learned_prior")
    study = compare(file, "smoke", num_seeds=1, latents=names)
    assert tuple(run.latent.name for run in study.runs) == names
    learns = [run.model.generator.trainable_input_affine for run in study.runs]
    assert learns == [False, False, False, True]
    assert "latent.parameter" in {setting["name"] for setting in settings_of(study)}
    assert any("32 parameters more" in note for note in study.notes)


def test_compare_refuses_a_file_it_cannot_use(tmp_path):
    with pytest.raises(ValueError, match=r"none.npy"):
        compare(str(tmp_path / "none.npy"), "smoke")
    np.save(tmp_path / "holes.npy", np.full((100, 2), np.nan))
    with pytest.raises(ValueError, match=r"holes.npy"):
        compare(str(tmp_path / "holes.npy"), "smoke")


def test_another_budget_is_stated(study):
    before = study.runs[0].training.num_steps
    other = with_num_steps(study, before + 1)
    assert {run.training.num_steps for run in other.runs} == {before + 1}
    assert f"{before + 1} generator steps instead of this preset's {before}" in other.notes[-1]
    (setting,) = [s for s in settings_of(other) if s["name"] == "training.num_steps"]
    assert setting["source"] == "asked for on the command line"
    assert not {run.digest for run in other.runs} & {run.digest for run in study.runs}
    assert with_num_steps(study, before) is study
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        with_num_steps(study, 0)


def test_latents_of_unequal_banks_are_no_study():
    study = table1("smoke", num_seeds=1)
    first = study.runs[0]
    richer = replace(first, latent=replace(first.latent, bank_size=first.latent.bank_size + 1))
    with pytest.raises(ValueError, match="banks of one size, or all draw fresh"):
        replace(study, runs=(richer, *study.runs[1:]))
    # A run of two groups is compared in both.
    groups = (("haar", "1-1"), *[("haar",)] * (len(study.runs) - 1))
    with pytest.raises(ValueError, match="banks of one size, or all draw fresh"):
        replace(study, runs=(richer, *study.runs[1:]), groups=groups)
    apart = (("fresh",), *[("haar",)] * (len(study.runs) - 1))
    assert replace(study, runs=(richer, *study.runs[1:]), groups=apart).groups == apart


@pytest.mark.parametrize("bank_size", [None, 5000])
def test_the_bank_is_a_recorded_setting_of_all_latents(bank_size):
    study = with_bank_size(table1("smoke", num_seeds=1), bank_size)
    assert {run.latent.bank_size for run in study.runs} == {bank_size}
    (setting,) = (s for s in settings_of(study) if s["name"] == "latent.bank_size")
    assert setting == {
        "name": "latent.bank_size",
        "value": str(bank_size),
        "source": "asked for on the command line",
    }
    assert "Latents: drawn" in study.notes[-1]


def test_without_the_quantum_latent_the_first_one_is_the_reference():
    assert table1("smoke").reference == "quantum"
    assert table1("smoke", latents=("gaussian", "bernoulli")).reference == "gaussian"


def test_what_the_user_asks_for_is_what_the_page_states():
    asked = table1("quick", num_seeds=3)
    assert "num_seeds 3 (in full 12)" in asked.notes[0]
    sources = {s["name"]: s["source"] for s in settings_of(table1("quick", num_seeds=12))}
    assert ", in full " not in sources["seed"]
    (note, family_note) = table1("paper", num_seeds=3).notes
    assert note.startswith("Of the full preset's sizes this study changes: num_seeds 3")
    assert "the quantum latent shares their family" in family_note
    assert not any(
        "share their" in note for note in table1("paper", data_sets=("bernoulli",)).notes
    )
