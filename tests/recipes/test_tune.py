"""Equal tuning as a declaration: the same trials for all, and nothing of the test in them."""

from dataclasses import replace

import pytest

from quantum_latents import recipes
from quantum_latents.data import MoleculesSpec
from quantum_latents.latents.kinds import rival
from quantum_latents.recipes import settings_of, trials_of, tune
from quantum_latents.recipes.tune import FIRST_TUNING_SEED, SPACE, described
from quantum_latents.results import Choice
from quantum_latents.training import RunSpec

STUDIES = {
    "table1": lambda: recipes.table1("smoke"),
    "challengers": lambda: recipes.challengers("smoke", latents=("quantum", "pairwise")),
    "mixture": lambda: recipes.mixture("quick"),
    "interference": lambda: recipes.interference("smoke"),
    "depth": lambda: recipes.depth("smoke", depths=(1, 2)),
    "milestones": lambda: recipes.with_milestones(recipes.table1("smoke"), (0.5,)),
}


@pytest.fixture(params=STUDIES)
def tuned(request):
    return tune(STUDIES[request.param]())


def choices_of(tuned, trial):
    """Return choices that take this trial for every cell but the first."""
    search = tuned.search.search
    return [
        Choice(
            **{name: cell[name] for name in ("data", "latent", "group")},
            trial=trial if place else 0,
            scores=(0.5,) * len(tuned.trials),
            num_diverged=(0,) * len(tuned.trials),
            runs=(),
            rows_hash="",
        )
        for place, cell in enumerate(search["cells"])
    ]


def test_every_latent_has_the_same_trials_seeds_and_steps(tuned):
    had: dict[RunSpec, list] = {}
    for run in tuned.search.runs:
        alike = replace(run, seed=0, training=tuned.trials[0])
        had.setdefault(alike, []).append((run.training, run.seed))
    expected = [(trial, seed) for seed in tuned.seeds for trial in tuned.trials]
    assert all(found == expected for found in had.values())
    assert len(had) == len({replace(run, seed=0) for run in tuned.study.runs})
    assert {run.latent for run in tuned.search.runs} == {run.latent for run in tuned.study.runs}
    steps = {run.training.num_steps for run in (*tuned.search.runs, *tuned.study.runs)}
    batches = {run.training.batch_size for run in (*tuned.search.runs, *tuned.study.runs)}
    assert len(steps) == len(batches) == 1


def test_no_search_shares_a_seed_or_a_row_with_a_test(tuned):
    assert min(tuned.seeds) >= FIRST_TUNING_SEED > max(run.seed for run in tuned.study.runs)
    assert {run.evaluation.split for run in tuned.search.runs} == {"validation"}
    assert {run.evaluation.split for run in tuned.final(choices_of(tuned, 1)).runs} == {"test"}


def test_the_final_study_differs_in_what_was_tuned_and_in_nothing_else(tuned):
    final = tuned.final(choices_of(tuned, 2))
    first = replace(tuned.study.runs[0], seed=0)
    for run, own in zip(final.runs, tuned.study.runs, strict=True):
        if replace(own, seed=0) == first:
            assert run.digest == own.digest, "trial 0 is the recipe's own run, by its own name"
        else:
            assert run == replace(own, training=tuned.trials[2])
    assert final.primary_metrics == tuned.study.primary_metrics
    assert final.equivalence_margins == tuned.study.equivalence_margins
    assert final.groups == tuned.study.groups


def test_both_phases_say_where_every_setting_comes_from(tuned):
    for study in (tuned.search, tuned.final(choices_of(tuned, 2))):
        sources = {setting["name"]: setting["source"] for setting in settings_of(study)}
        assert "same" in sources["training.optimiser.learning_rate"]
        assert sources["training.optimiser.learning_rate"] == sources["training.critic_steps"]
        for run in study.runs:
            assert RunSpec.from_json(run.to_json()) == run


def test_what_chooses_is_a_metric_that_no_constant_output_wins(tuned):
    assert tuned.by == "energy_distance"
    assert tuned.search.primary_metrics == ("energy_distance",)
    assert not tuned.search.equivalence_margins


@pytest.mark.parametrize(
    ("data", "by"),
    [
        (("iqp",), "outcome_distance"),
        (("iqp", "gbs"), "outcome_distance"),
        (("quantum", "iqp"), "energy_distance"),
        (("moons", "checkerboard"), "energy_distance"),
    ],
)
def test_of_several_data_sets_a_metric_chooses_that_each_of_them_has(data, by):
    assert tune(recipes.table1("smoke", data_sets=data)).by == by


def test_the_search_declares_what_will_be_tested(tuned):
    search = tuned.search.search
    assert search["final"]["primary_metrics"] == list(tuned.study.primary_metrics)
    assert search["final"]["seeds"] == sorted({run.seed for run in tuned.study.runs})
    digests = [d for cell in search["cells"] for runs in cell["trials"] for d in runs]
    assert sorted(digests) == sorted(run.digest for run in tuned.search.runs)


def test_a_longer_list_begins_with_a_shorter_one_and_covers_the_space():
    own = recipes.table1("quick").runs[0].training
    trials = trials_of(own, 40)
    assert trials_of(own, 7) == trials[:7]
    assert trials[0] == own and len(set(trials)) == 40
    for name, values in SPACE.items():
        assert len({described(trial)[name] for trial in trials}) == len(values), name
    rates = [described(trial)["learning_rate"] / 5e-4 for trial in trials[1:5]]
    assert len(set(rates)) == 4, "a short list has no rate twice"
    assert len({replace(t, optimiser=own.optimiser, decay=0.0) for t in trials}) > 6


def test_the_default_presets_have_room_for_a_choice():
    for preset, least in (("smoke", 2), ("quick", 4), ("paper", 10)):
        tuned = tune(recipes.table1(preset))
        assert len(tuned.trials) >= least
        assert len(tuned.seeds) >= (1 if preset == "smoke" else 2)


@pytest.mark.parametrize(
    ("study", "settings", "said"),
    [
        (lambda: recipes.corollary("smoke"), {}, "chooses between restarts of its own"),
        (lambda: recipes.table1("smoke"), {"num_trials": 1}, "from 2 to 120, not 1"),
        (lambda: recipes.table1("smoke"), {"num_trials": 121}, "from 2 to 120, not 121"),
        (lambda: recipes.table1("smoke"), {"num_seeds": 0}, "at least 1, not 0"),
        (lambda: of_seed(1000), {}, "seed 1000 is a tuning seed"),
        (lambda: of_molecules(), {}, "no validation rows to tune on"),
        (
            lambda: recipes.table1("smoke", data_sets=("quantum", "grey_digits")),
            {},
            "'grey_digits' has 997 rows to train on, too few to set twice 400 aside",
        ),
        (lambda: of_two_rates(), {}, "varies the training itself"),
    ],
)
def test_what_cannot_be_tuned_is_refused_with_the_reason(study, settings, said):
    with pytest.raises(ValueError, match=said):
        tune(study(), **settings)


def of_seed(seed):
    study = recipes.table1("smoke", num_seeds=1)
    return replace(study, runs=tuple(replace(run, seed=seed) for run in study.runs))


def of_molecules():
    spec = MoleculesSpec(name="m", sha256="0" * 64, num_atoms=9, elements=("C", "N"))
    return recipes.table2(spec, "smoke")


def of_two_rates():
    study = recipes.table1("smoke", num_seeds=1)
    other = replace(study.runs[0].training, critic_steps=1)
    return replace(study, runs=(replace(study.runs[0], training=other), *study.runs[1:]))


def test_a_rival_that_a_tuning_seed_has_not_is_named_before_anything_runs(monkeypatch):
    asked = []

    def missing(name, interferometer, occupation):
        asked.append(name)
        raise ValueError("under-dispersed")

    study = recipes.challengers("smoke", latents=("quantum", "dirichlet_multinomial"))
    monkeypatch.setattr(rival, "rival_source", missing)
    with pytest.raises(ValueError, match="does not exist for seed 1000: under-dispersed"):
        tune(study)
    assert asked == ["dirichlet_multinomial"]
