"""What page and table say of a study that is not as it was frozen, or was extended."""

import json
import re

import pytest

from quantum_latents.cli import main
from quantum_latents.report import write_report
from quantum_latents.results import (
    FrozenSpec,
    RowStore,
    declaration_of,
    read_frozen,
    read_rows,
    sealed,
    spec_hash,
    write_frozen,
)

AT = "2025-12-31T00:00:00+00:00"


def spec_of(study, runs, **changes):
    declaration = declaration_of(study)
    settings = {"at": AT, "num_rows": 0, "added": {}} | changes
    return FrozenSpec(
        hash=spec_hash(declaration, runs), declaration=declaration, runs=tuple(runs), **settings
    )


@pytest.fixture
def folder(rows, study_directory, study):
    """A frozen study of made-up rows without anything to draw."""
    made = rows(seeds=6, data=("quantum",))
    runs = [row["run"] for row in made]
    study |= {"num_runs": len(runs)}
    spec = spec_of(study, runs)
    for number, row in enumerate(made, start=1):
        row |= {"preview": None, "curves": None}
        row["metrics"] = {"energy_distance": row["metrics"]["energy_distance"]}
        made[number - 1] = sealed(row, spec.hash, number)
    directory = study_directory(made, num_runs=len(runs))
    write_frozen(directory, [spec])
    return directory


def page_of(folder):
    return write_report(folder).read_text(encoding="utf-8")


def words(page):
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def tables_of(folder, capsys):
    told = []
    for form in ("text", "markdown", "json"):
        assert main(["table", str(folder), "--format", form]) == 0
        told.append(capsys.readouterr().out)
    return " ".join(told[0].split()), told[1], json.loads(told[2])


def test_as_frozen_there_is_a_line_with_the_hash_and_no_banner(folder, capsys):
    page = page_of(folder)
    assert 'id="standing"' not in page
    (spec,) = read_frozen(folder)
    assert f"{AT}, before the first run; SHA-256 {spec.hash[:16]}" in words(page)
    text, _, content = tables_of(folder, capsys)
    assert "frozen" not in text
    assert content["standing"] == {
        "state": "as frozen", "frozen_at": AT, "hash": spec.hash, "findings": [],
    }  # fmt: skip


def test_of_a_study_of_before_it_is_said_quietly(folder, rows, capsys):
    (folder / "frozen.json").unlink()
    (folder / "rows.jsonl").unlink()
    for row in rows(seeds=6, data=("quantum",)):
        metrics = {"energy_distance": row["metrics"]["energy_distance"]}
        RowStore(folder).append(row | {"preview": None, "curves": None, "metrics": metrics})
    page = page_of(folder)
    assert 'id="standing"' not in page
    assert "not frozen: made before specs were hashed" in words(page)
    text, _, content = tables_of(folder, capsys)
    assert "frozen" not in text
    assert content["standing"]["state"] == "not frozen"


def test_a_changed_study_says_so_before_everything_else(folder, capsys):
    path = folder / "study.json"
    study = json.loads(path.read_text())
    study["equivalence_margins"]["<b>l1"] = 0.5
    path.write_text(json.dumps(study))
    rows = read_rows(folder)
    rows[3]["metrics"]["energy_distance"]["value"] = 0.0
    (folder / "rows.jsonl").unlink()
    for row in rows:
        RowStore(folder).append(row)

    page = page_of(folder)
    text = words(page)
    assert text.index("This study was changed after it was frozen") < text.index("The verdict")
    assert "equivalence_margins is" in text and "frozen was" in text
    assert "Rows that were edited after they were written: 1" in text
    assert 'class="callout alarm"' in page and "<b>l1" not in page
    printed, markdown, content = tables_of(folder, capsys)
    for told in (printed, markdown):
        assert "This study was changed after it was frozen:" in told
        assert "Rows that were edited after they were written: 1" in told
    assert content["standing"]["state"] == "changed"
    assert [one["kind"] for one in content["standing"]["findings"]] == ["declaration", "edited"]


def test_an_extended_study_says_how_many_seeds_were_known(folder, capsys):
    (first,) = read_frozen(folder)
    study = json.loads((folder / "study.json").read_text())
    more = [*first.runs, "quantum-quantum-6"]
    added = {"runs": 1, "seeds": [6], "latents": [], "data": []}
    write_frozen(folder, [first, spec_of(study, more, num_rows=24, added=added)])
    page = page_of(folder)
    assert 'class="callout"' in page and 'class="callout alarm"' not in page
    assert "This study was extended after results were known" in words(page)
    printed, _, content = tables_of(folder, capsys)
    assert "1 seed (6) was added at" in printed and "after 24 of 24 rows were known" in printed
    assert content["standing"]["state"] == "extended"
