"""Rows that another study has: taken over whole, never trained twice."""

import json
from dataclasses import replace

import pytest

from quantum_latents.evaluation import read_samples
from quantum_latents.execution import run_study
from quantum_latents.results import deterministic_part, read_rows, standing


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(study, directory, cache, **settings):
    return run_study(study, directory, command="qlat", num_workers=1, cache=cache, **settings)


@pytest.fixture(autouse=True, scope="module")
def here(trains_here):
    with trains_here():
        yield


@pytest.fixture(scope="module")
def half(tmp_path_factory, tiny_study, cache):
    """A finished study of two of the four runs."""
    directory = tmp_path_factory.mktemp("half") / "one-half"
    study = tiny_study(32)
    assert run(replace(study, name="half", runs=study.runs[:2]), directory, cache)
    return directory


def test_rows_are_taken_over_and_the_others_trained(half, tiny_study, cache, tmp_path):
    study, directory = tiny_study(32), tmp_path / "study"
    before = (half / "rows.jsonl").read_bytes()
    seen = []
    assert run(study, directory, cache, rows_from=[half], on_progress=seen.append)
    rows, theirs = read_rows(directory), {row["run"]: row for row in read_rows(half)}
    assert {row["run"] for row in rows} == {one.digest for one in study.runs}
    planned = json.loads((directory / "plan.json").read_text())["stacks"]
    trained = {digest for stack in planned for digest in stack["runs"]}
    assert trained == {row["run"] for row in rows} - set(theirs)
    for row in rows:
        assert row["study"] == study.name
        origin = row["provenance"].get("reused_from")
        assert origin == ("half (one-half)" if row["run"] in theirs else None)
        if row["run"] in theirs:
            other = theirs[row["run"]]
            assert deterministic_part(row) == deterministic_part(other) | {"study": study.name}
            kept = {name: row["provenance"][name] for name in other["provenance"]}
            assert kept == other["provenance"]
            same = [read_samples(where, row["run"]).tobytes() for where in (half, directory)]
            assert same[0] == same[1]
    assert (half / "rows.jsonl").read_bytes() == before
    assert seen[-1].num_finished == 4
    assert seen[-1].num_steps_done == seen[-1].num_steps == 2 * 32
    # Theirs are numbered as theirs: no row of this study seems to have been taken out.
    assert [(f.kind, f.is_alarm) for f in standing(directory, rows).findings] == [("older", False)]
    # The same call again does nothing, whatever the other folder has by then.
    whole = (directory / "rows.jsonl").read_bytes()
    assert run(study, directory, cache, rows_from=[half])
    assert (directory / "rows.jsonl").read_bytes() == whole


def test_a_study_whose_rows_all_exist_trains_nothing(half, tiny_study, cache, tmp_path):
    study = tiny_study(32)
    study = replace(study, runs=study.runs[:2])
    for _ in range(2):
        assert run(study, tmp_path / "study", cache, rows_from=[half])
    assert len(read_rows(tmp_path / "study")) == 2
    assert not (tmp_path / "study" / "plan.json").exists()


def test_rows_are_taken_over_for_what_a_study_is_extended_by(half, tiny_study, cache, tmp_path):
    study, directory = tiny_study(32), tmp_path / "study"
    first, second, *others = study.runs
    assert run(replace(study, runs=(second, *others)), directory, cache)
    assert run(study, directory, cache, rows_from=[half], extend=True)
    taken = {row["run"] for row in read_rows(directory) if "reused_from" in row["provenance"]}
    assert taken == {first.digest}, "what was planned before was trained here"
    assert standing(directory, read_rows(directory)).state == "extended"


def test_other_runs_are_left_where_they_are(half, tiny_study, cache, tmp_path):
    study = tiny_study(16)
    assert run(replace(study, runs=study.runs[:1]), tmp_path / "study", cache, rows_from=[half])
    (row,) = read_rows(tmp_path / "study")
    assert "reused_from" not in row["provenance"]


def test_a_row_that_is_not_of_its_spec_is_refused(half, tiny_study, cache, tmp_path):
    forged = tmp_path / "forged"
    forged.mkdir()
    first = json.loads((half / "rows.jsonl").read_text().splitlines()[0])
    first["spec"]["seed"] += 1
    (forged / "rows.jsonl").write_text(json.dumps(first) + "\n")
    with pytest.raises(ValueError, match="not of the spec it holds"):
        run(tiny_study(32), tmp_path / "study", cache, rows_from=[forged])


def test_a_study_is_no_source_of_itself(tiny_study, cache, tmp_path):
    (tmp_path / "rows.jsonl").write_text("")
    study = tmp_path / "study"
    study.mkdir()
    with pytest.raises(ValueError, match="is the study itself"):
        run(tiny_study(16), study, cache, rows_from=[study])
