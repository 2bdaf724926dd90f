"""GAN-induced distances: the choice does not peek, and the estimate errs upwards."""

import json

import numpy as np
import pytest

from quantum_latents.metrics import wasserstein_1
from quantum_latents.random import stream
from quantum_latents.theory import BIASES, gan_induced_distance, gan_induced_distances


def normal(name, num_samples=100, dim=2):
    return stream(0, "test", name).generator().normal(size=(num_samples, dim))


def test_one_half_chooses_and_the_other_is_reported():
    data, fresh = normal("data"), normal("fresh")
    good, worse = normal("good") + 0.2, normal("worse") + 0.6
    found = gan_induced_distance([worse, good], data, fresh)
    assert (found.chosen, found.num_samples) == (1, 50)
    assert found.value == wasserstein_1(good[50:], data[50:])
    assert found.floor == wasserstein_1(fresh[50:], data[50:])
    assert found.selection == (
        wasserstein_1(worse[:50], data[:50]),
        wasserstein_1(good[:50], data[:50]),
    )


def test_a_candidate_that_is_good_only_where_it_is_reported_is_not_chosen():
    data, fresh = normal("data"), normal("fresh")
    cheat = data.copy()
    cheat[:50] += 9.0
    found = gan_induced_distance([cheat, normal("honest")], data, fresh)
    assert found.chosen == 1
    # And one that is good only where it is chosen does not report its luck.
    lucky = data.copy()
    lucky[50:] += 9.0
    assert gan_induced_distance([lucky, normal("honest")], data, fresh).value > 8


def test_the_best_of_many_that_are_all_alike_is_no_lower_than_one():
    """200 candidates of the data's own law: the choice among them must not be seen in the value."""
    values, chosen, floors = [], [], []
    for trial in range(40):
        names = [normal(f"{trial}-{k}", 40) for k in range(7)]
        found = gan_induced_distance(names[:5], names[5], names[6])
        values.append(found.value)
        floors.append(found.floor)
        chosen.append(found.selection[found.chosen])
    error = np.std(np.subtract(values, floors)) / np.sqrt(40)
    assert abs(np.mean(np.subtract(values, floors))) < 4.5 * error
    assert np.mean(floors) - np.mean(chosen) > 4.5 * error  # what peeking would have reported


def test_the_estimate_is_above_the_distance_of_the_laws():
    # Two normals a unit apart have distance 1 exactly: the shift is an optimal plan.
    shift = np.array([1.0, 0.0])
    values = [
        gan_induced_distance(
            [normal(f"a{k}", 60) + shift], normal(f"b{k}", 60), normal(f"c{k}", 60)
        ).value
        for k in range(30)
    ]
    assert np.mean(values) > 1.0
    assert np.mean(values) < 1.4


def test_it_says_its_biases():
    found = gan_induced_distance([normal("a")], normal("b"), normal("c"))
    assert all(bias in str(found) for bias in BIASES)
    assert "floor" in str(found) and "50 samples a side" in str(found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([], normal("b"), normal("c")), "no candidate"),
        (([normal("a", 90)], normal("b"), normal("c")), "need one shape"),
        (([normal("a", dim=3)], normal("b"), normal("c")), "need one shape"),
        (([normal("a", 3)], normal("b", 3), normal("c", 3)), "need 4, not 3"),
        (([normal("a") * np.nan], normal("b"), normal("c")), "candidate 0 holds nan"),
    ],
)
def test_mistakes_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        gan_induced_distance(*arguments)


def test_from_rows_it_is_what_the_tables_choose():
    def row(seed, start, select, report):
        spec = {
            "data": {"name": "pushforward"},
            "latent": {"name": "gaussian"},
            "training": {"num_steps": 5},
            "seed": seed,
            "start": start,
        }
        metrics = {
            "wasserstein_1": {"value": report, "floor": 1.0, "direction": "lower"},
            "by": {"value": select, "floor": 1.0, "direction": "lower"},
        }
        return {"run": f"{seed}{start}", "status": "finished", "spec": spec, "metrics": metrics}

    choices = [{"name": "all", "starts": ["target", "random"], "num_runs": 2}]
    study = {"schema": 1, "study": "corollary", "restarts": {"by": "by", "choices": choices}}
    rows = [row(seed, "target", 1.0, 3.0 + seed) for seed in range(6)]
    rows += [row(seed, "random", 2.0, 0.5) for seed in range(6)]
    (found,) = gan_induced_distances(rows, study)
    assert (found.data, found.latent, found.biases) == ("pushforward, all", "gaussian", BIASES)
    assert found.values == {seed: 3.0 + seed for seed in range(6)}
    assert found.floors == dict.fromkeys(range(6), 1.0)
    assert found.mean == 5.5
    assert found.above_floor == 4.5
    assert found.above_floor_interval is not None and found.above_floor_interval[0] > 0
    with pytest.raises(ValueError, match="has no restarts to choose among"):
        gan_induced_distances(json.loads(json.dumps(rows)), {"schema": 1, "study": "table1"})
