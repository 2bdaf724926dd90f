"""Steps of one MolGAN, compiled, on one core.

Notation, formulas and layout of a step: `quantum_latents.training.wgan`; the generator makes
logits that are relaxed to probabilities y (`quantum_latents.models.molgan.relax`), and the
critic's sweeps are those of `quantum_latents.models.kernels.relational`. The penalty's norm is one
a molecule, over the full tensors A (R, n, n), without its diagonal, and X (n, F).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from quantum_latents.models.kernels import elementwise, mlp, product, relational
from quantum_latents.models.kernels.elementwise import exp
from quantum_latents.models.kernels.mlp import (
    Perceptron,
    activations,
    cotangents,
    layer_rows,
    parameters_of,
)
from quantum_latents.models.kernels.mlp import weight_gradients as mlp_weight_gradients
from quantum_latents.models.kernels.relational import (
    RelationalCritic,
    adjoints,
    input_gradients,
    place_molecules,
    second_adjoints,
    tangents,
    values,
    weight_gradients,
)
from quantum_latents.molecules import BOND_CLASSES
from quantum_latents.simd import vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.training.kernels import optimisers
from quantum_latents.training.kernels.optimisers import Optimiser, update

__all__ = ["MolGANSettings", "Molecules", "train_run"]

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
        real, mixed: (B, K P + F n), of one critic step.
        by_seen: (B, K P + F n), gradient of the generator's loss.
    """

    soft: np.ndarray
    seen: np.ndarray
    real: np.ndarray
    mixed: np.ndarray
    by_seen: np.ndarray


@numba.njit(error_model="numpy")
def _num_atoms(width, num_nodes):
    """Return n, from K n (n - 1) / 2 + F n numbers."""
    n = 1
    while BOND_CLASSES * (n * (n - 1) // 2) + num_nodes * n < width:
        n += 1
    return n


@numba.njit(error_model="numpy")
def _relax(memory, logits, noise, settings, num_nodes):
    """Write what `relax` defines, of every row; `noise` has no rows where there is none."""
    soft, seen, width = memory.soft, memory.seen, logits.shape[1]
    cut, is_hard = width - num_nodes * _num_atoms(width, num_nodes), settings.is_hard
    per_temperature = soft.dtype.type(1 / settings.temperature)
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


@numba.njit(error_model="numpy")
def _relax_cotangents(by_logits, by_seen, soft, settings, num_nodes):
    """Write the cotangents of the logits, y (v - y . v) / temperature in each group."""
    width = soft.shape[1]
    cut = width - num_nodes * _num_atoms(width, num_nodes)
    per_temperature = soft.dtype.type(1 / settings.temperature)
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


@numba.njit(error_model="numpy")
def _squares(x):
    total = 0.0
    for value in x.flat:
        total += value * value
    return total


@numba.njit(error_model="numpy")
def _scale(target, factor, source):
    """Write factor source; both are contiguous."""
    a, b = target.reshape(target.size), source.reshape(source.size)
    for i in range(len(a)):
        a[i] = factor * b[i]


@numba.njit(error_model="numpy")
def _directions(critic, count, batch, weight):
    """Write the tangent sweep's start from the slopes; return the penalty's share of the mean."""
    n = critic.adjacency.shape[2]
    nodes_at = critic.input_at[0] + 3 * count * n * critic.num_nodes
    size = n * critic.num_nodes
    penalty = 0.0
    for b in range(count):
        slopes, node_slopes = critic.slopes[b], critic.node_slopes[b]
        norm = np.sqrt(_squares(slopes) + _squares(node_slopes))
        penalty += (norm - 1) ** 2 / batch
        # The norm has no derivative at 0; like torch, take 0 there. Not a number stays one.
        pull = 0.0 if norm == 0 else 2 * weight / batch * (1 - 1 / norm)
        _scale(critic.adjacency[3 * count + b], pull, slopes)
        nodes = critic.values[nodes_at + b * size : nodes_at + (b + 1) * size]
        _scale(nodes, pull, node_slopes)
    return penalty


@numba.njit(error_model="numpy")
def _sweep_molecules(critic, memory, run, first, seeds, weight, for_generator, losses):
    """Make all sweeps over a batch, a few molecules at a time.

    Args:
        critic: `RelationalCritic`.
        memory: `Molecules`.
        run: place of the run in the stack.
        first: row of `memory.seen` where the generated molecules start.
        seeds: of the slots.
        weight: lambda.
        for_generator: write only the gradient by the generated molecules.
        losses: (3,), added to.
    """
    batch = len(memory.real)
    fake = memory.seen[first : first + batch]
    for start in range(0, batch, critic.capacity):
        count = min(critic.capacity, batch - start)
        of_mixed = fake if for_generator else memory.mixed
        place_molecules(critic, of_mixed, start, count, _FIRST(0))
        if not for_generator:
            place_molecules(critic, memory.real, start, count, _FIRST(1))
            place_molecules(critic, fake, start, count, _FIRST(2))
        values(critic, run, count, _FIRST(0), count if for_generator else 3 * count)
        adjoints(critic, run, count, 3 * count if for_generator else count, seeds)
        if for_generator:
            input_gradients(critic, start, count, memory.by_seen)
            continue
        penalty = _directions(critic, count, batch, weight)
        scores = critic.values[critic.output_at[len(critic.kinds) - 1] + count :]
        wasserstein = 0.0
        for b in range(count):
            wasserstein += scores[b] / batch - scores[count + b] / batch
        losses[0] += weight * penalty - wasserstein
        losses[1] += wasserstein
        losses[2] += penalty
        tangents(critic, run, count)
        second_adjoints(critic, run, count)
        weight_gradients(critic, run, count, seeds)


def _compiled(sources: str):
    """Compile a step's parts under a key that changes with the files they are built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def generate(generator, memory, settings, run, latents, noise, num_node_classes):
        """Write what the critic sees of the step's molecules to `memory`."""
        num_points, num_maps = len(latents), len(generator.widths) - 1
        z = layer_rows(generator, generator.forward, 0, 0, num_points)
        for row in range(num_points):
            for i in range(z.shape[1]):
                z[row, i] = latents[row, i]
        activations(generator, run, _FIRST(0), num_points, num_maps)
        logits = layer_rows(generator, generator.forward, num_maps, 0, num_points)
        if sources:
            _relax(memory, logits, noise, settings, num_node_classes)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def sweep(
        critic, memory, settings, run, first, real, mix, for_generator, rule, count, rate, losses
    ):
        """Make critic step number `count`, or write the gradient by the generated molecules."""
        batch = settings.batch_size
        seeds = np.zeros(4, dtype=critic.flat.dtype)
        if for_generator:
            seeds[3] = -1 / batch
        else:
            seeds[1], seeds[2], seeds[3] = -1 / batch, 1 / batch, 1
            for row in range(batch):
                for i in range(memory.real.shape[1]):
                    y = memory.seen[first + row, i]
                    x = memory.real.dtype.type(real[row, i])
                    memory.real[row, i] = x
                    memory.mixed[row, i] = y + mix[row, 0] * (x - y)
            for layer in range(len(critic.kinds)):
                for kind in range(2):
                    g = parameters_of(critic, critic.gradient, run, layer, kind)
                    for i in range(len(g)):
                        g[i] = 0
        weight = settings.gradient_penalty
        _sweep_molecules(critic, memory, run, first, seeds, weight, for_generator, losses)
        if sources and not for_generator:
            update(rule, critic, run, count, rate)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def learn(generator, memory, settings, run, num_node_classes, rule, count, rate):
        """Make generator step number `count` from the gradient in `memory`."""
        num_points, num_maps = len(memory.soft), len(generator.widths) - 1
        last = num_points - settings.batch_size
        by_logits = layer_rows(generator, generator.back, num_maps, last, num_points)
        soft = memory.soft[last:]
        _relax_cotangents(by_logits, memory.by_seen, soft, settings, num_node_classes)
        cotangents(generator, run, last, num_points, num_points)
        mlp_weight_gradients(generator, run, last, num_points, num_points)
        if sources:
            update(rule, generator, run, count, rate)

    return generate, sweep, learn


_generate, _sweep, _learn = _compiled(
    fingerprint(vectors, product, mlp, elementwise, relational, optimisers)
)


def train_run(
    critic: RelationalCritic,
    generator: Perceptron,
    memory: Molecules,
    critic_rule: Optimiser,
    generator_rule: Optimiser,
    settings: MolGANSettings,
    run: int,
    done: int,
    rates: np.ndarray,
    draws: tuple[np.ndarray, ...],
    losses: np.ndarray,
) -> None:
    """Make len(losses) generator steps of one run.

    A step takes a tenth of a second, so its parts are compiled by themselves, which takes half
    the time, and called from here; they let other threads run.

    Args:
        critic: of one thread, like the next two.
        generator: with (c + 1) B rows.
        memory: see `Molecules`.
        critic_rule: the critic's optimiser and its state.
        generator_rule: the generator's.
        settings: of a step.
        run: place of the run in the stack.
        done: generator steps made before.
        rates: (T,), learning rates.
        draws: x (T, S, c B, d_x) uint8, z (T, S, (c + 1) B, d_z), e (T, S, c B, 1) and Gumbel
            noise (T, S, (c + 1) B, d_x), or (T, S, 0, d_x) without.
        losses: (T, 3) float64, written: those of `GANStack.losses`.
    """
    batch, num_critic = settings.batch_size, settings.critic_steps
    num_nodes, nothing = critic.num_nodes, np.zeros(3)
    for t in range(len(losses)):
        real, z, mix, noise = (draw[t, run] for draw in draws)
        _generate(generator, memory, settings, run, z, noise, num_nodes)
        for k in range(num_critic):
            rows = slice(k * batch, (k + 1) * batch)
            count = (done + t) * num_critic + k + 1
            step_losses = np.zeros(3)
            _sweep(
                critic, memory, settings, run, rows.start, real[rows], mix[rows], False,
                critic_rule, count, rates[t], step_losses,
            )  # fmt: skip
            losses[t] = step_losses
        _sweep(
            critic, memory, settings, run, num_critic * batch, real[:batch], mix[:batch], True,
            critic_rule, done + t + 1, rates[t], nothing,
        )  # fmt: skip
        _learn(generator, memory, settings, run, num_nodes, generator_rule, done + t + 1, rates[t])
