"""`qlat bench training`: who trains, what the rows say, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from quantum_latents.bench import markdown, measure_training, read_measurement, summary, trainers
from quantum_latents.bench.guard import Guard, Timing
from quantum_latents.bench.iteration import Needed
from quantum_latents.bench.peak import Burst
from quantum_latents.bench.team import Contestant, Team, together
from quantum_latents.bench.trainers import open_trainer, task_of
from quantum_latents.bench.training import TrainingSettings, contestants
from quantum_latents.cli import main
from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import StackMember

STEADY = Burst(1e9, 1.0, 1.0)


@pytest.fixture
def quiet(monkeypatch):
    """A machine that nobody else uses."""
    from quantum_latents.bench import guard

    monkeypatch.setattr(guard, "busy_seconds", lambda: None)
    return Guard(lambda: STEADY)


class Scripted(Team):
    """A contestant whose rate is known, without processes."""

    rates: dict[str, float] = {  # noqa: RUF012
        "plain, 1 process, all threads": 4.0,
        "plain, 1 process, 1 thread": 2.5,
        "plain, 2 processes": 5.0,
        "stack of 1": 6.0,
        "stack of 8": 8.0,
        "2 processes, stack of 4 each": 10.0,
        "2 processes, stack of 4 each, bf16": 26.0,
        "matrix product, torch, 1 process": 80.0,
        "matrix product, torch, 2 processes": 90.0,
        "matrix product, numpy, 1 process": 60.0,
        "matrix product, numpy, 2 processes": 100.0,
    }

    def __init__(self, contestant: Contestant, network: str, cache: Path) -> None:
        self.contestant = contestant
        self._members = []

    def ready(self) -> Needed:
        multiplies = self.contestant.kind.endswith("product")
        return Needed(10**9 if multiplies else 5 * 10**9, 10**8)

    def round(self, seconds: float) -> Timing:
        return Timing(int(10 * self.rates[self.contestant.name]), 10.0, 10.0)

    def memory(self) -> int | None:
        return 2**20 * (300 * self.contestant.num_processes + self.contestant.stack)


def scripted(quiet, team: type[Team] = Scripted, network: str = "molgan", units=()):
    settings = TrainingSettings(network=network, seconds=1.0, rounds=2)
    return measure_training(settings, guard=quiet, start=team, cores=2, bf16_units=units)


def test_ratios_shares_and_the_stack_follow_from_rows(quiet):
    told = summary(scripted(quiet))
    assert (told["best_plain"], told["best"]) == (
        "plain, 2 processes",
        "2 processes, stack of 4 each",
    )
    assert told["ratio"] == 2.0 and told["goal"] == 1.5 and not told["disturbed"]
    assert told["stack"]["ratio"] == pytest.approx(8 * 6 / 8) and told["stack"]["goal"] == 7
    assert told["stack_as_run"]["ratio"] == pytest.approx(8 * 6 / 10)
    assert (told["matrix_gflops"], told["matrix_by"]) == (100, "numpy")
    by_name = {entry["contender"]: entry for entry in told["contenders"]}
    assert by_name["stack of 8"]["gflops"] == 40
    assert by_name["stack of 8"]["matrix_share"] == pytest.approx(0.4)
    assert by_name["stack of 8"]["ratio"] == pytest.approx(1.6)
    assert by_name["plain, 2 processes"]["milliseconds"] == 200


def test_a_stack_is_held_against_a_run_alone_round_by_round(quiet):
    """The machine runs at half its speed in the second round, and the run alone is lucky once."""

    class Drifting(Scripted):
        def round(self, seconds: float) -> Timing:
            self.count = getattr(self, "count", 0) + 1
            speed = {1: 1.0, 2: 0.5, 3: 1.0}[self.count]
            if self.contestant.name == "stack of 1" and self.count == 3:
                speed = 2.0
            return Timing(int(1000 * speed * self.rates[self.contestant.name]), 1e3, 1e3)

    settings = TrainingSettings(network="molgan", seconds=1.0, rounds=3)
    told = summary(measure_training(settings, guard=quiet, start=Drifting, cores=2))
    assert told["stack"]["ratio"] == pytest.approx(8 * 6 / 8)
    assert told["stack_as_run"]["ratio"] == pytest.approx(8 * 6 / 10)


def test_the_tables_say_it(quiet):
    text = markdown(scripted(quiet))
    assert "| this library, stack of 8 | 125 | 1.60 x | 40 | 40 % | 308 |" in text
    assert "| plain, 2 processes | 200 | 1.00 x | 25 | 25 % | 601 |" in text
    assert (
        "| 2 processes, stack of 4 each over plain, 2 processes | 2.00 x | at least 1.5 |" in text
    )
    over = ", over one of a stack of one |"
    assert f"| a step of a stack of 8 in one process{over} 6.00 | at most 7 |" in text
    assert f"| a step of 8 runs as qlat run stacks them, a process a core{over} 4.80 |" in text
    assert "is 5 GFLOP of matrix products by hand count, 50 ms at that rate; its weights" in text
    assert "are 100 MB of traffic where no cache keeps them, 50 operations a byte." in text
    assert "(512 x 512) in float32 at 100 GFLOP/s (numpy), measured in the same run" in text
    assert "*" not in text


class TwoStacks(Scripted):
    rates = Scripted.rates | {"stack of 2": 7.0}


@pytest.mark.parametrize(
    ("units", "goal"), [(["avx512_bf16"], None), (["amx_bf16", "avx512_bf16"], 2.5)]
)
def test_bfloat16_is_held_against_the_same_stack_and_takes_part_in_nothing_else(quiet, units, goal):
    measurement = scripted(quiet, TwoStacks, "mixture", units)
    told, text = summary(measurement), markdown(measurement)
    assert told["bf16"]["ratio"] == pytest.approx(2.6) and told["bf16"]["goal"] == goal
    assert told["bf16"]["units"] == units == measurement["machine"]["bf16_units"]
    assert told["best"] == "2 processes, stack of 4 each" and told["ratio"] == 2.0
    assert told["stack_as_run"]["ratio"] == pytest.approx(8 * 6 / 10)
    wanted = "" if goal is None else "at least 2.5"
    name = "2 processes, stack of 4 each, bf16"
    assert f"| {name}, over the same in fp32 | 2.60 x | {wanted} |" in text
    assert f"| this library, {name} | 38.46 | 5.20 x | 130 | 130 % | 604 |" in text


def test_rows_of_earlier_versions_were_multiplied_by_torch(quiet):
    measurement = scripted(quiet)
    measurement["rows"] = [row for row in measurement["rows"] if "numpy" not in row["contender"]]
    del measurement["machine"]["bf16_units"]
    for row in measurement["rows"]:
        del row["precision"]
        row["contender"] = row["contender"].replace("product, torch", "product")
    told = summary(measurement)
    assert (told["matrix_gflops"], told["matrix_by"], told["bf16"]) == (90, "torch", None)
    assert told["ratio"] == 2.0


class Growing(Scripted):
    """An iteration takes 1/(2 S) + 1/2 of a stack of one's; processes help in proportion."""

    def round(self, seconds: float) -> Timing:
        rate = 8.0 / (0.5 + 0.5 / self.contestant.stack) * self.contestant.num_processes
        return Timing(int(10 * rate), 10.0, 10.0)


@pytest.fixture
def scaling(quiet):
    settings = TrainingSettings(network="mixture", seconds=1.0, rounds=1, scaling=True)
    return measure_training(settings, guard=quiet, start=Growing, cores=2)


def test_scaling_is_told_by_stack_and_by_processes(scaling):
    told = summary(scaling)
    assert [entry["stack"] for entry in told["stacks"]] == [1, 2, 4, 8, 16, 32]
    assert told["stacks"][0]["milliseconds"] == 125 and told["stacks"][0]["faster"] == 1
    assert told["stacks"][1]["faster"] == pytest.approx(4 / 3, rel=0.01)
    assert [entry["processes"] for entry in told["processes"]] == [1, 2]
    assert told["processes"][1]["faster"] == pytest.approx(2, rel=0.01)
    text = markdown(scaling)
    assert "| mixture: runs in a stack, one thread | ms an iteration of a run | over one |" in text
    assert "| 1 | 125 | 1.00 x |" in text


def test_scaling_is_drawn(scaling, quiet, tmp_path, capsys):
    file, figure = tmp_path / "rows.json", tmp_path / "scaling.svg"
    file.write_text(json.dumps(scaling))
    call = ["bench", "training", "--rows", str(file), "--figure", str(figure)]
    assert main(call) == 0
    drawn = figure.read_text()
    assert "runs in a stack, one thread" in drawn and "in proportion" in drawn
    assert main(call) == 0 and figure.read_text() == drawn
    file.write_text(json.dumps(scripted(quiet)))
    assert main(call) == 2
    assert "these rows are not of scaling" in capsys.readouterr().err


def test_foreign_load_is_marked_and_the_best_quiet_round_counts(monkeypatch):
    from quantum_latents.bench import guard

    seconds = iter(range(0, 10**6, 100))  # busy seconds of both cores, ever more than ours
    monkeypatch.setattr(guard, "busy_seconds", lambda: (float(next(seconds)), 2))
    measurement = scripted(Guard(lambda: STEADY))
    told = summary(measurement)
    assert told["disturbed"] and told["stack"]["disturbed"]
    assert all(row["status"] == "disturbed" for row in measurement["rows"])
    assert all(row["rounds"] == 4 for row in measurement["rows"])
    assert "2.00 x*" in markdown(measurement) and "others used" in measurement["rows"][0]["detail"]


def test_who_fails_is_named_and_the_others_go_on(quiet):
    class Failing(Scripted):
        def ready(self) -> Needed:
            if self.contestant.kind.endswith("product"):
                raise RuntimeError("no memory")
            return super().ready()

        def round(self, seconds: float) -> Timing:
            if self.contestant.name == "stack of 8":
                raise RuntimeError("a run diverged")
            return super().round(seconds)

    measurement = scripted(quiet, Failing)
    told, text = summary(measurement), markdown(measurement)
    assert told["ratio"] == 2.0 and told["stack"] is None and told["matrix_gflops"] is None
    assert "stack of 8: failed, a run diverged." in text
    assert "matrix product, torch, 1 process: failed, no memory." in text


def test_nothing_measured_is_told_too(quiet):
    class Dead(Scripted):
        def ready(self) -> Needed:
            raise RuntimeError("dead")

    measurement = scripted(quiet, Dead)
    assert summary(measurement)["ratio"] is None
    assert markdown(measurement).count("failed, dead") == len(measurement["rows"])


@pytest.mark.parametrize("cores", [1, 2, 8, 64])
@pytest.mark.parametrize("network", ["mixture", "molgan"])
def test_contestants_use_no_more_cores_than_there_are_and_have_names_of_their_own(network, cores):
    found = contestants(network, cores)
    assert len({contestant.name for contestant in found}) == len(found)
    assert all(c.num_processes * c.num_threads in (1, cores) for c in found)
    stacks = {c.stack for c in found if c.kind == "stacked" and c.num_processes == 1}
    assert stacks == ({1, 8} if network == "molgan" else {1, 8, cores})


def test_processes_at_once_add_up():
    timings = [Timing(30, 2.0, 3.0), Timing(10, 1.0, 2.0)]
    both = together(timings)
    assert both.done / both.wall_seconds == pytest.approx(30 / 3 + 10 / 2)
    assert both.cpu_seconds == 3.0


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_a_team_multiplies_in_processes_of_its_own(library, tmp_path):
    team = Team(Contestant("products", f"{library} product", 2, 1), "molgan", tmp_path)
    try:
        assert team.ready().flops == 2 * 500 * 512 * 512 and team.num_threads == 2
        timing = team.round(0.01)
        assert timing.done >= 40 and timing.done % 20 == 0 and timing.wall_seconds > 0
        memory = team.memory()
        assert memory is None or memory > 2 * 50 * 2**20  # two interpreters with torch
    finally:
        team.stop()


def test_a_team_that_cannot_train_says_why(tmp_path):
    team = Team(Contestant("nobody", "plain", 1, 1), "no such network", tmp_path)
    try:
        with pytest.raises(RuntimeError, match="nobody: ValueError: a network is mixture"):
            team.ready()
    finally:
        team.stop()


@pytest.fixture
def small(monkeypatch):
    """Batches of 4, and for the mixture small networks and data."""
    network = MLPSpec(
        hidden=(8, 8), activation="leaky_relu", negative_slope=0.1, initialisation="pytorch"
    )
    before = task_of

    def member(seed: int) -> StackMember:
        data = torch.randn(50, 2, generator=torch.Generator().manual_seed(seed))
        latent = Latent(GaussianSource(4), "raw", stream(seed, "held out"))
        return StackMember(data, latent, stream(seed, "training"))

    def small_task(name: str, cache: Path):
        task = before(name, cache)
        training = replace(task.training, batch_size=4, num_steps=32)
        if name == "molgan":
            return replace(task, training=training)
        return replace(
            task, model=GANSpec(generator=network, critic=network), training=training, member=member
        )

    monkeypatch.setattr(trainers, "task_of", small_task)


def test_a_stack_is_trained_in_the_asked_precision(small, monkeypatch, tmp_path):
    seen = []
    before = trainers.GANStack
    monkeypatch.setattr(
        trainers, "GANStack", lambda *of: seen.append(of[2].precision) or before(*of)
    )
    train, _ = open_trainer("stacked", "mixture", (0,), tmp_path, "bf16")
    assert train() == 16 and seen == ["bf16"]


@pytest.mark.parametrize("network", ["mixture", "molgan"])
@pytest.mark.parametrize("kind", ["plain", "stacked"])
def test_trainers_count_their_iterations(kind, network, small, tmp_path):
    seeds = (3,) if kind == "plain" else (3, 4)
    train, needed = open_trainer(kind, network, seeds, tmp_path)
    assert [train(), train()] == ([1, 1] if kind == "plain" else [32, 32])
    assert needed.flops > 0 and needed.num_bytes > 0


def test_a_diverged_run_is_no_fast_run(small, monkeypatch, tmp_path):
    train, _ = open_trainer("stacked", "mixture", (0, 1), tmp_path)
    monkeypatch.setattr(trainers.GANStack, "train_block", lambda stack: _diverge(stack))
    with pytest.raises(RuntimeError, match=r"a run diverged.*\[None, 7\]"):
        train()


def _diverge(stack) -> None:
    stack.diverged_at = [None, 7]


def test_all_contenders_train_what_the_recipes_say():
    task = task_of("molgan", Path())
    assert task.training.batch_size == 256 and task.training.critic_steps == 5
    assert task.member(0).data.shape == (50_000, 189) and task.model.data_dim == 189
    groups = task.member(1).data[:, :144].view(-1, 36, 4)
    assert (groups.sum(-1) == 1).all() and (groups.sum((0, 1)) > 0).all()


def test_the_command_tells_old_rows(quiet, tmp_path, capsys):
    measurement = scripted(quiet)
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(measurement))
    assert read_measurement(file) == json.loads(file.read_text())
    call = ["bench", "training", "--rows", str(file)]
    assert main(call) == 0
    assert "this library, stack of 8" in capsys.readouterr().out
    assert main([*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["ratio"] == 2.0 and told["rows"] == measurement["rows"]
    assert main(["bench", "samplers", "--rows", str(file)]) == 2
    assert "qlat bench training --rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["training", "--rounds", "0"], "rounds is at least 1"),
        (["training", "--seconds", "-1"], "seconds is a positive length of time"),
        (["training", "--budget", "3"], "--budget belongs to qlat bench samplers"),
        (["training", "--figure", "cost.svg"], "--figure of training draws its scaling"),
        (["samplers", "--scaling"], "--scaling belongs to qlat bench training"),
        (["training", "--rows", "absent.json", "--scaling"], "leave --scaling out"),
        (["samplers", "--network", "molgan"], "--network belongs to qlat bench training"),
        (["training", "--rows", "absent.json"], "absent.json"),
        (["training", "--rows", "absent.json", "--network", "molgan"], "leave --network out"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="network is table1, mixture, molgan, not 'moons'"):
        TrainingSettings(network="moons")
