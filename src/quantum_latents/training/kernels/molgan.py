"""Steps of one MolGAN, compiled, on one core.

Notation, formulas and layout of a step: `quantum_latents.training.wgan`; the generator makes
logits that are relaxed to probabilities y (`quantum_latents.models.molgan.relax`), and the critic's
sweeps are those of `quantum_latents.models.kernels.relational`. The penalty's norm is one a molecule,
over the full tensors A (R, n, n) and X (n, F).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from quantum_latents.models.kernels import elementwise, mlp, product, relational
from quantum_latents.models.kernels.elementwise import exp
from quantum_latents.models.kernels.mlp import (
    activations,
    cotangents,
    layer_rows,
)
from quantum_latents.models.kernels.mlp import weight_gradients as mlp_weight_gradients
from quantum_latents.models.kernels.relational import (
    adjoints,
    input_gradients,
    place_molecules,
    second_adjoints,
    tangents,
    values,
    weight_gradients,
)
from quantum_latents.models.molgan import BOND_CLASSES
from quantum_latents.simd import vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.training.kernels import optimisers
from quantum_latents.training.kernels.optimisers import update

__all__ = ["MolGANSettings", "train_run"]

_FIRST = np.intp


class MolGANSettings(NamedTuple):
    """The settings of a step.

    Attributes:
        batch_size, critic_steps, gradient_penalty: B, c and lambda.
        temperature: of the relaxation.
        is_hard: whether the critic sees one-hot rows (straight-through).
    """

    batch_size: int
    critic_steps: int
    gradient_penalty: float
    temperature: float
    is_hard: bool


class Molecules(NamedTuple):
    """Memory of one thread.

    Attributes:
        soft: ((c + 1) B, K P + F n), relaxed probabilities.
        seen: the same, what the critic sees; `soft` itself unless it is hard.
        mixed: (B, K P + F n).
        by_seen: (B, K P + F n), gradient of the generator's loss.
    """

    soft: np.ndarray
    seen: np.ndarray
    mixed: np.ndarray
    by_seen: np.ndarray


@numba.njit(error_model="numpy", fastmath={"contract"})
def _relax(soft, seen, logits, noise, cut, num_nodes, per_temperature, is_hard):
    """Write what `relax` defines, of every row; `noise` has no rows where there is none."""
    width = logits.shape[1]
    for row in range(logits.shape[0]):
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            best = start
            for i in range(start, stop):
                score = logits[row, i]
                if len(noise):
                    score += noise[row, i]
                soft[row, i] = score * per_temperature
                if soft[row, i] > soft[row, best]:
                    best = i
            top = soft[row, best]
            for i in range(start, stop):
                soft[row, i] -= top
            start = stop
        for i in range(width):
            soft[row, i] = exp(soft[row, i])
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            total = soft[row, start]
            for i in range(start + 1, stop):
                total += soft[row, i]
            best = start
            for i in range(start, stop):
                soft[row, i] /= total
                if soft[row, i] > soft[row, best]:
                    best = i
            if is_hard:
                for i in range(start, stop):
                    seen[row, i] = i == best
            start = stop


@numba.njit(error_model="numpy", fastmath={"contract"})
def _relax_cotangents(by_logits, by_seen, soft, cut, num_nodes, per_temperature):
    """Write the cotangents of the logits, y (v - y . v) / temperature in each group."""
    width = soft.shape[1]
    for row in range(soft.shape[0]):
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            mean = soft[row, start] * by_seen[row, start]
            for i in range(start + 1, stop):
                mean += soft[row, i] * by_seen[row, i]
            for i in range(start, stop):
                y, v = soft[row, i], by_seen[row, i]
                by_logits[row, i] = y * (v - mean) * per_temperature
            start = stop


@numba.njit(error_model="numpy", fastmath={"contract"})
def _critic_gradient(critic, run, real, fake, mixed, seeds, weight, losses):
    """Write the gradient of L_f; add to losses (3,), unless it is empty."""
    batch, n = len(real), critic.adjacency.shape[2]
    for layer in range(len(critic.kinds)):
        for kind in range(2):
            start, size = critic.blocks[layer, kind]
            critic.gradient[start + run * size : start + (run + 1) * size] = 0
    score = len(critic.kinds) - 1
    for start in range(0, batch, critic.capacity):
        count = min(critic.capacity, batch - start)
        place_molecules(critic, mixed, start, count, _FIRST(0))
        place_molecules(critic, real, start, count, _FIRST(1))
        place_molecules(critic, fake, start, count, _FIRST(2))
        values(critic, run, count, _FIRST(0), 3 * count)
        adjoints(critic, run, count, count, seeds)
        nodes_at = critic.input_at[0] + 3 * count * n * critic.num_nodes
        size = count * n * critic.num_nodes
        nodes = critic.values[nodes_at : nodes_at + size].reshape(critic.node_slopes[:count].shape)
        penalty = 0.0
        for b in range(count):
            slopes, node_slopes = critic.slopes[b], critic.node_slopes[b]
            squares = (slopes * slopes).sum() + (node_slopes * node_slopes).sum()
            norm = np.sqrt(squares)
            penalty += (norm - 1) ** 2 / batch
            # The norm has no derivative at 0; like torch, take 0 there. Not a number stays one.
            pull = 0.0 if norm == 0 else 2 * weight / batch * (1 - 1 / norm)
            scale = slopes.dtype.type(pull)
            critic.adjacency[3 * count + b] = scale * slopes
            nodes[b] = scale * node_slopes
        if len(losses):
            at = critic.output_at[score]
            scores = critic.values[at : at + 3 * count]
            wasserstein = (scores[count : 2 * count].sum() - scores[2 * count :].sum()) / batch
            losses[0] += weight * penalty - wasserstein
            losses[1] += wasserstein
            losses[2] += penalty
        tangents(critic, run, count)
        second_adjoints(critic, run, count)
        weight_gradients(critic, run, count, seeds)


@numba.njit(error_model="numpy", fastmath={"contract"})
def _generator_gradient(critic, run, fake, by_fake, seeds):
    """Write the gradient of L_g by the generated molecules."""
    for start in range(0, len(fake), critic.capacity):
        count = min(critic.capacity, len(fake) - start)
        place_molecules(critic, fake, start, count, _FIRST(0))
        values(critic, run, count, _FIRST(0), count)
        adjoints(critic, run, count, 3 * count, seeds)
        input_gradients(critic, start, count, by_fake)


@numba.njit(error_model="numpy", fastmath={"contract"})
def _train_run(
    critic, generator, memory, critic_rule, generator_rule, settings, run, done, draws, losses
):
    reals, latents, mixes, noises = draws
    batch, num_critic, weight, temperature, is_hard = settings
    dtype = generator.flat.dtype.type
    per_temperature, cut = dtype(1 / temperature), BOND_CLASSES * len(critic.pairs)
    seeds, down = np.empty(4, generator.flat.dtype), np.zeros(4, generator.flat.dtype)
    seeds[0], seeds[1], seeds[2], seeds[3] = 0, -1 / batch, 1 / batch, 1
    down[3] = -1 / batch
    num_points, num_maps = (num_critic + 1) * batch, len(generator.widths) - 1
    z = layer_rows(generator, generator.forward, 0, 0, num_points)
    logits = layer_rows(generator, generator.forward, num_maps, 0, num_points)
    last = num_critic * batch
    by_logits = layer_rows(generator, generator.back, num_maps, last, num_points)
    width = logits.shape[1]
    for t in range(len(losses)):
        for row in range(num_points):
            for i in range(z.shape[1]):
                z[row, i] = latents[t, run, row, i]
        activations(generator, run, _FIRST(0), num_points, num_maps)
        noise = noises[t, run]
        _relax(
            memory.soft, memory.seen, logits, noise, cut, critic.num_nodes, per_temperature, is_hard
        )
        losses[t] = 0
        for k in range(num_critic):
            real, fake = reals[t, run, k * batch : (k + 1) * batch], memory.seen[k * batch : (k + 1) * batch]
            for row in range(batch):
                mix = mixes[t, run, k * batch + row, 0]
                for i in range(width):
                    y = fake[row, i]
                    memory.mixed[row, i] = y + mix * (real[row, i] - y)
            wanted = 3 if k == num_critic - 1 else 0
            _critic_gradient(
                critic, run, real, fake, memory.mixed, seeds, weight, losses[t, :wanted]
            )
            update(critic_rule, critic, run, (done + t) * num_critic + k + 1)
        _generator_gradient(critic, run, memory.seen[last:], memory.by_seen, down)
        soft = memory.soft[last:]
        _relax_cotangents(by_logits, memory.by_seen, soft, cut, critic.num_nodes, per_temperature)
        cotangents(generator, run, last, num_points, num_points)
        mlp_weight_gradients(generator, run, last, num_points, num_points)
        update(generator_rule, generator, run, done + t + 1)


def _cached(sources: str):
    """Compile the step under a key that changes with the files it is built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def train_run(
        critic, generator, memory, critic_rule, generator_rule, settings, run, done, draws, losses
    ):
        """Make len(losses) generator steps of one run.

        Args:
            critic: `RelationalCritic`.
            generator: `Perceptron` with (c + 1) B rows.
            memory: `Molecules`.
            critic_rule: `Optimiser`.
            generator_rule: `Optimiser`.
            settings: `MolGANSettings`.
            run: place of the run in the stack.
            done: generator steps made before.
            draws: x (T, S, c B, d_x) uint8, z (T, S, (c + 1) B, d_z), e (T, S, c B, 1) and Gumbel
                noise (T, S, (c + 1) B, d_x), or (T, S, 0, d_x) without.
            losses: (T, 3) float64, written: those of `GANStack.losses`.
        """
        if sources:
            _train_run(
                critic,
                generator,
                memory,
                critic_rule,
                generator_rule,
                settings,
                run,
                done,
                draws,
                losses,
            )

    return train_run


train_run = _cached(fingerprint(vectors, product, mlp, elementwise, relational, optimisers))
