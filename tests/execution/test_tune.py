"""Tuning, choosing and testing in one folder: frozen between the phases, killed at any moment.

All but the last test put a made-up trainer in the place of `_Parent`: everything else, what is
frozen, planned, chosen, compared and refused, is what a real study goes through.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from quantum_latents import recipes
from quantum_latents.execution import local, run_tuned
from quantum_latents.random import stream
from quantum_latents.recipes import tune
from quantum_latents.report import table, write_report
from quantum_latents.results import (
    RowStore,
    deterministic_part,
    read_frozen,
    read_rows,
    read_study,
    standing,
)

SCRIPT = Path(__file__).with_name("tiny_tuning.py")


class Killed(Exception):
    """Stands for the death of the process."""


class MadeUp:
    """Gives each run a value that follows from its spec, until it is killed."""

    dies_after: float = float("inf")
    scale = 1.0
    trained: list[str] = []  # noqa: RUF012

    def __init__(self, study, directory, plan, finished, board, note):
        self.study, self.finished = study, finished
        self.stacks = plan.stacks

    def run(self, start, started, time_budget, on_progress):
        runs = {run.digest: run for run in self.study.runs}
        for digest in (digest for stack in self.stacks for digest in stack.runs):
            if digest in self.finished.runs:
                continue
            if time_budget is not None and time_budget <= 0:
                return False
            if MadeUp.dies_after <= 0:
                raise Killed
            MadeUp.dies_after -= 1
            MadeUp.trained.append(digest)
            self.finished.append(made_up_row(runs[digest]))
        return True


def made_up_row(run):
    draw = stream(0, "made up", run.digest).generator()
    value = MadeUp.scale * float(draw.uniform(0.1, 0.5))
    metric = {"value": value, "floor": 0.01, "direction": "lower", "label": "energy distance"}
    return {
        "schema": 1,
        "run": run.digest,
        "study": "tune",
        "spec": run.to_json(),
        "status": "finished",
        "metrics": {"energy_distance": metric},
        "provenance": {"finished_at": "9999-01-01T00:00:00+00:00"},
    }


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(local, "_Parent", MadeUp)
    monkeypatch.setattr(MadeUp, "dies_after", float("inf"))
    monkeypatch.setattr(MadeUp, "scale", 1.0)
    monkeypatch.setattr(MadeUp, "trained", [])
    return MadeUp


def tuned_study(num_seeds=2, latents=("quantum", "gaussian"), num_trials=4, **changes):
    study = recipes.table1("smoke", num_seeds=num_seeds, data_sets=("bernoulli",), latents=latents)
    return tune(replace(study, **changes), num_trials=num_trials, num_seeds=2)


def run(directory, tuned=None, **settings):
    return run_tuned(tuned or tuned_study(), directory, command="qlat run tune", **settings)


def result_of(directory):
    return {
        folder.name: {row["run"]: deterministic_part(row) for row in read_rows(folder)}
        for folder in (directory, directory / "tuning")
    }, json.loads((directory / "chosen.json").read_text())["choices"]


def test_both_phases_and_the_choice_between_them(tmp_path, made_up):
    phases = []
    assert run(tmp_path, on_phase=lambda study, folder: phases.append((study, folder)))
    (search, first), (final, second) = phases
    assert (first, second) == (tmp_path / "tuning", tmp_path)
    assert len(read_rows(first)) == len(search.runs) == 2 * 4 * 2
    assert {row["run"] for row in read_rows(second)} == {run.digest for run in final.runs}
    assert made_up.trained[: len(search.runs)] == [row["run"] for row in read_rows(first)]
    # By hand: the least mean over the tuning seeds, of each latent.
    values = {row["run"]: row["metrics"]["energy_distance"]["value"] for row in read_rows(first)}
    for cell, choice in zip(search.search["cells"], final.tuning["choices"], strict=True):
        means = [sum(values[one] for one in runs) / 2 for runs in cell["trials"]]
        assert choice["trial"] == means.index(min(means))
        assert choice["scores"] == pytest.approx(means)
    for folder in (first, second):
        assert standing(folder, read_rows(folder)).state == "as frozen"
    frozen = read_frozen(second)[0].declaration
    assert frozen["tuning"]["choices"] == final.tuning["choices"]


def test_the_test_rows_have_no_part_in_the_choice(tmp_path, made_up):
    run(tmp_path)
    chosen = (tmp_path / "chosen.json").read_bytes()
    rows = read_rows(tmp_path)
    (tmp_path / "rows.jsonl").unlink()
    for row in rows:
        row["metrics"]["energy_distance"]["value"] *= -100.0
        RowStore(tmp_path).append(row)
    study = read_study(tmp_path)["tuning"]
    assert run(tmp_path)
    assert (tmp_path / "chosen.json").read_bytes() == chosen
    assert read_study(tmp_path)["tuning"] == study


@pytest.mark.parametrize("dies_after", [0, 9, 16, 17])
def test_killed_at_any_moment_the_same_call_ends_the_same(
    dies_after, tmp_path, made_up, monkeypatch
):
    run(tmp_path / "undisturbed")
    expected = result_of(tmp_path / "undisturbed")
    made_up.dies_after = dies_after
    folder = tmp_path / "killed"
    with pytest.raises(Killed):
        run(folder)
    assert (folder / "runs.json").exists() == (dies_after >= 16), "no test before the choice"
    made_up.dies_after, made_up.trained = float("inf"), []
    assert run(folder)
    assert len(made_up.trained) == 20 - dies_after, "nothing is trained twice"
    assert result_of(folder)[1] == expected[1]
    assert result_of(folder)[0]["killed"] == expected[0]["undisturbed"]
    assert result_of(folder)[0]["tuning"] == expected[0]["tuning"]


def test_a_budget_that_ends_in_the_search_leaves_no_test(tmp_path, made_up):
    assert not run(tmp_path, time_budget=0.0)
    assert not (tmp_path / "chosen.json").exists()
    assert not (tmp_path / "runs.json").exists()


def test_rows_older_than_the_choice_are_no_test_of_it(tmp_path, made_up):
    with pytest.raises(ValueError, match="older than the choice of trials"):
        run(tmp_path / "study", rows_from=[tmp_path])
    assert not made_up.trained
    assert not (tmp_path / "study").exists()


def test_search_rows_that_change_later_stop_the_study(tmp_path, made_up):
    run(tmp_path)
    path = tmp_path / "tuning" / "rows.jsonl"
    rows = read_rows(path.parent)
    path.unlink()
    for place, row in enumerate(rows):
        if place == 3:
            row["metrics"]["energy_distance"]["value"] += 1e-9
        RowStore(path.parent).append(row)
    before = (tmp_path / "chosen.json").read_bytes()
    with pytest.raises(ValueError, match="have changed since the trials were chosen"):
        run(tmp_path)
    assert (tmp_path / "chosen.json").read_bytes() == before
    stands = standing(tmp_path, read_rows(tmp_path))
    assert [finding.kind for finding in stands.findings] == ["tuning"]
    assert "tuning rows were changed" in table(
        read_rows(tmp_path), read_study(tmp_path), stands
    ).text().replace("\n", " ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"primary_metrics": ("energy_distance", "mmd")}, "primary_metrics of the test"),
        ({"equivalence_margins": {"energy_distance": 1.0}}, "equivalence_margins of the test"),
        ({"num_seeds": 3}, "seeds of the test"),
    ],
)
def test_what_is_tested_is_declared_before_the_search(changes, said, tmp_path, made_up):
    made_up.dies_after = 16  # the search is done, and not one test run
    with pytest.raises(Killed):
        run(tmp_path)
    with pytest.raises(ValueError, match=said):
        run(tmp_path, tuned_study(**changes))


def test_more_test_seeds_openly(tmp_path, made_up):
    run(tmp_path)
    made_up.trained = []
    assert run(tmp_path, tuned_study(num_seeds=4), extend=True)
    assert len(made_up.trained) == 4, "nothing is tuned again"
    stands = standing(tmp_path, read_rows(tmp_path))
    assert stands.state == "extended"
    assert "2 seeds (2 to 3) were added" in stands.findings[0].sentence


def test_more_latents_openly_with_the_same_tuning(tmp_path, made_up):
    run(tmp_path)
    before = json.loads((tmp_path / "chosen.json").read_text())["choices"]
    more = tuned_study(latents=("quantum", "gaussian", "bernoulli"))
    with pytest.raises(ValueError, match="--extend"):
        run(tmp_path, more)
    assert run(tmp_path, more, extend=True)
    after = json.loads((tmp_path / "chosen.json").read_text())["choices"]
    assert after[:2] == before and len(after) == 3
    assert standing(tmp_path, read_rows(tmp_path)).state == "extended"


def test_more_trials_are_another_study(tmp_path, made_up):
    run(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json*")}
    with pytest.raises(ValueError, match="search would change: choose another --out"):
        run(tmp_path, tuned_study(num_trials=5), extend=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json*")} == before


def test_a_study_that_was_not_tuned_is_refused_before_anything_runs(tmp_path, made_up):
    study = tuned_study().study
    local.run_study(study, tmp_path, command="qlat run table1")
    made_up.trained = []
    with pytest.raises(ValueError, match="of a study that is not tuned: choose another --out"):
        run(tmp_path)
    assert not made_up.trained and not (tmp_path / "tuning").exists()


def test_lost_search_rows_are_named(tmp_path, made_up):
    run(tmp_path)
    (tmp_path / "tuning" / "rows.jsonl").unlink()
    with pytest.raises(ValueError, match=r"without the rows in .*tuning that it was chosen by"):
        run(tmp_path)


def test_page_and_table_tell_what_each_latent_had(tmp_path, made_up):
    run(tmp_path)
    made = table(read_rows(tmp_path), read_study(tmp_path), standing(tmp_path, []))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    for text in (made.text(), made.markdown(), page):
        words = " ".join(text.split())
        assert "every latent had the same 4 trials from one list, 2 tuning seeds each" in words
        assert "8 runs, 800 generator steps" in words
    content = json.loads(made.json())["tuning"]
    assert {cell["latent"] for cell in content["cells"]} == {"quantum", "gaussian"}
    for cell in content["cells"]:
        assert cell["spread"] == pytest.approx(max(cell["scores"]) - min(cell["scores"]))
        assert cell["best"] == min(cell["scores"])
    assert 'id="tuning"' in page and 'id="standing"' not in page
    search = write_report(tmp_path / "tuning").read_text(encoding="utf-8")
    assert "bernoulli, trial 3 data" in search and 'id="tuning"' not in search


@pytest.mark.slow
def test_killed_in_earnest_in_either_phase(tmp_path):
    """`kill -9` of the whole group, twice, against the same study left alone."""
    cache = str(tmp_path / "cache")

    def started(folder):
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), cache], start_new_session=True
        )

    assert started(tmp_path / "undisturbed").wait(timeout=600) == 0
    killed = tmp_path / "killed"
    for rows in (killed / "tuning" / "rows.jsonl", killed / "rows.jsonl"):
        process = started(killed)
        deadline = time.monotonic() + 600
        while not (rows.exists() and rows.stat().st_size):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert started(killed).wait(timeout=600) == 0
    ours, theirs = result_of(killed), result_of(tmp_path / "undisturbed")
    assert ours[1] == theirs[1]
    assert ours[0]["killed"] == theirs[0]["undisturbed"]
    assert ours[0]["tuning"] == theirs[0]["tuning"]
    assert standing(killed, read_rows(killed)).state == "as frozen"
