"""Figures of a study draw every seed, and say whose a mark is."""

import re
from xml.etree import ElementTree

import pytest

from quantum_latents.random import stream
from quantum_latents.report import figures
from quantum_latents.report.styles import styles

STYLES = styles(["quantum", "gaussian"])


def values(num_seeds=10):
    generator = stream(0, "tests", "figures").generator()
    return {name: dict(enumerate(generator.normal(size=num_seeds))) for name in STYLES}


def test_seed_points_are_all_drawn_also_for_one_seed():
    for num_seeds in (1, 10):
        svg = figures.seeds_figure(values(num_seeds), STYLES, title="t", label="")
        fills = re.findall(r"<use [^>]*fill: var\(--latent-[03],", svg)
        assert len(fills) == 2 * num_seeds + 2  # one point a seed and a mean, two latents


def test_many_latents_and_seeds_keep_names_apart_and_bytes_few():
    names = ["quantum", *(f"rival_{index}" for index in range(14))]
    looks = styles(names)
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
    svg = figures.seeds_figure(hostile, styles(hostile), title="t", label="")
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    assert {element.get("data-latent") for element in root.iter()} == {None, '"><script>'}


def test_a_figure_of_no_comparisons_is_refused():
    with pytest.raises(ValueError, match="no comparisons"):
        figures.differences_figure([], STYLES, title="t")
