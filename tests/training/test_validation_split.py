"""The validation split: nothing that is chosen on it can know a test row.

A leak fails here: the test rows are replaced by others, and not one number of the choice moves.
"""

from dataclasses import replace

import numpy as np
import pytest

from quantum_latents import recipes
from quantum_latents.data import (
    BitsSpec,
    MixtureSpec,
    PhotonCountsSpec,
    array_spec,
)
from quantum_latents.data.dataset import DataSet
from quantum_latents.evaluation import make_row
from quantum_latents.models import GANSpec
from quantum_latents.molecules import GraphLayout
from quantum_latents.random import stream
from quantum_latents.recipes import tune
from quantum_latents.results import choose_trials, deterministic_part
from quantum_latents.training import data_of, train_stack

SIZES = {"num_train": 400, "num_held_out": 60}


def run_on(data, split, seed=0):
    run = recipes.table1("smoke", num_seeds=1).runs[0]
    evaluation = replace(run.evaluation, num_samples=20, split=split)
    return replace(run, data=data, evaluation=evaluation, seed=seed)


@pytest.fixture
def files(tmp_path):
    """Two files with the same rows to train on, and other ones held out."""
    table = stream(0, "test").generator().normal(size=(200, 3))
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    np.save(first, table)
    spec = array_spec(first)
    order = stream(spec.split_seed, "split").generator(0).permutation(len(table))
    held_out = order[len(table) - 2 * (round(len(table) * spec.held_out_fraction) // 2) :]
    table[held_out] = 3.0 * table[held_out] + 5.0
    np.save(second, table)
    return spec, array_spec(second)


@pytest.mark.parametrize(
    "data",
    [
        MixtureSpec(**SIZES),
        PhotonCountsSpec(num_modes=6, num_photons=3, **SIZES),
        BitsSpec(**SIZES),
    ],
    ids=lambda spec: spec.name,
)
def test_rows_set_aside_are_the_runs_own_and_are_not_trained_on(data, tmp_path):
    test, aside = (data_of(run_on(data, split), tmp_path) for split in ("test", "validation"))
    parts = [aside.train, aside.held_out, aside.floor_reference]
    assert [len(part) for part in parts] == [280, 60, 60]
    # Together they are the rows that the test run trains on, each once: no held-out row is new.
    together = np.concatenate(parts)
    assert np.array_equal(together[np.lexsort(together.T)], test.train[np.lexsort(test.train.T)])
    assert aside.metrics == test.metrics
    assert "set aside" in aside.notes[-1]
    again = data_of(run_on(data, "validation"), tmp_path)
    assert np.array_equal(again.held_out, aside.held_out)
    other = data_of(run_on(data, "validation", seed=1), tmp_path)
    assert not np.array_equal(other.held_out, aside.held_out)


def test_of_a_file_the_test_rows_have_no_part_in_it(files, tmp_path):
    tests = [data_of(run_on(spec, "test"), tmp_path) for spec in files]
    asides = [data_of(run_on(spec, "validation"), tmp_path) for spec in files]
    assert np.array_equal(tests[0].train, tests[1].train)
    assert not np.array_equal(tests[0].held_out, tests[1].held_out)
    for name in ("train", "held_out", "floor_reference", "offset", "scale"):
        assert np.array_equal(getattr(asides[0], name), getattr(asides[1], name)), name
    seen = {row.tobytes() for row in tests[0].held_out.round(4)}
    assert not seen & {row.tobytes() for row in asides[0].held_out.round(4)}


def rows_of(runs, cache, directory):
    """Return the rows of runs as a worker makes them, in this process."""
    rows = []
    for place, run in enumerate(runs):
        checkpoint = directory / f"stack-{place}.safetensors"
        (outcome,) = train_stack([run], cache=cache, checkpoint=checkpoint) or ()
        rows.append(make_row(outcome, data_of(run, cache), study="tune", stack={}, provenance={}))
    return rows


def tuned_on(file):
    study = recipes.compare(str(file.path), "smoke", num_seeds=1, latents=("gaussian", "bernoulli"))
    network = replace(study.runs[0].model.generator, hidden=(8,))
    training = replace(study.runs[0].training, num_steps=32, batch_size=8)
    runs = tuple(
        replace(
            run,
            model=GANSpec(generator=network, critic=network),
            training=training,
            latent=replace(run.latent, dim=4, bank_size=200),
        )
        for run in study.runs
    )
    return tune(replace(study, runs=runs), num_trials=3)


def test_other_test_rows_change_the_test_and_not_the_choice(files, tmp_path):
    tuned = [tuned_on(file) for file in files]
    searches = [one.search for one in tuned]
    rows = [rows_of(search.runs, tmp_path, tmp_path) for search in searches]
    for ours, theirs in zip(*rows, strict=True):
        assert ours["metrics"] == theirs["metrics"]
        assert ours["curves"] == theirs["curves"]
    chosen = [
        choose_trials(of_file, search.search)
        for of_file, search in zip(rows, searches, strict=True)
    ]
    for ours, theirs in zip(*chosen, strict=True):
        assert (ours.trial, ours.scores) == (theirs.trial, theirs.scores)
    finals = [one.final(choices) for one, choices in zip(tuned, chosen, strict=True)]
    of_test = [
        deterministic_part(row)["metrics"]["energy_distance"]["value"]
        for final in finals
        for row in rows_of(final.runs[:1], tmp_path, tmp_path)
    ]
    assert of_test[0] != of_test[1], "else this test could not fail"


def test_too_few_rows_are_refused(tmp_path):
    data = BitsSpec(num_train=199, num_held_out=50)
    with pytest.raises(ValueError, match="199 rows to train on, too few to set twice 50 aside"):
        data_of(run_on(data, "validation"), tmp_path)


def test_molecules_have_no_validation_split():
    layout = GraphLayout(num_atoms=2, elements=("C",))
    codes = np.zeros((8, layout.code_width), dtype=np.uint8)
    graphs = DataSet.of_graphs(
        name="m", layout=layout, train=codes, held_out=codes, floor_reference=codes,
        metrics=(), facts={},
    )  # fmt: skip
    with pytest.raises(ValueError, match="no validation split"):
        graphs.validation(stream(0, "v"))


def test_a_split_is_test_or_validation():
    run = run_on(BitsSpec(**SIZES), "test")
    assert "split" not in run.to_json()["evaluation"]
    assert run_on(BitsSpec(**SIZES), "validation").digest != run.digest
    with pytest.raises(ValueError, match="'test' or 'validation', not 'held-out'"):
        run_on(BitsSpec(**SIZES), "held-out")
