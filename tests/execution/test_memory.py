"""What memory there is, what stacks need, and how they are planned into it."""

import errno
import json
from dataclasses import replace

import pytest
import torch

from quantum_latents.execution import StudyError, run_study, stack_memory
from quantum_latents.execution import plan as planning
from quantum_latents.execution.memory import (
    Free,
    free_memory,
    is_out_of_memory,
    num_oom_kills,
    peak_resident,
)
from quantum_latents.execution.plan import load_or_make_plan
from quantum_latents.execution.stack_memory import Measured, MeasuringError, Need, Needs
from quantum_latents.recipes import moons
from quantum_latents.training import bytes_of

GIB = 2**30
MEMINFO = "MemTotal: 9 kB\nMemAvailable:    8388608 kB\n"


def tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


V1 = "sys/fs/cgroup/memory"
MACHINES = {
    "no limit": ({"proc/self/cgroup": "0::/\n"}, 8 * GIB, "MemAvailable"),
    "v2": (
        {
            "proc/self/cgroup": "0::/jobs/mine\n",
            "sys/fs/cgroup/jobs/mine/memory.max": f"{3 * GIB}\n",
            "sys/fs/cgroup/jobs/mine/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/jobs/mine/memory.stat": f"anon 5\ninactive_file {GIB // 2}\n",
        },
        5 * GIB // 2,
        "cgroup v2 memory.max",
    ),
    "v2, the group around": (
        {
            "proc/self/cgroup": "0::/jobs/mine\n",
            "sys/fs/cgroup/jobs/mine/memory.max": "max\n",
            "sys/fs/cgroup/jobs/mine/memory.current": "5\n",
            "sys/fs/cgroup/jobs/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/jobs/memory.current": f"{3 * GIB}\n",
        },
        0,
        "cgroup v2 memory.max",
    ),
    "v2, a container that sees its group as the root": (
        {
            "proc/self/cgroup": "0::/../elsewhere\n",
            "sys/fs/cgroup/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/memory.current": "0\n",
        },
        GIB,
        "cgroup v2 memory.max",
    ),
    "v1": (
        {
            "proc/self/cgroup": "5:devices:/\n4:cpu,memory:/a\n0::/\n",
            f"{V1}/a/memory.limit_in_bytes": f"{4 * GIB}\n",
            f"{V1}/a/memory.usage_in_bytes": f"{2 * GIB}\n",
            f"{V1}/a/memory.stat": f"total_inactive_file {GIB}\n",
            f"{V1}/memory.limit_in_bytes": "9223372036854771712\n",
            f"{V1}/memory.usage_in_bytes": "1\n",
        },
        3 * GIB,
        "cgroup v1 memory.limit_in_bytes",
    ),
}


@pytest.mark.parametrize(("files", "num_bytes", "source"), MACHINES.values(), ids=MACHINES.keys())
def test_what_is_free_is_the_least_that_anybody_leaves(tmp_path, files, num_bytes, source):
    found = free_memory(tree(tmp_path, {"proc/meminfo": MEMINFO, **files}))
    assert found == Free(num_bytes, source)


def test_where_nothing_says_it_nothing_is_known(tmp_path):
    assert free_memory(tmp_path) is None
    assert num_oom_kills(tmp_path) is None
    assert peak_resident(tmp_path) is None
    tree(tmp_path, {"proc/vmstat": "oom_kill_other 9\noom_kill 3\n"})
    assert num_oom_kills(tmp_path) == 3


def test_a_lack_of_memory_is_told_from_other_errors():
    def raised(call):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            call()
        return caught.value

    assert is_out_of_memory(raised(lambda: torch.empty(2**50)))  # torch's own, on the CPU
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert not is_out_of_memory(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_out_of_memory(raised(lambda: torch.ones(2) @ torch.ones(3)))


NEED = Need("a", "measured", fixed=GIB, per_run=GIB // 2, counted=1, peaks=(1, 2))


def test_runs_and_workers_that_fit():
    assert NEED.fits(4 * GIB) == 6
    assert NEED.fits(GIB) == 1  # it did fit when it was measured
    assert replace(NEED, peaks=(1, None)).fits(100 * GIB) == 1
    needs = Needs((NEED, replace(NEED, per_run=2 * GIB)), Free(10 * GIB, "x"), is_gpu=False)
    assert needs.limit(2) == 0.8 * 5 * GIB
    assert needs.num_workers(8) == 2  # 8 GiB between them, 3 each
    assert replace(needs, is_gpu=True).limit(2) == needs.limit(2) - GIB // 4


def test_counted_bytes_grow_with_what_is_asked_for(tiny_study):
    run = tiny_study().runs[0]
    usual = bytes_of(run)
    # At least weights and gradient, moments, and a checkpoint of both, of networks of this size.
    wide = replace(run.model.generator, hidden=(512, 512))
    wider = replace(run, model=replace(run.model, generator=wide, critic=wide))
    assert bytes_of(wider) - usual > 2 * 4 * 4 * 512 * 512
    longer = replace(run, latent=replace(run.latent, bank_size=10**6))
    assert bytes_of(longer) - usual > 10**6 * run.latent.dim
    batch = replace(run.training, batch_size=10 * run.training.batch_size)
    assert bytes_of(replace(run, training=batch)) > usual


def test_counted_bytes_of_a_flow_grow_with_its_velocity_and_with_what_it_generates():
    run = moons("quick").runs[0]
    usual, velocity = bytes_of(run), run.model.velocity
    wider = replace(run.model, velocity=replace(velocity, hidden=(1024, 1024)))
    assert bytes_of(replace(run, model=wider)) - usual > 10 * 4 * 1024 * 1024
    more = replace(run, latent=replace(run.latent, num_held_out=10**6))
    more = replace(more, evaluation=replace(run.evaluation, num_samples=10**6))
    assert bytes_of(more) - usual > 10**6 * sum(velocity.hidden)


@pytest.fixture
def eight_runs(tiny_study):
    return [replace(tiny_study().runs[0], seed=seed) for seed in range(8)]


def free_of(monkeypatch, num_bytes):
    monkeypatch.setattr(stack_memory, "free_memory", lambda: Free(num_bytes, "a test"))


def sizes_of(plan):
    return [len(stack.runs) for stack in plan.stacks]


def test_where_memory_is_plenty_nothing_is_measured(eight_runs, tmp_path, monkeypatch):
    free_of(monkeypatch, 100 * GIB)
    monkeypatch.setattr(stack_memory, "measure", lambda *a, **k: pytest.fail("it measured"))
    plan = load_or_make_plan(tmp_path / "plan.json", eight_runs, num_workers=2)
    assert sizes_of(plan) == [4, 4]
    (said,) = json.loads((tmp_path / "plan.json").read_text())["memory"]
    assert said["source"] == "a test"
    assert said["free"] == 100 * GIB
    assert [of["how"] for of in said["of"]] == ["counted"]


def measured(monkeypatch, *peaks, free=None):
    asked = []

    def measure(runs, **settings):
        asked.append((runs, settings))
        return Measured(peaks, free)

    monkeypatch.setattr(stack_memory, "measure", measure)
    return asked


def test_stacks_are_as_large_as_what_was_measured_lets_them_be(eight_runs, tmp_path, monkeypatch):
    free_of(monkeypatch, GIB)
    asked = measured(monkeypatch, 200 * 2**20, 300 * 2**20)
    plan = load_or_make_plan(tmp_path / "plan.json", eight_runs, num_workers=2)
    # 409 MiB for each of two: 100 for the process, 100 for each of three runs.
    assert sizes_of(plan) == [2, 2, 2, 2]
    assert [run.seed for run in asked[0][0]] == [0, 1]
    # It is frozen: what is free later, and what is measured then, changes nothing.
    free_of(monkeypatch, 100 * GIB)
    assert load_or_make_plan(tmp_path / "plan.json", eight_runs, num_workers=2) == plan
    assert len(asked) == 1
    (said,) = plan.memory
    assert said["of"][0]["peaks"] == [200 * 2**20, 300 * 2**20]
    assert (said["of"][0]["fixed"], said["of"][0]["per_run"]) == (100 * 2**20, 100 * 2**20)


def test_workers_that_find_no_room_are_not_planned(eight_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "available_cores", lambda: 8)
    free_of(monkeypatch, GIB)
    measured(monkeypatch, 300 * 2**20, 400 * 2**20)
    plan = load_or_make_plan(tmp_path / "plan.json", eight_runs)
    assert plan.num_workers == 2
    asked_for = load_or_make_plan(tmp_path / "other.json", eight_runs, num_workers=4)
    assert asked_for.num_workers == 4  # whoever names a number has it
    assert sizes_of(asked_for) == [1] * 8


def test_a_gpu_is_always_measured(eight_runs, tmp_path, monkeypatch):
    measured(monkeypatch, GIB, 2 * GIB, free=Free(4 * GIB, "torch.cuda.mem_get_info"))
    plan = load_or_make_plan(tmp_path / "plan.json", eight_runs, device="cuda")
    assert sizes_of(plan) == [2, 3, 3]  # 3.2 GiB hold three, and three stacks are needed
    assert plan.memory[0]["source"] == "torch.cuda.mem_get_info"


def test_of_a_cluster_nothing_is_known(eight_runs, tmp_path, monkeypatch):
    measured(monkeypatch)
    free_of(monkeypatch, 1)
    plan = load_or_make_plan(tmp_path / "plan.json", eight_runs, num_workers=1, cores=(4,))
    assert plan.memory == ()
    assert "memory" not in json.loads((tmp_path / "plan.json").read_text())


def test_a_study_whose_run_does_not_fit_ends_with_the_sizes(tiny_study, tmp_path, monkeypatch):
    free_of(monkeypatch, 1)

    def measure(*arguments, **settings):
        raise MeasuringError("run x does not fit into memory alone: its arrays are 3 GiB")

    monkeypatch.setattr(stack_memory, "measure", measure)
    with pytest.raises(StudyError, match="does not fit into memory alone: its arrays are 3 GiB"):
        run_study(tiny_study(), tmp_path / "study", command="a test")
    assert not (tmp_path / "study" / "plan.json").exists()

    def slow(*arguments, **settings):
        raise TimeoutError("measuring took longer than 1 s")

    monkeypatch.setattr(stack_memory, "measure", slow)
    assert not run_study(tiny_study(), tmp_path / "study", command="a test", time_budget=1)


def test_a_rehearsal_of_two_takes_more_than_one(tiny_study, tmp_path):
    runs = [replace(tiny_study().runs[3], seed=seed) for seed in range(2)]
    said = list(stack_memory._rehearsals([run.to_json() for run in runs], "cpu", tmp_path))
    assert [kind for kind, _ in said] == ["peak", "peak"]
    # This process's own peak only ever grows where the kernel does not let it be forgotten.
    assert said[1][1] >= said[0][1] > 2**26


@pytest.mark.slow
def test_a_second_run_takes_what_its_arrays_take(tiny_study, tmp_path):
    run = tiny_study().runs[3]
    assert run.latent.name == "gaussian"
    long = replace(run, latent=replace(run.latent, bank_size=3 * 10**6))
    runs = [long, replace(long, seed=1)]
    one, two = stack_memory.measure(runs, device="cpu", cache=tmp_path).peaks
    bank = 3 * 10**6 * 8 * 4
    assert one is not None
    assert two is not None
    assert 0.9 * bank < two - one < 2 * bank
    assert bank < bytes_of(long)
