"""What training a run costs, counted before it starts.

Notation: B is the batch, c critic steps a generator step. One *sweep* of a network over a batch is
2 B times its matrix entries floating-point operations; a perceptron's ends, narrow beside its
hidden layers, are counted with the latent's width, but for graphs.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from quantum_latents.data import ArraySpec, EncodedSpec
from quantum_latents.data.tables import file_and_key
from quantum_latents.data.width import width_of
from quantum_latents.models import (
    DDGANSpec,
    FlowSpec,
    GraphGANSpec,
    GraphModelSpec,
    MolGANSpec,
    TimeCritic,
    UNet,
    build_critic,
    build_generator,
)
from quantum_latents.models.molgan import layers_of
from quantum_latents.training.denoising_settings import DenoisingSpec
from quantum_latents.training.settings import WGANSpec
from quantum_latents.training.spec import RunSpec
from quantum_latents.training.wgan import BLOCK_STEPS

__all__ = ["bytes_of", "flop_of"]

_TABLE = 64 * 2**20
"""Bytes assumed of a law that is written out, or of data whose number of rows no spec says."""


def flop_of(run: RunSpec) -> float:
    """Return the floating-point operations of a run's matrix products.

    Perceptrons: a critic step has 10 sweeps of the critic (6 for the means, 4 for the penalty) and
    1 of the generator, a generator step 5 more (2 of the critic, 3 of the generator).

    A relational critic: a critic step has 12 sweeps of it (6 for the means, 6 for the penalty,
    whose second derivatives are not 0) and 1 of the generator, a generator step 2 and 3.

    Flows: a step has 3 sweeps of the velocity; generating, which is counted once, one for every
    evaluation of a solver of equal steps. Optimal transport is no matrix product.

    Denoising diffusion GANs, whose convolutions torch counts: a critic step has 6 sweeps of the
    critic, 6 more where it takes a penalty, and 1 of the generator; a generator step 2 and 3;
    generating, counted once, one of the generator for every step of the diffusion.
    """
    training, model = run.training, run.model
    if isinstance(model, FlowSpec):
        return _of_flow(run, model)
    if isinstance(model, DDGANSpec):
        return _of_denoising(run, model)
    assert isinstance(training, WGANSpec)
    per_batch = 2.0 * training.batch_size
    if isinstance(model, MolGANSpec):
        critic = 0.0
        for layer in layers_of(model.critic, model.num_node_classes):
            entries = layer.rows * layer.columns
            critic += entries * (1 if layer.kind == "dense" else model.num_atoms)
        z, widths = run.latent.dim, (run.latent.dim, *model.generator.hidden, model.data_dim)
        generator = sum(a * b for a, b in pairwise(widths)) + z * sum(widths[2:-1])
        of_critic, of_generator = per_batch * critic, per_batch * generator
        step = training.critic_steps * (12 * of_critic + of_generator)
        return training.num_steps * (step + 2 * of_critic + 3 * of_generator)
    ends = run.latent.dim, 1
    if isinstance(model, GraphGANSpec):  # far wider than z
        ends = model.data_dim, model.data_dim
    of_critic, of_generator = (
        per_batch * sum(a * b for a, b in pairwise((first, *network.hidden, last)))
        for first, network, last in (
            (ends[0], model.critic, 1),
            (run.latent.dim, model.generator, ends[1]),
        )
    )
    step = training.critic_steps * (10 * of_critic + of_generator)
    return training.num_steps * (step + 2 * of_critic + 3 * of_generator)


def _of_flow(run: RunSpec, model: FlowSpec) -> float:
    per_row = 2.0 * _entries(run, model)
    trained = 3 * run.training.num_steps * run.training.batch_size
    generated = model.solver.num_evaluations * run.evaluation.num_samples
    return per_row * (trained + generated)


def _of_denoising(run: RunSpec, model: DDGANSpec) -> float:
    training = run.training
    assert isinstance(training, DenoisingSpec)
    generator, critic = _passes_of(model, run.latent.dim)
    penalties = 6 / training.penalty_every if training.gradient_penalty else 0.0
    step = (8 + penalties) * critic.flop + 4 * generator.flop
    trained = training.num_steps * training.batch_size * step
    return trained + run.num_held_out_latents * generator.flop


class _Pass(NamedTuple):
    """One image through a network: operations, numbers that its layers give, and weights."""

    flop: float
    activations: int
    weights: int


@cache
def _passes_of(model: DDGANSpec, latent_dim: int) -> tuple[_Pass, _Pass]:
    """Return one image's pass of generator and of critic, counted without computing it."""
    number = model.critic.group
    with torch.device("meta"):
        generator = UNet(model.generator, model.shape, latent_dim)
        critic = TimeCritic(model.critic, model.shape)
        x, t = torch.empty(number, *model.shape), torch.empty(number, dtype=torch.long)
        z = torch.empty(number, latent_dim)
    return _pass_of(generator, number, x, t, z), _pass_of(critic, number, x, x, t)


def _pass_of(network: nn.Module, number: int, *inputs: torch.Tensor) -> _Pass:
    outputs = 0

    def count(module: nn.Module, given: object, output: torch.Tensor) -> None:
        nonlocal outputs
        outputs += output.numel()

    for module in network.modules():
        module.register_forward_hook(count)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    weights = sum(parameter.numel() for parameter in network.parameters())
    return _Pass(counter.get_total_flops() / number, outputs // number, weights)


def _widths(run: RunSpec, model: FlowSpec) -> tuple[int, ...]:
    """Return the widths of a velocity's layers, from input to output."""
    dim = max(run.latent.dim, width_of(run.data))
    return dim + 1 + 2 * model.velocity.num_frequencies, *model.velocity.hidden, dim


def _entries(run: RunSpec, model: FlowSpec) -> int:
    return sum(a * b for a, b in pairwise(_widths(run, model)))


def bytes_of(run: RunSpec) -> int:
    """Return the bytes of the arrays that a run in training holds, counted without making them.

    Weights with gradient, averages and the copies that a checkpoint makes; a block's draws; the
    activations of the largest sweep, there and back; data, bank and what is generated. A law that
    is written out, and data of unknown length, count 64 MiB each. Temporaries are not counted.
    """
    training, latent = run.training, run.latent
    held = _held_in_training(run)
    data_dim = _data_dim(run)
    averages = 2 if training.optimiser.name == "adam" else 1
    kept = 1 + averages
    copies = 1 + kept + 2 * kept + (1 if training.averaging else 0)
    item = training.dtype.itemsize
    weights = copies * item * held.weights
    stored = (1 + len(run.evaluation.milestones)) * run.evaluation.num_samples * data_dim
    bank = 2 * ((latent.bank_size or 0) + latent.num_held_out) * latent.dim
    laws = _TABLE if latent.is_written_out else 0
    losses = held.num_losses * 8 * training.num_steps
    numbers = item * (3 * held.draws + held.activations) + 8 * (stored + bank)
    return int(weights + numbers + laws + losses + _bytes_of_data(run, data_dim))


class _Held(NamedTuple):
    """Numbers that a kind of training holds of one run."""

    weights: int
    draws: int
    activations: int
    num_losses: int


def _held_in_training(run: RunSpec) -> _Held:
    if isinstance(run.model, DDGANSpec):
        return _of_denoising_in_training(run, run.model)
    if isinstance(run.model, FlowSpec):
        return _of_flow_in_training(run)
    return _of_gan_in_training(run)


def _of_denoising_in_training(run: RunSpec, model: DDGANSpec) -> _Held:
    size = run.training.batch_size
    generator, critic = _passes_of(model, run.latent.dim)
    draws = 2 * BLOCK_STEPS * size * run.latent.dim + 10 * size * model.data_dim
    # A penalty keeps the critic's pass three times over; generating, a pass of many images once.
    trained = 2 * size * (generator.activations + 4 * critic.activations)
    generated = min(run.evaluation.num_samples, 1024) * generator.activations
    return _Held(generator.weights + critic.weights, draws, max(trained, generated), 3)


def _of_gan_in_training(run: RunSpec) -> _Held:
    training, latent, model = run.training, run.latent, run.model
    assert isinstance(training, WGANSpec)
    assert not isinstance(model, (FlowSpec, DDGANSpec))
    data_dim = _data_dim(run)
    generator = build_generator(model, latent.dim, data_dim, stack=1, device="meta")
    critic = build_critic(model, data_dim, stack=1, device="meta")
    num_real = training.critic_steps * training.batch_size
    num_latent = num_real + training.batch_size
    noise = num_latent * data_dim if isinstance(model, GraphModelSpec) else 0
    draws = BLOCK_STEPS * (num_real * (data_dim + 1) + num_latent * latent.dim + noise)
    wide = sum(model.generator.hidden) + data_dim
    if isinstance(model, MolGANSpec):
        of_critic = model.num_atoms * sum(
            layer.columns for layer in layers_of(model.critic, model.num_node_classes)
        )
    else:
        of_critic = sum(model.critic.hidden)
    activations = 2 * num_latent * wide + 8 * training.batch_size * of_critic
    return _Held(generator.flat.numel() + critic.flat.numel(), draws, activations, 3)


def _of_flow_in_training(run: RunSpec) -> _Held:
    model, size = run.model, run.training.batch_size
    assert isinstance(model, FlowSpec)
    _, *wide = widths = _widths(run, model)
    weights = _entries(run, model) + sum(wide)
    draws = BLOCK_STEPS * size * (3 * widths[-1] + 1)
    # A solver moves all latents at once; dopri5 keeps seven slopes.
    solved = run.evaluation.num_samples * (8 * widths[-1] + sum(wide))
    return _Held(weights, draws, max(2 * size * sum(wide), solved), 1)


def _data_dim(run: RunSpec) -> int:
    return run.model.data_dim if isinstance(run.model, GraphModelSpec) else width_of(run.data)


def _bytes_of_data(run: RunSpec, data_dim: int) -> int:
    data = run.data.data if isinstance(run.data, EncodedSpec) else run.data
    if isinstance(data, ArraySpec):
        file = Path(file_and_key(data.path)[0])
        return 4 * file.stat().st_size if file.exists() else _TABLE
    rows = getattr(data, "num_train", None)
    return _TABLE if rows is None else 2 * 4 * data_dim * rows
