"""Steps of one MolGAN, compiled, on one core or on several.

Notation, formulas and layout of a step: `quantum_latents.training.wgan`; the generator makes
logits that are relaxed to probabilities y (`quantum_latents.models.molgan.relax`), and the
critic's sweeps are those of `quantum_latents.models.kernels.relational`. The penalty's norm is one
a molecule, over the full tensors A (R, n, n), without its diagonal, and X (n, F).

A batch is cut into shares (`shares_of`), by its size alone. Each has a gradient of its own, and
these are summed in their order, so that the threads of a `Team` that work on shares at once
change no bit of a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import numba
import numpy as np

from quantum_latents.models.kernels import elementwise, mlp, product, relational
from quantum_latents.models.kernels.mlp import (
    activations,
    cotangents,
    layer_gradients,
    layer_rows,
    parameters_of,
    perceptron,
    place_latents,
)
from quantum_latents.models.kernels.mlp import input_gradients as scale_gradients
from quantum_latents.models.kernels.relational import (
    SLOT_MOLECULES,
    adjoints,
    input_gradients,
    place_molecules,
    relational_critic,
    second_adjoints,
    tangents,
    values,
    weight_gradients,
)
from quantum_latents.models.molgan import StackedRelationalCritic
from quantum_latents.models.nn import StackedMLP
from quantum_latents.molecules import BOND_CLASSES
from quantum_latents.simd import calls, subroutine, vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.training.kernels import optimisers, relaxation
from quantum_latents.training.kernels.optimisers import Optimiser, update, update_layer
from quantum_latents.training.kernels.relaxation import (
    GraphSettings,
    Molecules,
    relax,
    relax_cotangents,
)

__all__ = ["MOST_SHARES", "Team", "shares_of"]

MOST_SHARES = 4
"""Of a batch; part of every result, because a sum depends on its order."""

_FIRST = np.intp


@subroutine
def _squares(x):
    total = 0.0
    for value in x.flat:
        total += value * value
    return total


@subroutine
def _scale(target, factor, source):
    """Write factor source; both are contiguous."""
    a, b = target.reshape(target.size), source.reshape(source.size)
    for i in range(len(a)):
        a[i] = factor * b[i]


@subroutine
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
        tangent, turned = critic.adjacency[3 * count + b], critic.turned[b]
        _scale(tangent, pull, slopes)
        for i in range(n):
            for r in range(BOND_CLASSES):
                for j in range(n):
                    turned[BOND_CLASSES * j + r, i] = tangent[BOND_CLASSES * i + r, j]
        nodes = critic.values[nodes_at + b * size : nodes_at + (b + 1) * size]
        _scale(nodes, pull, node_slopes)
    return penalty


def _compiled(sources: str):
    """Compile a step's parts under a key that changes with the files they are built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def generate(generator, memory, settings, run, start, stop, latents, noise, num_node_classes):
        """Write what the critic sees of the step's molecules [start, stop) to `memory`."""
        num_maps = len(generator.widths) - 1
        place_latents(generator, run, start, latents[start:stop])
        activations(generator, run, start, stop, num_maps)
        logits = layer_rows(generator, generator.forward, num_maps, start, stop)
        if sources:
            relax(memory, start, logits, noise, settings, num_node_classes)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def sweep(
        critic, memory, settings, run, first, start, stop, real, mix, for_generator, losses
    ):  # fmt: skip
        """Write a share's gradient by the parameters, or by its generated molecules.

        It makes all sweeps over the molecules [start, stop) of a batch, a few at a time.

        Args:
            critic: `RelationalCritic`.
            memory: `Molecules`.
            settings: `MolGANSettings`.
            run: place of the run in the stack.
            first: row of `memory.seen` where the batch's generated molecules start.
            start: first molecule of the share.
            stop: behind its last.
            real: of the batch.
            mix: of the batch.
            for_generator: write only the gradient by the generated molecules.
            losses: (3,), added to.
        """
        if not sources:  # never: the key of the compiled code
            return
        batch = settings.batch_size
        seeds = np.zeros(4, dtype=critic.flat.dtype)
        if for_generator:
            seeds[3] = -1 / batch
        else:
            seeds[1], seeds[2], seeds[3] = -1 / batch, 1 / batch, 1
            for row in range(start, stop):
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
        fake = memory.seen[first : first + batch]
        for begin in range(start, stop, critic.capacity):
            count = min(critic.capacity, stop - begin)
            of_mixed = fake if for_generator else memory.mixed
            place_molecules(critic, of_mixed, begin, count, _FIRST(0))
            if not for_generator:
                place_molecules(critic, memory.real, begin, count, _FIRST(1))
                place_molecules(critic, fake, begin, count, _FIRST(2))
            values(critic, run, count, _FIRST(0), count if for_generator else 3 * count)
            adjoints(critic, run, count, 3 * count if for_generator else count, seeds)
            if for_generator:
                input_gradients(critic, begin, count, memory.by_seen)
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

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def descend(critic, gradients, run, rule, count, rate):
        """Make critic step number `count` from the sum of the shares' gradients, in order."""
        for layer in range(len(critic.kinds)):
            for kind in range(2):
                total = parameters_of(critic, critic.gradient, run, layer, kind)
                for share in range(len(gradients)):
                    g = parameters_of(critic, gradients[share], run, layer, kind)
                    for i in range(len(g)):
                        total[i] = total[i] + g[i] if share else g[i]
        if sources:
            update(rule, critic, run, count, rate)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def trace(generator, memory, settings, run, start, stop, num_node_classes):
        """Write the cotangents of the last batch's molecules [start, stop)."""
        last = len(memory.soft) - settings.batch_size
        first, end, num_maps = last + start, last + stop, len(generator.widths) - 1
        by_logits = layer_rows(generator, generator.back, num_maps, first, end)
        soft, by_seen = memory.soft[first:end], memory.by_seen[start:stop]
        relax_cotangents(by_logits, by_seen, soft, settings, num_node_classes)
        if sources:
            cotangents(generator, run, first, end, end)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def learn(generator, settings, run, layer, latents, rule, count, rate):
        """Make generator step number `count` of one layer, from the last batch's cotangents."""
        stop = generator.capacity
        start = stop - settings.batch_size
        layer_gradients(generator, run, layer, start, stop, stop)
        if layer == 0:
            scale_gradients(generator, run, start, stop, latents[start:])
        if sources:
            update_layer(rule, generator, run, layer, count, rate)

    return generate, sweep, descend, trace, learn


_generate, _sweep, _descend, _trace, _learn = _compiled(
    fingerprint(vectors, calls, product, mlp, elementwise, relational, optimisers, relaxation)
)


def shares_of(num_rows: int) -> list[tuple[int, int]]:
    """Cut rows into at most `MOST_SHARES` shares of whole slots of the critic.

    >>> shares_of(64), shares_of(40), shares_of(3)
    ([(0, 16), (16, 32), (32, 48), (48, 64)], [(0, 16), (16, 32), (32, 40)], [(0, 3)])
    """
    slots = -(-num_rows // SLOT_MOLECULES)
    num = min(MOST_SHARES, slots)
    cuts = [slots * share // num * SLOT_MOLECULES for share in range(num)] + [num_rows]
    return list(pairwise(cuts))


class Team:
    """The threads that train one run, and their memory.

    Args:
        critic, generator: the networks, each with a gradient in place, on the CPU.
        settings: of a step.
        num_threads: at least 1; more than there are shares do nothing.
    """

    def __init__(
        self,
        critic: StackedRelationalCritic,
        generator: StackedMLP,
        settings: GraphSettings,
        num_threads: int,
    ):
        batch, width = settings.batch_size, generator.widths[-1]
        num_points = (settings.critic_steps + 1) * batch
        self.settings = settings
        self.shares = shares_of(batch)
        num_threads = min(num_threads, len(self.shares))
        self.critics = [relational_critic(critic) for _ in range(num_threads)]
        # Rows of the generator are shared, not the workspace of its products.
        first = perceptron(generator, num_points)
        dtype = first.flat.dtype
        self.generators = [
            first._replace(product=np.zeros_like(first.product)) for _ in range(num_threads)
        ]
        self.gradients = np.zeros((len(self.shares), self.critics[0].flat.size), dtype)
        soft = np.zeros((num_points, width), dtype)
        seen = np.zeros_like(soft) if settings.is_hard else soft
        self.memory = Molecules(soft, seen, *(np.zeros((batch, width), dtype) for _ in range(3)))
        self._places: SimpleQueue[int] = SimpleQueue()
        for place in range(num_threads):
            self._places.put(place)
        self._pool = ThreadPoolExecutor(num_threads) if num_threads > 1 else None

    def each(self, work: Callable[[int, Any], None], items: Iterable[Any]) -> None:
        """Call work(place, item) for all items, no two with one place at a time."""
        if self._pool is None:
            for item in items:
                work(0, item)
            return

        def placed(item: Any) -> None:
            place = self._places.get()
            try:
                work(place, item)
            finally:
                self._places.put(place)

        list(self._pool.map(placed, items))

    def train_run(
        self,
        critic_rule: Optimiser,
        generator_rule: Optimiser,
        run: int,
        done: int,
        rates: np.ndarray,
        draws: tuple[np.ndarray, ...],
        losses: np.ndarray,
    ) -> None:
        """Make len(losses) generator steps of one run.

        A step takes a tenth of a second, so its parts are compiled by themselves, which takes
        half the time, and called from here; they let other threads run.

        Args:
            critic_rule: the critic's optimiser and its state.
            generator_rule: the generator's.
            run: place of the run in the stack.
            done: generator steps made before.
            rates: (T,), learning rates.
            draws: x (T, S, c B, d_x) uint8, z (T, S, (c + 1) B, d_z), e (T, S, c B, 1) and
                Gumbel noise (T, S, (c + 1) B, d_x), or (T, S, 0, d_x) without.
            losses: (T, 3) float64, written: those of `GANStack.losses`.
        """
        for t in range(len(losses)):
            of_step = tuple(draw[t, run] for draw in draws)
            rules, count, rate = (critic_rule, generator_rule), done + t, float(rates[t])
            losses[t] = self._step(rules, run, count, rate, of_step)

    def _step(
        self,
        rules: tuple[Optimiser, Optimiser],
        run: int,
        done: int,
        rate: float,
        draws: tuple[np.ndarray, ...],
    ) -> np.ndarray:
        """Make one generator step and return its losses (3,)."""
        memory, settings, num_nodes = self.memory, self.settings, self.critics[0].num_nodes
        real, z, mix, noise = draws
        batch, num_critic = settings.batch_size, settings.critic_steps
        share_losses = np.zeros((len(self.shares), 3))

        def generate(place: int, rows: tuple[int, int]) -> None:
            generator = self.generators[place]
            _generate(generator, memory, settings, run, *rows, z, noise, num_nodes)

        def sweep(step: int, place: int, share: int) -> None:
            for_generator = step == num_critic
            rows = slice(0, batch) if for_generator else slice(step * batch, (step + 1) * batch)
            critic = self.critics[place]._replace(gradient=self.gradients[share])
            _sweep(
                critic, memory, settings, run, step * batch, *self.shares[share], real[rows],
                mix[rows], for_generator, share_losses[share],
            )  # fmt: skip

        def trace(place: int, rows: tuple[int, int]) -> None:
            _trace(self.generators[place], memory, settings, run, *rows, num_nodes)

        def learn(place: int, layer: int) -> None:
            _learn(self.generators[place], settings, run, layer, z, rules[1], done + 1, rate)

        self.each(generate, shares_of(len(memory.soft)))
        losses = np.zeros(3)
        for step in range(num_critic + 1):
            share_losses[:] = 0
            self.each(partial(sweep, step), range(len(self.shares)))
            if step < num_critic:
                count = done * num_critic + step + 1
                _descend(self.critics[0], self.gradients, run, rules[0], count, rate)
                losses = share_losses.sum(0)
        self.each(trace, self.shares)
        # The last layers are the largest: they come first, so that no thread waits for one.
        self.each(learn, range(len(self.generators[0].widths) - 2, -1, -1))
        return losses
