"""Denoising diffusion GANs (Xiao, Kreis, Vahdat 2022).

Notation: x_0 are data in [-1, 1], (B, C, H, W); t from 1 to T a step of the diffusion
(`models.diffusion`); g the generator, f the critic, z latents. A training step draws data, t
uniform and x_{t-1}, x_t of the diffusion, and lowers

    L_f = mean softplus(-f(x_{t-1}, x_t, t)) + mean softplus(f(x'_{t-1}, x_t, t))
          [+ gamma / 2 mean |grad f(x_{t-1}, x_t, t)|^2 by x_{t-1}, every k-th step]

where x'_{t-1} is drawn of q(x_{t-1} | x_t, g(x_t, z, t)); then, with another batch of everything,

    L_g = mean softplus(-f(x'_{t-1}, x_t, t)).

Every random number of a step comes from the run's own streams `batch`, `latent` and `diffusion`.
A run trains by itself whatever its stack, on the CPU on one thread, so that its bits depend on no
other. All parameters of a network lie in one flat tensor, so that optimiser, average and
checkpoint are one pass.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from quantum_latents.models import DDGANSpec, Diffusion, TimeCritic, UNet, initialise
from quantum_latents.models.threads import one_thread
from quantum_latents.random.torch import take_rows, torch_generator
from quantum_latents.training.ahead import DrawsAhead
from quantum_latents.training.convolutions import exact_convolutions
from quantum_latents.training.denoising_settings import DenoisingSpec
from quantum_latents.training.resume import Flat
from quantum_latents.training.state import (
    network_state,
    progress_state,
    restore_network,
    restore_progress,
)
from quantum_latents.training.wgan import BLOCK_STEPS, StackMember

__all__ = ["DenoisingStack", "denoised"]

_IMAGES_AT_ONCE = 1024
"""Images that are generated together; the result does not depend on it beyond rounding."""


class _Block(NamedTuple):
    """A parameter as a checkpoint's tensors are cut: rows and columns of a matrix."""

    name: str
    rows: int
    columns: int


class _Network:
    """A module whose parameters and gradients are views of flat tensors.

    Attributes:
        module: the network.
        flat: all parameters, `flat.grad` all gradients.
        blocks: the parameters in their order in `flat`.
        optimiser: of `flat`.
    """

    def __init__(self, module: nn.Module, training: DenoisingSpec, device: torch.device):
        self.module = module.to(device, training.dtype)
        named = list(module.named_parameters())
        self.blocks = [_Block(n, len(p), p.numel() // len(p)) for n, p in named]
        self.flat = nn.Parameter(torch.cat([p.detach().flatten() for _, p in named]))
        self.flat.grad = torch.zeros_like(self.flat)
        self._shapes = {name: p.shape for name, p in named}
        values, slopes = self.views(self.flat.detach()), self.views(self.flat.grad)
        for name, parameter in named:
            parameter.data, parameter.grad = values[name], slopes[name]
        self.optimiser = training.optimiser.build(self.flat)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut a tensor like `flat` into the parameters by name."""
        parts = flat.split([shape.numel() for shape in self._shapes.values()])
        return {n: part.view(s) for part, (n, s) in zip(parts, self._shapes.items(), strict=True)}

    def step(self, rate: float) -> None:
        """Let the optimiser take a step with the gradients there are, and forget those."""
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.step()
        assert self.flat.grad is not None
        self.flat.grad.zero_()

    def silence(self) -> None:
        """Set weights and what the optimiser remembers of them to zero."""
        self.flat.detach().zero_()
        for value in self.optimiser.state[self.flat].values():
            if value.numel() > 1:
                value.zero_()


@dataclass
class _Run:
    """The networks of one run, and the average of its generator's weights."""

    generator: _Network
    critic: _Network
    averaged: Tensor | None

    @property
    def weights(self) -> dict[str, Tensor]:
        """What generates, by name."""
        flat = self.generator.flat.detach() if self.averaged is None else self.averaged
        return self.generator.views(flat)


class _Batch(NamedTuple):
    """What half a training step sees: data, steps, latents, and three times normal noise."""

    x: Tensor
    t: Tensor
    z: Tensor
    noise: Tensor


class DenoisingStack:
    """S denoising diffusion GANs with one shape and one budget.

    Args:
        members: the runs; equal latent widths.
        model: the diffusion and the networks.
        training: the budget and everything else that training needs.
        device: where to train.
        draws_ahead: draw a step's random numbers on a thread while the step before is made, see
            `DrawsAhead`.

    Attributes:
        step: steps done.
        losses: (num_steps, S, 3) float64: L_g, L_f without its penalty, and the penalty that was
            taken last, 0 where none is.
        loss_names: of the last axis.
        diverged_at: for each run the step at which it was stopped, or None.
        kernel: what makes the steps.

    Raises:
        ValueError: latent widths differ, or the data have another number of pixels.
    """

    loss_names: ClassVar[tuple[str, ...]] = ("generator", "critic", "penalty")

    def __init__(
        self,
        members: Sequence[StackMember],
        model: DDGANSpec,
        training: DenoisingSpec,
        device: torch.device | str = "cpu",
        draws_ahead: bool | None = None,
    ):
        if len({member.latent.dim for member in members}) != 1:
            raise ValueError("runs in a stack share their latent's width")
        for member in members:
            if member.data.shape[1] != model.data_dim:
                raise ValueError(
                    f"image_shape={model.image_shape} has {model.data_dim} pixels, and the data "
                    f"have {member.data.shape[1]}"
                )
        self.members, self.model, self.training = tuple(members), model, training
        self.device = torch.device(device)
        # As they are, so that runs on a CPU share the data set's own memory; a batch is put in
        # [-1, 1] when it is drawn.
        moved = {id(m.data): m.data.to(device, training.dtype) for m in members}
        self._data = [moved[id(m.data)].view(-1, *model.shape) for m in members]
        self._runs = [self._run(member) for member in members]
        self._blocks: list[tuple[int, Tensor, np.ndarray]]
        self._blocks = [(-1, torch.empty(0), np.empty(0))] * len(members)
        draws = [functools.partial(self._draw, run) for run in range(len(members))]
        self._draws = [DrawsAhead(draw, self.device, draws_ahead) for draw in draws]
        self.step, self.kernel = 0, "torch"
        shape = training.num_steps, len(members), len(self.loss_names)
        self.losses = torch.full(shape, torch.nan, dtype=torch.float64)
        self.diverged_at: list[int | None] = [None] * len(members)

    def _run(self, member: StackMember) -> _Run:
        generator = UNet(self.model.generator, self.model.shape, member.latent.dim)
        critic = TimeCritic(self.model.critic, self.model.shape)
        for name, module in (("generator", generator), ("critic", critic)):
            initialise(module, torch_generator(member.init_stream(name)))
        networks = [_Network(m, self.training, self.device) for m in (generator, critic)]
        averaged = networks[0].flat.detach().clone() if self.training.averaging else None
        return _Run(networks[0], networks[1], averaged)

    def train_block(self) -> None:
        """Train to the next multiple of `BLOCK_STEPS`, or to the end; stop what diverged."""
        block = self.step // BLOCK_STEPS
        stop = min((block + 1) * BLOCK_STEPS, self.training.num_steps)
        with one_thread(), exact_convolutions():
            for run in range(len(self.members)):
                if self.diverged_at[run] is None:
                    self._train(run, stop)
        self.step = stop

    def _train(self, run: int, stop: int) -> None:
        """Train one run from `step` to `stop`, both of a block."""
        spec = self.training
        rates = spec.learning_rates(self.step, stop)
        shown = float(self.losses[self.step - 1, run, 2]) if self.step else 0.0
        penalty = torch.full((), shown, dtype=spec.dtype, device=self.device)
        found = []
        for place, step in enumerate(range(self.step, stop)):
            is_last = step + 1 == spec.num_steps
            draws = self._draws[run].take(step, following=None if is_last else step + 1)
            losses = self._train_step(run, draws, step, rates[place])
            penalty = penalty if losses[2] is None else losses[2]
            found.append(torch.stack([*losses[:2], penalty]))
        losses = torch.stack(found).double().cpu()
        self.losses[self.step : stop, run] = losses
        bad = ~(losses.abs() <= spec.divergence_threshold).all(dim=1)
        if bool(bad.any()):
            self._stop_diverged(run, self.step + int(bad.nonzero()[0]))

    def _train_step(
        self, run: int, draws: tuple[Tensor, ...], step: int, rates: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return L_g, L_f without its penalty, and that penalty, None where none is taken now."""
        networks = self._runs[run]
        critic, penalty = self._train_critic(networks, _Batch(*draws[:4]), step, rates[1])
        generator = self._train_generator(networks, _Batch(*draws[4:]), rates[0])
        return generator, critic, penalty

    def _draw(self, run: int, step: int) -> tuple[Tensor, ...]:
        """Return what a step sees: its batch for the critic, then that for the generator."""
        z, rows = self._draw_block(run, step // BLOCK_STEPS)
        chance = self.members[run].stream.child("diffusion").generator(step)
        at = step % BLOCK_STEPS
        halves = (self._batch(run, rows[at, half], z[at, half], chance) for half in (0, 1))
        return tuple(part for half in halves for part in half)

    def _draw_block(self, run: int, block: int) -> tuple[Tensor, np.ndarray]:
        """Return the latents and the rows of a block's steps; those of the last one are kept."""
        if self._blocks[run][0] != block:
            spec, member = self.training, self.members[run]
            names = member.stream.child("latent", block)
            z = member.latent.sample(2 * BLOCK_STEPS * spec.batch_size, names)
            z = z.to(self.device, spec.dtype).view(BLOCK_STEPS, 2, spec.batch_size, -1)
            chance = member.stream.child("batch").generator(block)
            rows = chance.integers(len(self._data[run]), size=z.shape[:3])
            self._blocks[run] = block, z, rows
        return self._blocks[run][1:]

    def _batch(self, run: int, rows: np.ndarray, z: Tensor, chance: np.random.Generator) -> _Batch:
        x = 2 * take_rows(self._data[run], rows) - 1
        t = chance.integers(1, self.model.diffusion.num_timesteps + 1, size=len(rows))
        noise = chance.standard_normal((3, *x.shape), dtype=np.float32)
        return _Batch(x, torch.from_numpy(t).to(x.device), z, torch.from_numpy(noise).to(x))

    def _train_critic(
        self, run: _Run, batch: _Batch, step: int, rate: float
    ) -> tuple[Tensor, Tensor | None]:
        """Make a critic step; return its loss and its penalty, None where none is taken now."""
        spec, process = self.training, self.model.diffusion
        before, at = process.pair(batch.x, batch.t, batch.noise[0], batch.noise[1])
        with torch.no_grad():
            made = run.generator.module(at, batch.t, batch.z)
            fake = process.back(made, at, batch.t, batch.noise[2])
        has_penalty = spec.gradient_penalty > 0 and step % spec.penalty_every == 0
        before.requires_grad_(has_penalty)
        with torch.enable_grad():
            real_score = run.critic.module(before, at, batch.t)
            fake_score = run.critic.module(fake, at, batch.t)
            loss = softplus(-real_score).mean() + softplus(fake_score).mean()
            total, penalty = loss, None if spec.gradient_penalty else loss.new_zeros(())
            if has_penalty:
                (slope,) = torch.autograd.grad(real_score.sum(), before, create_graph=True)
                penalty = spec.gradient_penalty / 2 * slope.square().sum((1, 2, 3)).mean()
                total = loss + penalty
            total.backward()
        run.critic.step(rate)
        return loss.detach(), None if penalty is None else penalty.detach()

    def _train_generator(self, run: _Run, batch: _Batch, rate: float) -> Tensor:
        """Make a generator step; return its loss."""
        process = self.model.diffusion
        _, at = process.pair(batch.x, batch.t, batch.noise[0], batch.noise[1])
        run.critic.module.requires_grad_(False)
        with torch.enable_grad():
            made = run.generator.module(at, batch.t, batch.z)
            fake = process.back(made, at, batch.t, batch.noise[2])
            loss = softplus(-run.critic.module(fake, at, batch.t)).mean()
            loss.backward()
        run.critic.module.requires_grad_(True)
        run.generator.step(rate)
        if run.averaged is not None:
            run.averaged.lerp_(run.generator.flat.detach(), 1 - self.training.averaging)
        return loss.detach()

    def _stop_diverged(self, run: int, step: int) -> None:
        self.diverged_at[run] = step
        self.losses[step:, run] = torch.nan
        networks = self._runs[run]
        for network in (networks.generator, networks.critic):
            network.silence()
        if networks.averaged is not None:
            networks.averaged.zero_()

    def weights_of(self, run: int) -> dict[str, Tensor]:
        """Return the weights that `generate` uses of a run, by name; all zeros if it diverged."""
        return self._runs[run].weights

    def sampling_of(self, run: int) -> dict[str, Any] | None:
        """Return how often the generator is evaluated for a sample."""
        return {"solver": "denoising", "function_evaluations": self.model.latents_per_sample}

    @torch.no_grad()
    def generate(self, latents: Sequence[Tensor]) -> list[Tensor]:
        """Return samples (M, d_x) in [0, 1], one tensor a run; all NaN of one that diverged.

        The normal noise is the same at every call.

        Args:
            latents: S tensors (M T, d_z), the T latents of a sample one after the other.
        """
        made = []
        with one_thread(), exact_convolutions():
            for run, z in enumerate(latents):
                if self.diverged_at[run] is not None:
                    num_images = len(z) // self.model.latents_per_sample
                    made.append(torch.full((num_images, self.model.data_dim), torch.nan))
                    continue
                chance = self.members[run].stream.child("diffusion", "generated").generator()
                module, weights = self._runs[run].generator.module, self._runs[run].weights
                z = z.to(self.device, self.training.dtype)
                made.append(denoised(module, weights, self.model, z, chance).cpu())
        return made

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs, as named tensors of their own memory."""
        state = progress_state(self)
        for place, run in enumerate(self._runs):
            for name, network in (("generator", run.generator), ("critic", run.critic)):
                state |= network_state(f"{name}-{place}", network.flat, network.optimiser)
            if run.averaged is not None:
                state[f"averaged-{place}"] = run.averaged.to("cpu", copy=True)
        return state

    def flats(self, num_runs: int) -> list[Flat]:
        """Return the networks in the state of a stack of so many runs of this shape."""
        first, flats = self._runs[0], []
        for place in range(num_runs):
            for name, network in (("generator", first.generator), ("critic", first.critic)):
                flats.append(Flat(f"{name}-{place}", name, (place,), network.blocks))
            if self.training.averaging:
                blocks = first.generator.blocks
                flats.append(
                    Flat(f"averaged-{place}", "averaged", (place,), blocks, is_trained=False)
                )
        return flats

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`; the draws of the steps to come are the same."""
        restore_progress(self, state)
        for place, run in enumerate(self._runs):
            for name, network in (("generator", run.generator), ("critic", run.critic)):
                restore_network(f"{name}-{place}", network.flat, network.optimiser, state)
            if run.averaged is not None:
                run.averaged.copy_(state[f"averaged-{place}"])


@torch.no_grad()
def denoised(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    model: DDGANSpec,
    z: Tensor,
    chance: np.random.Generator,
) -> Tensor:
    """Return images (M, d_x) in [0, 1], out of noise in T steps.

    Args:
        module: the generator.
        weights: in place of the module's own, by name.
        model: of the module.
        z: latents (M T, d_z); rows i T to i T + T - 1 are image i's, its first step's first.
        chance: what all normal noise is drawn from.
    """
    process: Diffusion = model.diffusion
    num_timesteps = process.num_timesteps
    z = z.view(-1, num_timesteps, z.shape[-1])
    images = []
    for part in z.split(_IMAGES_AT_ONCE):
        shape = len(part), num_timesteps, *model.shape
        # Image by image, so that an image's noise does not depend on how many there are.
        noise = torch.from_numpy(chance.standard_normal(shape, dtype=np.float32)).to(part)
        x = noise[:, 0]
        for step in range(num_timesteps):
            t = torch.full((len(part),), num_timesteps - step, device=x.device)
            guess = functional_call(module, dict(weights), (x, t, part[:, step]))
            # The last step back has no noise: the one there is already taken is not seen.
            x = process.back(guess, x, t, noise[:, (step + 1) % num_timesteps])
        images.append(((x + 1) / 2).clamp(0, 1).flatten(1))
    return torch.cat(images)
