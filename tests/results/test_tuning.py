"""Choosing trials: by scores alone, by each cell's own rows alone."""

import json
import random

import pytest

from quantum_latents.results import check_study, choose_trials


def row(run, value, direction="lower"):
    finished = value is not None
    entry = {"energy_distance": {"value": value, "direction": direction}}
    status = "finished" if finished else "diverged"
    return {"run": run, "status": status, "metrics": entry if finished else {}}


def cell(latent, trials):
    return {"data": "bits", "latent": latent, "group": "", "trials": trials}


def search(*cells):
    return {"by": "energy_distance", "cells": list(cells)}


ONE = search(cell("quantum", [["a0", "a1"], ["b0", "b1"], ["c0", "c1"]]))


def rows(values, direction="lower"):
    return [row(run, value, direction) for run, value in values.items()]


GOOD = {"a0": 0.5, "a1": 0.7, "b0": 0.1, "b1": 0.9, "c0": 0.3, "c1": 0.5}


def test_the_best_mean_over_the_seeds_wins_whatever_the_order_of_rows():
    made = rows(GOOD)
    (choice,) = choose_trials(made, ONE)
    assert choice.trial == 2
    assert choice.scores == pytest.approx((0.6, 0.5, 0.4))
    random.Random(0).shuffle(made)
    assert choose_trials(made, ONE) == [choice]


def test_where_higher_is_better_the_highest_wins():
    (choice,) = choose_trials(rows(GOOD, "higher"), ONE)
    assert choice.trial == 0


def test_of_equal_scores_the_lower_number_wins():
    (choice,) = choose_trials(rows(dict.fromkeys(GOOD, 0.5)), ONE)
    assert choice.trial == 0


def test_a_trial_that_diverged_once_is_not_chosen():
    (choice,) = choose_trials(rows({**GOOD, "c1": None}), ONE)
    assert (choice.trial, choice.scores[2], choice.num_diverged) == (1, None, (0, 0, 1))


def test_where_all_diverged_the_recipes_own_is_kept():
    (choice,) = choose_trials(rows(dict.fromkeys(GOOD)), ONE)
    assert (choice.trial, choice.scores, choice.num_diverged) == (0, (None,) * 3, (2, 2, 2))


def test_a_choice_needs_every_run():
    with pytest.raises(ValueError, match="1 of 6 tuning runs have no row yet"):
        choose_trials(rows(GOOD)[1:], ONE)


def test_a_cell_is_chosen_for_by_its_own_rows_alone():
    two = search(cell("quantum", [["a0"], ["b0"]]), cell("gaussian", [["c0"], ["a1"]]))
    before = choose_trials(rows(GOOD), two)
    after = choose_trials(rows({**GOOD, "c0": 9.0}), two)
    assert after[0] == before[0]
    assert (before[1].trial, after[1].trial) == (0, 1)
    assert after[1].rows_hash != before[1].rows_hash


def test_rows_of_anything_else_have_no_part_in_it():
    others = rows({"test0": 0.0, "test1": 9.0})
    assert choose_trials([*rows(GOOD), *others], ONE) == choose_trials(rows(GOOD), ONE)


TRIAL = {"learning_rate": 0.1, "gradient_penalty": 10.0, "critic_steps": 5, "decay": 0.0}
TUNING = {
    "by": "energy_distance",
    "label": "energy distance",
    "direction": "lower",
    "trials": [TRIAL] * 3,
    "seeds": [1000, 1001],
    "num_steps": 10,
    "choices": [choose_trials(rows(GOOD), ONE)[0].to_json()],
}


def test_a_choice_survives_json():
    study = check_study({"schema": 1, "study": "tune", "tuning": json.loads(json.dumps(TUNING))})
    assert study["tuning"] == TUNING


@pytest.mark.parametrize(
    "changes",
    [
        {"by": None},
        {"trials": [TRIAL]},
        {"trials": [{"learning_rate": 0.1}] * 3},
        {"num_steps": None},
        {"choices": [{**TUNING["choices"][0], "trial": 3}]},
        {"choices": [{**TUNING["choices"][0], "scores": [0.1, "low", None]}]},
        {"choices": [{"data": "bits"}]},
    ],
)
def test_what_no_page_could_tell_is_refused(changes):
    with pytest.raises(ValueError, match="'tuning' has by, label and direction"):
        check_study({"schema": 1, "study": "tune", "tuning": {**TUNING, **changes}})


@pytest.mark.parametrize(
    "search",
    [
        [1],
        {"by": "mmd"},
        {"by": None, "cells": []},
        {"by": "mmd", "cells": [{"data": "bits", "latent": "gaussian", "group": ""}]},
        {"by": "mmd", "cells": [], "final": {"seeds": 3}},
    ],
)
def test_a_search_from_which_nothing_could_be_chosen_is_refused(search):
    with pytest.raises(ValueError, match="'search' has by"):
        check_study({"schema": 1, "study": "tune", "search": search})
    assert check_study({"schema": 1, "study": "tune", "search": ONE})["search"] == ONE
