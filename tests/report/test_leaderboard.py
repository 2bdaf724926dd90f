"""Leaderboards in tables and on the page: what is said, and what is not."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from quantum_latents.random import stream
from quantum_latents.report import table, write_report
from quantum_latents.report.leaderboard import MAX_PAIRS, overview, overviews
from quantum_latents.report.leaderboard_figures import forest_figure, ranks_figure
from quantum_latents.report.styles import styles
from quantum_latents.results import check_study

STUDY = {"schema": 1, "study": "demo", "primary_metrics": ["mmd"]}
GAPS = {"quantum": 0.0, "bernoulli": 0.1, "gaussian": 3.0, "[red]x[/red]": 4.0}


def made_rows(num_sets=9, gaps=None, num_seeds=4):
    rows = []
    for index in range(num_sets):
        for latent, gap in (gaps or GAPS).items():
            for seed in range(num_seeds):
                draw = stream(seed, "tests", "overview", index, latent).generator().normal()
                rows.append(
                    {
                        "schema": 1,
                        "run": f"{index}-{latent}-{seed}",
                        "study": "demo",
                        "spec": {
                            "data": {"name": f"set_{index}"},
                            "latent": {"name": latent},
                            "seed": seed,
                        },
                        "status": "finished",
                        "metrics": {"mmd": {"value": gap + draw, "direction": "lower"}},
                    }
                )
    return rows


def made_overview(*arguments, **changes):
    study = check_study(STUDY | changes)
    return overview({"demo": (made_rows(*arguments), study)})


def text_of(figure):
    root = ElementTree.fromstring(figure)
    return root.attrib["aria-label"], [t.text for t in root.iter() if t.tag.endswith("text")]


def test_a_table_of_data_sets_has_a_leaderboard_and_one_data_set_has_none():
    made = table(made_rows(), STUDY)
    (found,) = made.overviews
    assert found.board.latents[2:] == ("gaussian", "[red]x[/red]")
    assert "kinsmen" in made.footnote
    for format in ("text", "markdown", "latex"):
        shown = " ".join(made.render(format).split())
        assert "Leaderboard over 9 data sets: mmd" in shown
        assert "better than gaussian (on 9 of 9 data sets" in shown
        assert "[red]x[/red]" in shown
    content = json.loads(made.json())["overviews"][0]
    assert len(content["board"]["ranks"]) == 9
    (model,) = (one["model"] for one in content["pooled"] if one["other"] == "gaussian")
    assert 0 < model["interval"][0] < model["mean"]
    assert model["prediction"][0] < model["interval"][0]
    assert len(content["board"]["pairs"]) == 6
    one = table([row for row in made_rows() if row["spec"]["data"]["name"] == "set_0"], STUDY)
    assert one.overviews == ()
    assert "overviews" not in json.loads(one.json())


def test_a_brief_table_has_it_too_and_the_order_of_rows_does_not_matter():
    rows = made_rows(3)
    assert table(rows, STUDY).brief(["mmd"]).overviews == table(rows[::-1], STUDY).overviews


def test_every_grid_is_rectangular_and_named():
    for made in (made_overview(), made_overview(2), made_overview(1)):
        for grid in made.grids():
            assert {len(line) for line in grid.body} == {len(grid.header)}
            assert grid.title


def test_without_a_verdict_no_pair_is_shown():
    made = made_overview(2)
    titles = [grid.title for grid in made.grids()]
    assert not any(title.startswith("Pairs") for title in titles)
    assert "Too few data sets for a verdict: 2" in made.sentences[0]
    assert " is better than " not in made.text()
    assert "Effects need at least 3 data sets" in made.text()
    made = made_overview(4)
    assert " is better than " not in made.text()
    assert "against any latent" in made.text()


def test_one_data_set_is_ranked_by_its_seeds_and_says_so():
    made = made_overview(1, None, 12)
    assert made.title.startswith("Leaderboard over 12 seeds of the set_0 data")
    assert made.pooled == ()
    assert "set_0 data alone" in made.text()
    assert "One data set says nothing about others." in " ".join(made.markdown().split())


def test_of_many_pairs_only_some_are_shown():
    gaps = {"quantum": 0.0, **{f"rival {index}": 0.0 for index in range(8)}}
    made = made_overview(12, gaps)
    grid = made.pair_grid()
    assert len(made.board.pairs) == 36 > MAX_PAIRS
    assert grid.title == "Pairs told apart, and those with quantum, of 36"
    assert all("quantum" in line[:2] or line[-1] == "better" for line in grid.body)


def test_the_reference_is_one():
    studies = {
        "a": (made_rows(2), check_study(STUDY)),
        "b": (made_rows(2), check_study(STUDY | {"reference": "gaussian"})),
    }
    with pytest.raises(ValueError, match="quantum and with gaussian: name a reference"):
        overview(studies)
    made = overview(studies, reference="gaussian")
    assert {one.reference for one in made.pooled} == {"gaussian"}
    with pytest.raises(ValueError, match="'copula' is not among the ranked latents: quantum"):
        overview({"a": studies["a"]}, reference="copula")
    own = (made_rows(2), check_study(STUDY | {"reference": "copula"}))
    assert overview({"a": own}).pooled == ()
    with pytest.raises(ValueError, match="'csv'"):
        made.render("csv")


def test_metrics_without_two_data_sets_have_no_overview():
    rows = made_rows(2)
    for row in rows[:16]:
        row["metrics"] = {"other": row["metrics"]["mmd"]}
    assert overviews(rows, check_study(STUDY)) == ()
    assert overviews(made_rows(2, None, 2), check_study(STUDY)) == ()  # too few seeds


def test_left_out_and_dropped_runs_are_told():
    rows = made_rows()
    rows[0]["status"] = "diverged"
    rows = [row for row in rows if row["run"].split("-")[:2] != ["3", "bernoulli"]]
    made = overview({"demo": (rows, check_study(STUDY))})
    assert "Left out: latent bernoulli (not on every data set)." in made.sentences
    assert any(words.startswith("1 seeds are left out because a run") for words in made.sentences)


def test_the_ranks_figure_says_in_words_what_it_draws():
    made = made_overview()
    label, texts = text_of(ranks_figure(made.board, styles(GAPS)))
    assert "Mean ranks by mmd over 9 data sets, 1 is best: " in label
    assert "Not told apart: " in label
    assert any(words.startswith("critical difference") for words in texts)
    assert set(made.board.latents) <= set(texts)
    label, texts = text_of(ranks_figure(made_overview(2).board, styles(GAPS)))
    assert "ritical difference" not in label + " ".join(texts)
    assert "not told apart" not in texts


def test_the_forest_figure_says_in_words_what_it_draws():
    one = made_overview().pooled[1]
    label, texts = text_of(forest_figure(one, styles(GAPS), label="mmd"))
    assert label.count("set_") == 9
    assert "a new data set is expected within" in label
    assert {"mean", "new data set", "quantum better →", "set_8"} <= set(texts)
    label, texts = text_of(forest_figure(made_overview(2).pooled[0], styles(GAPS), label="mmd"))
    assert "mean" not in texts
    with pytest.raises(ValueError, match="no effects"):
        forest_figure(type(one)(**{**vars(one), "effects": ()}), styles(GAPS), label="mmd")


def test_the_page_has_a_section_over_data_sets(tmp_path, study_directory):
    directory = study_directory(made_rows(), **STUDY, num_runs=None)
    page = write_report(directory).read_text(encoding="utf-8")
    (section,) = re.findall(r'<section id="leaderboard">.*?</section>', page, flags=re.DOTALL)
    assert section.count("<svg") == 1 + 3
    assert section.count('role="img" aria-label="') == 4
    assert "[red]x[/red]" in section
    for sentence in table(made_rows(), STUDY).overviews[0].sentences:
        assert sentence in section
    assert section.count("<details>") == section.count("</details>") == 5


def test_the_page_of_one_data_set_has_none(study_directory):
    page = write_report(study_directory(made_rows(1), **STUDY)).read_text(encoding="utf-8")
    assert 'id="leaderboard"' not in page
