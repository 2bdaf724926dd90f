"""Events of a study: bounded in rate and size, and readable after a kill."""

import math
from itertools import pairwise

import pytest

from quantum_latents.execution import events
from quantum_latents.execution.events import EventLog, read_events


def test_progress_is_written_ever_more_seldom(tmp_path):
    now = [0.0]
    log = EventLog(tmp_path, clock=lambda: now[0])
    counted = []
    for second in range(24 * 3600):
        now[0] = float(second)
        log.progress(lambda: {"seconds": now[0]})
        if second in (200, 24 * 3600 - 1):
            counted.append(len(read_events(tmp_path)))
    hour, day = counted
    assert 90 <= hour <= 100
    assert day < 750
    seconds = [event["seconds"] for event in read_events(tmp_path)]
    gaps = [b - a for a, b in pairwise(seconds)]
    assert min(gaps) >= 2 and gaps[-1] > 800


def test_beyond_its_size_only_what_happens_once_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MAX_BYTES", 400)
    now = [0.0]
    log = EventLog(tmp_path, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 10
        log.progress(lambda: {"note": "x" * 50})
    size = log.path.stat().st_size
    assert size < 400 + 200
    log.write("end", why="finished")
    assert read_events(tmp_path)[-1]["why"] == "finished"


def test_a_torn_last_line_is_skipped_and_then_cut_off(tmp_path):
    EventLog(tmp_path).write("start", study="a")
    with open(tmp_path / "progress.jsonl", "ab") as file:
        file.write(
            b'{"time": "2026',
        )
    assert [event["event"] for event in read_events(tmp_path)] == ["start"]
    EventLog(tmp_path).write("start", study="b")
    assert [event["study"] for event in read_events(tmp_path)] == ["a", "b"]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    (tmp_path / "progress.jsonl").write_bytes(b'{"event": "start"}\nnonsense\n{"event": "end"}\n')
    with pytest.raises(ValueError, match="line 2, is damaged"):
        read_events(tmp_path)


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    EventLog(tmp_path).write("progress", losses=[math.nan, math.inf, 1.5], of={"a": -math.inf})
    (event,) = read_events(tmp_path)
    assert event["losses"] == [None, None, 1.5]
    assert event["of"] == {"a": None}
