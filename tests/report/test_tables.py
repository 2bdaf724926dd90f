"""Tables from rows alone."""

import json

import numpy as np
import pytest

from quantum_latents.report import table


def test_cells_are_means_and_standard_errors(rows, study):
    made = rows(seeds=5, data=("quantum",), diverged={("gaussian", "quantum", 2)})
    cells = table(made, study).sections[0].cells
    values = [
        row["metrics"]["mmd"]["value"] for row in made if row["spec"]["latent"]["name"] == "quantum"
    ]
    cell = cells["quantum"]["mmd"]
    assert cell.mean == pytest.approx(np.mean(values))
    assert cell.standard_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(5))
    assert (cells["gaussian"]["mmd"].num_seeds, cells["gaussian"]["mmd"].num_dropped) == (4, 1)


def test_order_does_not_depend_on_the_order_of_rows(rows, study):
    made = rows(seeds=3)
    one, other = table(made, study), table(made[::-1], study)
    assert one == other
    assert [section.data for section in one.sections] == ["quantum", "mixture"]
    assert one.sections[0].latents == ("quantum", "distinguishable", "bernoulli", "gaussian")
    assert one.sections[0].metrics[0].name == "l1_to_integer"


def test_json_holds_every_number(rows, study):
    content = json.loads(table(rows(seeds=10), study).json())
    section = content["sections"][0]
    comparison = section["comparisons"]["energy_distance"][0]
    assert section["floors"]["energy_distance"] == pytest.approx(0.0021)
    assert len(comparison["other_values"]) == 10
    assert comparison["verdict"]["code"] in ("better", "undecided")
    assert comparison["p_value"] >= 2**-9


@pytest.mark.parametrize("format", ["text", "markdown"])
def test_words_of_text_and_markdown(rows, study, format):
    shown = table(rows(seeds=10), study).render(format)
    for words in ("distinguishable", "p (Holm)", "d_z", "floor 0.00210", "[photons]", "±"):
        assert words in shown
    assert "80 of 80 runs" in shown


def test_markdown_is_a_table(rows, study):
    lines = table(rows(seeds=2), study).markdown().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| latent"))
    widths = {line.count("|") for line in lines[start : start + 6]}
    assert widths == {1 + 1 + 5}


def test_text_shows_brackets_in_names_as_they_are(rows, study):
    made = rows(seeds=1, data=("quantum",))
    for row in made:
        if row["spec"]["latent"]["name"] == "gaussian":
            row["spec"]["latent"]["name"] = "[red]x[/red]"
    shown = table(made, study).text()
    cells, _, comparisons = shown.partition("quantum: L1")
    assert "[red]x[/red]" in cells
    assert "[red]x[/red]" in comparisons


def test_without_a_study_and_without_the_reference(rows):
    made = [row for row in rows(seeds=2) if row["spec"]["latent"]["name"] == "gaussian"]
    shown = table(made)
    assert shown.sections[0].comparisons["mmd"][0].num_seeds == 0
    assert shown.sections[0].comparisons["mmd"][0].verdict.code == "too few"
    assert "4 runs" in shown.text()


def test_mistakes_are_named(rows, study):
    with pytest.raises(ValueError, match="no rows"):
        table([], study)
    with pytest.raises(ValueError, match="'csv'"):
        table(rows(seeds=1), study).render("csv")
    with pytest.raises(ValueError, match="schema 9"):
        table(rows(seeds=1), study | {"schema": 9})
