"""Where a latent arrives along an axis: planted curves in which the answer is known."""

import itertools

import numpy as np
import pytest

from quantum_latents.results import (
    MIN_SEEDS_VERDICT,
    arrival,
    arrivals,
    axis_curve,
    check_study,
    mean_interval,
    rows_along,
)

MARGINS = {"between": 0.02}


def of(e, places=(1, 2, 3, 4)):
    """Excesses (places, seeds) of one metric."""
    return {
        "between": {
            float(x): dict(enumerate(at))
            for x, at in zip(places, np.asarray(e).tolist(), strict=True)
        }
    }


def flat(*means, num_seeds=12, noise=0.0, seed=0):
    generator = np.random.default_rng(seed)
    return np.array(means)[:, None] + noise * generator.normal(size=(len(means), num_seeds))


@pytest.mark.parametrize(
    ("means", "place"),
    [
        ((0.0, 0.0, 0.0, 0.0), 1.0),
        ((0.5, 0.02, 0.01, 0.0), 2.0),
        ((0.5, 0.0, 0.3, 0.01), 4.0),  # there once and gone again is not there
        ((0.5, 0.3, 0.0, 0.03), None),
        ((0.9, 0.8, 0.7, 0.6), None),
        ((-0.1, -0.2, -0.1, -0.3), 1.0),  # better than the floor is within
    ],
)
def test_it_is_the_first_place_from_which_on_the_mean_keeps_to_the_margin(means, place):
    found = arrival(of(flat(*means)), MARGINS)
    assert found.place == place
    assert found.interval == (place, place)  # seeds that agree leave nothing open
    assert found.num_within == tuple(12 * (mean <= 0.02) for mean in means)


def test_it_is_that_of_the_definition_on_random_curves():
    generator = np.random.default_rng(1)
    for _ in range(200):
        e = generator.normal(0.02, 0.02, size=(4, 3))
        means = e.mean(1)
        there = [x for x in range(4) if all(means[b] <= 0.02 for b in range(x, 4))]
        found = arrival(of(e), MARGINS)
        assert found.place == (there[0] + 1 if there else None)
        assert found.excesses["between"] == pytest.approx(tuple(means))


def test_every_metric_with_a_margin_must_keep_to_it():
    # A generator that makes one blob alone has nothing between the blobs.
    between, lost = flat(0.0, 0.0, 0.0, 0.0), flat(0.9, 0.9, 0.0, 0.0)
    excesses = of(between) | {"coverage": of(lost)["between"]}
    assert arrival(of(between), MARGINS).place == 1.0
    both = arrival(excesses, MARGINS | {"coverage": 0.05})
    assert both.place == 3.0
    assert both.num_within == (0, 0, 12, 12)


def test_the_interval_is_that_of_all_resamples_of_few_seeds():
    # Six seeds: every one of 6^6 resamples, in place of the bootstrap's random ones.
    e = np.stack([np.full(6, 0.1), [0.03, 0.03, 0.015, 0.0, 0.01, 0.02], [0.07, 0, 0, 0, 0, 0]])
    draws = np.array(list(itertools.product(range(6), repeat=6)))
    within = e[:, draws].mean(2) <= 0.02 + 1e-12
    index = np.where(within[2], np.where(within[1], 1, 2), 3)
    low, high = np.quantile(index, [0.025, 0.975], method="inverted_cdf")
    answers = (1.0, 2.0, 3.0, None)
    found = arrival(of(e, (1, 2, 3)), MARGINS)
    assert found.interval == (answers[low], answers[high]) == (2.0, None)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # The true mean at the third place is at the margin's inner edge, two standard errors away.
    truth, held = 3.0, 0
    for seed in range(200):
        e = flat(0.2, 0.05, 0.01, 0.0, num_seeds=12, noise=0.017, seed=seed)
        low, high = arrival(of(e), MARGINS).interval
        held += low is not None and low <= truth and (high is None or truth <= high)
    assert held >= 180  # Binomial(200, 0.95): below this with probability 2e-3


def test_few_seeds_have_a_point_and_no_interval_and_no_sentence_on_it():
    found = arrival(of(flat(0.5, 0.0, 0.0, 0.0, num_seeds=5)), MARGINS)
    assert (found.place, found.interval, found.code) == (2.0, None, "too few")
    assert found.interval_text == "–"
    found = arrival(of(flat(0.5, 0.0, 0.0, 0.0, num_seeds=9)), MARGINS)
    assert (found.interval, found.code) == ((2.0, 2.0), "too few")
    assert f"9 of at least {MIN_SEEDS_VERDICT}" in found.sentence("quantum", "layers")


def test_sentences_say_what_the_interval_carries():
    arrives = arrival(of(flat(0.5, 0.0, 0.0, 0.0)), MARGINS)
    assert arrives.code == "arrives"
    assert "quantum arrives at 2 layers" in arrives.sentence("quantum", "layers")
    never = arrival(of(flat(0.5, 0.5, 0.5, 0.5)), MARGINS)
    assert never.code == "never"
    assert never.place_text == "never within 4"
    assert "gaussian does not arrive within 4 layers" in never.sentence("gaussian", "layers")
    e = flat(0.5, 0.0, 0.0, 0.0)
    e[3, ::2] = 0.035  # the mean of the last place is within, half of its resamples are not
    open_one = arrival(of(e), MARGINS)
    assert (open_one.place, open_one.code) == (2.0, "undecided")
    assert open_one.interval[1] is None
    said = open_one.sentence("quantum", "layers")
    assert "undecided" in said and "never]" in said


def test_the_interval_always_holds_the_estimate():
    # Six places that are hardly within: all of them at once is rare among resamples.
    generator = np.random.default_rng(5)
    for _ in range(30):
        e = generator.normal(0.018, 0.05, size=(6, 10))
        e += 0.0199 - e.mean(1, keepdims=True)
        found = arrival(of(e, range(1, 7)), MARGINS)
        assert found.place == 1.0
        assert found.interval[0] == 1.0


def test_seeds_that_miss_something_are_left_out_and_their_runs_counted():
    excesses = of(flat(0.5, 0.0, 0.0, 0.0, num_seeds=8))
    excesses["between"][2.0][1] = None  # diverged
    del excesses["between"][3.0][4]  # not yet run
    found = arrival(excesses, MARGINS)
    assert found.seeds == (0, 2, 3, 5, 6, 7)
    assert found.num_dropped == 2
    assert found.num_runs == (8, 8, 7, 8)
    assert found.num_within == (0, 7, 7, 8)
    nothing = {"between": {1.0: {0: 0.1}, 2.0: {0: None}}}
    assert arrival(nothing, MARGINS) is None


@pytest.mark.parametrize(
    ("excesses", "margins", "said"),
    [
        ({}, {}, "needs a margin"),
        (of(flat(0, 0, 0, 0)), {"other": 0.1}, "needs a margin"),
        (of(flat(0, 0, 0, 0)), {"between": -0.1}, "'between' is a number >= 0, not -0.1"),
        (of(flat(0, 0, 0, 0)), {"between": np.inf}, "not inf"),
        (of(flat(0), (1,)), MARGINS, "two finite places or more"),
        (of(flat(0, 0), (1, np.nan)), MARGINS, "two finite places or more"),
        (of(flat(0, np.nan), (1, 2)), MARGINS, "finite number, not nan"),
        (
            of(flat(0, 0), (1, 2)) | {"b": of(flat(0, 0), (1, 3))["between"]},
            MARGINS | {"b": 0.1},
            "different places",
        ),
    ],
)
def test_bad_input_is_refused(excesses, margins, said):
    with pytest.raises(ValueError, match=said):
        arrival(excesses, margins)


STUDY = check_study(
    {
        "schema": 1,
        "study": "depth",
        "groups": {},
        "axis": {
            "name": "depth",
            "label": "layers",
            "of": {"depth 1": 1, "depth 2": 2, "depth 10": 10},
            "margins": {"between": 0.02, "found": 0.05},
        },
    }
)


def planted(row, answers, num_seeds=12, skip=()):
    """Rows of latents that arrive where `answers` says, and the study that they belong to."""
    made, groups = [], {}
    for depth, (latent, place), seed in itertools.product(
        (10, 1, 2), answers.items(), range(num_seeds)
    ):
        if (latent, depth, seed) in skip:
            continue
        there = place is not None and depth >= place
        made.append(
            row(
                latent,
                seed,
                data="mixture",
                between={"value": 0.01 if there else 0.4, "floor": 0.0},
                found={"value": 1.0, "floor": 1.0, "direction": "higher"},
            )
            | {"run": f"{latent}-{depth}-{seed}"}
        )
        groups[made[-1]["run"]] = [f"depth {depth}"]
    return made, STUDY | {"groups": groups}


def test_rows_say_where_each_latent_arrives(row):
    answers = {"quantum": 2, "bernoulli": 10, "gaussian": None}
    rows, study = planted(row, answers)
    places = rows_along(rows, study)["mixture"]
    assert list(places) == [1.0, 2.0, 10.0]
    found = arrivals(places, "mixture", study["axis"]["margins"])
    assert {latent: of.place for latent, of in found.items()} == answers
    assert [found[latent].code for latent in answers] == ["arrives", "arrives", "never"]
    assert all(of.num_runs == (12, 12, 12) for of in found.values())


def test_higher_is_better_turns_the_excess_round(row):
    rows, study = planted(row, {"quantum": 1})
    for entry in rows:
        entry["metrics"]["found"]["value"] = 0.9 if entry["run"].startswith("quantum-2-") else 1.2
    places = rows_along(rows, study)["mixture"]
    (found,) = arrivals(places, "mixture", study["axis"]["margins"]).values()
    assert found.place == 10.0
    assert found.excesses["found"] == pytest.approx((-0.2, 0.1, -0.2))


def test_missing_rows_leave_the_seed_out_and_a_whole_place_the_latent(row):
    gone = {("quantum", 2, 3), *(("gaussian", 10, seed) for seed in range(12))}
    rows, study = planted(row, {"quantum": 2, "gaussian": 2, "bernoulli": 1}, skip=gone)
    places = rows_along(rows, study)["mixture"]
    found = arrivals(places, "mixture", study["axis"]["margins"])
    assert set(found) == {"quantum", "bernoulli"}
    assert (len(found["quantum"].seeds), found["quantum"].num_dropped) == (11, 1)


def test_a_row_without_a_floor_has_no_excess(row):
    rows, study = planted(row, {"quantum": 1})
    for entry in rows[:2]:
        del entry["metrics"]["between"]["floor"]
    found = arrivals(rows_along(rows, study)["mixture"], "mixture", study["axis"]["margins"])
    assert len(found["quantum"].seeds) == 10


def test_a_curve_is_that_of_the_rows(row):
    rows, study = planted(row, {"quantum": 2, "gaussian": None})
    curve = axis_curve(rows_along(rows, study)["mixture"], "mixture", "between", 0.02)
    assert curve.places == (1.0, 2.0, 10.0)
    assert curve.means["quantum"] == pytest.approx((0.4, 0.01, 0.01))
    assert curve.means["gaussian"] == pytest.approx((0.4, 0.4, 0.4))
    assert curve.intervals["quantum"][1] == mean_interval([0.01] * 12)
    assert (curve.floor, curve.margin) == (0.0, 0.02)
    assert all(len(at) == 12 for at in curve.values["gaussian"])


def test_runs_that_no_group_places_are_not_on_the_axis(row):
    rows, study = planted(row, {"quantum": 1})
    study["groups"][rows[0]["run"]] = ["elsewhere"]
    del study["groups"][rows[1]["run"]]
    assert sum(len(at) for at in rows_along(rows, study)["mixture"].values()) == len(rows) - 2
    assert rows_along(rows, study | {"axis": None}) == {}


def test_two_runs_at_one_place_cannot_be_told_apart(row):
    rows, study = planted(row, {"quantum": 1})
    twin = rows[0] | {"run": "twin"}
    study["groups"]["twin"] = study["groups"][rows[0]["run"]]
    places = rows_along([*rows, twin], study)["mixture"]
    with pytest.raises(ValueError, match="two runs have data 'mixture', latent 'quantum'"):
        arrivals(places, "mixture", study["axis"]["margins"])


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"label": None},
        {"of": ["depth 1"]},
        {"of": {"depth 1": "one"}},
        {"margins": {"between": -0.1}},
        {"margins": {"between": "small"}},
        {"margins": None},
    ],
)
def test_a_damaged_axis_is_refused(change):
    with pytest.raises(ValueError, match="'axis' has name and label"):
        check_study(STUDY | {"axis": STUDY["axis"] | change})
    with pytest.raises(ValueError, match="'axis' has name and label"):
        check_study(STUDY | {"axis": [1, 2]})


def test_to_arrive_where_one_is_held_against_oneself_is_not_to_arrive():
    row = {"status": "finished", "metrics": {"d": {"direction": "lower", "floor": 0.0}}}

    def made(place, seed, value):
        spec = {"data": {"name": "a"}, "latent": {"name": "q"}, "seed": seed}
        metrics = {"d": row["metrics"]["d"] | {"value": value}}
        return row | {"run": f"{place}-{seed}", "spec": spec, "metrics": metrics}

    far = {
        x: [made(x, seed, 4.0 * (x < 9) + 0.01 * seed) for seed in range(12)] for x in (1.0, 9.0)
    }
    found = arrivals(far, "a", {"d": 0.1}, against=9.0)["q"]
    assert found.excesses["d"] == pytest.approx((4.0, 0.0))
    assert found.place == 9.0
    assert found.place_text == "nowhere before 9"
    assert "nowhere before 9 rows, where it is held against itself" in found.sentence("q", "rows")
    near = {x: [made(x, seed, 0.01 * seed) for seed in range(12)] for x in (1.0, 9.0)}
    assert (
        arrivals(near, "a", {"d": 0.1}, against=9.0)["q"]
        .sentence("q", "rows")
        .startswith("q arrives at 1 rows")
    )
