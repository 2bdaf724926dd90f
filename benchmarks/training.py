"""Speed of stacked training against the plain loop, side by side in one run, as ratios.

    python benchmarks/training.py [--network mixture|table1] [--seconds 10] [--rounds 3] [--json]

Four contenders train the same Wasserstein GAN with the paper's sizes on the same cores:

- plain, one process with all threads; plain, one process with one thread; plain, one
  process a core with one thread each (`benchmarks/plain_wgan.py`: autograd, fused Adam);
- stacked, one process a core with one thread each, stacks as `qlat run` plans them.

Rounds alternate between the contenders and the best round of each counts, so that foreign
load hits all alike. Printed beside them: the machine's own rate for the network's hidden
matrix product, the arithmetic of a step, and the share of that rate which is achieved.

Floor, before measuring. A generator step with c critic steps is 11 c + 5 products of one
hidden layer (11 = 3 forward, 3 cotangent, 3 weight gradient, 1 tangent, 1 generated; with
two hidden layers that one product is all but a few per cent of the work), so with c = 5 it
is 60 units of 2 B h^2 operations: 0.252 GFLOP for the mixture, 15.7 GFLOP for Table I. Adam
reads and writes 28 bytes a parameter and update: 67,000 parameters and 6 updates make 11 MB
a step for the mixture, 0.6 ms at 20 GB/s beside 2.7 ms of arithmetic at 94 GFLOP/s.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from plain_wgan import plain_mlp, plain_wgan
from quantum_latents.execution.plan import available_cores, load_or_make_plan
from quantum_latents.latents import build_latent
from quantum_latents.models import GANSpec
from quantum_latents.random import stream
from quantum_latents.recipes import mixture, table1
from quantum_latents.training import GANStack, RunSpec, StackMember, data_of

__all__ = ["main"]


def _runs(network: str) -> tuple[RunSpec, ...]:
    if network == "mixture":
        return mixture("paper", num_seeds=5).runs
    return table1("paper", num_seeds=3, data_sets=("quantum",)).runs


def _plain(run: RunSpec, cache: Path):
    """Return a function that makes some generator steps of the plain loop, and their number."""
    data = torch.from_numpy(data_of(run, cache).train.copy())
    latent = build_latent(run.latent, run.seed, cache)
    spec, model = run.training, run.model
    batch = spec.batch_size

    def network(which, num_inputs, num_outputs):
        widths = which.widths(num_inputs, num_outputs)
        return plain_mlp(widths, which.negative_slope)

    def optimiser(module):
        settings = spec.optimiser
        if settings.name == "adam":
            b1, b2 = settings.betas
            return torch.optim.Adam(
                module.parameters(), lr=settings.learning_rate, betas=(b1, b2), fused=True
            )
        return torch.optim.RMSprop(module.parameters(), lr=settings.learning_rate, foreach=True)

    generator = network(model.generator, latent.dim, data.shape[1])
    critic = network(model.critic, data.shape[1], 1)
    optimisers = optimiser(generator), optimiser(critic)
    num_steps = 8

    def step(block: int) -> None:
        # The draws cost both sides the same: a bank's rows, data rows, mixing numbers.
        z = latent.sample(num_steps * (spec.critic_steps + 1) * batch, stream(block, "plain")).view(
            num_steps, spec.critic_steps + 1, batch, -1
        )
        rows = torch.randint(len(data), (num_steps, spec.critic_steps, batch))
        mix = torch.rand(num_steps, spec.critic_steps, batch, 1)
        draws = (
            ([(data[rows[t, c]], z[t, c], mix[t, c]) for c in range(spec.critic_steps)], z[t, -1])
            for t in range(num_steps)
        )
        plain_wgan(generator, critic, *optimisers, draws, spec.gradient_penalty)

    return step, num_steps


def _stacked(runs: tuple[RunSpec, ...], cache: Path):
    """Return a function that makes some steps of a stack, and their number over all runs."""
    members = []
    for run in runs:
        data = torch.from_numpy(data_of(run, cache).train.copy())
        latent = build_latent(run.latent, run.seed, cache)
        members.append(StackMember(data, latent, stream(run.seed, "training")))
    model: GANSpec = runs[0].model
    # A finished stack would count steps that it does not make.
    stack = GANStack(members, model, replace(runs[0].training, num_steps=10**6))

    def step(block: int) -> None:
        stack.train_block()

    return step, 16 * len(runs)


def _contend(kind: str, runs, cache: Path, num_threads: int, barrier, seconds: float, answers):
    torch.set_num_threads(num_threads)
    step, size = _plain(runs[0], cache) if kind == "plain" else _stacked(runs, cache)
    step(0)
    while True:
        barrier.wait()
        started, block = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            block += 1
            step(block)
        answers.put(block * size / (time.perf_counter() - started))


def _matrix_rate(batch: int, width: int) -> float:
    """Return this core's operations a second for (batch, width) by (width, width) products."""
    torch.set_num_threads(1)
    a, b, out = torch.randn(batch, width), torch.randn(width, width), torch.empty(batch, width)
    best = float("inf")
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(10):
            torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - started)
    return 10 * 2 * batch * width * width / best


def measure(network: str, seconds: float, rounds: int, cache: Path) -> dict[str, object]:
    """Return steps a second of every contender, the best of all rounds, and the ratios."""
    runs, cores = _runs(network), available_cores()
    path = cache / f"benchmark-plan-{network}-{os.getpid()}.json"
    stacks = load_or_make_plan(path, runs).stacks[:cores]
    path.unlink()
    by_digest = {run.digest: run for run in runs}
    contenders = {
        "plain, 1 process, all threads": [("plain", runs[:1], cores)],
        "plain, 1 process, 1 thread": [("plain", runs[:1], 1)],
        f"plain, {cores} processes": [("plain", runs[i : i + 1], 1) for i in range(cores)],
        f"stacked, {cores} processes": [
            ("stacked", tuple(by_digest[digest] for digest in stack.runs), 1) for stack in stacks
        ],
    }
    context = multiprocessing.get_context("spawn")
    best = dict.fromkeys(contenders, 0.0)
    processes, stages = [], {}
    for name, jobs in contenders.items():
        barrier, answers = context.Barrier(len(jobs) + 1), context.Queue()
        stages[name] = barrier, answers, len(jobs)
        for kind, some_runs, num_threads in jobs:
            arguments = (kind, some_runs, cache, num_threads, barrier, seconds, answers)
            process = context.Process(target=_contend, args=arguments, daemon=True)
            process.start()
            processes.append(process)
    for _ in range(rounds):
        for name, (barrier, answers, number) in stages.items():
            barrier.wait()
            rate = sum(answers.get() for _ in range(number))
            best[name] = max(best[name], rate)
    for process in processes:
        process.kill()
    spec = runs[0].training
    width = runs[0].model.critic.hidden[0]
    flop = (11 * spec.critic_steps + 5) * 2 * spec.batch_size * width * width
    ceiling = cores * _matrix_rate(3 * spec.batch_size, width)
    *plain, stacked = best
    return {
        "network": network,
        "cores": cores,
        "runs in each stack": [len(stack.runs) for stack in stacks],
        "run-steps per second": {name: round(rate, 2) for name, rate in best.items()},
        "ms per run-step": {name: round(1e3 / rate, 3) for name, rate in best.items()},
        "ratio of stacked to": {name: round(best[stacked] / best[name], 2) for name in plain},
        "GFLOP per run-step": round(flop / 1e9, 3),
        "matrix rate of all cores, GFLOP/s": round(ceiling / 1e9, 1),
        "share of the matrix rate": {
            name: round(rate * flop / ceiling, 3) for name, rate in best.items()
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=("mixture", "table1"), default="mixture")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("studies/benchmark-cache"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    found = measure(arguments.network, arguments.seconds, arguments.rounds, arguments.cache)
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        if isinstance(value, dict):
            print(name)
            for key, entry in value.items():
                print(f"  {key:32} {entry}")
        else:
            print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
