"""A study as it was frozen, and every way in which a folder can differ from it."""

import json
from dataclasses import replace

import pytest

from quantum_latents.results import (
    FROZEN,
    REUSED,
    FrozenSpec,
    RowStore,
    checksum,
    declaration_of,
    next_number,
    read_frozen,
    read_rows,
    rows_hash,
    sealed,
    spec_hash,
    standing,
    write_frozen,
)

AT = "2026-03-01T12:00:00+00:00"
RUNS = [f"{latent}-{seed}" for latent in ("quantum", "gaussian") for seed in range(3)]
STUDY = {
    "schema": 1,
    "study": "demo",
    "command": "qlat run demo",
    "primary_metrics": ["energy_distance"],
    "equivalence_margins": {"energy_distance": 0.01},
    "num_runs": len(RUNS),
}


def frozen_spec(study=STUDY, runs=RUNS, **changes):
    declaration = declaration_of(study)
    made = FrozenSpec(
        at=AT,
        hash=spec_hash(declaration, runs),
        declaration=declaration,
        runs=tuple(runs),
        num_rows=0,
        added={},
    )
    return replace(made, **changes)


def row(run, *, value=0.5, finished_at="2026-03-01T12:05:00+00:00", **provenance):
    latent, _, seed = run.partition("-")
    return {
        "schema": 1,
        "run": run,
        "study": "demo",
        "status": "finished",
        "spec": {"data": {"name": "bits"}, "latent": {"name": latent}, "seed": int(seed)},
        "metrics": {"energy_distance": {"value": value, "direction": "lower"}},
        "provenance": {"finished_at": finished_at, **provenance},
    }


@pytest.fixture
def folder(tmp_path):
    """A study as running leaves it."""
    spec = frozen_spec()
    write_frozen(tmp_path, [spec])
    (tmp_path / "study.json").write_text(json.dumps(STUDY))
    (tmp_path / "runs.json").write_text(json.dumps({run: {} for run in RUNS}))
    for number, run in enumerate(RUNS, start=1):
        RowStore(tmp_path).append(sealed(row(run), spec.hash, number))
    return tmp_path


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rewrite(folder, rows):
    (folder / "rows.jsonl").unlink()
    for one in rows:
        RowStore(folder).append(one)


def found_in(folder):
    stands = standing(folder, read_rows(folder))
    return stands.state, [(finding.kind, finding.is_alarm) for finding in stands.findings]


def test_a_study_that_ran_stands_as_it_was_frozen(folder):
    stands = standing(folder, read_rows(folder))
    assert (stands.state, stands.findings, stands.headline) == ("as frozen", (), "")
    assert stands.frozen_at == AT and AT in stands.summary
    assert stands.hash == read_frozen(folder)[0].hash and stands.hash[:16] in stands.summary


def test_a_study_that_is_not_yet_done_stands_too(folder):
    rewrite(folder, read_rows(folder)[:4])
    assert found_in(folder) == ("as frozen", [])


def test_a_study_of_before_is_not_alarmed_about(folder):
    rewrite(folder, map(row, RUNS))
    (folder / FROZEN).unlink()
    stands = standing(folder, read_rows(folder))
    assert (stands.state, stands.findings) == ("not frozen", ())


def test_a_lost_record_is_seen_from_the_rows(folder):
    (folder / FROZEN).unlink()
    assert found_in(folder) == ("changed", [("record", True)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: s.update(primary_metrics=["mmd"]),
            'primary_metrics is ["mmd"]; frozen was',
        ),
        (lambda s: s["equivalence_margins"].update(energy_distance=0.5), "equivalence_margins is"),
        (lambda s: s.update(reference="gaussian"), 'reference is "gaussian"; frozen was not there'),
        (lambda s: s.pop("num_runs"), "num_runs is not there; frozen was 6"),
    ],
)
def test_a_declaration_edited_afterwards_is_told_field_by_field(folder, change, said):
    edit(folder / "study.json", change)
    stands = standing(folder, read_rows(folder))
    assert stands.state == "changed"
    (finding,) = stands.findings
    assert finding.kind == "declaration" and said in finding.sentence


def test_who_wrote_it_and_how_is_not_frozen(folder):
    edit(folder / "study.json", lambda s: s.update(command="again", version="9", commit="abc"))
    assert found_in(folder) == ("as frozen", [])


def test_an_edited_record_is_seen(folder):
    def widen(content):
        content["specs"][0]["declaration"]["equivalence_margins"] = {"energy_distance": 0.5}

    edit(folder / FROZEN, widen)
    edit(folder / "study.json", lambda s: s["equivalence_margins"].update(energy_distance=0.5))
    assert found_in(folder) == ("changed", [("record", True)])


def test_a_record_rewritten_with_its_hash_is_not_the_rows(folder):
    study = {**STUDY, "primary_metrics": ["mmd"]}
    write_frozen(folder, [frozen_spec(study)])
    (folder / "study.json").write_text(json.dumps(study))
    assert found_in(folder) == ("changed", [("foreign", True)])


def test_an_edited_value_is_seen_and_named(folder):
    rows = read_rows(folder)
    rows[2]["metrics"]["energy_distance"]["value"] = 0.1
    rewrite(folder, rows)
    stands = standing(folder, read_rows(folder))
    assert [finding.kind for finding in stands.findings] == ["edited"]
    assert "quantum-2" in stands.findings[0].sentence


def test_a_row_taken_out_is_seen_also_when_it_is_made_again(folder):
    rows = read_rows(folder)
    rewrite(folder, [*rows[:2], *rows[3:]])
    assert found_in(folder) == ("changed", [("missing", True)])
    again = sealed(rows[2], rows[2]["provenance"]["frozen"]["spec"], next_number(rows))
    RowStore(folder).append(again)
    assert found_in(folder) == ("changed", [("missing", True)])


def test_rows_of_other_runs_are_told_apart(folder):
    RowStore(folder).append(row("thermal-0"))
    assert found_in(folder) == ("changed", [("runs", True), ("foreign", True)])


def test_a_row_written_by_hand_is_foreign(folder):
    rewrite(folder, [*read_rows(folder)[:5], row(RUNS[5])])
    assert found_in(folder) == ("changed", [("foreign", True)])


@pytest.mark.parametrize(
    "provenance",
    [{"finished_at": "2026-02-28T12:00:00+00:00"}, {REUSED: "another study"}],
    ids=["older", "reused"],
)
def test_what_was_known_before_is_a_note_and_no_alarm(folder, provenance):
    rewrite(folder, [*read_rows(folder)[:5], row(RUNS[5], **provenance)])
    assert found_in(folder) == ("as frozen", [("older", False)])


def test_runs_json_edited_is_seen(folder):
    edit(folder / "runs.json", lambda runs: runs.update({"thermal-0": {}}))
    assert found_in(folder) == ("changed", [("record", True)])


def extended(folder, num_rows, at="2026-03-02T00:00:00+00:00"):
    more = [*RUNS, *(f"{latent}-{s}" for latent in ("quantum", "gaussian") for s in (3, 4))]
    study = {**STUDY, "num_runs": len(more)}
    added = {"runs": 4, "seeds": [3, 4], "latents": [], "data": []}
    spec = frozen_spec(study, more, num_rows=num_rows, added=added, at=at)
    write_frozen(folder, [*read_frozen(folder), spec])
    (folder / "study.json").write_text(json.dumps(study))
    (folder / "runs.json").write_text(json.dumps({run: {} for run in more}))
    return spec


def test_more_seeds_after_results_are_told_and_no_alarm(folder):
    spec = extended(folder, num_rows=6)
    number = next_number(read_rows(folder))
    RowStore(folder).append(sealed(row("quantum-3"), spec.hash, number))
    stands = standing(folder, read_rows(folder))
    assert (stands.state, stands.hash) == ("extended", spec.hash)
    (finding,) = stands.findings
    assert not finding.is_alarm
    assert "2 seeds (3 to 4) were added at 2026-03-02" in finding.sentence
    assert "after 6 of 6 rows were known" in finding.sentence
    assert "p too small" in finding.sentence


@pytest.mark.parametrize("left_as_they_were", [("runs.json",), ("runs.json", "study.json")])
def test_an_extension_killed_before_it_was_written_out_is_no_alarm(folder, left_as_they_were):
    before = {name: (folder / name).read_bytes() for name in left_as_they_were}
    spec = extended(folder, num_rows=6)
    for name, content in before.items():
        (folder / name).write_bytes(content)
    assert found_in(folder) == ("extended", [("extended", False)])
    # Rows of it are made only once it is written out: then the same files were put back.
    RowStore(folder).append(sealed(row("quantum-3"), spec.hash, next_number(read_rows(folder))))
    assert ("record", True) in found_in(folder)[1]


def test_more_seeds_before_any_result_are_no_look(folder):
    (folder / "rows.jsonl").write_text("")
    extended(folder, num_rows=0)
    assert found_in(folder) == ("as frozen", [])


def test_hashes_follow_results_and_not_who_made_them():
    one = row("quantum-0")
    assert checksum(one) == checksum(row("quantum-0", machine="another"))
    assert checksum(one) != checksum(row("quantum-0", value=0.5 + 1e-16 * 2))
    assert checksum(json.loads(json.dumps(one))) == checksum(sealed(one, "a", 7)) == checksum(one)
    assert rows_hash([one]) != rows_hash([row("quantum-0", value=0.6)])


@pytest.mark.parametrize("name", ["at", "hash", "declaration", "runs", "num_rows", "added"])
@pytest.mark.parametrize("bad", [None, 1.5, {"runs": 1}])
def test_a_record_of_another_form_is_refused_by_name(folder, name, bad):
    if name == "declaration" and isinstance(bad, dict):
        bad = ["a list"]
    edit(folder / FROZEN, lambda content: content["specs"][0].update({name: bad}))
    with pytest.raises(ValueError, match=r"frozen\.json is damaged"):
        standing(folder, read_rows(folder))


def test_damaged_runs_are_refused_by_name(folder):
    (folder / "runs.json").write_text('{"a')
    with pytest.raises(ValueError, match=r"runs\.json is damaged"):
        standing(folder, read_rows(folder))


def test_what_is_no_seal_seals_nothing(folder):
    rows = read_rows(folder)
    rows[0]["provenance"]["frozen"] = {"spec": ["a"], "number": 1, "checksum": "b"}
    rewrite(folder, rows)
    assert ("foreign", True) in found_in(folder)[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is damaged"),
        ('{"schema": 1, "specs": []}', "holds no spec"),
        ('{"schema": 1, "specs": [{"at": ""}]}', "is damaged"),
        ('{"schema": 2, "specs": []}', "update quantum-latents"),
    ],
)
def test_a_damaged_record_is_refused_by_name(folder, content, said):
    (folder / FROZEN).write_text(content)
    with pytest.raises(ValueError, match=said):
        standing(folder, [])
