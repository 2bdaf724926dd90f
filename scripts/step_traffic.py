"""Count what a step of a stack asks of a GPU, before any is measured.

.venv/bin/python scripts/step_traffic.py --runs 48

Every operation of one generator step with its critic steps is counted as torch launches it, on a
device without memory, so that no GPU is needed and nothing is computed: launches, and the bytes
that each reads and writes if no cache keeps anything. Operations of the products are the hand count
that `qlat bench training` uses. A bias that is added in a product is copied into the result first,
as CUDA's `baddbmm` does.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from quantum_latents.bench.iteration import wgan_flops
from quantum_latents.data.width import width_of
from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import GANSpec
from quantum_latents.random import stream
from quantum_latents.recipes import mixture, table1
from quantum_latents.training import GANStack, RunSpec, StackMember, WGANSpec

__all__ = ["Traffic", "main", "traffic_of"]

_NOWHERE = torch.device("meta")
_NUM_RUNS = 48
"""Of Table I's quantum data: four latents, twelve seeds."""

_PRODUCTS = ("aten.bmm", "aten.baddbmm")
_RATES = {"tf32": 495.0, "float32": 67.0}
"""TFLOP/s of products on an H200, by its maker."""


@dataclass
class Traffic:
    """What was launched, and what passes between the GPU and its memory.

    Attributes:
        launches: kernels.
        in_products: bytes of matrix products.
        in_passes: bytes of everything else.
    """

    launches: int = 0
    in_products: int = 0
    in_passes: int = 0


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.traffic = Traffic()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        if func.is_view:  # another name of the same memory
            return made
        given = [value for key, value in kwargs.items() if key not in ("out", "grad_input")]
        read = args[1:] if func.overloadpacket is torch.ops.aten.copy_ else args
        tensors = {id(leaf): leaf for leaf in tree_leaves((read, given))}  # named twice, read once
        moved = sum(map(_bytes_of, tensors.values())) + sum(map(_bytes_of, tree_leaves(made)))
        launches = int(moved > 0)
        if func.overloadpacket is torch.ops.aten.baddbmm:
            moved, launches = moved + 2 * _bytes_of(made), launches + 1
        self.traffic.launches += launches
        if str(func).startswith(_PRODUCTS):
            self.traffic.in_products += moved
        else:
            self.traffic.in_passes += moved
        return made


def _bytes_of(value: object) -> int:
    """Return the bytes that a tensor covers on the device; what is repeated counts once."""
    if not isinstance(value, Tensor) or value.device != _NOWHERE:
        return 0
    number = value.element_size()
    for size, stride in zip(value.shape, value.stride(), strict=True):
        number *= size if stride else 1
    return number


_UPDATES = {"rmsprop": (5, 13), "adam": (1, 7)}
"""Launches of torch's optimisers, and numbers a weight that they read and write: RMSProp's five
passes over weights, gradient and average, and Adam's fused one."""


@torch.no_grad()
def traffic_of(run: RunSpec, num_runs: int) -> Traffic:
    """Return what one step of a stack of so many runs like this one takes."""
    spec = run.training
    assert isinstance(spec, WGANSpec)
    latent = Latent(GaussianSource(run.latent.dim), "raw", stream(0, "held out")).to(_NOWHERE)
    data = torch.zeros(1, width_of(run.data))
    members = [StackMember(data, latent, stream(seed, "training")) for seed in range(num_runs)]
    stack = GANStack(members, run.model, spec, device=_NOWHERE, draws_ahead=False)
    draws = tuple(part[:1] for part in stack._draw(0))
    # An optimiser without memory is not the one that trains: counted beside.
    stack.generator_optimiser.step = stack.critic_optimiser.step = lambda: None
    with _Count() as count:
        stack._kernel.train(draws, 0, list(range(num_runs)))
    launches, numbers = _UPDATES[spec.optimiser.name]
    updates = {stack.critic: spec.critic_steps, stack.generator: 1}
    traffic = count.traffic
    for network, times in updates.items():
        traffic.launches += launches * times
        traffic.in_passes += 4 * numbers * times * network.flat.numel()
    return traffic


def main(arguments: list[str] | None = None) -> int:
    """Count both networks of the paper and print what a GPU's rates would make of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=_NUM_RUNS, help="in the stack")
    parser.add_argument("--terabytes", type=float, default=4.8, help="a second of memory (H200)")
    asked = parser.parse_args(arguments)
    if asked.runs < 1:
        parser.error(f"--runs is at least 1, not {asked.runs}")
    if not asked.terabytes > 0:
        parser.error(f"--terabytes is more than 0, not {asked.terabytes}")
    print(
        "| network | launches | TFLOP | GB in products | GB in passes | precision | ms | all, s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, recipe in (("table1", table1), ("mixture", mixture)):
        run = recipe("paper", num_seeds=1, latents=("gaussian",)).runs[0]
        assert isinstance(run.model, GANSpec)
        assert isinstance(run.training, WGANSpec)
        width, spec = width_of(run.data), run.training
        teraflop = (
            1e-12
            * asked.runs
            * wgan_flops(
                run.model.generator.widths(run.latent.dim, width),
                run.model.critic.widths(width, 1),
                spec.batch_size,
                spec.critic_steps,
            )
        )
        traffic = traffic_of(run, asked.runs)
        passed, in_products = (
            1e-12 * moved / asked.terabytes for moved in (traffic.in_passes, traffic.in_products)
        )
        for precision, rate in _RATES.items():
            seconds = max(teraflop / rate, in_products) + passed
            print(
                f"| {name} | {traffic.launches} | {teraflop:.3f} "
                f"| {traffic.in_products / 1e9:.2f} | {traffic.in_passes / 1e9:.2f} "
                f"| {precision} | {1e3 * seconds:.2f} | {seconds * spec.num_steps:,.0f} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
