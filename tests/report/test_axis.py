"""An axis in tables and on the page; the rows are made up."""

import json
import re

import pytest

from quantum_latents.report import table, write_report
from quantum_latents.report.axis_figures import NUM_GRID_POINTS, scatter_grid_figure
from quantum_latents.report.styles import styles
from quantum_latents.results import arrivals, rows_along

DEPTHS = (1, 2, 10)
AXIS = {
    "name": "depth",
    "label": "hidden layers of the generator",
    "of": {f"depth {depth}": depth for depth in DEPTHS},
    "margins": {"l1_to_integer": 0.03, "energy_distance": 0.03},
}


def placed(rows, seeds=10):
    """Rows of a mixture at three depths: all but the Gaussian arrive at depth 2."""
    made, groups = [], {}
    for depth in DEPTHS:
        for row in rows(seeds=seeds, data=("mixture",)):
            is_late = row["spec"]["latent"]["name"] == "gaussian" or depth == 1
            # Of the axis' own metrics alone, for speed.
            row["metrics"] = {name: row["metrics"][name] for name in AXIS["margins"]}
            for entry in row["metrics"].values():
                entry["value"] = entry["floor"] + (0.5 if is_late else 0.01)
            row |= {"run": f"{row['run']}-{depth}", "curves": None}
            groups[row["run"]] = [f"depth {depth}"]
            made.append(row)
    return made, {"axis": AXIS, "groups": groups}


def test_the_arrivals_are_those_of_the_rows(rows, study):
    made, changes = placed(rows)
    (along,) = table(made, study | changes).along
    expected = arrivals(rows_along(made, changes)["mixture"], "mixture", AXIS["margins"])
    assert along.arrivals == expected
    places = {latent: found.place for latent, found in along.arrivals.items()}
    assert places == {"quantum": 2, "distinguishable": 2, "bernoulli": 2, "gaussian": None}
    # The margins' metrics first, then the other primary ones.
    assert [facts.name for facts in along.metrics] == ["l1_to_integer", "energy_distance"]


def test_groups_are_told_in_the_order_of_their_places(rows, study):
    made, changes = placed(rows, seeds=1)
    sections = table(made, study | changes).sections
    assert [section.data for section in sections] == [f"mixture, depth {d}" for d in DEPTHS]


def test_it_is_told_in_every_format(rows, study):
    made, changes = placed(rows)
    told = table(made, study | changes)
    for format in ("text", "markdown"):
        text = re.sub(r"\s+", " ", told.render(format))
        assert "mixture: where each latent arrives" in text
        assert "never within 10" in text
        assert "gaussian does not arrive within 10 hidden layers of the generator" in text
        assert "quantum arrives at 2 hidden layers of the generator; the 95 % interval" in text
        assert "0.0300 of its floor" in text
        assert "bootstrap of the seeds" in text
    content = json.loads(told.render("json"))
    (along,) = content["along"]
    assert along["arrivals"]["quantum"]["place"] == 2
    assert along["arrivals"]["quantum"]["interval"] == [2, 2]
    assert along["arrivals"]["gaussian"]["place"] is None
    assert along["arrivals"]["gaussian"]["interval"] == [None, None]
    assert along["curves"]["l1_to_integer"]["places"] == [1, 2, 10]


def part_of(page, name):
    start = page.index(f'<section id="{name}">')
    return page[start : page.index("</section>", start)]


def test_the_page_draws_it(rows, study_directory):
    made, changes = placed(rows)
    page = write_report(study_directory(made, **changes)).read_text(encoding="utf-8")
    part = part_of(page, "axis")
    assert part.count("<figure") == part.count("<svg") == 3  # two metrics and the scatters
    assert "Along the depth" in part
    assert "never within 10" in part
    assert part.count("sampling floor") >= 2
    assert part.count(">distinguishable<") + part.count("distinguishable</") >= 3
    # Every point of it stands in the grid: not a second time below.
    assert 'id="samples"' not in page
    assert "seed 0" in part


def test_rows_without_points_have_no_grid(rows, study_directory):
    made, changes = placed(rows, seeds=2)
    for row in made:
        row["preview"] = None
    page = write_report(study_directory(made, **changes)).read_text(encoding="utf-8")
    part = part_of(page, "axis")
    assert part.count("<svg") == 2
    assert "Too few seeds to say where quantum arrives: 2 of at least 10." in part


def test_an_unfinished_study_shows_what_there_is(rows, study, study_directory):
    made, changes = placed(rows, seeds=3)
    begun = [row for row in made if not row["run"].endswith("-10")]
    late = [row for row in begun if row["run"] != "mixture-quantum-0-2"]
    page = write_report(study_directory(late, **changes)).read_text(encoding="utf-8")
    assert "<svg" in part_of(page, "axis")
    (along,) = table(late, study | changes).along
    assert along.places == (1, 2)
    assert len(along.arrivals["quantum"].seeds) == 2
    first = [row for row in begun if row["run"].endswith("-1")]
    assert table(first, study | changes).along == ()


def test_a_diverged_run_counts_as_one_that_is_not_there(rows, study, study_directory):
    made, changes = placed(rows)
    for row in made:
        if row["run"] == "mixture-quantum-0-2":
            row |= {"status": "diverged", "metrics": {}, "preview": None}
    (along,) = table(made, study | changes).along
    _, lines = along.arrival_lines()
    quantum = dict(zip(along.arrival_lines()[0], lines[0], strict=True))
    assert quantum["within at 2"] == "9 of 10"
    assert quantum["seeds"] == "9, 1 dropped"
    page = write_report(study_directory(made, **changes)).read_text(encoding="utf-8")
    assert "seed 1," in part_of(page, "axis")  # of which every run has points


def test_a_study_without_an_axis_says_nothing_of_it(rows, study, study_directory):
    made = rows(seeds=2, data=("mixture",))
    assert "arrives" not in table(made, study).render("text")
    assert "along" not in json.loads(table(made, study).render("json"))
    page = write_report(study_directory(made)).read_text(encoding="utf-8")
    assert 'id="axis"' not in page
    assert 'id="samples"' in page


def test_the_grid_has_a_panel_a_latent_and_place_and_as_many_points():
    frame = [[-1.0, -1.0], [1.0, 1.0]]
    points = {"quantum": {1.0: [[0.0, 0.0]] * 400, 2.0: [[0.5, 0.5]]}, "gaussian": {2.0: [[9, 9]]}}
    svg = scatter_grid_figure(points, frame, styles(points), title="a grid", axis_label="depth")
    assert svg.count("axes_") == 4
    # A point is a stroke of no length; 9, 9 is outside the frame, and every panel has the data.
    assert svg.count("h0") == NUM_GRID_POINTS + 1 + 4 * 2
    assert ">quantum</text>" in svg and ">gaussian</text>" in svg
    for spoilt, said in (({"quantum": {1.0: [[0.0]]}}, r"\(num_points, 2\)"), ({"q": {}}, "one")):
        with pytest.raises(ValueError, match=said):
            scatter_grid_figure(spoilt, frame, {}, title="", axis_label="")
