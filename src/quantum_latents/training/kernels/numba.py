"""Steps of a stack on the CPU: every run by itself, one core each, compiled with numba."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from quantum_latents.models.gan import GANSpec
from quantum_latents.models.kernels.mlp import perceptron
from quantum_latents.models.molgan import MolGANSpec, StackedRelationalCritic
from quantum_latents.models.nn import StackedMLP
from quantum_latents.training.kernels.optimisers import Optimiser
from quantum_latents.training.settings import OptimiserSpec, WGANSpec

__all__ = ["NumbaKernel"]


class NumbaKernel:
    """Makes steps of a stack of GANs; `torch.get_num_threads()` runs at a time.

    Args:
        generator, critic: the networks, each with a gradient in place, on the CPU.
        generator_optimiser, critic_optimiser: of their flat parameters; their state is
            updated in place, under the names that torch gives it.
        training: the settings of a step.
    """

    def __init__(
        self,
        model: GANSpec | MolGANSpec,
        generator: StackedMLP,
        critic: StackedMLP | StackedRelationalCritic,
        generator_optimiser: torch.optim.Optimizer,
        critic_optimiser: torch.optim.Optimizer,
        training: WGANSpec,
    ):
        self.training = training
        self.generator, self.generator_optimiser = generator, generator_optimiser
        self.critic, self.critic_optimiser = critic, critic_optimiser
        # Threads share the parameters and have activations of their own.
        self._workplaces: list[tuple[Any, ...]] = []
        for _ in range(min(critic.stack, torch.get_num_threads())):
            if isinstance(model, MolGANSpec):
                made = _molecules(model, generator, critic, training)
            else:
                made = _perceptrons(generator, critic, training)
            self._train_run, self.settings, networks = made
            self._workplaces.append(networks)

    def train(self, draws: tuple[Tensor, ...], done: int, running: list[int]) -> Tensor:
        """Make T generator steps of the running runs and return their losses (T, S, 3).

        Args:
            draws: x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z), e (T, S, c B, 1), and for a
                MolGAN its noise, see `GANStack`.
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
            for run in running[place :: len(self._workplaces)]:
                fixed = *self._workplaces[place], *rules, self.settings
                self._train_run(*fixed, run, done, rates, arrays, losses[run])

        if len(self._workplaces) == 1:
            work(0)
        else:
            with ThreadPoolExecutor(len(self._workplaces)) as pool:
                list(pool.map(work, range(len(self._workplaces))))
        self.generator_optimiser.state[self.generator.flat]["step"].fill_(steps)
        self.critic_optimiser.state[self.critic.flat]["step"].fill_(
            steps * self.training.critic_steps
        )
        return torch.from_numpy(losses).transpose(0, 1)


def _perceptrons(generator: StackedMLP, critic: Any, training: WGANSpec) -> tuple:
    """Return the compiled step, its settings and one thread's view of the networks."""
    # Loading a compiled step takes a second: only the one that is used.
    from quantum_latents.training.kernels.wgan import WGANSettings, train_run

    batch, num_critic = training.batch_size, training.critic_steps
    settings = WGANSettings(batch, num_critic, float(training.gradient_penalty))
    networks = perceptron(critic, 3 * batch), perceptron(generator, (num_critic + 1) * batch)
    return train_run, settings, networks


def _molecules(model: MolGANSpec, generator: StackedMLP, critic: Any, training: WGANSpec) -> tuple:
    """Return the compiled step, its settings and one thread's view of the networks."""
    from quantum_latents.models.kernels.relational import relational_critic
    from quantum_latents.training.kernels.molgan import Molecules, MolGANSettings, train_run

    batch, num_critic = training.batch_size, training.critic_steps
    settings = MolGANSettings(
        batch,
        num_critic,
        float(training.gradient_penalty),
        float(model.temperature),
        model.relaxation == "straight_through",
    )
    generators = perceptron(generator, (num_critic + 1) * batch)
    width, dtype = generator.widths[-1], generators.flat.dtype
    soft = np.zeros(((num_critic + 1) * batch, width), dtype)
    seen = np.zeros_like(soft) if settings.is_hard else soft
    memory = Molecules(soft, seen, *(np.zeros((batch, width), dtype) for _ in range(3)))
    return train_run, settings, (relational_critic(critic), generators, memory)


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
