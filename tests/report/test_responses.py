"""Dose and response in tables and on the page; the rows are made up."""

import json
import re

import pytest

from quantum_latents.report import table, write_report
from quantum_latents.results import check_study, dose_response, values_by_seed

DOSES = {"label": "overlap x", "of": {"gaussian": 0.0, "distinguishable": 0.5, "quantum": 1.0}}


@pytest.fixture
def few(rows):
    made = rows(seeds=8, data=("quantum",))
    for row in made:
        row |= {"preview": None, "curves": None}
    return made


def test_the_response_is_that_of_the_rows(few, study):
    (section,) = table(few, study | {"doses": DOSES}).sections
    values = {
        dose: values_by_seed(few, "quantum", latent, "energy_distance")
        for latent, dose in DOSES["of"].items()
    }
    assert section.responses["energy_distance"] == dose_response(values, "lower")
    assert section.responses["energy_distance"].slope < 0
    assert set(section.responses) == {facts.name for facts in section.metrics}


def test_it_is_told_in_every_format(few, study):
    made = table(few, study | {"doses": DOSES})
    slope = made.sections[0].responses["energy_distance"].slope
    for format in ("text", "markdown"):
        text = made.render(format)
        assert "Response to overlap x" in text
        assert "Page's L" in re.sub(r"\s+", " ", text)
    content = json.loads(made.render("json"))["sections"][0]
    assert content["responses"]["energy_distance"]["slope"] == slope
    assert content["dose_label"] == "overlap x"


def test_the_page_draws_it(few, study_directory):
    page = write_report(study_directory(few, doses=DOSES)).read_text(encoding="utf-8")
    assert '<section id="responses">' in page
    assert page.count("overlap x") >= 2
    start = page.index('<section id="responses">')
    part = page[start : page.index("</section>", start)]
    assert part.count("<figure ") == part.count("<svg") >= 2
    assert "energy distance" in part


def test_a_study_without_doses_says_nothing_of_them(few, study, study_directory):
    assert "Response" not in table(few, study).render("text")
    assert "responses" not in json.loads(table(few, study).render("json"))["sections"][0]
    page = write_report(study_directory(few)).read_text(encoding="utf-8")
    assert 'id="responses"' not in page


def test_two_doses_so_far_are_no_response_yet(few, study):
    begun = [row for row in few if row["spec"]["latent"]["name"] != "distinguishable"]
    assert table(begun, study | {"doses": DOSES}).sections[0].responses == {}


@pytest.mark.parametrize(
    "doses",
    [[], {"label": 1, "of": {}}, {"label": "x"}, {"label": "x", "of": {"quantum": "full"}}],
)
def test_damaged_doses_are_refused(study, doses):
    with pytest.raises(ValueError, match="'doses' has a label"):
        check_study(study | {"doses": doses})
