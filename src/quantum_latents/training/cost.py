"""What training a run costs, counted before it starts.

Notation: B is the batch, c critic steps a generator step. One *sweep* of a network over a batch is
2 B times its matrix entries floating-point operations; a perceptron's ends, narrow beside its
hidden layers, are counted with the latent's width.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from quantum_latents.data import ArraySpec
from quantum_latents.data.tables import file_and_key
from quantum_latents.latents import BernoulliSpec, GaussianSpec, PriorSpec
from quantum_latents.models import MolGANSpec, build_critic, build_generator
from quantum_latents.models.molgan import layers_of
from quantum_latents.training.spec import RunSpec
from quantum_latents.training.wgan import BLOCK_STEPS

__all__ = ["bytes_of", "flop_of"]

_TABLE = 64 * 2**20
"""Bytes assumed of a law that is written out, or of data whose number of rows no spec says."""


def flop_of(run: RunSpec) -> float:
    """Return the floating-point operations of a run's matrix products.

    Perceptrons: a critic step has 10 sweeps of the critic (6 for the means, 4 for the penalty) and
    1 of the generator, a generator step 5 more (2 of the critic, 3 of the generator).

    Molecules: a critic step has 12 sweeps of the critic (6 for the means, 6 for the penalty, whose
    second derivatives are not 0) and 1 of the generator, a generator step 2 and 3.
    """
    training, model = run.training, run.model
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
    of_critic, of_generator = (
        per_batch * sum(a * b for a, b in pairwise((run.latent.dim, *network.hidden, 1)))
        for network in (model.critic, model.generator)
    )
    step = training.critic_steps * (10 * of_critic + of_generator)
    return training.num_steps * (step + 2 * of_critic + 3 * of_generator)


def bytes_of(run: RunSpec) -> int:
    """Return the bytes of the arrays that a run in training holds, counted without making them.

    Weights with gradient, averages and the copies that a checkpoint makes; a block's draws; the
    activations of the largest sweep, there and back; data, bank and what is generated. A law that
    is written out, and data of unknown length, count 64 MiB each. Temporaries are not counted.
    """
    training, latent, model = run.training, run.latent, run.model
    item = training.dtype.itemsize
    data_dim = _data_dim(run)
    generator = build_generator(model, latent.dim, data_dim, stack=1, device="meta")
    critic = build_critic(model, data_dim, stack=1, device="meta")
    averages = 2 if training.optimiser.name == "adam" else 1
    kept = 1 + averages
    copies = 1 + kept + 2 * kept + (1 if training.averaging else 0)
    weights = copies * item * (generator.flat.numel() + critic.flat.numel())
    num_real = training.critic_steps * training.batch_size
    num_latent = num_real + training.batch_size
    noise = num_latent * data_dim if isinstance(model, MolGANSpec) else 0
    draws = BLOCK_STEPS * (num_real * (data_dim + 1) + num_latent * latent.dim + noise)
    wide = sum(model.generator.hidden) + data_dim
    if isinstance(model, MolGANSpec):
        of_critic = model.num_atoms * sum(
            layer.columns for layer in layers_of(model.critic, model.num_node_classes)
        )
    else:
        of_critic = sum(model.critic.hidden)
    activations = 2 * num_latent * wide + 8 * training.batch_size * of_critic
    stored = (1 + len(run.evaluation.milestones)) * run.evaluation.num_samples * data_dim
    bank = 2 * ((latent.bank_size or 0) + latent.num_held_out) * latent.dim
    laws = 0 if isinstance(latent, (GaussianSpec, BernoulliSpec, PriorSpec)) else _TABLE
    losses = 3 * 8 * training.num_steps
    numbers = item * (3 * draws + activations) + 8 * (stored + bank)
    return int(weights + numbers + laws + losses + _bytes_of_data(run, data_dim))


def _data_dim(run: RunSpec) -> int:
    """Return d_x where a spec says it; else, as in `flop_of`, the latent's width."""
    if isinstance(run.model, MolGANSpec):
        return run.model.data_dim
    for name in ("dim", "num_modes", "num_bits"):
        if isinstance(width := getattr(run.data, name, None), int):
            return width
    return run.latent.dim


def _bytes_of_data(run: RunSpec, data_dim: int) -> int:
    if isinstance(run.data, ArraySpec):
        file = Path(file_and_key(run.data.path)[0])
        return 4 * file.stat().st_size if file.exists() else _TABLE
    rows = getattr(run.data, "num_train", None)
    return _TABLE if rows is None else 2 * 4 * data_dim * rows
