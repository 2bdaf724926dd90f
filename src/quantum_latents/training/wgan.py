"""Wasserstein GANs with a gradient penalty, many at once.

Notation: S runs in a stack, batch B, c critic steps a generator step, critic f, generator g,
penalty weight lambda. Each critic step lowers

    L_f = mean f(g(z)) - mean f(x) + lambda mean (|grad f(u)| - 1)^2,   u = e x + (1 - e) g(z),

with e uniform on [0, 1] one number a pair, and each generator step lowers
L_g = -mean f(g(z)) (Arjovsky, Chintala, Bottou 2017; Gulrajani et al. 2017).

How a critic step is laid out: real, generated and interpolated points are one batch of 3B
rows, so the critic's forward sweep and its cotangent sweep are each one product a layer.
The cotangents at the interpolated points, started from 1, *are* the gradients that the
penalty needs; one tangent sweep over those B rows gives the penalty's derivative, and one
product a layer joins it with the derivative of the means (see `quantum_latents.models.nn`).
The generator does not change between critic steps, so all its (c + 1) B points of a step
are generated at once.

Every random number of step t of a run comes from the run's own streams `batch`, `latent`
and `penalty` at index t // `BLOCK_STEPS`: never from its neighbours in the stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from quantum_latents.models import GANSpec, build_critic, build_generator
from quantum_latents.random import Stream
from quantum_latents.random.torch import torch_generator

__all__ = ["BLOCK_STEPS", "GANStack", "OptimiserSpec", "StackMember", "WGANSpec"]

BLOCK_STEPS = 16
"""Steps whose random numbers are drawn together; part of every result."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSpec:
    """An optimiser as `torch.optim` defines it, without weight decay.

    Attributes:
        name: `adam` or `rmsprop` (without momentum, not centred).
        learning_rate: step size.
        betas: decay of Adam's two moments; () with RMSProp.
        alpha: decay of RMSProp's squared average; 0 with Adam.
        epsilon: added to the denominator.
    """

    name: Literal["adam", "rmsprop"]
    learning_rate: float
    betas: tuple[float, ...] = ()
    alpha: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self):
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is a finite number > 0, not {getattr(self, name)}")
        if not isinstance(self.betas, tuple):
            raise TypeError(f"betas is a tuple such as (0.0, 0.9), not {self.betas!r}")
        if self.name == "adam":
            if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
                raise ValueError(f"adam needs betas=(b1, b2) in [0, 1), not {self.betas}")
            if self.alpha:
                raise ValueError(f"adam has no alpha: leave it at 0, not {self.alpha}")
        elif self.name == "rmsprop":
            if not 0 < self.alpha < 1:
                raise ValueError(f"rmsprop needs 0 < alpha < 1, not {self.alpha}")
            if self.betas:
                raise ValueError(f"rmsprop has no betas: leave them at (), not {self.betas}")
        else:
            raise ValueError(f"optimiser is 'adam' or 'rmsprop', not {self.name!r}")

    def build(self, parameter: Tensor) -> torch.optim.Optimizer:
        """Return the torch optimiser of one flat parameter."""
        if self.name == "adam":
            return torch.optim.Adam(
                [parameter],
                lr=self.learning_rate,
                betas=(self.betas[0], self.betas[1]),
                eps=self.epsilon,
                fused=True,
            )
        return torch.optim.RMSprop(
            [parameter], lr=self.learning_rate, alpha=self.alpha, eps=self.epsilon
        )


@dataclass(frozen=True, kw_only=True)
class WGANSpec:
    """Training of a Wasserstein GAN with gradient penalty.

    Attributes:
        num_steps: generator steps.
        batch_size: B.
        critic_steps: c, critic steps before each generator step.
        gradient_penalty: lambda.
        optimiser: of the generator and of the critic, each with its own state.
        precision: `float32` or `float64`.
        divergence_threshold: a run whose critic loss exceeds this in size, or is not a
            number, has diverged and is stopped.
    """

    num_steps: int
    batch_size: int
    critic_steps: int
    gradient_penalty: float
    optimiser: OptimiserSpec
    precision: Literal["float32", "float64"] = "float32"
    divergence_threshold: float = 1e8

    def __post_init__(self):
        for name in ("num_steps", "batch_size", "critic_steps"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.gradient_penalty < math.inf:
            raise ValueError(
                f"gradient_penalty is a finite number >= 0, not {self.gradient_penalty}"
            )
        if not 0 < self.divergence_threshold < math.inf:
            raise ValueError(
                f"divergence_threshold is a finite number > 0, not {self.divergence_threshold}"
            )
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision is 'float32' or 'float64', not {self.precision!r}")

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of weights, activations and gradients."""
        return torch.float32 if self.precision == "float32" else torch.float64


class _Latent(Protocol):
    dim: int

    def sample(self, num_samples: int, stream: Stream) -> Tensor: ...


@dataclass(frozen=True)
class StackMember:
    """What one run brings to a stack.

    Attributes:
        data: training samples (N, d_x), in model units.
        latent: where z comes from.
        stream: the run's stream for training; its children are `init`, `batch`, `latent`
            and `penalty`. `init` and `batch` must not depend on the latent.
    """

    data: Tensor
    latent: _Latent
    stream: Stream


class GANStack:
    """S Wasserstein GANs with one shape and one budget, trained together.

    Args:
        members: the runs; equal data and latent widths.
        model: networks.
        training: the budget and everything else that training needs.
        device: where to train.

    Attributes:
        step: generator steps done.
        losses: (num_steps, S, 3) float64: critic loss, Wasserstein estimate
            mean f(x) - mean f(g(z)), and the penalty's mean (|grad| - 1)^2, at the last
            critic step of each generator step.
        diverged_at: for each run the step at which it was stopped, or None.
    """

    def __init__(
        self,
        members: Sequence[StackMember],
        model: GANSpec,
        training: WGANSpec,
        device: torch.device | str = "cpu",
    ):
        shapes = {(member.data.shape[1], member.latent.dim) for member in members}
        if len(shapes) != 1:
            raise ValueError(f"runs in a stack share data and latent widths, not {sorted(shapes)}")
        ((data_dim, latent_dim),) = shapes
        self.members, self.training, self.device = tuple(members), training, torch.device(device)
        stack, dtype = len(members), training.dtype
        self.generator = build_generator(
            model, latent_dim, data_dim, stack=stack, dtype=dtype, device=device
        )
        self.critic = build_critic(model, data_dim, stack=stack, dtype=dtype, device=device)
        for name, network in (("generator", self.generator), ("critic", self.critic)):
            streams = [member.stream.child("init", name) for member in members]
            network.initialise([torch_generator(stream) for stream in streams])
            network.flat.grad = torch.zeros_like(network.flat)
        self.generator_optimiser = training.optimiser.build(self.generator.flat)
        self.critic_optimiser = training.optimiser.build(self.critic.flat)
        self.data = [member.data.to(device, dtype) for member in members]
        self.step = 0
        self.losses = torch.full((training.num_steps, stack, 3), torch.nan, dtype=torch.float64)
        self.diverged_at: list[int | None] = [None] * stack
        self._allocate(data_dim)

    def _allocate(self, data_dim: int) -> None:
        stack, batch, steps = (
            len(self.members),
            self.training.batch_size,
            self.training.critic_steps,
        )
        generator, critic = self.generator, self.critic
        self._generator_out = generator.buffers_of((steps + 1) * batch)
        self._generator_back = generator.buffers_of(batch)
        self._critic_out = critic.buffers_of(3 * batch)
        self._critic_back = critic.buffers_of(3 * batch)
        self._critic_tangents = critic.buffers_of(batch)
        self._points = critic.flat.detach().new_empty(stack, 3 * batch, data_dim)
        weights = torch.tensor([-1 / batch, 1 / batch, 1.0], dtype=self.training.dtype)
        self._seed = weights.repeat_interleave(batch).view(1, -1, 1).expand(stack, -1, -1)
        self._seed = self._seed.contiguous().to(self.device)

    def _draw(self, block: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z) and e (T, S, c B, 1), T steps."""
        spec = self.training
        num_real = spec.critic_steps * spec.batch_size
        num_latent = num_real + spec.batch_size
        reals, latents, mixes = [], [], []
        for member, data in zip(self.members, self.data, strict=True):
            rows = member.stream.child("batch").generator(block)
            rows = torch.from_numpy(rows.integers(len(data), size=BLOCK_STEPS * num_real))
            reals.append(data[rows.to(self.device)].view(BLOCK_STEPS, num_real, -1))
            z = member.latent.sample(BLOCK_STEPS * num_latent, member.stream.child("latent", block))
            latents.append(z.to(self.device, spec.dtype).view(BLOCK_STEPS, num_latent, -1))
            mix = member.stream.child("penalty").generator(block)
            mix = torch.from_numpy(mix.random(size=(BLOCK_STEPS, num_real, 1)))
            mixes.append(mix.to(self.device, spec.dtype))
        return torch.stack(reals, 1), torch.stack(latents, 1), torch.stack(mixes, 1)

    @torch.no_grad()
    def train_block(self) -> None:
        """Train to the next multiple of `BLOCK_STEPS`, or to the end; stop what diverged."""
        block = self.step // BLOCK_STEPS
        reals, latents, mixes = self._draw(block)
        stop = min((block + 1) * BLOCK_STEPS, self.training.num_steps)
        for step in range(self.step, stop):
            offset = step - block * BLOCK_STEPS
            self.losses[step] = self._train_step(reals[offset], latents[offset], mixes[offset])
        self._stop_diverged(self.step, stop)
        self.step = stop

    def _train_step(self, real: Tensor, z: Tensor, mix: Tensor) -> Tensor:
        spec = self.training
        batch = spec.batch_size
        generated = self.generator.activations(z, self._generator_out)
        fake = generated[-1]
        points, losses = self._points, torch.empty(0)
        for critic_step in range(spec.critic_steps):
            rows = slice(critic_step * batch, (critic_step + 1) * batch)
            points[:, :batch] = real[:, rows]
            points[:, batch : 2 * batch] = fake[:, rows]
            torch.lerp(fake[:, rows], real[:, rows], mix[:, rows], out=points[:, 2 * batch :])
            losses = self._critic_gradient(with_losses=critic_step == spec.critic_steps - 1)
            self.critic_optimiser.step()
        last = slice(spec.critic_steps * batch, None)
        self._generator_gradient([a[:, last] for a in generated])
        self.generator_optimiser.step()
        return losses

    def _critic_gradient(self, *, with_losses: bool) -> Tensor:
        """Write the gradient of L_f at the points; return (S, 3) losses if asked for."""
        critic, batch, weight = (
            self.critic,
            self.training.batch_size,
            self.training.gradient_penalty,
        )
        activations = critic.activations(self._points, self._critic_out, with_output=with_losses)
        losses = torch.empty(0)
        mixed = slice(2 * batch, None)
        cotangents = critic.cotangents(activations, self._seed, self._critic_back, input_rows=mixed)
        slopes = cotangents[0]
        norms = torch.linalg.vector_norm(slopes, dim=-1, keepdim=True)
        if with_losses:
            scores = activations.pop()[..., 0]
            wasserstein = scores[:, :batch].mean(1) - scores[:, batch : 2 * batch].mean(1)
            penalty = (norms - 1).square().mean((1, 2))
            losses = torch.stack([weight * penalty - wasserstein, wasserstein, penalty], dim=1)
        # The norm has no derivative at 0; like torch, take 0 there.
        pull = torch.where(norms > 0, (2 * weight / batch) * (1 - 1 / norms), 0.0)
        critic.tangents_([a[:, mixed] for a in activations], pull * slopes, self._critic_tangents)
        assert critic.flat.grad is not None
        critic.weight_gradients(critic.flat.grad, cotangents, activations, num_bias_rows=2 * batch)
        return losses

    def _generator_gradient(self, generated: list[Tensor]) -> None:
        """Write the gradient of L_g at the generated points."""
        batch = self.training.batch_size
        critic_out = [buffer[:, :batch] for buffer in self._critic_tangents]
        critic_back = [buffer[:, :batch] for buffer in self._critic_back]
        activations = self.critic.activations(generated[-1], critic_out, with_output=False)
        by_fake = self.critic.cotangents(activations, self._seed[:, :batch], critic_back)[0]
        back = self.generator.cotangents(generated, by_fake, self._generator_back)
        assert self.generator.flat.grad is not None
        self.generator.weight_gradients(self.generator.flat.grad, back, generated[:-1])

    def _stop_diverged(self, start: int, stop: int) -> None:
        """Mark runs that diverged in [start, stop) and set their weights to zero for good."""
        loss = self.losses[start:stop, :, 0]
        bad = ~(loss.abs() <= self.training.divergence_threshold)
        for run in range(len(self.members)):
            if self.diverged_at[run] is None and bool(bad[:, run].any()):
                self.diverged_at[run] = start + int(bad[:, run].nonzero()[0])
            if self.diverged_at[run] is not None:
                self.losses[self.diverged_at[run] :, run] = torch.nan
                self._silence(run)

    def _silence(self, run: int) -> None:
        for network, optimiser in (
            (self.generator, self.generator_optimiser),
            (self.critic, self.critic_optimiser),
        ):
            flats = [network.flat.detach()]
            flats += [v for v in optimiser.state[network.flat].values() if v.numel() > 1]
            for flat in flats:
                for view in network.views(flat).values():
                    view[run] = 0

    @torch.no_grad()
    def generate(self, latents: Sequence[Tensor], num_rows: int = 4096) -> list[Tensor]:
        """Return generated samples, one tensor a run, from one tensor of latents a run.

        Args:
            latents: S tensors (M, d_z).
            num_rows: rows generated at a time.

        Returns:
            S tensors (M, d_x) on the CPU, in model units.
        """
        z = torch.stack([latent.to(self.device, self.training.dtype) for latent in latents])
        parts = [self.generator(part).cpu() for part in z.split(num_rows, dim=1)]
        return list(torch.cat(parts, dim=1))

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs, as named tensors of their own memory."""
        state = {
            "step": torch.tensor(self.step),
            "losses": self.losses[: self.step].clone(),
            "diverged_at": torch.tensor([-1 if at is None else at for at in self.diverged_at]),
        }
        for name, network, optimiser in self._parts():
            state[name] = network.flat.detach().to("cpu", copy=True)
            for key, value in optimiser.state[network.flat].items():
                state[f"{name}.{key}"] = value.to("cpu", copy=True)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`; the draws of the steps to come are the same."""
        self.step = int(state["step"])
        self.losses[: self.step] = state["losses"]
        self.diverged_at = [None if at < 0 else int(at) for at in state["diverged_at"]]
        for name, network, optimiser in self._parts():
            with torch.no_grad():
                network.flat.copy_(state[name])
            prefix = f"{name}."
            keys = [key for key in state if key.startswith(prefix)]
            # Adam's fused step counter lives with the parameter, RMSProp's on the CPU: both
            # are float32 scalars that torch places itself through load_state_dict.
            loaded = {key.removeprefix(prefix): state[key] for key in keys}
            whole = optimiser.state_dict()
            whole["state"] = {0: loaded} if loaded else {}
            optimiser.load_state_dict(whole)

    def _parts(self):
        return (
            ("generator", self.generator, self.generator_optimiser),
            ("critic", self.critic, self.critic_optimiser),
        )
