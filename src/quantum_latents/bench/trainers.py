"""Who trains: the plain loops and this library's stacks, on the same networks and draws.

Notation: an iteration is c critic steps and a generator step of one run; a *trainer* makes some
iterations at each call and says how many. Here torch is imported, so this module is imported by
the processes that train (`bench.team`) and by nothing else in the room.

Both sides draw alike: training rows, latents and mixing numbers of 16 iterations at a time, by
the library's own latents. Rows of the perceptrons' data come from the recipes; molecules are
classes drawn at random, as no step's time depends on which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quantum_latents.bench.iteration import (
    PRODUCT,
    Needed,
    iteration_bytes,
    molgan_flops,
    product_flops,
    wgan_flops,
)
from quantum_latents.bench.plain_molgan import (
    PlainMolGANCritic,
    PlainMolGANGenerator,
    plain_molgan,
)
from quantum_latents.bench.plain_wgan import plain_mlp, plain_wgan
from quantum_latents.latents import Latent, build_latent
from quantum_latents.latents.sources import GaussianSource
from quantum_latents.models import (
    DDGANSpec,
    FlowSpec,
    GANModelSpec,
    MLPSpec,
    MolGANSpec,
    RelationalCriticSpec,
)
from quantum_latents.molecules.graphs import BOND_CLASSES, GraphLayout
from quantum_latents.random import stream
from quantum_latents.recipes import mixture, table1
from quantum_latents.training import (
    GANStack,
    OptimiserSpec,
    Precision,
    StackMember,
    WGANSpec,
    data_of,
)

__all__ = ["Task", "bytes_moved", "flops_of", "open_trainer", "plain_networks", "task_of"]

_BLOCK = 16
_LAYOUT = GraphLayout(num_atoms=9, elements=("C", "N", "O", "F"))
_MANY = 10**6
"""Steps of a stack's budget: a finished one would count steps that it does not make."""

_NUM_MOLECULES, _MOLGAN_DIM = 50_000, 16
_MOLGAN = MolGANSpec(
    generator=MLPSpec(
        hidden=(64, 176, 288, 400, 512),
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation="pytorch",
        reinject_latent=True,
    ),
    critic=RelationalCriticSpec(),
    num_atoms=_LAYOUT.num_atoms,
    num_node_classes=_LAYOUT.num_node_classes,
)
_MOLGAN_TRAINING = WGANSpec(
    num_steps=_MANY,
    batch_size=256,
    critic_steps=5,
    gradient_penalty=10.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=1e-4, betas=(0.0, 0.9)),
)


@dataclass(frozen=True)
class Task:
    """What all contenders train.

    Attributes:
        model, training: as a run's.
        member: data, latent and stream of the run of a seed.
    """

    model: GANModelSpec
    training: WGANSpec
    member: Callable[[int], StackMember]


def task_of(network: str, cache: Path) -> Task:
    """Return what is trained under a name.

    Args:
        network: `mixture` or `table1`, the paper's sizes; or `molgan`, batch 256.
        cache: folder of banks.

    Raises:
        ValueError: another name.
    """
    if network == "molgan":
        return Task(_MOLGAN, _MOLGAN_TRAINING, _molgan_member)
    recipes = {"mixture": mixture, "table1": table1}
    if network not in recipes:
        raise ValueError(f"a network is mixture, table1 or molgan, not {network!r}")
    (run,) = recipes[network]("paper", num_seeds=1, latents=("quantum",)).runs[:1]

    def member(seed: int) -> StackMember:
        data = torch.from_numpy(data_of(replace(run, seed=seed), cache).train.copy())
        latent = build_latent(run.latent, seed, cache)
        return StackMember(data, latent, stream(seed, "bench", "training"))

    assert not isinstance(run.model, (FlowSpec, DDGANSpec))
    assert isinstance(run.training, WGANSpec)
    return Task(run.model, run.training, member)


@cache
def _molecules() -> torch.Tensor:
    """Return the one-hot rows that all runs share, as those of a study do."""
    rng = stream(0, "bench", "molecules").generator()
    classes = [BOND_CLASSES] * _LAYOUT.num_pairs + [_LAYOUT.num_node_classes] * _LAYOUT.num_atoms
    codes = rng.integers(classes, size=(_NUM_MOLECULES, _LAYOUT.code_width))
    return torch.from_numpy(_LAYOUT.to_one_hot(codes))


def _molgan_member(seed: int) -> StackMember:
    latent = Latent(GaussianSource(_MOLGAN_DIM), "raw", stream(seed, "bench", "held out"))
    return StackMember(_molecules(), latent, stream(seed, "bench", "training"))


def flops_of(model: GANModelSpec, training: WGANSpec, latent_dim: int, width: int) -> int:
    """Return the operations of an iteration by hand count; `width` is that of the data."""
    sizes = {"batch_size": training.batch_size, "critic_steps": training.critic_steps}
    if isinstance(model, MolGANSpec):
        return molgan_flops(
            latent_dim=latent_dim,
            generator=model.generator.hidden,
            num_atoms=model.num_atoms,
            num_relations=BOND_CLASSES - 1,
            num_node_classes=model.num_node_classes,
            convolutions=model.critic.convolutions,
            aggregation=model.critic.aggregation,
            dense=model.critic.dense,
            **sizes,
        )
    generator, critic = model.generator.widths(latent_dim, width), model.critic.widths(width, 1)
    return wgan_flops(generator, critic, **sizes)


def bytes_moved(model: GANModelSpec, training: WGANSpec, latent_dim: int, width: int) -> int:
    """Return the bytes of an iteration by hand count; `width` is that of the data."""
    sizes = [
        sum(weights.numel() for weights in network.parameters())
        for network in plain_networks(model, latent_dim, width)
    ]
    return iteration_bytes(
        num_generator=sizes[0],
        num_critic=sizes[1],
        averages=len(training.optimiser.averages),
        data_dim=width,
        latent_dim=latent_dim,
        batch_size=training.batch_size,
        critic_steps=training.critic_steps,
    )


def open_trainer(
    kind: str,
    network: str,
    seeds: tuple[int, ...],
    cache: Path,
    precision: Precision = "float32",
) -> tuple[Callable[[], int], Needed]:
    """Return a trainer, and what one of what it counts needs.

    Args:
        kind: `plain` (one seed) or `stacked`; `torch product` and `numpy product` train nothing
            and multiply.
        network: see `task_of`.
        seeds: the runs.
        cache: folder of banks.
        precision: of a stack's matrix products.
    """
    if kind in _PRODUCTS:
        rows, inner, columns = PRODUCT
        moved = 4 * (rows * inner + inner * columns + rows * columns)
        return _PRODUCTS[kind](), Needed(product_flops(*PRODUCT), moved)
    task = task_of(network, cache)
    task = replace(task, training=replace(task.training, precision=precision))
    members = [task.member(seed) for seed in seeds]
    make = {"stacked": _stacked, "plain": _plain}[kind]
    of = task.model, task.training, members[0].latent.dim, members[0].data.shape[1]
    return make(task, members), Needed(flops_of(*of), bytes_moved(*of))


def _torch_product() -> Callable[[], int]:
    rows, inner, columns = PRODUCT
    a, b, out = torch.rand(rows, inner), torch.rand(inner, columns), torch.empty(rows, columns)
    return _repeated(lambda: torch.mm(a, b, out=out))


def _numpy_product() -> Callable[[], int]:
    rows, inner, columns = PRODUCT
    generator = np.random.default_rng(0)
    a = generator.random((rows, inner), dtype=np.float32)
    b = generator.random((inner, columns), dtype=np.float32)
    out = np.empty((rows, columns), dtype=np.float32)
    return _repeated(lambda: np.matmul(a, b, out=out))


def _repeated(multiply: Callable[[], object]) -> Callable[[], int]:
    def work() -> int:
        for _ in range(20):
            multiply()
        return 20

    return work


_PRODUCTS = {"torch product": _torch_product, "numpy product": _numpy_product}
"""By two libraries: each brings a BLAS of its own, and which is faster depends on the processor."""


def _stacked(task: Task, members: list[StackMember]) -> Callable[[], int]:
    stack = GANStack(members, task.model, replace(task.training, num_steps=_MANY))

    def train() -> int:
        before = stack.step
        stack.train_block()
        if any(at is not None for at in stack.diverged_at):
            raise RuntimeError(f"a run diverged, and its steps cost nothing: {stack.diverged_at}")
        return (stack.step - before) * len(members)

    return train


def plain_networks(
    model: GANModelSpec, latent_dim: int, width: int
) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return the plain generator and critic of a model; `width` is that of the data."""
    if isinstance(model, MolGANSpec):
        classes, hidden = model.num_node_classes, model.generator.hidden
        slope, critic = model.generator.negative_slope, model.critic
        return (
            PlainMolGANGenerator(latent_dim, hidden, model.num_atoms, BOND_CLASSES, classes, slope),
            PlainMolGANCritic(
                BOND_CLASSES - 1, classes, critic.convolutions, critic.aggregation, critic.dense
            ),
        )
    generator, critic = model.generator, model.critic
    return (
        plain_mlp(generator.widths(latent_dim, width), generator.negative_slope),
        plain_mlp(critic.widths(width, 1), critic.negative_slope),
    )


def _plain(task: Task, members: list[StackMember]) -> Callable[[], int]:
    (member,) = members  # a plain loop trains one run
    spec, draws = task.training, _draws(member, task.training)
    networks = plain_networks(task.model, member.latent.dim, member.data.shape[1])
    optimisers = [_optimiser(spec.optimiser, network) for network in networks]
    loop: Any = plain_molgan if isinstance(task.model, MolGANSpec) else plain_wgan

    def train() -> int:
        # One at a time, so that a round of several processes ends at nearly one time.
        loop(*networks, *optimisers, [next(draws)], spec.gradient_penalty)
        return 1

    return train


def _optimiser(spec: OptimiserSpec, network: torch.nn.Module) -> torch.optim.Optimizer:
    if spec.name == "adam":
        b1, b2 = spec.betas
        return torch.optim.Adam(
            network.parameters(), lr=spec.learning_rate, betas=(b1, b2), fused=True
        )
    return torch.optim.RMSprop(network.parameters(), lr=spec.learning_rate, foreach=True)


def _draws(member: StackMember, spec: WGANSpec) -> Iterator[Any]:
    batch, num_draws, block = spec.batch_size, spec.critic_steps, 0
    while True:
        shape = _BLOCK, num_draws + 1, batch
        names, block = member.stream.child("latent", block), block + 1
        z = member.latent.sample(_BLOCK * (num_draws + 1) * batch, names).view(*shape, -1)
        rows = torch.randint(len(member.data), (_BLOCK, num_draws, batch))
        e = torch.rand(_BLOCK, num_draws, batch, 1)
        for t in range(_BLOCK):
            x = member.data[rows[t].flatten()].float().view(num_draws, batch, -1)
            yield [(x[c], z[t, c], e[t, c]) for c in range(num_draws)], z[t, -1]
