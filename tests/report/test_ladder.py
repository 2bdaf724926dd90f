"""The ladder: rungs in the order of what they share, drawn where a study says so."""

import copy
import json
from xml.etree import ElementTree

import pytest

from quantum_latents.report import write_report
from quantum_latents.report.ladder import ladder_figure, ladder_numbers, ladder_words, rungs
from quantum_latents.report.styles import styles
from quantum_latents.results import check_study, family

LADDER = {
    "properties": [
        {"name": "means", "label": "mean occupancies"},
        {"name": "total", "label": "photon total"},
        {"name": "pairs", "label": "pair correlations"},
    ],
    "of": {
        "quantum": {"means": "full", "total": "full", "pairs": "full"},
        "distinguishable": {"means": "full"},
        "gaussian": {"pairs": "part", "total": "part"},
    },
}


@pytest.fixture
def found(rows):
    return family(rows(seeds=10, data=("quantum",)), "quantum", "energy_distance", "quantum")


def test_rungs_stand_by_what_they_share(found):
    ladder = rungs(found, "quantum", LADDER)
    # As much in all, but of what stands later among the properties; nobody speaks for bernoulli.
    assert [rung.latent for rung in ladder] == [
        "quantum",
        "gaussian",
        "distinguishable",
        "bernoulli",
    ]
    assert ladder[0].comparison is None
    assert ladder[-1].sharing is None
    assert {rung.latent: rung.comparison for rung in ladder[1:]} == {c.other: c for c in found}


def test_no_ladder_without_the_quantum_latent_or_without_rungs(found):
    assert rungs(found, "quantum", None) == ()
    assert rungs(found, "gaussian", LADDER) == ()
    assert rungs(found[:1], "quantum", LADDER) == ()


def test_the_figure_marks_every_property_of_every_rung(found):
    ladder = rungs(found, "quantum", LADDER)
    svg = ladder_figure(ladder, LADDER["properties"], styles(r.latent for r in ladder), title="t")
    ElementTree.fromstring(svg)
    for latent in ("quantum", "gaussian", "distinguishable"):
        marks = svg.count(f'data-latent="{latent}"')
        assert marks >= 3 + (latent != "quantum")  # a half mark is two groups
    assert svg.count(">?<") == 3
    for one in LADDER["properties"]:
        assert f">{one['label']}<" in svg
    numbers = ladder_numbers(ladder, LADDER["properties"])
    assert numbers.lines[1][:4] == ["gaussian", "no", "part", "part"]
    assert numbers.lines[1][4] == found[-1].mean_difference
    words = ladder_words(ladder, LADDER["properties"])
    assert "gaussian shares photon total in part, pair correlations in part" in words
    assert "bernoulli does not say" in words


def test_the_page_shows_it_unless_the_study_has_an_axis_or_doses(rows, study_directory):
    made = rows(seeds=3, data=("quantum",))
    for row in made:
        row |= {"preview": None, "curves": None}
        row["metrics"] = {"energy_distance": row["metrics"]["energy_distance"]}
    directory = study_directory(made, ladder=LADDER, num_runs=12)
    page = write_report(directory).read_text(encoding="utf-8")
    assert page.count('data-figure="table1-ladder-energy_distance-quantum"') == 1
    study = json.loads((directory / "study.json").read_text())
    for changes in ({"ladder": None}, {"doses": {"label": "x", "of": {}}}):
        (directory / "study.json").write_text(json.dumps(study | changes))
        assert '<section id="ladder">' not in write_report(directory).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ladder: ladder.pop("of"),
        lambda ladder: ladder["properties"].append({"name": "odd"}),
        lambda ladder: ladder["of"]["quantum"].update(odd="full"),
        lambda ladder: ladder["of"]["quantum"].update(means="half"),
    ],
)
def test_a_damaged_ladder_is_refused(study, spoil):
    ladder = copy.deepcopy(LADDER)
    spoil(ladder)
    with pytest.raises(ValueError, match="'ladder' has properties"):
        check_study(study | {"ladder": ladder})
