"""The choice between restarts, on planted rows: by its own metric alone, once, of all of them."""

import pytest

from quantum_latents.results import above_floor, as_compared, check_study, chosen_rows

BY = "wasserstein_1_selection"
STUDY = check_study(
    {
        "schema": 1,
        "study": "corollary",
        "restarts": {
            "by": BY,
            "choices": [
                {"name": "all", "starts": ["target", "random"], "num_runs": 3},
                {"name": "random", "starts": ["random"], "num_runs": 2},
            ],
        },
    }
)


def metric(value, floor=1.0):
    return {"value": value, "floor": floor, "direction": "lower"}


def row(select, report, *, restart=0, start="random", seed=0, latent="quantum", before=None):
    spec = {
        "data": {"name": "pushforward"},
        "latent": {"name": latent},
        "training": {"num_steps": 160},
        "seed": seed,
    }
    if restart:
        spec["restart"] = restart
    if start != "random":
        spec["start"] = start
    made = {
        "run": f"{latent}-{seed}-{start}-{restart}",
        "status": "finished",
        "spec": spec,
        "metrics": {"wasserstein_1": metric(report), BY: metric(select)},
        "preview": {"kind": "vector"},
    }
    if before is not None:
        values = {BY: [before[0]], "wasserstein_1": [before[1]]}
        made["budget"] = {"step": [0], "metrics": values}
    return made


def three(seed=0, latent="quantum"):
    return [
        row(5.0, 1.5, start="target", before=(9.0, 0.5), seed=seed, latent=latent),
        row(4.0, 8.0, seed=seed, latent=latent),
        row(6.0, 0.1, restart=1, seed=seed, latent=latent),
    ]


def value(made, name="wasserstein_1"):
    return made["metrics"][name]["value"]


def test_the_choice_looks_at_its_own_metric_alone():
    # The reported values would choose the third run, or the first before training.
    every, random = chosen_rows(three(), STUDY)
    assert value(every) == value(random) == 8.0
    assert every["chosen"] == {"start": "random", "restart": 0, "step": 160, "of": 4}
    assert random["chosen"]["of"] == 2
    assert every["spec"]["data"]["name"] == "pushforward, all"
    assert random["spec"]["data"]["name"] == "pushforward, random"
    # Whatever is reported, the choice stays.
    changed = three()
    for one in changed:
        one["metrics"]["wasserstein_1"]["value"] = -value(one)
    assert chosen_rows(changed, STUDY)[0]["chosen"] == every["chosen"]


def test_a_step_on_the_way_can_be_chosen_with_all_its_metrics():
    rows = three()
    rows[0]["budget"]["metrics"][BY] = [0.5]
    every, random = chosen_rows(rows, STUDY)
    assert value(every) == 0.5
    assert every["metrics"]["wasserstein_1"]["floor"] == 1.0
    assert every["chosen"] == {"start": "target", "restart": 0, "step": 0, "of": 4}
    assert every["preview"] is None  # the row's picture is of its end
    assert "budget" not in every
    assert value(random) == 8.0


def test_what_chose_is_not_reported():
    assert all(BY not in one["metrics"] for one in chosen_rows(three(), STUDY))


def test_the_rows_themselves_stay_as_they_are():
    rows = three()
    chosen_rows(rows, STUDY)
    assert rows == three()


def test_each_seed_and_latent_chooses_for_itself():
    rows = [*three(0), *three(1), *three(0, "gaussian")]
    found = as_compared(rows, STUDY)
    keys = {
        (r["spec"]["data"]["name"], r["spec"]["latent"]["name"], r["spec"]["seed"]) for r in found
    }
    assert len(keys) == len(found) == 6


def test_a_seed_whose_restarts_are_not_all_there_waits():
    rows = [*three(0), *three(1)[:2]]
    found = [
        r["spec"]["seed"] for r in chosen_rows(rows, STUDY) if "all" in r["spec"]["data"]["name"]
    ]
    assert found == [0]
    assert chosen_rows(three()[:1], STUDY) == []


def test_a_diverged_restart_is_passed_over_and_all_of_them_are_one_diverged_row():
    rows = three()
    rows[1] = {**rows[1], "status": "diverged", "metrics": {}}
    assert value(chosen_rows(rows, STUDY)[0]) == 1.5
    gone = [{**one, "status": "diverged", "metrics": {}} for one in three()]
    every, _ = chosen_rows(gone, STUDY)
    assert (every["status"], every["metrics"]) == ("diverged", {})


def test_without_restarts_nothing_changes():
    study = check_study({"schema": 1, "study": "table1"})
    assert chosen_rows(three(), study) == three()


def test_above_the_floor_is_paired_by_seed():
    rows = []
    for seed in range(8):
        rows += three(seed)
        for one in rows[-3:]:
            one["metrics"]["wasserstein_1"] = metric(3.0 + 0.1 * seed, floor=1.0 + 0.1 * seed)
    found = above_floor(chosen_rows(rows, STUDY), "pushforward, all", "quantum", "wasserstein_1")
    assert found.mean == pytest.approx(2.0)
    assert found.interval == pytest.approx((2.0, 2.0))
    assert found.p_value == pytest.approx(2**-7)
    assert (found.num_seeds, found.chosen) == (8, {"random, step 160": 8})


def test_mistakes_are_named():
    rows = three()
    for one in rows:
        del one["metrics"][BY]
    with pytest.raises(ValueError, match="no row has the metric 'wasserstein_1_selection'"):
        chosen_rows(rows, STUDY)
    for restarts in ({}, {"by": "x", "choices": []}, {"by": "x", "choices": [{"name": "a"}]}, 3):
        with pytest.raises(ValueError, match="'restarts' has by"):
            check_study({"schema": 1, "study": "s", "restarts": restarts})
