"""`qlat run tune` as a user types it, with a made-up trainer in the place of the workers."""

import json

import pytest

from quantum_latents.cli import main
from quantum_latents.execution import local
from quantum_latents.random import stream


class MadeUp:
    """Gives each run a value that follows from its name, or stops where there is no time."""

    def __init__(self, study, directory, plan, finished, board, note):
        self.study, self.finished = study, finished

    def run(self, start, started, time_budget, on_progress):
        if time_budget == 0:
            return False
        for run in self.study.runs:
            self.finished.append(self._row(run))
        return True

    def _row(self, run):
        value = float(stream(0, "made up", run.digest).generator().uniform(0.1, 0.5))
        return {
            "schema": 1,
            "run": run.digest,
            "study": "tune",
            "spec": run.to_json(),
            "status": "finished",
            "metrics": {"energy_distance": {"value": value, "direction": "lower"}},
            "provenance": {"finished_at": "9999"},
        }


@pytest.fixture(autouse=True)
def made_up(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "_Parent", MadeUp)


CALL = "run tune --recipe mixture --preset smoke --latents quantum,gaussian --trials 2".split()


def test_both_phases_in_one_call(tmp_path, capsys):
    assert main([*CALL, "--seeds", "1", "--curve", "0.5", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["num_rows"] == 2 and len(printed["tuning"]["trials"]) == 2
    assert printed["standing"]["state"] == "as frozen"
    folder = tmp_path / "studies" / "tune-smoke"
    assert (folder / "report.html").exists() and (folder / "tuning" / "report.html").exists()
    search, final = (
        list(json.loads((path / "runs.json").read_text()).values())
        for path in (folder / "tuning", folder)
    )
    assert {run["evaluation"]["split"] for run in search} == {"validation"}
    assert all("milestones" not in run["evaluation"] for run in search)
    assert all(run["evaluation"]["milestones"] == [0.5] for run in final)
    study = json.loads((folder / "study.json").read_text())
    assert study["command"].startswith("qlat run tune --recipe mixture")

    assert main([*CALL, "--seeds", "2", "--curve", "0.5"]) == 2
    assert "--extend" in capsys.readouterr().err
    assert main([*CALL, "--seeds", "2", "--curve", "0.5", "--extend"]) == 0
    out = capsys.readouterr().out
    assert "the trials of the tuning: 4 runs" in out
    assert "This study was extended after results were known" in out
    assert "1 seed (1) was added" in out


def test_no_time_is_exit_code_3_and_no_test(tmp_path, capsys):
    assert main([*CALL, "--time-budget", "0s"]) == 3
    assert "the same call goes on" in capsys.readouterr().err
    assert not (tmp_path / "studies" / "tune-smoke" / "rows.jsonl").exists()
