"""The gap against the budget in tables and on the page; the rows are made up."""

import json

import pytest

from quantum_latents.report import table, write_report
from quantum_latents.results import budget_curve


@pytest.fixture
def on_the_way(rows):
    made = rows(seeds=8, data=("quantum",))
    for row in made:
        values = {name: entry["value"] for name, entry in row["metrics"].items()}
        row |= {"preview": None, "curves": None}
        row["spec"]["training"] = {"num_steps": 2000}
        row["budget"] = {
            "step": [208, 1008],
            "metrics": {name: [4 * value, 2 * value] for name, value in values.items()},
        }
    return made


def test_the_gaps_are_those_of_the_rows(on_the_way, study):
    (section,) = table(on_the_way, study).sections
    assert list(section.budgets) == study["primary_metrics"]
    for name, curve in section.budgets.items():
        assert curve == budget_curve(on_the_way, "quantum", name)
        early, middle, end = curve.gaps["gaussian"]
        assert early.mean_difference == pytest.approx(4 * end.mean_difference)
        assert middle.mean_difference == pytest.approx(2 * end.mean_difference)


def test_they_are_told_in_every_format(on_the_way, study):
    made = table(on_the_way, study)
    for format in ("text", "markdown"):
        text = made.render(format)
        assert "Gap to quantum against budget" in text
        assert "1,008 steps" in text
        assert "not independent" in " ".join(text.split())
    budgets = json.loads(made.render("json"))["sections"][0]["budgets"]
    assert budgets["energy_distance"]["steps"] == [208, 1008, 2000]


def test_the_page_draws_them(on_the_way, study_directory):
    page = write_report(study_directory(on_the_way)).read_text(encoding="utf-8")
    start = page.index('<section id="budgets">')
    part = page[start : page.index("</section>", start)]
    assert part.count("<figure ") == part.count("<svg") == 2
    assert part.count("<tr") == 1 + 2 * (1 + 3)  # each metric heads its latents
    assert part.count('scope="rowgroup"') == 2


def test_a_study_without_milestones_says_nothing_of_them(rows, study, study_directory):
    made = rows(seeds=3, data=("quantum",))
    for row in made:
        row |= {"preview": None, "curves": None}
    assert "budget" not in table(made, study).render("text")
    assert 'id="budgets"' not in write_report(study_directory(made)).read_text(encoding="utf-8")
