"""Steps of a stack with torch: one launch an operation for all runs, on any device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from quantum_latents.models.molgan import GraphModelSpec, StackedRelationalCritic, relax
from quantum_latents.models.nn import StackedMLP
from quantum_latents.training.kernels.precision import TrainedNetwork, products
from quantum_latents.training.settings import WGANSpec

__all__ = ["GraphTorchKernel", "TorchKernel"]


def _steps(
    kernel: TorchKernel | GraphTorchKernel, draws: tuple[Tensor, ...], done: int
) -> Iterator[tuple[Tensor, ...]]:
    """Yield each step's draws, with both optimisers at its learning rate."""
    rates = kernel.training.learning_rates(done, done + len(draws[0]))
    for rate, step in zip(rates, zip(*draws, strict=True), strict=True):
        for optimiser in (kernel.generator_optimiser, kernel.critic_optimiser):
            optimiser.param_groups[0]["lr"] = float(rate)
        yield step


class TorchKernel:
    """Makes steps of a stack of GANs; owns the memory of activations and cotangents.

    Args:
        generator, critic: the networks, each with a gradient in place.
        generator_optimiser, critic_optimiser: of their flat parameters.
        training: the settings of a step.
    """

    def __init__(
        self,
        generator: StackedMLP,
        critic: StackedMLP,
        generator_optimiser: torch.optim.Optimizer,
        critic_optimiser: torch.optim.Optimizer,
        training: WGANSpec,
    ):
        self.training = training
        self.generator_optimiser = generator_optimiser
        self.critic_optimiser = critic_optimiser
        batch, stack = training.batch_size, critic.stack
        is_rounded = training.precision == "bf16"
        # A mean's 1 / B: in the gradient's seed, but where it would be rounded to bfloat16.
        self._num_rows, divisor = (1, batch) if is_rounded else (batch, 1)
        self._generator = TrainedNetwork(
            generator, generator_optimiser, training.precision, divisor
        )
        self._critic = TrainedNetwork(critic, critic_optimiser, training.precision, divisor)
        generator, critic = self._generator.network, self._critic.network
        self._generator_out = generator.buffers_of((training.critic_steps + 1) * batch)
        self._generator_back = generator.buffers_of(batch)
        self._critic_out = critic.buffers_of(3 * batch)
        self._critic_back = critic.buffers_of(3 * batch)
        self._critic_tangents = critic.buffers_of(batch)
        self._points = torch.empty_like(self._critic_out[0])
        weights = torch.tensor(
            [-1 / self._num_rows, 1 / self._num_rows, 1.0], dtype=critic.flat.dtype
        )
        seed = weights.repeat_interleave(batch).view(1, -1, 1).expand(stack, -1, -1)
        self._seed = seed.contiguous().to(critic.flat.device)

    def train(self, draws: tuple[Tensor, Tensor, Tensor], done: int, running: list[int]) -> Tensor:
        """Make T generator steps and return their losses (T, S, 3).

        Args:
            draws: x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z), e (T, S, c B, 1).
            done: generator steps made before; the optimisers count for themselves.
            running: runs whose result is wanted; the others are carried along.
        """
        with products(self.training.precision):
            self._generator.read()
            self._critic.read()
            return torch.stack([self._train_step(*step) for step in _steps(self, draws, done)])

    def _train_step(self, real: Tensor, z: Tensor, mix: Tensor) -> Tensor:
        spec = self.training
        batch = spec.batch_size
        z = z.to(self._points.dtype)
        generated = self._generator.network.activations(z, self._generator_out)
        fake = generated[-1]
        points, losses = self._points, torch.empty(0)
        for critic_step in range(spec.critic_steps):
            rows = slice(critic_step * batch, (critic_step + 1) * batch)
            points[:, :batch] = real[:, rows]
            points[:, batch : 2 * batch] = fake[:, rows]
            self._mix(fake[:, rows], real[:, rows], mix[:, rows], points[:, 2 * batch :])
            losses = self._critic_gradient(with_losses=critic_step == spec.critic_steps - 1)
            self._critic.update()
        last = slice(spec.critic_steps * batch, None)
        self._generator_gradient([a[:, last] for a in generated], z[:, last])
        self._generator.update()
        return losses

    @staticmethod
    def _mix(fake: Tensor, real: Tensor, mix: Tensor, out: Tensor) -> None:
        """Write e x + (1 - e) g(z), rounded once."""
        if fake.dtype == real.dtype:
            torch.lerp(fake, real, mix, out=out)
        else:
            out.copy_(torch.lerp(fake.to(real.dtype), real, mix))

    def _critic_gradient(self, *, with_losses: bool) -> Tensor:
        """Write the gradient of L_f at the points; return (S, 3) losses if asked for."""
        critic, batch, weight = (
            self._critic.network,
            self.training.batch_size,
            self.training.gradient_penalty,
        )
        activations = critic.activations(self._points, self._critic_out, with_output=with_losses)
        losses = torch.empty(0)
        mixed = slice(2 * batch, None)
        cotangents = critic.cotangents(activations, self._seed, self._critic_back, input_rows=mixed)
        # What is not a product is computed in the master weights' type.
        slopes = cotangents[0].to(self.training.dtype)
        norms = torch.linalg.vector_norm(slopes, dim=-1, keepdim=True)
        if with_losses:
            scores = activations.pop()[..., 0].to(self.training.dtype)
            wasserstein = scores[:, :batch].mean(1) - scores[:, batch : 2 * batch].mean(1)
            penalty = (norms - 1).square().mean((1, 2))
            losses = torch.stack([weight * penalty - wasserstein, wasserstein, penalty], dim=1)
        # The norm has no derivative at 0; like torch, take 0 there.
        pull = torch.where(norms > 0, (2 * weight / self._num_rows) * (1 - 1 / norms), 0.0)
        critic.tangents_([a[:, mixed] for a in activations], pull * slopes, self._critic_tangents)
        assert critic.flat.grad is not None
        critic.weight_gradients(critic.flat.grad, cotangents, activations, num_bias_rows=2 * batch)
        return losses

    def _generator_gradient(self, generated: list[Tensor], z: Tensor) -> None:
        """Write the gradient of L_g at the points generated of z."""
        batch, generator, critic = (
            self.training.batch_size,
            self._generator.network,
            self._critic.network,
        )
        critic_out = [buffer[:, :batch] for buffer in self._critic_tangents]
        critic_back = [buffer[:, :batch] for buffer in self._critic_back]
        activations = critic.activations(generated[-1], critic_out, with_output=False)
        by_fake = critic.cotangents(activations, self._seed[:, :batch], critic_back)[0]
        back = generator.cotangents(generated, by_fake, self._generator_back)
        assert generator.flat.grad is not None
        generator.weight_gradients(generator.flat.grad, back, generated[:-1])
        generator.input_gradients(generator.flat.grad, back, z)


class GraphTorchKernel:
    """Makes steps of a stack of GANs of graphs, with gradients traced by autograd.

    Args:
        model: names the relaxation.
        generator, critic: the networks, each with a gradient in place.
        generator_optimiser, critic_optimiser: of their flat parameters.
        training: the settings of a step.
    """

    def __init__(
        self,
        model: GraphModelSpec,
        generator: StackedMLP,
        critic: StackedRelationalCritic | StackedMLP,
        generator_optimiser: torch.optim.Optimizer,
        critic_optimiser: torch.optim.Optimizer,
        training: WGANSpec,
    ):
        self.model, self.training = model, training
        self.generator, self.generator_optimiser = generator, generator_optimiser
        self.critic, self.critic_optimiser = critic, critic_optimiser

    def train(self, draws: tuple[Tensor, ...], done: int, running: list[int]) -> Tensor:
        """Make T generator steps and return their losses (T, S, 3).

        Args:
            draws: x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z), e (T, S, c B, 1) and Gumbel noise
                (T, S, (c + 1) B, d_x), or (T, S, 0, d_x) without.
            done: generator steps made before; the optimisers count for themselves.
            running: runs whose result is wanted; the others are carried along.
        """
        with torch.enable_grad(), products(self.training.precision), self._rounding():
            return torch.stack([self._train_step(*step) for step in _steps(self, draws, done)])

    def _rounding(self) -> torch.autocast:
        """Return what makes autograd's products bfloat16 where the spec says so."""
        is_rounded = self.training.precision == "bf16"
        device = self.generator.flat.device.type
        return torch.autocast(device, torch.bfloat16, enabled=is_rounded, cache_enabled=False)

    def _train_step(self, real: Tensor, z: Tensor, mix: Tensor, noise: Tensor) -> Tensor:
        spec = self.training
        batch, last = spec.batch_size, spec.critic_steps * spec.batch_size
        noises = noise if noise.shape[1] else None
        real = real.to(spec.dtype)
        with torch.no_grad():
            before = None if noises is None else noises[:, :last]
            fake = relax(self.generator(z[:, :last]), before, self.model).to(spec.dtype)
        losses = torch.empty(0)
        for critic_step in range(spec.critic_steps):
            rows = slice(critic_step * batch, (critic_step + 1) * batch)
            losses = self._critic_step(real[:, rows], fake[:, rows], mix[:, rows])
        now = None if noises is None else noises[:, last:]
        score = self.critic(relax(self.generator(z[:, last:]), now, self.model))
        self._step(self.generator, self.generator_optimiser, -score.mean((1, 2)).sum())
        return losses

    def _critic_step(self, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        critic, weight = self.critic, self.training.gradient_penalty
        squares = self._squared_slopes(torch.lerp(fake, real, mix))
        # The norm has no derivative at 0; take 0 there.
        norms = torch.where(squares > 0, squares, 1.0).sqrt() * (squares > 0)
        penalty = (norms - 1).square().mean(1)
        wasserstein = critic(real).mean((1, 2)) - critic(fake).mean((1, 2))
        loss = weight * penalty - wasserstein
        self._step(critic, self.critic_optimiser, loss.sum())
        return torch.stack([loss, wasserstein, penalty], dim=1).detach()

    def _squared_slopes(self, mixed: Tensor) -> Tensor:
        """Return the squared norms (S, B) of the critic's gradients at `mixed`, traced."""
        critic = self.critic
        if isinstance(critic, StackedMLP):
            mixed.requires_grad_()
            scores = critic(mixed).sum()
            (slopes,) = torch.autograd.grad(scores, mixed, create_graph=True)
            return slopes.square().sum(2)
        adjacency, nodes = critic.graphs(mixed)
        adjacency.requires_grad_()
        nodes.requires_grad_()
        at_mixed = critic.scores(adjacency, nodes).sum()
        slopes = torch.autograd.grad(at_mixed, (adjacency, nodes), create_graph=True)
        diagonal = torch.eye(critic.num_atoms, dtype=torch.bool, device=mixed.device)
        by_adjacency = slopes[0].masked_fill(diagonal, 0)  # a place has no bond with itself
        return by_adjacency.square().sum((2, 3, 4)) + slopes[1].square().sum((2, 3))

    @staticmethod
    def _step(
        network: StackedMLP | StackedRelationalCritic,
        optimiser: torch.optim.Optimizer,
        loss: Tensor,
    ) -> None:
        (network.flat.grad,) = torch.autograd.grad(loss, network.flat)
        optimiser.step()
