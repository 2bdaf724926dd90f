"""Photographs on the page: their own colours, a byte a level, and damaged ones refused."""

import base64
import io
import re

import matplotlib.image
import numpy as np
import pytest

from quantum_latents.report import write_report
from quantum_latents.report.figure_numbers import levels_numbers
from quantum_latents.report.image_figures import photographs_figure
from quantum_latents.results.row_details import check_details, unpacked_levels

PAIR = ("quantum", "gaussian")
EMBEDDED = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")


def colours(svg):
    """The colours of the one picture inside a drawing."""
    (found,) = EMBEDDED.findall(svg)
    picture = matplotlib.image.imread(io.BytesIO(base64.b64decode(found)), format="png")
    return {tuple(np.rint(255 * pixel[:3]).astype(int)) for pixel in picture.reshape(-1, 4)}


def test_each_photograph_has_its_own_colours_and_space_around():
    levels = np.zeros((3, 3, 4, 4), dtype=np.uint8)
    levels[0, 0], levels[1, 1], levels[2, 2] = 255, 200, 100
    drawn = photographs_figure(levels, title="data")
    assert colours(drawn) == {(255, 0, 0), (0, 200, 0), (0, 0, 100), (255, 255, 255)}
    assert "3 images" in drawn
    for bad in (levels[:0], levels[:, :2], levels.astype(float), levels[0]):
        with pytest.raises(ValueError, match="photographs are uint8"):
            photographs_figure(bad, title="data")


def preview(levels):
    text = base64.b64encode(levels.tobytes()).decode()
    shape = list(levels.shape[1:])
    return {"kind": "photographs", "shape": shape, "data": text, "generated": text}


def test_the_page_shows_photographs_and_gives_their_levels(rows, study_directory):
    levels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    made = [
        row | {"curves": None, "preview": preview(levels)}
        for row in rows(seeds=1, data=("quantum",))
        if row["spec"]["latent"]["name"] in PAIR
    ]
    text = write_report(study_directory(made)).read_text()
    assert len(EMBEDDED.findall(text)) == 1 + len(made)
    assert "The first held-out images" in text
    first = levels_numbers(levels).lines[0]
    assert first[0] == 0 and str(first[1]) in text
    assert np.array_equal(unpacked_levels(preview(levels)["data"], [3, 8, 8]), levels)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [1, 8, 8]}, "row 1: preview.data is of images of 3 colours"),
        ({"shape": [3, 8, 10**9]}, "3 colours, height and width"),
        ({"shape": None}, "3 colours, height and width"),
        ({"data": "no base64!"}, "preview.data is levels as base64"),
        ({"data": 7}, "preview.data is levels as base64"),
        ({"generated": "AAAA"}, "preview.generated has 3 levels, and an image has 192"),
        ({"generated": ""}, "preview.generated has 0 levels"),
        ({"shape": [3, 1, 1], "data": "AAAA" * 65}, "preview.data has more than 64 images"),
    ],
)
def test_damaged_photographs_are_refused_by_field(change, said):
    whole = preview(np.zeros((2, 3, 8, 8), dtype=np.uint8))
    check_details({"preview": whole}, "row 1")
    with pytest.raises(ValueError, match=said):
        check_details({"preview": whole | change}, "row 1")
