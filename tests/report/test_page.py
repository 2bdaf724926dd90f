"""The page: one file, complete, escaped, and worded as the intervals allow."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from quantum_latents.report import table, write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Balance(HTMLParser):
    """Checks that every element is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def words(page):
    """The page's text, one space between words."""
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def slim(made):
    """The same rows with two metrics and nothing else to draw, for speed."""
    for row in made:
        row |= {"preview": None, "curves": None}
        row["metrics"] = {
            name: entry
            for name, entry in row["metrics"].items()
            if name in ("l1_to_integer", "energy_distance")
        }
    return made


@pytest.fixture
def page(rows, study_directory):
    def write(made=None, **changes):
        made = slim(rows(seeds=10, data=("quantum",))) if made is None else made
        return write_report(study_directory(made, **changes)).read_text(encoding="utf-8")

    return write


def test_a_finished_study(page, rows, study):
    made = rows(seeds=10, diverged={("gaussian", "mixture", 3)})
    content = page(made)
    text = words(content)
    order = [
        study["question"],
        "The verdict",
        "Shrunken: 2 hidden layers of 128 instead of 512.",
        "The numbers",
        "Every seed",
        "Training",
        "What was generated",
        "Every setting",
        "Runs that diverged",
        "NaN at step 812",
        "Machine, version",
        "qlat run table1 --preset quick",
        "a made-up processor",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    for section in table(made, study).sections:
        for comparison in section.comparisons["l1_to_integer"]:
            assert comparison.verdict.sentence in text
    for setting in study["settings"]:
        assert all(setting[part] in text for part in ("name", "value", "source"))
    assert content.count("<svg") == 4 + 2 * (5 + 3) + 5 + 10 + 2 * (1 + 3)
    checker = Balance()
    checker.feed(content)
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))


def test_nothing_is_loaded_from_elsewhere(page, rows):
    content = page(rows(seeds=1))
    links = re.findall(r'(?:href|src|action)="([^"]*)"', content)
    assert all(link.startswith(("#", "data:image/png;base64")) for link in links)
    assert "@import" not in content
    assert set(re.findall(r"https?://[^\"' )]+", content)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert 'name="viewport"' in content


def test_the_same_rows_make_the_same_page(page):
    assert page() == page()


def test_an_unfinished_study_says_so(page, rows):
    content = words(page(slim(rows(seeds=10)[:37])))
    assert "37 of 80 runs" in content
    assert "interim" in content


def test_too_few_seeds_give_no_verdict_anywhere(page, rows):
    text = words(page(slim(rows(seeds=9)), num_runs=72))
    assert "Too few seeds for a verdict: 9 of at least 10." in text
    assert " is better than" not in text
    assert " is as good as" not in text


@pytest.mark.parametrize("kind", ["one seed", "one latent", "one run", "no reference"])
def test_small_studies_make_a_page(page, rows, kind):
    made = rows(seeds=1, data=("quantum",))
    if kind == "one latent":
        made = [row for row in slim(rows(seeds=3)) if row["spec"]["latent"]["name"] == "quantum"]
    elif kind == "one run":
        made = made[:1]
    elif kind == "no reference":
        made = [row for row in made if row["spec"]["latent"]["name"] != "quantum"]
    text = words(page(made))
    assert ("no other latent" in text) == (kind in ("one latent", "one run"))
    assert " is better than" not in text


def test_all_runs_diverged(page, rows):
    made = rows(seeds=1, data=("quantum",))
    for row in made:
        row |= {"status": "diverged", "status_detail": "NaN", "preview": None, "curves": None}
        row["metrics"] = {"mmd": {"value": None, "direction": "lower"}}
    text = words(page(made))
    assert "Runs that diverged data latent seed" in text
    assert "What was generated" not in text


def test_rows_and_study_without_optional_fields(rows, study_directory):
    made = rows(seeds=2)
    for row in made:
        for name in ("curves", "preview", "provenance", "status_detail"):
            del row[name]
    directory = study_directory(made)
    (directory / "study.json").write_text('{"schema": 1, "study": "bare"}')
    text = words(write_report(directory, directory / "deep" / "page.html").read_text())
    assert "bare" in text
    assert "16 runs" in text


def test_text_of_the_study_is_escaped(page, rows):
    made = slim(rows(seeds=1, data=("quantum",), diverged={("quantum", "quantum", 0)}))
    made[0]["status_detail"] = "<img src=x onerror=alert(1)>"
    for row in made:
        row["metrics"].get("energy_distance", {})["label"] = "<b>MMD</b>"
        if row["spec"]["latent"]["name"] == "gaussian":
            row["spec"]["latent"]["name"] = "<i>&x</i>"
    content = page(
        made,
        title="</title><script>alert(2)</script>",
        command="qlat run 'a\"b' <c>",
        primary_metrics=["energy_distance"],
    )
    for attack in ("<img", "<script>alert", "<b>MMD", "<i>&x"):
        assert attack not in content
    assert "&lt;b&gt;MMD&lt;/b&gt;" in content
    checker = Balance()
    checker.feed(content)
    assert checker.open == []


def test_the_page_says_when_versions_differ(page, rows):
    made = slim(rows(seeds=1))
    made[0]["provenance"]["commit"] = "fffffff"
    assert "come from 2 versions" in words(page(made))


def test_mistakes_are_named_and_nothing_is_written(rows, study_directory, tmp_path):
    with pytest.raises(ValueError, match="no study at"):
        write_report(tmp_path)
    directory = study_directory(slim(rows(seeds=1)))
    (directory / "rows.jsonl").write_text("")
    with pytest.raises(ValueError, match="no rows in"):
        write_report(directory)
    made = rows(seeds=1, data=("quantum",))
    made[0]["preview"]["kind"] = "hologram"
    directory = study_directory(made)
    (directory / "report.html").write_text("as it was")
    with pytest.raises(ValueError, match="'hologram'"):
        write_report(directory)
    assert (directory / "report.html").read_text() == "as it was"
    assert sorted(path.name for path in directory.iterdir()) == [
        "report.html",
        "rows.jsonl",
        "study.json",
    ]


def test_a_table_does_not_load_matplotlib_nor_torch():
    code = (
        "import sys, quantum_latents.report;"
        "print([m for m in ('matplotlib', 'torch', 'pandas', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
