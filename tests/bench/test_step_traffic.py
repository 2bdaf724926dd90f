"""`scripts/step_traffic.py`: a step's launches and bytes, counted without a GPU."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from quantum_latents.recipes import mixture, table1
from quantum_latents.training import OptimiserSpec

SCRIPT = Path(__file__).parents[2] / "scripts" / "step_traffic.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("step_traffic", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_of(recipe):
    return recipe("paper", num_seeds=1, latents=("gaussian",)).runs[0]


@pytest.mark.parametrize("recipe", [table1, mixture])
def test_a_stack_is_one_launch_an_operation(script, recipe):
    """What stacking is for on a GPU: bytes grow with the runs, launches do not."""
    one, many = (script.traffic_of(run_of(recipe), runs) for runs in (2, 6))
    assert many.launches == one.launches
    assert many.in_products == 3 * one.in_products
    # The scores' cotangents are single numbers, some of them of the whole stack.
    assert many.in_passes == pytest.approx(3 * one.in_passes, rel=1e-4)


def test_products_are_those_of_three_sweeps(script):
    """Each reads two factors and writes a result; a bias is copied there and read again before."""
    run = run_of(table1)
    hidden, b, c, ends = 512, run.training.batch_size, run.training.critic_steps, 16

    def product(rows, inner, columns, with_bias=False):
        return rows * inner + inner * columns + rows * columns * (3 if with_bias else 1)

    def forward(rows, with_output):
        biases = 2 * hidden + with_output * ends
        maps = product(rows, ends, hidden, True) + product(rows, hidden, hidden, True)
        return maps + biases + with_output * product(rows, hidden, ends, True)

    critic_step = forward(3 * b, False)
    critic_step += product(3 * b, hidden, hidden) + product(b, hidden, ends)  # cotangents
    critic_step += product(b, ends, hidden) + product(b, hidden, hidden)  # tangents
    critic_step += product(ends, 3 * b, hidden) + product(hidden, 3 * b, hidden)
    critic_step += product(1, 3 * b, hidden)  # weight gradients
    losses = product(3 * b, hidden, 1, True) + 1  # of the last critic step alone
    generator_step = forward(b, False) + product(b, hidden, hidden) + product(b, hidden, ends)
    generator_step += product(b, ends, hidden) + product(b, hidden, hidden)
    generator_step += product(b, hidden, ends)  # to z, which only a learned prior needs
    generator_step += 2 * product(ends, b, hidden) + product(hidden, b, hidden)
    expected = forward((c + 1) * b, True) + c * critic_step + losses + generator_step
    assert script.traffic_of(run, 1).in_products == 4 * expected


def test_rmsprop_is_counted_as_torch_makes_it(script):
    weights = torch.nn.Parameter(torch.empty(1000, device="meta"))
    weights.grad = torch.empty(1000, device="meta")
    optimiser = OptimiserSpec(name="rmsprop", learning_rate=1e-3, alpha=0.99).build(weights)
    optimiser.step()  # makes its average
    with script._Count() as count:
        optimiser.step()
    launches, numbers = script._UPDATES["rmsprop"]
    assert (count.traffic.launches, count.traffic.in_passes) == (launches, 4 * 1000 * numbers)


def test_what_an_operation_reads_and_writes(script):
    """A view is nothing, a copy does not read where it writes, what is named twice is read once."""
    a, b = (torch.empty(2, 10, device="meta") for _ in range(2))
    table = torch.empty(2, 10, 10, device="meta")
    for operation, launches, numbers in (
        (lambda: a.view(20).unbind(), 0, 0),
        (lambda: a.copy_(b), 1, 20 + 20),
        (lambda: a.mul(a), 1, 20 + 20),
        (lambda: a.mul_(b), 1, 40 + 20),
        (lambda: torch.baddbmm(a[:, None], table, table), 2, 20 + 200 + 200 + 2 * 200),
    ):
        with script._Count() as count:
            operation()
        traffic = count.traffic
        assert traffic.launches == launches
        assert traffic.in_products + traffic.in_passes == 4 * numbers


def test_the_docs_show_what_it_prints(script, capsys):
    assert script.main([]) == 0
    said = capsys.readouterr().out
    page = (SCRIPT.parents[1] / "docs" / "speed.md").read_text(encoding="utf-8")
    assert said in page
    row = next(line for line in said.splitlines() if line.startswith("| table1"))
    assert [cell.strip() for cell in row.split("|")][3] == "0.779"  # 48 times 16.2 GFLOP


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--terabytes", "0"]])
def test_what_is_no_machine_is_refused(script, wrong, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main(wrong)
    assert wrong[0] in capsys.readouterr().err
