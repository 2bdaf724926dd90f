"""The contenders draw what they should, and the rows say what happened."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from quantum_latents.bench import Settings, markdown, measure, read_measurement, summary
from quantum_latents.bench.child import Child, TooSlow, checked_counts
from quantum_latents.bench.contenders import PEERS, Contender, Opened, System, open_contender, ours
from quantum_latents.bench.figure import write_cost_figure
from quantum_latents.bench.guard import Guard, Timing, busy_seconds, disturbances
from quantum_latents.bench.peak import Burst
from quantum_latents.bench.samplers import measure_rates
from quantum_latents.cli import main
from quantum_latents.samplers import boson_law

NOBODY = Contender("Nobody", "no_such_library", "no-such-library")
STEADY = Burst(1e9, 1.0, 1.0)


def installed(contender: Contender):
    absent = importlib.util.find_spec(contender.library) is None
    mark = pytest.mark.skipif(absent, reason=f"{contender.library} is not installed")
    return pytest.param(contender, marks=mark, id=contender.name)


@pytest.mark.parametrize(
    "contender",
    [*map(installed, PEERS), ours(None), ours("enumeration"), ours("clifford-clifford")],
    ids=lambda contender: contender.name,
)
def test_contenders_draw_from_the_same_law(contender):
    system = System("haar", 4, 2)
    opened = open_contender(contender, system)
    num_samples = 4000
    drawn = opened.draw(num_samples)
    checked_counts(opened, system, drawn)
    counts = opened.counts(drawn)
    assert counts.shape == (num_samples, 4) and counts.dtype == np.uint8
    outcomes, law = boson_law(system.build(), system.occupation)
    observed = np.array([(counts == outcome).all(axis=1).sum() for outcome in outcomes])
    assert observed.sum() == num_samples
    # Peers have no seed here: 10 outcomes, chi-square above 50 has a chance of 1e-7.
    assert ((observed - num_samples * law) ** 2 / (num_samples * law)).sum() < 50


@pytest.mark.parametrize("kind", ["haar", "time-bin"])
def test_every_contender_gets_the_same_interferometer(kind):
    a, b = System(kind, 6, 3).build(), System(kind, 6, 3).build()
    assert np.array_equal(a.unitary, b.unitary)
    assert System(kind, 6, 3).occupation == (1, 0, 1, 0, 1, 0)


def test_shots_that_are_none_are_refused():
    system = System("haar", 4, 2)
    opened = Opened(lambda n: None, np.asarray)
    with pytest.raises(ValueError, match="does not hold 2 photons"):
        checked_counts(opened, system, [[1, 0, 0, 0]])
    with pytest.raises(ValueError, match="4 modes"):
        checked_counts(opened, system, [[1, 1]])


def test_a_missing_peer_is_named_with_the_line_to_install_it():
    (row,) = measure_rates(
        System("haar", 4, 2),
        [Child(NOBODY)],
        Guard(lambda: STEADY),
        what="rate",
        seconds=0.01,
        rounds=1,
        budget=1.0,
    )
    assert row["status"] == "absent"
    assert row["detail"] == "not installed: pip install no-such-library"


class Scripted(Child):
    """A contender that answers from a list, without a process."""

    def __init__(self, contender, answers):
        super().__init__(contender)
        self._answers = iter(answers)

    def _ask(self, request, arguments, patience):
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted_rows(answers, rounds=2, bursts=None, monkeypatch=None):
    from quantum_latents.bench import guard
    from quantum_latents.bench.child import Ready

    if monkeypatch is not None:
        monkeypatch.setattr(guard, "busy_seconds", lambda: None)
    ready = Ready(10, 0.5, "clifford-clifford")
    child = Scripted(ours("clifford-clifford"), [None, None, ready, *answers])
    speeds = iter(bursts or [])
    watch = Guard(lambda: next(speeds, STEADY))
    return measure_rates(
        System("haar", 4, 2), [child], watch, what="rate", seconds=1.0, rounds=rounds, budget=2.0
    )[0]


def test_the_best_undisturbed_round_counts(monkeypatch):
    timings = [Timing(10, 2.0, 2.0), Timing(10, 0.5, 1.0), Timing(10, 1.0, 1.0)]
    row = scripted_rows(timings, monkeypatch=monkeypatch)
    assert row["status"] == "measured" and row["per_cpu_second"] == 10
    assert (row["rounds"], row["disturbed_rounds"]) == (3, 1)


def test_a_row_without_a_quiet_round_keeps_its_figure_and_says_so(monkeypatch):
    row = scripted_rows([Timing(10, 1.0, 2.0)] * 4, monkeypatch=monkeypatch)
    assert row["status"] == "disturbed" and row["per_cpu_second"] == 10
    assert row["detail"] == "had 50 % of its core"


def test_a_slow_core_is_noticed_by_the_bursts(monkeypatch):
    bursts = [STEADY] * 5 + [Burst(1e9, 1.0, 2.0)] * 99
    row = scripted_rows([Timing(10, 1.0, 1.0)] * 4, bursts=bursts, monkeypatch=monkeypatch)
    assert row["status"] == "disturbed" and row["detail"] == "the core ran at 50 % of its best"


def test_a_contender_beyond_the_budget_is_slower_and_one_that_breaks_has_failed(monkeypatch):
    row = scripted_rows([TooSlow("no answer within 2 s")], monkeypatch=monkeypatch)
    assert row["status"] == "slower" and row["per_cpu_second"] == 0.5
    row = scripted_rows([RuntimeError("it broke")], monkeypatch=monkeypatch)
    assert row["status"] == "failed" and row["detail"] == "it broke"


def test_a_child_that_computes_too_long_is_stopped():
    child = Child(ours("clifford-clifford"))
    try:
        with pytest.raises(TooSlow, match="CPU seconds"):
            child.open(System("haar", 80, 40), seconds=0.1, budget=0.3)
        assert child.open(System("haar", 4, 2), seconds=0.01, budget=20.0).shots >= 3
    finally:
        child.stop()


def test_busy_time_leaves_out_idle_and_waiting_and_counts_what_was_taken(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  100 0 50 9999 777 0 0 50 0 0\n" + "cpu0 1 1 1 1 1 1 1 1 0 0\n" * 2 + "intr 5\n"
    )
    seconds, cores = busy_seconds(stat) or (0.0, 0)
    assert cores == 2 and seconds == pytest.approx(2.0, rel=1)
    assert busy_seconds(tmp_path / "absent") is None


def test_others_at_work_are_noticed():
    assert disturbances(Timing(1, 1.0, 1.0), 1, 0.2, 1.0) == ["others used 20 % of the machine"]
    assert disturbances(Timing(1, 1.0, 1.0), 2, None, 1.0) == []


TINY = Settings(
    sizes=((2, 4),),
    thread_sizes=(),
    time_bin_sizes=((2, 4),),
    cost_photons=(2, 3, 4, 5, 6),
    time_bin_photons=(2,),
    seconds=0.02,
    rounds=1,
    peers=(NOBODY,),
    starts=False,
)


@pytest.fixture(scope="module")
def measurement():
    return measure(TINY)


def test_rows_are_json_with_what_a_table_needs(measurement, tmp_path):
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(measurement))
    assert read_measurement(file) == json.loads(file.read_text())
    assert measurement["schema"] == 1 and measurement["peak_gflops"] > 0
    rates = [row for row in measurement["rows"] if row["what"] == "rate"]
    names = {row["contender"] for row in rates if row["interferometer"] == "haar"}
    assert names == {"Nobody", "default", "clifford-clifford", "enumeration"}
    for row in measurement["rows"]:
        if row["status"] in ("measured", "disturbed"):
            assert row["per_cpu_second"] > 0 and row["path"]
    (ratio,) = summary(measurement)["ratios"]
    assert ratio["ratio"] is None and ratio["absent"] == ["Nobody"]
    (half, full) = summary(measurement)["growth"]
    assert half["photons"] == full["photons"] == [2, 3, 4, 5, 6] and half["theory"] == 1.81


def test_the_tables_name_who_is_absent(measurement):
    assert "Nobody: not installed: pip install no-such-library." in markdown(measurement)


def test_the_command_tells_old_rows_and_draws_them(measurement, tmp_path, capsys):
    file, figure = tmp_path / "rows.json", tmp_path / "cost.svg"
    file.write_text(json.dumps(measurement))
    call = ["bench", "samplers", "--rows", str(file)]
    assert main([*call, "--figure", str(figure)]) == 0
    assert "Nobody" in capsys.readouterr().out
    assert "PT-2" in figure.read_text() and "m = 2 n" in figure.read_text()
    assert main([*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = {**measurement, "summary": summary(measurement)}
    assert told == json.loads(json.dumps(wanted))


def test_the_figure_is_the_same_for_the_same_rows(measurement, tmp_path):
    for name in ("a.svg", "b.svg"):
        write_cost_figure(measurement, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["samplers", "--rounds", "0"], "rounds is at least 1"),
        (["samplers", "--seconds", "0"], "seconds is a positive length of time"),
        (["samplers", "--rows", "absent.json"], "absent.json"),
        (["samplers", "--figure", "absent/cost.svg"], "no folder absent"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    assert said in capsys.readouterr().err
