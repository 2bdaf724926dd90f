"""How runs share cores: the plan that is frozen when a study starts."""

from dataclasses import replace

import pytest

from quantum_latents.execution import plan as planning
from quantum_latents.execution.plan import load_or_make_plan


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(planning, "available_cores", lambda: 8)


@pytest.mark.parametrize(
    ("num_runs", "workers", "stacks", "threads"),
    [(1, None, 1, 8), (3, None, 3, 2), (8, None, 8, 1), (3, 2, 2, 4), (1, 2, 1, 8)],
)
def test_cores_that_no_stack_needs_help_the_stacks_there_are(
    num_runs, workers, stacks, threads, tiny_study, eight_cores, tmp_path
):
    runs = [replace(tiny_study().runs[0], seed=seed) for seed in range(num_runs)]
    made = load_or_make_plan(tmp_path / "plan.json", runs, num_workers=workers)
    assert [stack.num_threads for stack in made.stacks] == [threads] * stacks
    assert [digest for stack in made.stacks for digest in stack.runs] == [r.digest for r in runs]


def test_a_plan_is_read_as_it_was_made(tiny_study, eight_cores, monkeypatch, tmp_path):
    made = load_or_make_plan(tmp_path / "plan.json", tiny_study().runs)
    monkeypatch.setattr(planning, "available_cores", lambda: 2)
    assert load_or_make_plan(tmp_path / "plan.json", tiny_study().runs, num_workers=1) == made
