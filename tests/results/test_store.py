"""The row store: nothing is lost, nothing damaged is read, nothing wrong is written."""

import fcntl
import json
import logging
import math
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from quantum_latents.results import RowStore, deterministic_part, frame, read_rows, to_frame


def append_many(path, make, first, number):
    store = RowStore(path)
    for seed in range(first, first + number):
        store.append(make(seed=seed, mmd=0.5))


def test_round_trip(tmp_path, row):
    store = RowStore(tmp_path / "new" / "study")
    rows = [row(seed=seed, mmd=0.1 * seed, note={"value": None}) for seed in range(3)]
    assert store.read() == []
    for one in rows:
        store.append(one)
    assert store.path.name == "rows.jsonl"
    assert store.read() == rows == read_rows(store.path) == read_rows(store.path.parent)
    assert len(store.path.read_text().splitlines()) == 3


def test_values_survive_bit_for_bit(tmp_path, row):
    value = 0.1 + 0.2
    RowStore(tmp_path).append(row(mmd=value))
    assert read_rows(tmp_path)[0]["metrics"]["mmd"]["value"] == value


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_ignored_then_cut_off(tmp_path, row, caplog, cut):
    store = RowStore(tmp_path)
    store.append(row(seed=0, mmd=1.0))
    whole = store.path.read_bytes()
    store.append(row(seed=1, mmd=2.0))
    torn = store.path.read_bytes()[: len(whole) + cut]
    store.path.write_bytes(torn)
    with caplog.at_level(logging.WARNING):
        assert [one["spec"]["seed"] for one in store.read()] == [0]
    assert "torn" in caplog.text
    assert store.path.read_bytes() == torn  # reading changes nothing
    store.append(row(seed=2, mmd=3.0))
    assert [one["spec"]["seed"] for one in store.read()] == [0, 2]
    assert store.path.read_bytes().startswith(whole)


def test_a_torn_line_longer_than_a_block_and_inside_a_character(tmp_path, row):
    store = RowStore(tmp_path)
    store.append(row(seed=0, mmd=1.0))
    whole = store.path.read_bytes()
    store.path.write_bytes(whole + b'{"text":"' + "é".encode() * 200_000 + "é".encode()[:1])
    assert len(store.read()) == 1
    store.append(row(seed=1, mmd=1.0))
    assert [one["spec"]["seed"] for one in store.read()] == [0, 1]


def test_a_whole_last_line_without_newline_is_kept(tmp_path, row):
    store = RowStore(tmp_path)
    store.append(row(seed=0, mmd=1.0))
    store.path.write_bytes(store.path.read_bytes().rstrip(b"\n"))
    assert len(store.read()) == 1
    store.append(row(seed=1, mmd=1.0))
    assert [one["spec"]["seed"] for one in store.read()] == [0, 1]


@pytest.mark.parametrize("damage", [b'{"schema":1,"ru', b"", b"[1, 2]", b"\xff\xfe"])
def test_a_damaged_line_in_the_middle_is_refused_by_number(tmp_path, row, damage):
    store = RowStore(tmp_path)
    for seed in range(3):
        store.append(row(seed=seed, mmd=1.0))
    lines = store.path.read_bytes().splitlines()
    lines[1] = damage
    store.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ValueError, match="line 2, is damaged"):
        store.read()


def test_a_newer_schema_is_refused(tmp_path, row):
    store = RowStore(tmp_path)
    store.path.write_text(json.dumps(row(mmd=1.0) | {"schema": 2}) + "\n")
    with pytest.raises(ValueError, match=r"line 1, has schema 2, newer than schema 1"):
        store.read()


def test_the_first_of_duplicates_wins(tmp_path, row):
    store = RowStore(tmp_path)
    store.append(row(mmd=1.0))
    store.append(row(mmd=2.0))
    assert [one["metrics"]["mmd"]["value"] for one in store.read()] == [1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": {"mmd": {"value": math.nan, "direction": "lower"}}}, r"'mmd'.*nan.*give None"),
        ({"curves": {"step": [0, math.inf]}}, r"\['curves'\]\['step'\]\[1\] is inf"),
        ({"schema": None}, "schema None"),
        ({"status": "done"}, "'done'"),
        ({"spec": {"seed": 0}}, "data.name"),
        ({"spec": {"data": {"name": "a"}, "latent": {"name": "b"}, "seed": 1.0}}, "seed"),
        ({"metrics": {"mmd": {"value": "0.5", "direction": "lower"}}}, "'0.5'"),
        ({"metrics": {"mmd": {"value": 0.5}}}, "direction"),
    ],
)
def test_a_wrong_row_is_refused_and_nothing_written(tmp_path, row, change, message):
    store = RowStore(tmp_path / "study")
    with pytest.raises(ValueError, match=message):
        store.append(row() | change)
    assert not store.path.exists()


def test_a_missing_field_is_named(tmp_path, row):
    incomplete = row()
    del incomplete["status"]
    with pytest.raises(ValueError, match="lacks status"):
        RowStore(tmp_path).append(incomplete)


@pytest.mark.parametrize("value", [np.float32(1), np.ones(2), {1, 2}])
def test_what_json_cannot_hold_is_a_type_error(tmp_path, row, value):
    with pytest.raises(TypeError, match=r"row\['extra'\]"):
        RowStore(tmp_path).append(row() | {"extra": value})


def test_two_processes_share_a_store(tmp_path, row):
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=append_many, args=(tmp_path, row, first, 30)) for first in (0, 30)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seeds = sorted(one["spec"]["seed"] for one in read_rows(tmp_path))
    assert seeds == list(range(60))


def test_an_append_waits_for_the_lock(tmp_path, row):
    store = RowStore(tmp_path)
    store.append(row(seed=0, mmd=0.5))
    before = store.path.read_bytes()
    context = multiprocessing.get_context("fork")
    writer = context.Process(target=append_many, args=(tmp_path, row, 1, 1))
    with open(store.path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer.start()
        writer.join(timeout=0.3)
        assert writer.is_alive()
        assert store.path.read_bytes() == before
        fcntl.flock(other, fcntl.LOCK_UN)
    writer.join(timeout=60)
    assert writer.exitcode == 0
    assert len(store.read()) == 2


def test_deterministic_part(row):
    one, two = row(mmd=1.0), row(mmd=1.0) | {"provenance": {"seconds": 9.0}}
    assert deterministic_part(one) == deterministic_part(two)
    assert "provenance" in one


def test_frame(tmp_path, row):
    store = RowStore(tmp_path)
    store.append(row(seed=0, mmd=0.5, l1=1))
    store.append(row("gaussian", seed=1, status="diverged", mmd=None))
    table = frame(tmp_path)
    assert list(table.columns) == [
        *("run", "study", "data", "latent", "seed", "status", "seconds"),
        *("mmd", "l1"),
    ]
    assert table["latent"].tolist() == ["quantum", "gaussian"]
    assert table["mmd"].tolist()[0] == 0.5
    assert math.isnan(table["l1"][1])
    assert len(to_frame([])) == 0


def test_frame_without_pandas_names_the_extra(row, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"quantum-latents\[data\]"):
        to_frame([row()])


def test_no_file_is_a_mistake_of_the_call(tmp_path):
    with pytest.raises(ValueError, match="qlat run"):
        read_rows(tmp_path)


def test_results_load_neither_pandas_nor_torch_nor_scipy_stats():
    code = (
        "import sys, quantum_latents.results;"
        "print([m for m in ('pandas', 'torch', 'scipy.stats', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_replaced_rows_keep_the_old_file(tmp_path, row):
    store = RowStore(tmp_path)
    for seed in range(3):
        store.append(row(seed=seed, mmd=1.0))
    store.append(row(seed=0, mmd=9.0))  # a repetition: the first counted
    before = store.path.read_bytes()
    rows = store.read()
    rows[1]["metrics"]["mmd"]["value"] = 2.0
    kept = store.replace(rows)
    assert kept.read_bytes() == before
    assert kept.name.startswith("rows-")
    assert [one["metrics"]["mmd"]["value"] for one in store.read()] == [1.0, 2.0, 1.0]
    assert sorted(tmp_path.iterdir()) == sorted([store.path, kept])


@pytest.mark.parametrize("what", ["one less", "one more", "a wrong number"])
def test_replacing_neither_adds_nor_loses_runs(tmp_path, row, what):
    store = RowStore(tmp_path)
    for seed in range(2):
        store.append(row(seed=seed, mmd=1.0))
    before = store.path.read_bytes()
    rows = store.read()
    if what == "one less":
        rows.pop()
    elif what == "one more":
        rows.append(row(seed=2, mmd=1.0))
    else:
        rows[0]["metrics"]["mmd"]["value"] = math.nan
    with pytest.raises(ValueError, match="nan" if what == "a wrong number" else "none is added"):
        store.replace(rows)
    assert store.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [store.path]
