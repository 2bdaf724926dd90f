"""Freezing and extending a study: what is written, what is refused, and a kill at any moment."""

import json
from dataclasses import replace

import pytest

from quantum_latents.execution import freeze
from quantum_latents.execution.directory import description_of
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.plan import load_or_make_plan
from quantum_latents.recipes import table1
from quantum_latents.results import RowStore, read_frozen, read_study, sealed, standing


def study_of(num_seeds=2, latents=("quantum", "gaussian"), **changes):
    study = table1("smoke", num_seeds=num_seeds, data_sets=("bernoulli",), latents=latents)
    return replace(study, **changes)


def frozen(study, directory, **settings):
    description = description_of(study, "qlat run table1", "abc")
    return freeze_study(study.runs, description, directory, **settings)


def add_rows(directory, study, spec):
    for number, run in enumerate(study.runs, start=1):
        row = {
            "schema": 1,
            "run": run.digest,
            "study": "table1",
            "status": "finished",
            "spec": run.to_json(),
            "metrics": {},
            "provenance": {"finished_at": "9999"},
        }
        RowStore(directory).append(sealed(row, spec, number))


def content_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_study_is_frozen_once_and_the_same_call_goes_on(tmp_path):
    spec = frozen(study_of(), tmp_path)
    before = content_of(tmp_path)
    assert set(before) == {"frozen.json", "study.json", "runs.json"}
    assert frozen(study_of(), tmp_path) == spec
    assert frozen(study_of(), tmp_path, extend=True) == spec, "there is nothing to add"
    assert content_of(tmp_path) == before
    assert standing(tmp_path, []).state == "as frozen"
    (one,) = read_frozen(tmp_path)
    assert one.hash == spec and one.is_as_written and one.at


@pytest.mark.parametrize(
    "changes",
    [
        {"primary_metrics": ("mmd",)},
        {"equivalence_margins": {"l1_to_integer": 0.5}},
        {"reference": "gaussian"},
        {"notes": ()},
    ],
)
def test_every_part_of_the_declaration_is_in_the_hash(changes, tmp_path):
    for name, study in (("a", study_of()), ("b", study_of(**changes))):
        (tmp_path / name).mkdir()
        frozen(study, tmp_path / name)
    (a,), (b,) = read_frozen(tmp_path / "a"), read_frozen(tmp_path / "b")
    assert a.runs == b.runs
    assert a.hash != b.hash


def test_more_seeds_are_refused_unless_said_and_recorded_then(tmp_path):
    first = frozen(study_of(), tmp_path)
    add_rows(tmp_path, study_of(), first)
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=r"with 4 of these 6 runs: add --extend"):
        frozen(study_of(3), tmp_path)
    assert content_of(tmp_path) == before

    second = frozen(study_of(3, latents=("quantum", "gaussian")), tmp_path, extend=True)
    specs = read_frozen(tmp_path)
    assert [spec.hash for spec in specs] == [first, second]
    assert specs[1].num_rows == 4
    assert specs[1].added == {"runs": 2, "seeds": [2], "latents": [], "data": []}
    assert read_study(tmp_path)["num_runs"] == 6
    stands = standing(tmp_path, RowStore(tmp_path).read())
    assert stands.state == "extended"
    assert "1 seed (2) was added" in stands.findings[0].sentence
    assert "after 4 of 4 rows were known" in stands.findings[0].sentence

    third = frozen(study_of(3, ("quantum", "gaussian", "bernoulli")), tmp_path, extend=True)
    sentences = [f.sentence for f in standing(tmp_path, RowStore(tmp_path).read()).findings]
    assert len(sentences) == 2 and "1 latent (bernoulli) was added" in sentences[1]
    # From now on it is asked for as it is, with or without the word.
    assert frozen(study_of(3, ("quantum", "gaussian", "bernoulli")), tmp_path) == third
    with pytest.raises(ValueError, match="holds another study"):
        frozen(study_of(2), tmp_path, extend=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"primary_metrics": ("mmd",)}, "primary_metrics would change"),
        ({"equivalence_margins": {"l1_to_integer": 0.5}}, "equivalence_margins would change"),
        ({"reference": "gaussian"}, "reference would change"),
        ({"doses": {"quantum": 1.0}}, "doses would change"),
    ],
)
def test_an_extension_changes_nothing_that_was_declared(changes, said, tmp_path):
    frozen(study_of(), tmp_path)
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=said):
        frozen(study_of(3, **changes), tmp_path, extend=True)
    assert content_of(tmp_path) == before


def test_a_study_of_before_goes_on_unfrozen_and_says_so_when_extended(tmp_path):
    frozen(study_of(), tmp_path)
    (tmp_path / "frozen.json").unlink()
    assert frozen(study_of(), tmp_path) == ""
    assert standing(tmp_path, []).state == "not frozen"
    spec = frozen(study_of(3), tmp_path, extend=True)
    specs = read_frozen(tmp_path)
    assert [one.at == "" for one in specs] == [True, False]
    assert specs[-1].hash == spec
    (finding,) = standing(tmp_path, []).findings
    assert "not before its first run" in finding.sentence


@pytest.mark.parametrize("killed_at", range(3))
def test_killed_while_it_extends_the_same_call_goes_on(killed_at, tmp_path, monkeypatch):
    add_rows(tmp_path, study_of(), frozen(study_of(), tmp_path))
    calls = []

    def dying(original):
        def write(*arguments):
            if len(calls) == killed_at:
                raise KeyboardInterrupt
            calls.append(arguments)
            original(*arguments)

        return write

    with monkeypatch.context() as patch:
        for name in ("write_frozen", "write_atomically"):
            patch.setattr(freeze, name, dying(getattr(freeze, name)))
        with pytest.raises(KeyboardInterrupt):
            frozen(study_of(3), tmp_path, extend=True)
    if killed_at:
        with pytest.raises(ValueError, match="was being extended to 6 runs"):
            frozen(study_of(), tmp_path)
    frozen(study_of(3), tmp_path, extend=True)
    assert len(read_frozen(tmp_path)) == 2
    assert read_study(tmp_path)["num_runs"] == 6
    assert len(json.loads((tmp_path / "runs.json").read_text())) == 6
    assert standing(tmp_path, RowStore(tmp_path).read()).state == "extended"


def test_a_plan_grows_by_stacks_of_its_own(tmp_path):
    path = tmp_path / "plan.json"
    before = load_or_make_plan(path, study_of().runs, num_workers=2)
    after = load_or_make_plan(path, study_of(4).runs, num_workers=7)
    assert after.stacks[: len(before.stacks)] == before.stacks
    assert after.num_workers == 2
    assert [stack.index for stack in after.stacks] == list(range(len(after.stacks)))
    planned = [digest for stack in after.stacks for digest in stack.runs]
    assert sorted(planned) == sorted(run.digest for run in study_of(4).runs)
    assert load_or_make_plan(path, study_of(4).runs) == after
    with pytest.raises(ValueError, match="a study of other runs"):
        load_or_make_plan(path, study_of(1).runs)
