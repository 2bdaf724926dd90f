"""Steps of one Wasserstein GAN with gradient penalty, compiled, on one core.

Notation, formulas and layout of a step: `quantum_latents.training.wgan`, which does the same
with torch for other devices. Here a run makes its steps by itself, its weights and
activations near the core, so its result does not depend on what else is in its stack.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from quantum_latents.models.kernels import mlp, product
from quantum_latents.models.kernels.mlp import (
    activations,
    cotangents,
    input_gradients,
    layer_rows,
    place_latents,
    tangents,
    weight_gradients,
)
from quantum_latents.simd import calls, subroutine, vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.training.kernels import optimisers
from quantum_latents.training.kernels.optimisers import update

__all__ = ["FIRST", "WGANSettings", "critic_gradient", "train_run", "write_seeds"]

FIRST = np.intp
"""Makes row 0 an ordinary integer: numba would compile every sweep again for a literal 0."""


class WGANSettings(NamedTuple):
    """The settings of a step: B, c and lambda."""

    batch_size: int
    critic_steps: int
    gradient_penalty: float


@subroutine
def critic_gradient(critic, run, batch, weight, losses):
    """Write the gradient of L_f at the 3 B points; losses (3,) too, unless it is empty."""
    num_hidden = len(critic.widths) - 2
    with_losses = len(losses) > 0
    activations(critic, run, FIRST(0), 3 * batch, num_hidden + with_losses)
    cotangents(critic, run, FIRST(0), 3 * batch, 2 * batch)
    slopes = layer_rows(critic, critic.back, 0, 2 * batch, 3 * batch)
    points = layer_rows(critic, critic.forward, 0, 2 * batch, 3 * batch)
    penalty = 0.0
    for row in range(batch):
        squares = 0.0
        for i in range(slopes.shape[1]):
            squares += slopes[row, i] * slopes[row, i]
        norm = np.sqrt(squares)
        penalty += (norm - 1) ** 2 / batch
        # The norm has no derivative at 0; like torch, take 0 there. Not a number stays one.
        pull = 0.0 if norm == 0 else 2 * weight / batch * (1 - 1 / norm)
        for i in range(slopes.shape[1]):
            points[row, i] = pull * slopes[row, i]
    if with_losses:
        scores = layer_rows(critic, critic.forward, num_hidden + 1, 0, 2 * batch)
        wasserstein = 0.0
        for row in range(batch):
            wasserstein += scores[row, 0] / batch - scores[batch + row, 0] / batch
        losses[0] = weight * penalty - wasserstein
        losses[1] = wasserstein
        losses[2] = penalty
    tangents(critic, run, 2 * batch, 3 * batch)
    weight_gradients(critic, run, FIRST(0), 3 * batch, 2 * batch)


@subroutine
def write_seeds(critic, batch):
    """Write the scores' cotangents, of real, generated and interpolated points."""
    seed = layer_rows(critic, critic.back, len(critic.widths) - 1, 0, 3 * batch)
    for row in range(batch):
        seed[row, 0], seed[batch + row, 0], seed[2 * batch + row, 0] = -1 / batch, 1 / batch, 1


def _cached(sources: str):
    """Compile the step under a key that changes with the files it is built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def train_run(
        critic, generator, critic_rule, generator_rule, settings, run, done, rates, draws, losses
    ):
        """Make len(losses) generator steps of one run.

        Args:
            critic: `Perceptron` with 3 B rows.
            generator: `Perceptron` with (c + 1) B rows.
            critic_rule: `Optimiser`.
            generator_rule: `Optimiser`.
            settings: `WGANSettings`.
            run: place of the run in the stack.
            done: generator steps made before.
            rates: (T,), learning rates.
            draws: x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z), e (T, S, c B, 1).
            losses: (T, 3) float64, written: those of `GANStack.losses`.
        """
        if not sources:  # never: the key of the compiled code
            return
        reals, latents, mixes = draws
        batch, num_critic, weight = settings
        write_seeds(critic, batch)
        points = layer_rows(critic, critic.forward, 0, 0, 3 * batch)
        num_points = (num_critic + 1) * batch
        num_maps = len(generator.widths) - 1
        fake = layer_rows(generator, generator.forward, num_maps, 0, num_points)
        last = num_critic * batch
        by_fake = layer_rows(generator, generator.back, num_maps, last, num_points)
        by_points = layer_rows(critic, critic.back, 0, 0, batch)
        for t in range(len(losses)):
            place_latents(generator, run, FIRST(0), latents[t, run])
            activations(generator, run, FIRST(0), num_points, num_maps)
            for k in range(num_critic):
                for row in range(batch):
                    at = k * batch + row
                    for i in range(points.shape[1]):
                        x, y = reals[t, run, at, i], fake[at, i]
                        points[row, i], points[batch + row, i] = x, y
                        points[2 * batch + row, i] = y + mixes[t, run, at, 0] * (x - y)
                wanted = 3 if k == num_critic - 1 else 0
                critic_gradient(critic, run, batch, weight, losses[t, :wanted])
                update(critic_rule, critic, run, (done + t) * num_critic + k + 1, rates[t])
            for row in range(batch):
                for i in range(points.shape[1]):
                    points[row, i] = fake[last + row, i]
            activations(critic, run, FIRST(0), batch, len(critic.widths) - 2)
            cotangents(critic, run, FIRST(0), batch, FIRST(0))
            for row in range(batch):
                for i in range(points.shape[1]):
                    by_fake[row, i] = by_points[row, i]
            cotangents(generator, run, last, num_points, num_points)
            weight_gradients(generator, run, last, num_points, num_points)
            input_gradients(generator, run, last, num_points, latents[t, run, last:])
            update(generator_rule, generator, run, done + t + 1, rates[t])

    return train_run


train_run = _cached(fingerprint(vectors, calls, product, mlp, optimisers))
