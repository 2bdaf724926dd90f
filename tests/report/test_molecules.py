"""Tables and page of a study of molecules."""

import json
import re
from html.parser import HTMLParser

import pytest

from quantum_latents.report import table, write_report
from quantum_latents.report.needed import NEEDED_HEADER
from quantum_latents.report.pictures import inline_svg, read_pictures
from quantum_latents.report.sample_figures import distribution_figure
from quantum_latents.report.styles import styles
from quantum_latents.results import read_study, seeds_needed

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Elements(HTMLParser):
    """Every element closed in order, ids, links and names of drawings."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.drawings, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self._note(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def _note(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "svg":
            assert attrs["role"] == "img"
            self.drawings.append(attrs["aria-label"])


def words(page):
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def slim(rows):
    """The same rows with two metrics and one distribution, for speed."""
    for row in rows:
        metrics = row["metrics"]
        row["metrics"] = {name: metrics[name] for name in ("valid_and_unique", "fcd_unique")}
        row["preview"]["distributions"] = row["preview"]["distributions"][:1]
    return rows


@pytest.fixture
def page(molecular, tmp_path):
    def write(rows=None, **settings):
        rows = slim(molecular.make_molecular_rows(1)) if rows is None else rows
        directory = molecular.write_molecular_study(tmp_path / "study", rows, **settings)
        return write_report(directory).read_text(encoding="utf-8")

    return write


@pytest.fixture
def study(molecular, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(molecular.STUDY))
    return read_study(tmp_path)


def test_primary_metrics_are_columns_and_the_others_lines(molecular, study):
    section = table(molecular.make_molecular_rows(2), study).sections[0]
    assert [facts.name for facts in section.columns] == study["primary_metrics"]
    assert len(section.lines) == len(molecular.METRICS) - 4
    leading, others, published, needed = section.grids()
    assert len(leading.header) == 5
    assert others.header == ["metric", *section.latents, "floor", "random valence"]
    assert [line[0] for line in leading.body][-2:] == ["floor", "random valence"]
    assert len(published.body) == 4
    assert needed.header == ["metric", "latent", *NEEDED_HEADER[2:]]
    for line, found in zip(needed.body, section.needed, strict=True):
        figures = {(f.latent, f.metric): f.mean for f in section.published}
        gap = figures[found.latent, found.metric] - figures["quantum", found.metric]
        assert found.found.gap == gap
        (comparison,) = [c for c in section.comparisons[found.metric] if c.other == found.latent]
        assert found.found == seeds_needed(
            comparison.differences, gap, family_size=len(section.latents) - 1
        )
        assert line[-1] == "2"


def test_a_gap_needs_both_published_figures_and_a_known_spread(molecular, study):
    (section,) = table(molecular.make_molecular_rows(1), study).sections
    assert section.needed == ()  # one seed has no spread
    rows = molecular.make_molecular_rows(2)
    of = {needed.metric for needed in table(rows, study).sections[0].needed}
    dropped = study["paper"]["figures"].pop(0)
    assert dropped["latent"] == "quantum"
    left = {needed.metric for needed in table(rows, study).sections[0].needed}
    assert left == of - {dropped["metric"]} != of


def test_a_study_that_declares_nothing_primary_leads_with_its_first_metrics(molecular):
    section = table(molecular.make_molecular_rows(1)).sections[0]
    assert [facts.name for facts in section.columns] == list(molecular.METRICS)[:4]


@pytest.mark.parametrize("format", ["text", "markdown"])
def test_words_of_tables(molecular, study, format):
    rows = molecular.make_molecular_rows(2, few={("gaussian", 1)})
    shown = " ".join(table(rows, study).render(format).split())
    for said in (
        "9,986",  # floors and the trivial sampler are rows
        "8,899",
        "0.0770 (n = 10,000)",
        "4.89 (n = 9,901)",
        "n = 2,522",
        "1, 1 dropped",
        "gaussian, seed 1 (480 unique valid molecules",
        "2,522 ± 65",
        "those of different n are not comparable",
        "a paper, Table II",
        "Random valence: a trivial sampler",
    ):
        assert said in shown, said
    assert "(floor" not in shown, "the floor is a row here"


def test_json_holds_baselines_and_sizes(molecular, study):
    content = json.loads(table(molecular.make_molecular_rows(2), study).json())
    section = content["sections"][0]
    assert section["trivials"]["fcd_valid"] == pytest.approx(4.89)
    assert section["floor_sizes"]["fcd_unique_1000"] == [1000, 1000]
    assert section["cells"]["quantum"]["fcd_unique_2522"]["sizes"] == [2522, 2522]
    assert section["published"][0]["mean"] == 2522


def test_rows_without_molecules_have_none_of_this(rows, study):
    content = table(rows(seeds=2)).json()
    for name in ("trivials", "sizes", "missing", "published", "leading", "is_count"):
        assert f'"{name}"' not in content
    assert "Random valence" not in table(rows(seeds=2)).text()


def test_the_page(page, molecular):
    content = page(molecular.make_molecular_rows(2))
    elements = Elements()
    elements.feed(content)
    assert elements.open == []
    assert len(elements.ids) == len(set(elements.ids))
    galleries = [name for name in elements.drawings if name.startswith("Draw ")]
    assert len(galleries) == 4 * 24
    assert galleries[0] == "Draw 1: CC(=O)NC#CF, novel"
    assert galleries[2] == "Draw 3: not valid: N with bonds of sum 5"
    for name in ("QED", "SA score", "log P", "rings", "bond types", "atom types"):
        assert name in elements.drawings
    text = words(content)
    for said in (
        "16 of these 24 are valid, 12 novel",
        "13 other metrics",
        "Beside published figures",
        "2,522 ± 65",
        "random valence (the trivial sampler)",
        "not valid N with bonds of sum 5",
        "of different n are not comparable",
    ):
        assert said in text, said
    assert "#FFFFFF" not in content, "drawings have no ground of their own"
    assert "http" not in re.sub(r"http://www\.w3\.org/(2000/svg|1999/xlink)", "", content)


def test_a_page_without_pictures_says_so_and_is_made(page):
    text = words(page(pictures=False))
    assert "pictures/qm9-quantum-0.json is missing" in text
    assert "qlat evaluate" in text
    assert "of these" not in text


def test_runs_without_a_value_are_named(page, molecular):
    few = {("gaussian", 0), ("gaussian", 1)}
    text = words(page(slim(molecular.make_molecular_rows(2, few=few))))
    assert "Finished runs without a value of a metric" in text
    assert "gaussian 0, 1 FCD, unique 480 unique valid molecules" in text
    assert "2 dropped" in text


def test_a_page_of_rows_without_distributions_or_pictures(page, molecular):
    rows = slim(molecular.make_molecular_rows(1))
    for row in rows:
        row["preview"] = {"kind": "molecules"}
    text = words(page(rows))
    assert "No pictures here." in text
    assert "How often each value occurs" not in text


def test_a_latent_without_a_valid_molecule_has_no_distribution(page, molecular):
    rows = slim(molecular.make_molecular_rows(1))
    for row in rows:
        (entry,) = row["preview"]["distributions"]
        entry["generated"] = [0.0] * len(entry["generated"])
    content = page(rows)
    figure = content[content.index('aria-label="QED"') :]
    figure = figure[: figure.index("</svg>")]
    assert "--latent-" not in figure
    assert "--muted" in figure


def test_drawings_are_not_trusted(page, tmp_path):
    page()
    path = tmp_path / "study" / "pictures" / "qm9-quantum-0.json"
    svg = '<svg viewBox="0 0 9 9"><script>alert(1)</script></svg>'
    molecule = {"svg": svg, "smiles": "<b>C</b>", "valid": True, "novel": True, "reason": ""}
    path.write_text(json.dumps({"schema": 1, "molecules": [molecule]}))
    content = write_report(tmp_path / "study").read_text()
    assert "alert(" not in content
    assert "<b>C" not in content


def test_only_shapes_are_left_of_a_drawing():
    attack = (
        "<?xml version='1.0'?><svg viewBox='0 0 9 9' onload='alert(1)' "
        "xmlns='http://www.w3.org/2000/svg'><script>alert(2)</script>"
        "<image href='http://evil/x.png'/><a href='x'><path d='M 0,0'/></a>"
        "<rect style='fill:#FFFFFF' width='9' height='9'/>"
        "<g><path d='M 0,0\nL 9,9' style='stroke:#0000FF;background:url(http://evil)' "
        "fill='url(#x)' onclick='alert(3)' id='twice'/></g></svg>"
    )
    assert inline_svg(attack, 'a "bond" <i>') == (
        '<svg viewBox="0 0 9 9" role="img" aria-label="a &quot;bond&quot; &lt;i&gt;">'
        '<g><path d="M 0,0 L 9,9" stroke="var(--atom-n, #0000FF)"/></g></svg>'
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "damaged"),
        ('{"schema": 1}', "no list of molecules"),
        ('{"schema": 2, "molecules": []}', "newer than schema 1"),
        ('{"schema": 1, "molecules": [3]}', "molecule 1 is no object"),
        ('{"schema": 1, "molecules": [{"svg": "<svg"}]}', "drawing of molecule 1 is no SVG"),
        ('{"schema": 1, "molecules": [{"svg": "<!DOCTYPE a><svg/>"}]}', "document type"),
        ('{"schema": 1, "molecules": [{"svg": "<p/>"}]}', "is no SVG with a viewBox"),
    ],
)
def test_damaged_pictures_are_named(tmp_path, content, said):
    (tmp_path / "a1.json").write_text(content)
    with pytest.raises(ValueError, match=said):
        read_pictures(tmp_path, "a1.json")


def test_pictures_lie_in_the_study(page, molecular):
    rows = slim(molecular.make_molecular_rows(1))
    rows[0]["preview"]["pictures"] = "../../elsewhere.json"
    with pytest.raises(ValueError, match="lie in the study's directory"):
        page(rows)


def test_mistakes_in_distributions_are_named():
    style = styles(["gaussian"])
    shares = {"gaussian": [0.5, 0.5]}
    with pytest.raises(ValueError, match="edges or categories"):
        distribution_figure([1.0], {}, style, title="QED")
    with pytest.raises(ValueError, match="1 bins and 2 shares of gaussian"):
        distribution_figure([1.0], shares, style, title="QED", edges=[0, 1])
    with pytest.raises(ValueError, match="do not ascend"):
        distribution_figure([0.5, 0.5], shares, style, title="QED", edges=[0, 2, 1])


def test_long_names_of_classes_are_turned():
    style = styles(["gaussian"])
    names = ["carboxylic acid", "primary amine"]
    drawn = distribution_figure(
        [0.5, 0.5], {"gaussian": [0.4, 0.6]}, style, title="groups", categories=names
    )
    assert "rotate(-90" in drawn
    assert "carboxylic acid" in drawn
