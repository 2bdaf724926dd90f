"""One figure as a file: it stands alone, says what its rows say, and refuses what is not there."""

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from quantum_latents.cli import main
from quantum_latents.report import FIGURES, study_figure
from quantum_latents.results import budget_curve, read_rows

RESULTS = Path(__file__).parents[2] / "results"
LADDER, DIAL, DEPTH = (
    RESULTS / n for n in ("challengers-5000-12", "interference-5000", "depth-quick")
)
MADE = {
    "differences": (DIAL, "energy_distance"),
    "seeds": (DIAL, "l1_to_integer"),
    "ladder": (LADDER, "energy_distance"),
    "response": (DIAL, "l1_to_integer"),
    "budget": (LADDER, "l1_to_integer"),
    "axis": (DEPTH, "share_between"),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_stands_alone(kind):
    folder, metric = MADE[kind]
    made = study_figure(folder, kind, metric)
    assert made == study_figure(folder, kind, metric)
    root = ET.fromstring(made.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    assert float(root.attrib["width"]) / float(root.attrib["height"]) == pytest.approx(
        width / height, rel=0.01
    )
    assert root[0].tag.endswith("rect") and root[0].attrib["fill"] == "#ffffff"
    assert "var(" not in made.svg and "url(http" not in made.svg
    assert "sans-serif" in made.svg
    assert made.title and made.words and made.numbers.header


def test_words_and_numbers_are_those_of_the_rows():
    made = study_figure(LADDER, "budget", "l1_to_integer", latents=["mean_field"])
    (gaps,) = (
        found
        for name, found in budget_curve(read_rows(LADDER), "quantum", "l1_to_integer").gaps.items()
        if name == "mean_field"
    )
    assert "Differences to quantum: mean_field −0.00279" in made.words
    assert [line[:3] for line in made.numbers.lines] == [
        ["mean_field", step, gap.mean_difference]
        for step, gap in zip((256, 496, 1008, 1504, 2496, 3504, 5000), gaps, strict=True)
    ]


def test_leaving_latents_out_moves_no_number_and_changes_no_colour():
    whole = study_figure(LADDER, "ladder", "l1_to_integer")
    some = study_figure(LADDER, "ladder", "l1_to_integer", latents=["mean_field", "copula"])
    lines = {line[0]: line for line in whole.numbers.lines}
    shown = {line[0]: line for line in some.numbers.lines}
    assert set(shown) == {"quantum", "mean_field", "copula"}
    assert all(lines[name] == line for name, line in shown.items())
    colours = {
        text: re.findall(r'data-latent="mean_field".*?stroke: (#[0-9a-f]{6})', text, re.DOTALL)[0]
        for text in (whole.svg, some.svg)
    }
    assert len(set(colours.values())) == 1
    deep, some = (
        study_figure(DEPTH, "axis", "share_between", latents=latents)
        for latents in (None, ["gaussian"])
    )
    assert {line[0] for line in some.numbers.lines} == {"quantum", "gaussian"}
    assert all(line in deep.numbers.lines for line in some.numbers.lines)


@pytest.mark.parametrize(
    ("folder", "kind", "metric", "settings", "said"),
    [
        (LADDER, "pie", "mmd", {}, "no figure is called 'pie': choose among differences, seeds"),
        (LADDER, "ladder", "fid", {}, "no metric 'fid' of 'quantum': there are l1_to_integer"),
        (LADDER, "ladder", "mmd", {"data": "bits"}, "no data set 'bits': there are quantum"),
        (LADDER, "ladder", "mmd", {"latents": ["copul"]}, "no latent 'copul': there are quantum"),
        (LADDER, "response", "mmd", {}, "no response figure of 'mmd': it needs a study with doses"),
        (DIAL, "response", "mmd", {"latents": ["quantum"]}, "over all of the study's doses"),
        (LADDER, "axis", "mmd", {}, "no axis figure: it needs a study whose groups lie along"),
        (DIAL, "ladder", "mmd", {}, "no ladder figure of 'mmd': it needs the quantum latent"),
        (RESULTS / "survey-quick", "ladder", "mmd", {}, "several data sets: name one of "),
        (RESULTS / "absent", "ladder", "mmd", {}, "no study at"),
    ],
)
def test_what_is_not_there_is_named(folder, kind, metric, settings, said):
    with pytest.raises(ValueError, match=said):
        study_figure(folder, kind, metric, **settings)


def test_the_command_writes_it(tmp_path, capsys):
    file = tmp_path / "dial.svg"
    assert main(["figure", str(DIAL), "response", "--out", str(file)]) == 0
    assert file.read_text(encoding="utf-8") == study_figure(DIAL, "response", "l1_to_integer").svg
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        "L1 distance to the nearest integer, quantum data, against overlap x of the photons"
    )
    assert said[-1] == f"figure: {file}"


def test_it_says_how_the_study_stands(tmp_path, capsys):
    study = tmp_path / "study"
    shutil.copytree(DIAL, study)
    rows = (study / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    (study / "rows.jsonl").write_text("\n".join(rows[:-1]) + "\n", encoding="utf-8")
    edited = json.loads((study / "study.json").read_text(encoding="utf-8"))
    edited["primary_metrics"] = ["energy_distance"]
    (study / "study.json").write_text(json.dumps(edited), encoding="utf-8")
    assert main(["table", str(study)]) == 0
    table = capsys.readouterr().out
    assert main(["figure", str(study), "seeds"]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert warnings
    assert all(line.removeprefix("qlat: ").strip() in table for line in warnings)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["pie", "--out", "x.svg"], "no figure is called 'pie'"),
        (["ladder", "--out", "x.png"], "a figure is an .svg file, not x.png"),
        (["ladder", "--out", "nowhere/x.svg"], "no folder"),
        (["ladder", "fid", "--out", "x.svg"], "no metric 'fid'"),
        (["axis", "--out", "x.svg"], "no axis figure"),
    ],
)
def test_a_mistake_writes_nothing(more, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", str(LADDER), *more]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
