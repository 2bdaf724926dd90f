"""Steps of one GAN of graphs whose critic is a perceptron, compiled, on one core.

Notation, formulas and layout of a step: `quantum_latents.training.wgan`. It is the step of
`quantum_latents.training.kernels.wgan`, but for the relaxation between generator and critic.
"""

from __future__ import annotations

import numba

from quantum_latents.models.kernels import elementwise, mlp, product
from quantum_latents.models.kernels.mlp import (
    activations,
    cotangents,
    input_gradients,
    layer_rows,
    place_latents,
    weight_gradients,
)
from quantum_latents.simd import calls, vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.training.kernels import optimisers, relaxation, wgan
from quantum_latents.training.kernels.optimisers import update
from quantum_latents.training.kernels.relaxation import relax, relax_cotangents
from quantum_latents.training.kernels.wgan import FIRST, critic_gradient, write_seeds

__all__ = ["train_run"]


def _cached(sources: str):
    """Compile the step under a key that changes with the files it is built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def train_run(
        critic, generator, memory, critic_rule, generator_rule, settings, num_nodes, run, done,
        rates, draws, losses,
    ):  # fmt: skip
        """Make len(losses) generator steps of one run.

        Args:
            critic: `Perceptron` with 3 B rows.
            generator: `Perceptron` with (c + 1) B rows.
            memory: `Molecules`, of which only `soft` and `seen` are used.
            critic_rule: `Optimiser`.
            generator_rule: `Optimiser`.
            settings: `GraphSettings`.
            num_nodes: F.
            run: place of the run in the stack.
            done: generator steps made before.
            rates: (T,), learning rates.
            draws: x (T, S, c B, d_x) uint8, z (T, S, (c + 1) B, d_z), e (T, S, c B, 1) and
                Gumbel noise (T, S, (c + 1) B, d_x), or (T, S, 0, d_x) without.
            losses: (T, 3) float64, written: those of `GANStack.losses`.
        """
        if not sources:  # never: the key of the compiled code
            return
        reals, latents, mixes, noises = draws
        batch, num_critic = settings.batch_size, settings.critic_steps
        write_seeds(critic, batch)
        points = layer_rows(critic, critic.forward, 0, 0, 3 * batch)
        num_points = (num_critic + 1) * batch
        num_maps = len(generator.widths) - 1
        logits = layer_rows(generator, generator.forward, num_maps, 0, num_points)
        last = num_critic * batch
        by_logits = layer_rows(generator, generator.back, num_maps, last, num_points)
        by_points = layer_rows(critic, critic.back, 0, 0, batch)
        for t in range(len(losses)):
            place_latents(generator, run, FIRST(0), latents[t, run])
            activations(generator, run, FIRST(0), num_points, num_maps)
            relax(memory, FIRST(0), logits, noises[t, run], settings, num_nodes)
            for k in range(num_critic):
                for row in range(batch):
                    at = k * batch + row
                    for i in range(points.shape[1]):
                        x, y = points.dtype.type(reals[t, run, at, i]), memory.seen[at, i]
                        points[row, i], points[batch + row, i] = x, y
                        points[2 * batch + row, i] = y + mixes[t, run, at, 0] * (x - y)
                wanted = 3 if k == num_critic - 1 else 0
                weight = settings.gradient_penalty
                critic_gradient(critic, run, batch, weight, losses[t, :wanted])
                update(critic_rule, critic, run, (done + t) * num_critic + k + 1, rates[t])
            for row in range(batch):
                for i in range(points.shape[1]):
                    points[row, i] = memory.seen[last + row, i]
            activations(critic, run, FIRST(0), batch, len(critic.widths) - 2)
            cotangents(critic, run, FIRST(0), batch, FIRST(0))
            relax_cotangents(by_logits, by_points, memory.soft[last:], settings, num_nodes)
            cotangents(generator, run, last, num_points, num_points)
            weight_gradients(generator, run, last, num_points, num_points)
            input_gradients(generator, run, last, num_points, latents[t, run, last:])
            update(generator_rule, generator, run, done + t + 1, rates[t])

    return train_run


train_run = _cached(
    fingerprint(vectors, calls, product, mlp, elementwise, optimisers, relaxation, wgan)
)
