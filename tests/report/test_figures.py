"""Figures are well-formed SVG in the page's own colours, the same at every call."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.report import figures
from quantum_latents.results import paired_comparison

STYLES = figures.styles(["quantum", "gaussian"])
HEX = re.compile(r"#[0-9a-f]{6}\b")


def values(num_seeds=10):
    generator = stream(0, "tests", "figures").generator()
    return {name: dict(enumerate(generator.normal(size=num_seeds))) for name in STYLES}


def comparison(num_seeds=10, margin=None):
    made = values(num_seeds)
    return paired_comparison(made["quantum"], made["gaussian"], "lower", margin=margin)


def every_figure():
    generator = stream(1, "tests", "figures").generator()
    points = generator.normal(size=(50, 2))
    named = replace(comparison(margin=0.5), other="gaussian", label="L1 & <more>")
    steps = [0, 10, 20, 30]
    runs = [(steps, [1.0, None, 0.5, 0.2]), (steps[:2], [1.1, 0.8])]
    curves = {"quantum": figures.mean_curve(runs)}
    yield figures.seeds_figure(values(), STYLES, title="L1 & <more>", label="$x$", floor=0.1)
    yield figures.differences_figure([named], STYLES, title="differences")
    yield figures.curves_figure(curves, STYLES, title="loss", label="")
    yield figures.scatter_figure(points, points, title="data")
    yield figures.marginals_figure([0.1, 0.2], [0.3, 0.1], STYLES["quantum"], title="q", top=0.4)
    yield figures.correlation_figure([[1, 0.2], [0.2, None]], title="corr", limit=0.5)


FIGURES = list(every_figure())


@pytest.mark.parametrize("svg", FIGURES)
def test_svg_is_well_formed_and_self_contained(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.get("aria-label")
    assert root.get("width") is None  # the page decides
    links = re.findall(r'(?:xlink:href|href|src)="([^"]*)"', svg)
    assert all(link.startswith(("#", "data:image/png;base64")) for link in links)
    assert "<style" not in svg
    assert "<script" not in svg
    assert "date" not in svg.lower()


@pytest.mark.parametrize("svg", FIGURES)
def test_every_colour_follows_the_page(svg):
    bare = re.sub(r"var\(--[\w-]+, #[0-9a-f]{6}\)", "", svg)
    bare = re.sub(r'(id|xlink:href|clip-path)="[^"]*"', "", bare)
    assert HEX.findall(bare) == []
    fonts = re.findall(r"font-family: [^;\"]+", svg)
    assert set(fonts) == {"font-family: var(--font, system-ui, sans-serif)"}


def test_ids_are_unique_on_a_page():
    ids = [name for svg in FIGURES for name in re.findall(r'\bid="([^"]*)"', svg)]
    assert len(ids) == len(set(ids))


def test_references_have_a_target():
    for svg in FIGURES:
        ids = set(re.findall(r'\bid="([^"]*)"', svg))
        targets = re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#([^)]*)\)", svg)
        assert targets
        assert set(targets) <= ids


def test_the_same_input_gives_the_same_text():
    assert list(every_figure()) == FIGURES


def test_titles_are_text_not_markup_nor_formulas():
    svg = FIGURES[0]
    assert "L1 &amp; &lt;more&gt;" in svg
    assert ">$x$</text>" in svg


def test_paper_latents_keep_their_colour_and_new_ones_differ():
    few = figures.styles(["gaussian", "quantum"])
    many = figures.styles(["gaussian", "copula", "dirichlet", "quantum", "bernoulli"])
    assert few["gaussian"] == many["gaussian"]
    assert len({style.colour for style in many.values()}) == 5
    assert len({style.marker for style in many.values()}) == 5


def test_seed_points_are_all_drawn_also_for_one_seed():
    for num_seeds in (1, 10):
        svg = figures.seeds_figure(values(num_seeds), STYLES, title="t", label="")
        fills = re.findall(r"<use [^>]*fill: var\(--latent-[03],", svg)
        assert len(fills) == 2 * num_seeds + 2  # one point a seed and a mean, two latents


def test_many_latents_and_seeds_keep_names_apart_and_bytes_few():
    names = ["quantum", *(f"rival_{index}" for index in range(14))]
    looks = figures.styles(names)
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(names)
    assert len({(look.colour, look.dashes) for look in looks.values()}) == len(names)
    num_seeds = figures.MAX_MARKS // len(names) + 1
    many = {name: dict.fromkeys(range(num_seeds), 1.0) | {0: 2.0} for name in names}
    svg = figures.seeds_figure(many, looks, title="t", label="")
    assert svg.count("h0") == len(names) * num_seeds  # a dot each
    assert svg.count("rotate(-50") == len(names)


def test_every_mark_of_a_latent_says_whose_it_is():
    svg = figures.seeds_figure(values(3), STYLES, title="t", label="")
    assert svg.count('data-latent="quantum"') == svg.count('data-latent="gaussian"') == 2
    hostile = {'"><script>': {0: 1.0, 1: 2.0}}
    svg = figures.seeds_figure(hostile, figures.styles(hostile), title="t", label="")
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    assert {element.get("data-latent") for element in root.iter()} == {None, '"><script>'}


def test_curves_ignore_missing_values_and_unequal_lengths():
    steps, aligned = figures._aligned([([0, 10, 20], [1.0, None, 3.0]), ([0, 10], [3.0, 4.0])])
    mean, deviation = figures._mean_and_deviation(aligned)
    np.testing.assert_array_equal(steps, [0, 10, 20])
    np.testing.assert_allclose(mean, [2.0, 4.0, 3.0])
    np.testing.assert_allclose(deviation, [np.sqrt(2), 0, 0])


def test_scatter_counts_what_falls_outside_the_frame():
    frame = [[0, 0], [1, 1]]
    svg = figures.scatter_figure([[0.5, 0.5], [9, 9], [float("nan"), 0]], frame, title="t")
    assert "3 points, 2 outside the frame" in svg


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        figures.scatter_figure([[1, 2, 3]], [[0, 0]], title="t")
    with pytest.raises(ValueError, match="square"):
        figures.correlation_figure([[1, 0.5]], title="t", limit=1)
    with pytest.raises(ValueError, match="no comparisons"):
        figures.differences_figure([], STYLES, title="t")
