"""Steps of a stack on the CPU, compiled with numba: runs side by side, then threads in a run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from quantum_latents.models.gan import GANSpec
from quantum_latents.models.graph_gan import GraphGANSpec
from quantum_latents.models.kernels.mlp import perceptron
from quantum_latents.models.molgan import GraphModelSpec, MolGANSpec, StackedRelationalCritic
from quantum_latents.models.nn import StackedMLP
from quantum_latents.training.kernels.optimisers import Optimiser
from quantum_latents.training.settings import OptimiserSpec, WGANSpec

__all__ = ["NumbaKernel"]


class NumbaKernel:
    """Makes steps of a stack of GANs on `torch.get_num_threads()` cores.

    As many runs as there are cores train at a time. With a relational critic a run takes the cores
    that are left, too, and its result does not depend on how many; with a perceptron it has one.

    Args:
        generator, critic: the networks, each with a gradient in place, on the CPU.
        generator_optimiser, critic_optimiser: of their flat parameters; their state is
            updated in place, under the names that torch gives it.
        training: the settings of a step.
    """

    def __init__(
        self,
        model: GANSpec | MolGANSpec | GraphGANSpec,
        generator: StackedMLP,
        critic: StackedMLP | StackedRelationalCritic,
        generator_optimiser: torch.optim.Optimizer,
        critic_optimiser: torch.optim.Optimizer,
        training: WGANSpec,
    ):
        self.training = training
        self.generator, self.generator_optimiser = generator, generator_optimiser
        self.critic, self.critic_optimiser = critic, critic_optimiser
        # Runs go side by side first; threads that are left help within a run, where they can.
        num_threads = torch.get_num_threads()
        num_places = min(critic.stack, num_threads)
        self._train_run: list[Callable[..., None]] = []
        for place in range(num_places):
            of_place = len(range(place, num_threads, num_places))
            if isinstance(model, MolGANSpec):
                made = _molecules(model, generator, critic, training, of_place)
            elif isinstance(model, GraphGANSpec):
                made = _graphs(model, generator, critic, training)
            else:
                made = _perceptrons(generator, critic, training)
            self._train_run.append(made)

    def train(self, draws: tuple[Tensor, ...], done: int, running: list[int]) -> Tensor:
        """Make T generator steps of the running runs and return their losses (T, S, 3).

        Args:
            draws: x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z), e (T, S, c B, 1), and for a
                model of graphs its noise, see `GANStack`.
            done: generator steps made before.
            running: runs to train; the losses of the others are not numbers.
        """
        arrays = tuple(draw.contiguous().numpy() for draw in draws)
        losses = np.full((self.critic.stack, len(arrays[0]), 3), np.nan)
        rules = (
            _rule(self.training.optimiser, self.critic, self.critic_optimiser),
            _rule(self.training.optimiser, self.generator, self.generator_optimiser),
        )

        steps = done + len(arrays[0])
        rates = self.training.learning_rates(done, steps)

        def work(place: int) -> None:
            for run in running[place::num_places]:
                self._train_run[place](*rules, run, done, rates, arrays, losses[run])

        num_places = len(self._train_run)
        if num_places == 1:
            work(0)
        else:
            with ThreadPoolExecutor(num_places) as pool:
                list(pool.map(work, range(num_places)))
        self.generator_optimiser.state[self.generator.flat]["step"].fill_(steps)
        self.critic_optimiser.state[self.critic.flat]["step"].fill_(
            steps * self.training.critic_steps
        )
        return torch.from_numpy(losses).transpose(0, 1)


def _perceptrons(generator: StackedMLP, critic: Any, training: WGANSpec) -> Callable[..., None]:
    """Return the steps of one run at a time, on one core."""
    # Loading a compiled step takes a second: only the one that is used.
    from quantum_latents.training.kernels.wgan import WGANSettings, train_run

    batch, num_critic = training.batch_size, training.critic_steps
    settings = WGANSettings(batch, num_critic, float(training.gradient_penalty))
    networks = perceptron(critic, 3 * batch), perceptron(generator, (num_critic + 1) * batch)

    def train(critic_rule: Optimiser, generator_rule: Optimiser, *what: Any) -> None:
        train_run(*networks, critic_rule, generator_rule, settings, *what)

    return train


def _molecules(
    model: MolGANSpec, generator: StackedMLP, critic: Any, training: WGANSpec, num_threads: int
) -> Callable[..., None]:
    """Return the steps of one run at a time, on `num_threads` cores."""
    from quantum_latents.training.kernels.molgan import Team

    return Team(critic, generator, _graph_settings(model, training), num_threads).train_run


def _graphs(
    model: GraphGANSpec, generator: StackedMLP, critic: Any, training: WGANSpec
) -> Callable[..., None]:
    """Return the steps of one run at a time, on one core."""
    from quantum_latents.training.kernels.graph_gan import train_run
    from quantum_latents.training.kernels.relaxation import Molecules

    settings = _graph_settings(model, training)
    num_points = (training.critic_steps + 1) * training.batch_size
    networks = perceptron(critic, 3 * training.batch_size), perceptron(generator, num_points)
    soft = np.zeros((num_points, model.data_dim), networks[0].flat.dtype)
    seen, none = np.zeros_like(soft) if settings.is_hard else soft, soft[:0]
    memory = Molecules(soft, seen, none, none, none)

    def train(critic_rule: Optimiser, generator_rule: Optimiser, *what: Any) -> None:
        rules = critic_rule, generator_rule
        train_run(*networks, memory, *rules, settings, model.num_node_classes, *what)

    return train


def _graph_settings(model: GraphModelSpec, training: WGANSpec) -> Any:
    from quantum_latents.training.kernels.relaxation import GraphSettings

    return GraphSettings(
        training.batch_size,
        training.critic_steps,
        float(training.gradient_penalty),
        float(model.temperature),
        model.relaxation == "straight_through",
    )


def _rule(spec: OptimiserSpec, network: Any, optimiser: torch.optim.Optimizer) -> Optimiser:
    """Return the optimiser for the kernel, on the memory of torch's state; made if missing."""
    state = optimiser.state[network.flat]
    is_adam = spec.name == "adam"
    averages = ("exp_avg", "exp_avg_sq") if is_adam else ("square_avg",)
    if not state:
        state["step"] = torch.tensor(0.0, dtype=torch.float32)
        for name in averages:
            state[name] = torch.zeros_like(network.flat, requires_grad=False)
    moments = [state[name].numpy() for name in averages]
    first = moments[0] if is_adam else np.zeros(0, dtype=moments[0].dtype)
    b1, b2 = spec.betas if is_adam else (0.0, spec.alpha)
    # Floats whatever the user wrote: an integer would be compiled for by itself.
    b1, b2, epsilon = (float(x) for x in (b1, b2, spec.epsilon))
    return Optimiser(is_adam, b1, b2, epsilon, first, moments[-1])
