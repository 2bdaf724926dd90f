"""A study on data sets that differ in what can be measured, and in how they look."""

import json

import numpy as np
import pytest

from quantum_latents.report import table, write_report
from quantum_latents.report.image_figures import images_figure

PAIR = ("quantum", "gaussian")


@pytest.fixture
def two_sets(rows):
    """Rows of two data sets, of which `mixture` has no L1 to the nearest integer."""
    made = [row for row in rows(seeds=1) if row["spec"]["latent"]["name"] in PAIR]
    for row in made:
        row |= {"curves": None, "preview": None}  # drawing them takes longest
        if row["spec"]["data"]["name"] == "mixture":
            row["metrics"].pop("l1_to_integer", None)
    return made


def lines_of(made, study):
    return {section.data: section.absent_line for section in table(made, study).sections}


def test_a_primary_metric_that_data_lack_is_named(two_sets, study):
    line = "No verdict on mixture by L1 to nearest integer: not a metric of these data."
    lines = lines_of(two_sets, study)
    assert lines.pop("mixture") == line
    assert set(lines.values()) == {""}
    made = table(two_sets, study)
    for format in ("text", "markdown"):
        assert made.render(format).count(line) == 1
    (section,) = (section for section in made.sections if section.data == "mixture")
    assert "l1_to_integer" not in section.comparisons
    assert '"absent"' in made.json()


def test_nothing_is_absent_where_all_have_it(rows, study):
    made = rows(seeds=2)
    assert set(lines_of(made, study).values()) == {""}
    assert '"absent"' not in table(made, study).json()


def test_a_data_set_whose_runs_all_diverged_lacks_nothing(rows, study):
    made = rows(seeds=2)
    for row in made:
        if row["spec"]["data"]["name"] == "mixture":
            row |= {"status": "diverged", "status_detail": "NaN", "metrics": {}, "preview": None}
    assert set(lines_of(made, study).values()) == {""}


def test_the_page_has_no_headline_on_what_was_not_declared(two_sets, study_directory):
    directory = study_directory(two_sets, primary_metrics=["l1_to_integer"])
    declared = write_report(directory).read_text()
    assert "No verdict on mixture by L1 to nearest integer" in declared
    assert "mixture data · " not in declared
    assert "quantum data · L1 to nearest integer" in declared
    # Without any declaration the first metric leads, as it always did.
    study = directory / "study.json"
    study.write_text(json.dumps(json.loads(study.read_text()) | {"primary_metrics": []}))
    assert "mixture data · " in write_report(directory).read_text()


def test_images_are_drawn_and_bad_ones_refused():
    images = np.linspace(0, 16, 16 * 64).reshape(16, 64)
    frame = {"shape": (8, 8), "pixel_range": (0, 16)}
    drawn = images_figure(images, title="data", **frame)
    assert "16 images" in drawn and "out of range" not in drawn
    assert "50% of pixels out of range" in images_figure(images + 8.01, title="z", **frame)
    # A pixel of half the range is neither black nor white.
    halves = np.full((4, 64), 0.5)
    bits = {"shape": (8, 8), "pixel_range": (0, 1), "title": "z"}
    drawings = {images_figure(value * halves, **bits) for value in (0, 1, 2)}
    assert len(drawings) == 3
    for bad in (images[:, :60], images[:0], images[0]):
        with pytest.raises(ValueError, match=r"images are \(num_images, 64\) here"):
            images_figure(bad, title="data", **frame)


def test_the_page_shows_images(rows, study_directory):
    made = [
        row | {"curves": None}
        for row in rows(seeds=1, data=("quantum",))
        if row["spec"]["latent"]["name"] in PAIR
    ]
    images = np.zeros((16, 64)).tolist()
    for row in made:
        row["preview"] = {
            "kind": "images",
            "shape": [8, 8],
            "pixel_range": [0, 1],
            "data": images,
            "generated": images,
        }
    text = write_report(study_directory(made)).read_text()
    assert "The first held-out images" in text
    assert text.count("16 images") == 1 + len(made)
