"""The page of a validation: everything told, everything escaped, nothing loaded."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from quantum_latents.banks import import_bank, validate_bank
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.report import write_validation
from quantum_latents.report.validation import deviation_svg
from quantum_latents.samplers import Noise, sample_noisy
from quantum_latents.samplers.validation import TITLES

DEVICE = haar(6, stream(0, "interferometer"))
_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Nesting(HTMLParser):
    """Whether every element ends where it should."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    counts = sample_noisy(
        DEVICE, (1,) * 6, Noise(interference=0.0, input_transmission=0.6), 3000, stream(0, "device")
    )
    said = {
        "processor": "<script>alert(1)</script> & co",
        "interferometer": DEVICE.recipe,
        "occupation": [1] * 6,
        "postselection": None,
    }
    folder = tmp_path_factory.mktemp("banks") / "a & <b>bank"
    found = validate_bank(import_bank(counts, folder, said))
    return json.loads(json.dumps(found.to_json(), allow_nan=False))


@pytest.fixture(scope="module")
def page(content, tmp_path_factory):
    path = write_validation(content, tmp_path_factory.mktemp("pages") / "page.html")
    return path.read_text(encoding="utf-8")


def test_the_page_tells_every_test_and_its_verdict(page, content):
    for title in TITLES.values():
        assert title in page
    assert content["headline"] in page
    badges = re.findall(r'<td class="name"><span class="badge [a-z]+">([a-z]+)</span>', page)
    assert badges == [one["verdict"] for one in content["findings"]]
    assert "inconsistent" in badges and "consistent" in badges


def test_what_comes_from_a_manifest_is_escaped(page):
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>bank" not in page and "a &amp; &lt;b&gt;bank" in page


def test_the_page_is_whole_and_loads_nothing(page):
    nesting = Nesting(page)
    assert nesting.open == []
    assert not nesting.seen & {"link", "img", "iframe", "object", "embed"}
    assert not re.search(r"\b(src|href)=[\"'](?!#|data:)", page)
    assert not re.search(r"@import|url\((?!#|data:)", page)


def test_the_pictures_are_svg(page):
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) > 10
    for picture in pictures:
        ElementTree.fromstring(picture.replace("xlink:href", "href"))


def test_the_place_of_an_estimate_is_drawn_to_scale():
    def circle(estimate):
        one = {"estimate": estimate, "expected": 2.0, "interval": [estimate - 1, estimate + 1]}
        return float(re.search(r'cx="([\d.]+)"', deviation_svg(one)).group(1))

    assert circle(2.0) == 66
    assert circle(3.0) - 66 == 66 - circle(1.0) > 0
    assert circle(100.0) == circle(200.0) < 132


def test_a_validation_without_a_promise_makes_a_page(tmp_path):
    counts = np.random.default_rng(0).integers(0, 3, size=(400, 5), dtype=np.uint8)
    bank = import_bank(counts, tmp_path / "bank", {"from": "me"})
    page = write_validation(validate_bank(bank).to_json(), tmp_path / "page.html").read_text()
    assert "only the order of the shots is tested" in page
    assert Nesting(page).open == []


@pytest.mark.parametrize("content", [{}, {"schema": 2, "findings": []}, [], None])
def test_other_content_is_refused(content, tmp_path):
    with pytest.raises(ValueError, match="qlat validate --json"):
        write_validation(content, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
