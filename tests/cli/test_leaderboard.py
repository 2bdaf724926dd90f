"""`qlat leaderboard` as a user types it."""

from __future__ import annotations

import json

import pytest

from quantum_latents.cli import main
from quantum_latents.random import stream
from quantum_latents.results import FrozenSpec, write_frozen

LATENTS = {"quantum": 0.0, "gaussian": 2.5}


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Two studies of made-up rows, on three and on six data sets; nothing here is a result."""
    monkeypatch.chdir(tmp_path)
    for name, data_sets in (("first", range(3)), ("second", range(3, 9))):
        (tmp_path / name).mkdir()
        study = {"schema": 1, "study": name, "primary_metrics": ["mmd"]}
        (tmp_path / name / "study.json").write_text(json.dumps(study))
        rows = [
            {
                "schema": 1,
                "run": f"{index}-{latent}-{seed}",
                "study": name,
                "spec": {
                    "data": {"name": f"set {index}"},
                    "latent": {"name": latent},
                    "seed": seed,
                },
                "status": "finished",
                "status_detail": "",
                "metrics": {
                    "mmd": {
                        "value": gap
                        + stream(seed, "tests", "cli", latent, index).generator().normal(),
                        "direction": "lower",
                    }
                },
                "provenance": {},
            }
            for index in data_sets
            for latent, gap in LATENTS.items()
            for seed in range(4)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "rows.jsonl").write_text(text)


def test_several_folders_are_one_leaderboard(capsys):
    assert main(["leaderboard", "first", "second"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Leaderboard over 9 data sets: mmd" in shown
    assert "quantum is better than gaussian (on 9 of 9 data sets, p = 0.0039)" in shown


def test_a_study_that_was_changed_is_named_before_its_numbers(capsys, tmp_path):
    spec = FrozenSpec(
        at="2026-01-01", hash="", declaration={}, runs=(), num_rows=0, added={}
    )  # not what the study says
    write_frozen(tmp_path / "first", [spec])
    assert main(["leaderboard", "first", "second"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "first: This study was changed after it was frozen" in shown
    assert "second: This study" not in shown


def test_json_is_all_that_is_printed(capsys):
    assert main(["leaderboard", "second", "--json", "--reference", "gaussian"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["reference"] == "gaussian"
    assert content["board"]["latents"] == ["quantum", "gaussian"]
    assert {pair["code"] for pair in content["board"]["pairs"]} == {"too few"}
    assert len(content["pooled"][0]["effects"]) == 6


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_formats(format, capsys):
    assert main(["leaderboard", "first", "--metric", "mmd", "--format", format]) == 0
    mark = {"markdown": "| latent |", "latex": r"\toprule"}[format]
    assert mark in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one directory of a study or more"),
        (["first", "./first"], "given twice"),
        (["absent"], "absent"),
        (["first", "--metric", "mdm"], "did you mean 'mmd'?"),
        (["first", "--latents", "quantum,copula"], "'copula'; there are quantum, gaussian"),
        (["first", "--latents", "quantum"], "two latents or more"),
        (["first", "--reference", "guassian"], "'guassian' is not among the ranked latents"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, said, capsys):
    assert main(["leaderboard", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1
