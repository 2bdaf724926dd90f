"""Every figure is well-formed SVG in the page's own colours, the same at every call."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from quantum_latents.random import stream
from quantum_latents.report import curve_figures, figures, sample_figures
from quantum_latents.report.styles import styles
from quantum_latents.results import paired_comparison

STYLES = styles(["quantum", "gaussian"])
HEX = re.compile(r"#[0-9a-f]{6}\b")


def every_figure():
    generator = stream(1, "tests", "figures").generator()
    points = generator.normal(size=(50, 2))
    values = {name: dict(enumerate(generator.normal(size=10))) for name in STYLES}
    compared = paired_comparison(values["quantum"], values["gaussian"], "lower", margin=0.5)
    named = replace(compared, other="gaussian", label="L1 & <more>")
    steps = [0, 10, 20, 30]
    runs = [(steps, [1.0, None, 0.5, 0.2]), (steps[:2], [1.1, 0.8])]
    curves = {"quantum": curve_figures.mean_curve(runs)}
    yield figures.seeds_figure(values, STYLES, title="L1 & <more>", label="$x$", floor=0.1)
    yield figures.differences_figure([named], STYLES, title="differences")
    yield curve_figures.curves_figure(curves, STYLES, title="loss", label="")
    yield sample_figures.scatter_figure(points, points, title="data")
    yield sample_figures.marginals_figure(
        [0.1, 0.2], [0.3, 0.1], STYLES["quantum"], title="q", top=0.4
    )
    yield sample_figures.correlation_figure([[1, 0.2], [0.2, None]], title="corr", limit=0.5)


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
