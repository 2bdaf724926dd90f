"""Metrics again from stored samples, and samples again from stored generators."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from quantum_latents import evaluation
from quantum_latents.execution import evaluate_study, find_run, generate_file, run_study
from quantum_latents.recipes import PaperFigure, PaperFigures
from quantum_latents.results import RowStore, deterministic_part, read_rows, read_study, standing
from quantum_latents.training import load_generator


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(finished_tiny_study):
    return finished_tiny_study


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


def spoil(directory, change):
    """Rewrite the rows as another version would have left them."""
    store = RowStore(directory)
    rows = store.read()
    for row in rows:
        change(row)
    store.path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_published_figures_stand_in_the_description_where_there_are_any(
    tmp_path, tiny_study, cache, finished, trains_here
):
    figure = PaperFigure(data="bernoulli", latent="gaussian", metric="mmd", mean=0.5)
    paper = PaperFigures(source="a paper, Table I", figures=(figure,))
    study = replace(tiny_study(num_steps=64), paper=paper)
    with trains_here():
        assert run_study(study, tmp_path, command="qlat run tiny", num_workers=1, cache=cache)
    assert read_study(tmp_path)["paper"] == {
        "source": "a paper, Table I",
        "figures": [
            {"data": "bernoulli", "latent": "gaussian", "metric": "mmd", "mean": 0.5}
            | {"standard_error": None}
        ],
    }
    assert "paper" not in json.loads((finished / "study.json").read_text())


def test_nothing_changes_where_nothing_is_different(study, cache):
    before, there = (study / "rows.jsonl").read_bytes(), names(study)
    steps = []
    done = evaluate_study(study, cache=cache, on_progress=lambda *step: steps.append(step))
    assert (done.num_rows, done.num_evaluated, done.changed, done.kept_as) == (4, 4, [], None)
    assert (study / "rows.jsonl").read_bytes() == before
    assert names(study) == there
    assert steps == [(number, 4) for number in range(5)]


def test_rows_of_another_version_are_measured_anew_and_kept(study, finished, cache):
    def change(row):
        if row["spec"]["latent"]["name"] == "gaussian":
            row["metrics"]["energy_distance"]["value"] += 0.5
            del row["metrics"]["sliced_wasserstein"]

    spoil(study, change)
    old = (study / "rows.jsonl").read_bytes()
    assert [one.kind for one in standing(study, read_rows(study)).findings] == ["edited"]
    done = evaluate_study(study, cache=cache)
    assert len(done.changed) == 1
    assert standing(study, read_rows(study)).state == "as frozen", (
        "the new row has a seal of its own"
    )
    assert (study / done.kept_as).read_bytes() == old
    truth = {row["run"]: row for row in read_rows(finished)}
    for row in read_rows(study):
        assert deterministic_part(row) == deterministic_part(truth[row["run"]])
        assert ("evaluated_at" in row["provenance"]) == (row["run"] in done.changed)
        assert row["provenance"]["seconds"] == truth[row["run"]]["provenance"]["seconds"]
    assert "evaluated.jsonl" not in names(study)
    again = evaluate_study(study, cache=cache)
    assert again.changed == []


def test_an_interrupted_call_goes_on(study, cache, monkeypatch):
    spoil(study, lambda row: row["metrics"]["energy_distance"].update(value=9.0))
    before = (study / "rows.jsonl").read_bytes()
    calls = []
    remake = evaluation.remake_row

    def interrupted(row, *arguments, **settings):
        calls.append(row["run"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return remake(row, *arguments, **settings)

    monkeypatch.setattr(evaluation, "remake_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_study(study, cache=cache)
    assert (study / "rows.jsonl").read_bytes() == before
    done = evaluate_study(study, cache=cache)
    assert len(calls) == 3 + 2, "two were done before the interruption"
    assert len(done.changed) == 4


def test_what_other_versions_left_half_done_is_not_gone_on_with(study, cache):
    left = RowStore(study / "evaluated.jsonl")
    row = read_rows(study)[0]
    row["metrics"]["energy_distance"]["value"] = 9.0
    left.append(row | {"provenance": {"evaluated_with": {"quantum-latents": "0.0.1"}}})
    assert evaluate_study(study, cache=cache).changed == []


def test_rows_without_samples_stay_and_samples_without_a_row_are_named(study, cache):
    first, second, third, _ = read_rows(study)
    shutil.rmtree(study / "runs" / first["run"])
    lines = (study / "rows.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["run"] != second["run"]]
    (study / "rows.jsonl").write_text("".join(kept))

    def change(row):
        if row["run"] == third["run"]:
            row |= {"status": "diverged", "metrics": {}}

    spoil(study, change)
    done = evaluate_study(study, cache=cache)
    assert done.without_samples == [first["run"]]
    assert done.without_row == [second["run"]]
    assert done.diverged == [third["run"]]
    assert done.num_evaluated == 1
    assert len(read_rows(study)) == 3


def test_samples_of_another_run_are_refused(study, cache):
    one, other = (
        study / "runs" / row["run"] / "samples.safetensors" for row in read_rows(study)[:2]
    )
    shutil.copy(one, other)
    with pytest.raises(ValueError, match="samples of another run"):
        evaluate_study(study, cache=cache)


def test_a_folder_that_is_no_study_stays_as_it_is(tmp_path):
    with pytest.raises(ValueError, match="no study at"):
        evaluate_study(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_generated_files_are_a_function_of_run_and_seed(study, tmp_path, cache):
    digest = read_rows(study)[0]["run"]
    folder = find_run(study, digest[:5])

    def generate(name, **settings):
        made = generate_file(folder, tmp_path / name, cache=cache, **settings)
        return np.load(tmp_path / name), made

    few, made = generate("few.npy", num_samples=5)
    more, _ = generate("more.npy", num_samples=20)
    other, _ = generate("other.npy", num_samples=5, seed=1)
    assert made.run == digest
    assert (made.num_samples, made.num_written, made.num_valid) == (5, 5, None)
    np.testing.assert_allclose(few, more[:5], rtol=1e-5, atol=1e-6)
    assert not np.allclose(few, other)
    assert few.shape == (5, 4)


def test_a_loaded_generator_makes_the_stored_samples(study, cache):
    """What was trained, stored and loaded is one map: held-out latents give the run's samples."""
    from quantum_latents.latents import build_latent

    for row in read_rows(study):
        generator = load_generator(find_run(study, row["run"]))
        latent = build_latent(generator.spec.latent, generator.spec.seed, cache)
        held_out = latent.held_out(generator.spec.evaluation.num_samples)
        stored = evaluation.read_samples(study, row["run"])
        np.testing.assert_allclose(generator.generate(held_out), stored, rtol=1e-4, atol=1e-5)


def test_a_run_is_found_by_folder_or_prefix(study):
    digest = read_rows(study)[0]["run"]
    folder = study / "runs" / digest
    assert find_run(folder) == find_run(study, digest) == find_run(study / digest[:6]) == folder
    assert find_run(study / "runs" / digest[:6]) == find_run(study / "runs", digest[:6]) == folder
    with pytest.raises(ValueError, match="holds 4 runs"):
        find_run(study)
    with pytest.raises(ValueError, match="begins with 'zz'; there are"):
        find_run(study, "zz")
    with pytest.raises(ValueError, match="no run at"):
        find_run(study.parent / "absent")
