"""Rows and stored samples of finished and of diverged runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from quantum_latents.data import (
    BitsSpec,
    DataSet,
    DigitsSpec,
    MixtureSpec,
    PhotonCountsSpec,
    load,
)
from quantum_latents.evaluation import (
    evaluate,
    make_row,
    read_milestones,
    read_samples,
    remake_row,
    write_run,
)
from quantum_latents.evaluation.stored import run_folder
from quantum_latents.metrics import lookup
from quantum_latents.random import stream
from quantum_latents.recipes import table1
from quantum_latents.results import RowStore
from quantum_latents.training import Outcome

NUM_SAMPLES = 120
SPECS = {
    "mixture": MixtureSpec(num_train=200, num_held_out=NUM_SAMPLES),
    "quantum": PhotonCountsSpec(
        num_modes=4, num_photons=2, num_train=200, num_held_out=NUM_SAMPLES
    ),
    "bernoulli": BitsSpec(num_bits=5, num_train=200, num_held_out=NUM_SAMPLES),
}
PROVENANCE = {"finished_at": "2026-01-01T00:00:00+00:00", "seconds": 1.0}
STACK = {"size": 1, "place": 0, "device": "cpu", "kernel": "numba", "num_threads": 1}


@pytest.fixture(scope="module", params=SPECS)
def data(request, tmp_path_factory) -> DataSet:
    return load(SPECS[request.param], stream(0, "data"), tmp_path_factory.mktemp("cache"))


def outcome_of(data: DataSet, samples, diverged_at=None) -> Outcome:
    run = table1("smoke").runs[0]
    return Outcome(
        spec=replace(run, data=SPECS.get(data.name, run.data)),
        samples=samples,
        weights={"weight1": torch.arange(6.0).view(2, 3).mT, "bias1": torch.zeros(1, 2)},
        diverged_at=diverged_at,
        kernel="numba",
        curves={
            "step": [1.0],
            "critic_loss": [None],
            "wasserstein": [0.5],
            "gradient_penalty": [0],
        },
        seconds=2.5,
    )


def row_of(outcome, data):
    return make_row(outcome, data, study="test", stack=STACK, provenance=PROVENANCE)


def noisy(data):
    noise = stream(1, "test").generator().normal(size=(NUM_SAMPLES, data.dim))
    return (data.held_out + 0.3 * noise).astype(np.float32)


def test_a_row_is_strict_json_and_kept_by_the_store(data, tmp_path):
    row = row_of(outcome_of(data, noisy(data)), data)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    store = RowStore(tmp_path)
    store.append(row)
    assert store.read() == [row]
    assert row["status"] == "finished"
    assert row["status_detail"] == ""
    assert row["provenance"] == PROVENANCE
    assert row["stack"] == STACK
    assert row["spec"]["data"]["name"] == data.name
    assert row["run"] == outcome_of(data, None).spec.digest


def test_every_metric_of_the_data_is_there_with_its_floor(data):
    far_away = data.floor_reference + np.float32(100.25)
    metrics = row_of(outcome_of(data, far_away), data)["metrics"]
    assert tuple(metrics) == data.metrics
    for name, entry in metrics.items():
        metric = lookup(name)
        assert entry["direction"] == metric.direction
        assert (entry["label"], entry["unit"]) == (metric.label, metric.unit)
        assert entry["constant_wins"] == metric.constant_wins
        assert entry["corroborated_by"] == list(metric.corroborated_by)
        worse = entry["value"] - entry["floor"]
        assert (worse if metric.direction == "lower" else -worse) > 0


def test_the_floor_is_what_the_data_themselves_reach(data):
    # As many fresh samples of the data in the generated samples' place reach it exactly.
    for entry in evaluate(data.floor_reference, data, 0).values():
        assert entry["value"] == entry["floor"]
    few = evaluate(noisy(data)[:50], data, 0)
    in_place = evaluate(data.floor_reference[:50], data, 0)
    assert {n: e["floor"] for n, e in few.items()} == {n: e["value"] for n, e in in_place.items()}


def test_a_row_is_a_function_of_what_it_is_given(data):
    first, again = (row_of(outcome_of(data, noisy(data)), data) for _ in range(2))
    assert first == again
    # Random projections follow the seed alone; metrics without them do not know it.
    ours, theirs = evaluate(noisy(data), data, 0), evaluate(noisy(data), data, 1)
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing <= {"sliced_wasserstein"}
    assert (differing == set()) == (data.dim == 1)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e6, -1e15])
def test_bad_generators_have_finite_metrics_too(data, value):
    samples = np.full((NUM_SAMPLES, data.dim), value, dtype=np.float32)
    row = row_of(outcome_of(data, samples), data)
    assert row["status"] == "finished"
    json.dumps(row, allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (None, "diverged at generator step 17"),
        (np.nan, "generated samples are not finite"),
        (np.inf, "generated samples are not finite"),
    ],
)
def test_a_diverged_run_has_a_row_and_no_metrics(data, bad, detail, tmp_path):
    samples = None
    if bad is not None:
        samples = noisy(data)
        samples[3, 0] = bad
    row = row_of(outcome_of(data, samples, None if bad is not None else 17), data)
    assert row["status"] == "diverged"
    assert row["status_detail"] == detail
    assert row["metrics"] == {}
    assert row["preview"] is None
    RowStore(tmp_path).append(row)


def test_previews_say_what_they_show(data):
    samples = noisy(data)
    preview = row_of(outcome_of(data, samples), data)["preview"]
    if data.name == "mixture":
        assert preview["kind"] == "scatter"
        assert np.allclose(preview["generated"], samples, atol=1e-4)
        assert np.allclose(preview["data"], data.held_out, atol=1e-4)
        return
    assert preview["kind"] == "counts"
    assert np.allclose(preview["mean_data"], data.held_out.mean(0), atol=1e-4)
    assert np.allclose(preview["mean_generated"], samples.mean(0), atol=1e-4)
    expected = np.corrcoef(samples.astype(float).T)
    assert np.allclose(preview["correlation_generated"], expected, atol=1e-4)
    expected = np.corrcoef(data.held_out.astype(float).T)
    assert np.allclose(preview["correlation_data"], expected, atol=1e-4)


def test_images_are_previewed_as_images():
    data = load(DigitsSpec(threshold=None), stream(0, "data"), Path("unused"))
    samples = data.floor_reference + np.float32(0.123)
    preview = row_of(outcome_of(data, samples), data)["preview"]
    assert preview["kind"] == "images"
    assert (preview["shape"], preview["pixel_range"]) == ([8, 8], [0, 16])
    assert np.array_equal(preview["data"], data.held_out[:16])
    assert np.allclose(preview["generated"], samples[:16], atol=0.006)
    assert len(json.dumps(preview)) < 20_000


def test_data_that_are_no_counts_are_previewed_as_vectors(data):
    if data.dim == 2:
        pytest.skip("points of a plane are drawn as they are")
    shifted = replace(data, held_out=data.held_out + np.float32(0.25))
    assert row_of(outcome_of(data, noisy(data)), shifted)["preview"]["kind"] == "vector"


def test_a_coordinate_that_does_not_vary_has_no_correlation(data):
    samples = np.ones((NUM_SAMPLES, data.dim), dtype=np.float32)
    preview = row_of(outcome_of(data, samples), data)["preview"]
    if preview["kind"] == "counts":
        assert np.array_equal(preview["correlation_generated"], np.zeros((data.dim, data.dim)))


def test_notes_of_the_data_reach_the_row(data):
    noted = replace(data, notes=("Constant among the training rows: column b.",))
    assert row_of(outcome_of(data, noisy(data)), noted)["notes"] == list(noted.notes)


def test_stored_samples_and_weights_come_back(data, tmp_path):
    from safetensors.torch import load_file

    outcome = outcome_of(data, noisy(data))
    write_run(tmp_path, outcome)
    again = read_samples(tmp_path, outcome.spec.digest)
    assert again.dtype == np.float32
    assert np.array_equal(again, outcome.samples)
    weights = load_file(run_folder(tmp_path, outcome.spec.digest) / "generator.safetensors")
    assert set(weights) == set(outcome.weights)
    assert all(torch.equal(weights[name], outcome.weights[name]) for name in weights)
    # Metrics can be computed again from what is stored.
    assert evaluate(again, data, 0) == evaluate(outcome.samples, data, 0)


def test_what_was_not_stored_or_is_damaged_is_named(data, tmp_path):
    outcome = outcome_of(data, None, diverged_at=3)
    write_run(tmp_path, outcome)
    digest = outcome.spec.digest
    with pytest.raises(FileNotFoundError, match=f"run {digest} stored no samples"):
        read_samples(tmp_path, digest)
    path = run_folder(tmp_path, digest) / "samples.safetensors"
    path.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"samples.safetensors is damaged"):
        read_samples(tmp_path, digest)


def test_milestones_are_measured_like_the_end_and_read_back(data, tmp_path):
    on_the_way = {16: noisy(data), 48: data.held_out[:NUM_SAMPLES].astype(np.float32)}
    outcome = replace(outcome_of(data, noisy(data)), milestones=on_the_way)
    row = row_of(outcome, data)
    assert row["budget"]["step"] == [16, 48]
    for name, entry in row["metrics"].items():
        first, last = row["budget"]["metrics"][name]
        assert first == entry["value"]
        assert last == evaluate(on_the_way[48], data, outcome.spec.seed)[name]["value"]
    write_run(tmp_path, outcome)
    stored = read_milestones(tmp_path, outcome.spec.digest)
    assert list(stored) == [16, 48]
    assert all(np.array_equal(stored[step], on_the_way[step]) for step in stored)
    assert np.array_equal(read_samples(tmp_path, outcome.spec.digest), outcome.samples)
    again = remake_row(row, outcome.samples, data, milestones=stored, provenance={})
    assert again["budget"] == row["budget"]
    assert "budget" not in row_of(outcome_of(data, noisy(data)), data)


def test_a_milestone_that_is_no_number_has_no_value(data):
    lost = np.full((NUM_SAMPLES, data.dim), np.nan, dtype=np.float32)
    outcome = replace(outcome_of(data, noisy(data)), milestones={16: lost, 32: noisy(data)})
    for name, (first, second) in row_of(outcome, data)["budget"]["metrics"].items():
        assert first is None, name
        assert second is not None
