"""Training here, metrics elsewhere: nothing is trained twice, nothing measured wrongly."""

import json
import shutil
from dataclasses import replace

import pytest

from quantum_latents import evaluation
from quantum_latents.cli import main
from quantum_latents.evaluation import molecules
from quantum_latents.execution import evaluate_study, read_events, run_study, run_tuned
from quantum_latents.execution.directory import description_of
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.pack import PACKED_STUDY, pack_study, unpack_study
from quantum_latents.execution.reuse import take_over
from quantum_latents.report import table, write_report
from quantum_latents.results import (
    RowStore,
    deterministic_part,
    read_rows,
    read_study,
    standing,
    trained_store,
    unevaluated,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(tiny_study):
    return tiny_study(num_steps=64)


@pytest.fixture(scope="module")
def measured(finished_tiny_study):
    return finished_tiny_study


def run(study, directory, cache, **settings):
    settings = {"command": "qlat run tiny", "num_workers": 1, "cache": cache} | settings
    return run_study(study, directory, **settings)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small, cache, trains_here):
    directory = tmp_path_factory.mktemp("trained") / "study"
    with trains_here():
        assert run(small, directory, cache, evaluate_later=True)
    return directory


@pytest.fixture
def study(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "study")


def by_run(directory):
    return {row["run"]: deterministic_part(row) for row in read_rows(directory)}


def test_runs_that_wait_are_told_apart_from_rows(study, small):
    assert not (study / "rows.jsonl").exists()
    records = unevaluated(study)
    assert {record["run"] for record in records} == {run.digest for run in small.runs}
    assert all(record["status"] == "trained" and not record["metrics"] for record in records)
    with pytest.raises(ValueError, match=r"trained and wait for their metrics: qlat evaluate"):
        read_rows(study)
    with pytest.raises(ValueError, match="status 'trained'"):
        RowStore(study).append(records[0])


def test_what_waits_is_not_trained_again(study, small, cache, monkeypatch):
    before, reports = (study / "trained.jsonl").read_bytes(), []
    monkeypatch.setattr("multiprocessing.get_context", lambda kind: pytest.fail("it trained"))
    assert run(small, study, cache, on_progress=reports.append)
    assert (study / "trained.jsonl").read_bytes() == before
    assert (reports[-1].num_finished, reports[-1].num_waiting) == (4, 4)


def test_rows_measured_elsewhere_are_those_of_a_study_that_measured_at_once(study, measured, cache):
    done = evaluate_study(study, cache=cache)
    assert sorted(done.first_measured) == sorted(by_run(measured))
    assert (done.num_rows, done.num_evaluated, done.changed) == (4, 4, [])
    assert by_run(study) == by_run(measured)
    assert standing(study, read_rows(study)).state == "as frozen"
    assert unevaluated(study) == []
    assert all("evaluated_at" in row["provenance"] for row in read_rows(study))
    assert evaluate_study(study, cache=cache).changed == []


def test_an_interrupted_call_keeps_each_row_and_goes_on(study, measured, cache, monkeypatch):
    calls, remake = [], evaluation.remake_row

    def interrupted(row, *arguments, **settings):
        calls.append(row["run"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return remake(row, *arguments, **settings)

    monkeypatch.setattr(evaluation, "remake_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_study(study, cache=cache)
    assert len(read_rows(study)) == 2
    with open(study / "rows.jsonl", "ab") as file:
        file.write(b'{"schema": 1, "run"')  # killed in the middle of the third
    assert len(evaluate_study(study, cache=cache).first_measured) == 2
    assert len(calls) == 5
    assert by_run(study) == by_run(measured)


def test_table_and_page_say_how_many_wait(study, cache, capsys):
    lost = unevaluated(study)[0]["run"]
    samples = study / "runs" / lost / "samples.safetensors"
    samples.rename(samples.with_suffix(".away"))
    done = evaluate_study(study, cache=cache)
    assert done.without_samples == [lost]
    rows = read_rows(study)
    sentence = "1 more run is trained and not yet evaluated: it is in no number here."
    page = write_report(study).read_text(encoding="utf-8")
    assert sentence in page
    assert "Unfinished: 3 of 4 runs" in page
    assert main(["table", str(study), "--format", "markdown"]) == 0
    assert sentence in capsys.readouterr().out
    assert main(["table", str(study), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_waiting"] == 1
    assert "num_waiting" not in json.loads(table(rows, read_study(study)).render("json"))
    samples.with_suffix(".away").rename(samples)
    assert evaluate_study(study, cache=cache).first_measured == [lost]
    assert sentence not in write_report(study).read_text(encoding="utf-8")


def test_a_record_that_was_edited_is_refused(study, cache):
    store = trained_store(study)
    records = store.read()
    records[1]["curves"]["wasserstein"][0] = 9.0
    store.path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ValueError, match=r"record of run \w+ in .* was edited"):
        evaluate_study(study, cache=cache)
    assert len(read_rows(study)) == 1


def test_another_study_does_not_train_them_a_second_time(study, small, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match="has trained 4 of these runs and not measured them"):
        take_over(small, other, [study])


def test_a_search_cannot_leave_its_metrics_for_later(tmp_path):
    with pytest.raises(ValueError, match="tune chooses trials by their metrics"):
        run_tuned(None, tmp_path, command="", evaluate_later=True)  # type: ignore[arg-type]


def test_a_missing_library_is_found_out_before_anything_is_computed(monkeypatch):
    def absent():
        raise ImportError("molecules need RDKit")

    class Graphs:
        layout = "graphs"

    class Vectors:
        layout, metrics = None, ()

    monkeypatch.setattr(molecules, "import_rdkit", absent)
    molecules.check_libraries(10, Vectors())  # type: ignore[arg-type]
    with pytest.raises(ImportError, match="RDKit"):
        molecules.check_libraries(10, Graphs())  # type: ignore[arg-type]


def test_a_packed_study_is_unpacked_measured_and_gone_on_with(
    trained, measured, small, tmp_path, cache
):
    there, back, home = (tmp_path / name for name in ("there", "back", "home"))
    shutil.copytree(trained, there)
    lines = (there / "trained.jsonl").read_bytes().splitlines(keepends=True)
    (there / "trained.jsonl").write_bytes(b"".join(lines[:2]))
    first = pack_study(there, back, part_size=1e-6)
    assert [path.name for path in first] == [
        PACKED_STUDY,
        "samples-000.tar.gz",
        "samples-001.tar.gz",
    ]
    shutil.copytree(back, home)
    assert len(evaluate_study(home, cache=cache).first_measured) == 2

    (there / "trained.jsonl").write_bytes(b"".join(lines))
    again = pack_study(there, back)
    assert [path.name for path in again] == [PACKED_STUDY, "samples-000.tar.gz"]
    content = [path.read_bytes() for path in again]
    assert [path.read_bytes() for path in pack_study(there, back)] == content
    for stale in home.glob("samples-*"):
        stale.unlink()
    shutil.copytree(back, home, dirs_exist_ok=True)
    assert len(evaluate_study(home, cache=cache).first_measured) == 2
    assert by_run(home) == by_run(measured)
    assert standing(home, read_rows(home)).state == "as frozen"
    assert run(small, home, cache)


def test_a_pack_of_another_study_is_refused(trained, tiny_study, tmp_path):
    other, study = tmp_path / "other", tiny_study(num_steps=32)
    other.mkdir()
    freeze_study(study.runs, description_of(study, "qlat run tiny", ""), other)
    before = (other / "runs.json").read_bytes()
    shutil.copy(pack_study(trained, tmp_path / "back")[0], other)
    with pytest.raises(ValueError, match="another study"):
        unpack_study(other)
    assert (other / "runs.json").read_bytes() == before
    content = (other / PACKED_STUDY).read_bytes()
    for half in (content[: len(content) // 2], content[:20], b"nonsense"):
        (other / PACKED_STUDY).write_bytes(half)
        with pytest.raises(ValueError, match=r"is damaged .* copy it again"):
            unpack_study(other)


def test_a_pack_writes_nothing_by_its_own_word(trained, tmp_path):
    import io
    import tarfile

    home = tmp_path / "home"
    home.mkdir()
    for path in pack_study(trained, tmp_path / "back"):
        shutil.copy(path, home)
    with tarfile.open(home / "samples-001.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("runs/../../escaped")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ValueError, match="no packed study"):
        unpack_study(home)
    assert not (tmp_path / "escaped").exists()


def test_events_tell_what_happened(trained, measured, small):
    events = read_events(measured)
    assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
    assert events[-1]["why"] == "finished"
    assert events[0]["primary_metrics"] == list(small.primary_metrics)
    runs = {event["run"]: event for event in events if event["event"] == "run"}
    rows = by_run(measured)
    assert set(runs) == set(rows)
    for digest, event in runs.items():
        values = {name: entry["value"] for name, entry in rows[digest]["metrics"].items()}
        assert (event["status"], event["metrics"]) == ("finished", values)
    for latent in events[-1]["latents"]:
        assert latent["num_finished"] == latent["num_runs"] == 1
        assert latent["losses"]["wasserstein"] is not None
        (row,) = (r for r in rows.values() if r["spec"]["latent"]["name"] == latent["latent"])
        for name, value in latent["metrics"].items():
            assert value == row["metrics"][name]["value"]
    waiting = [event for event in read_events(trained) if event["event"] == "run"]
    assert [event["status"] for event in waiting] == ["trained"] * 4


def test_losses_on_the_way_are_those_of_the_curves(measured):
    """64 steps are 4 blocks; the last losses that are sent are the last block's means."""
    rows = by_run(measured)
    for latent in read_events(measured)[-1]["latents"]:
        (row,) = (r for r in rows.values() if r["spec"]["latent"]["name"] == latent["latent"])
        for name, value in latent["losses"].items():
            last_block = row["curves"][name][-16:]
            assert value == pytest.approx(sum(last_block) / 16, rel=1e-9)


def test_groups_of_a_study_are_watched_as_its_tables_have_them(small, tmp_path):
    from quantum_latents.execution.watch import Watch

    groups = (("a", "b"), ("a",), ("b",), ("a",))
    watch = Watch(replace(small, groups=groups), tmp_path)
    first = small.runs[0]
    cells = {(one.data, one.latent): one.num_runs for one in watch.latents()}
    assert cells[f"{first.data.name}, a", first.latent.name] == 1
    assert cells[f"{first.data.name}, b", first.latent.name] == 1
    assert sum(cells.values()) == 5
    assert list(tmp_path.iterdir()) == []
