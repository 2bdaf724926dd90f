"""Wasserstein GANs with a gradient penalty, many at once.

Notation: S runs in a stack, batch B, c critic steps a generator step, critic f, generator g,
penalty weight lambda. Each critic step lowers

    L_f = mean f(g(z)) - mean f(x) + lambda mean (|grad f(u)| - 1)^2,   u = e x + (1 - e) g(z),

with e uniform on [0, 1] one number a pair, and each generator step lowers
L_g = -mean f(g(z)) (Arjovsky, Chintala, Bottou 2017; Gulrajani et al. 2017).

Critic steps and generator steps are made by one of two kernels, which lay a step out alike
(`quantum_latents.training.kernels`).

Every random number of step t of a run comes from the run's own streams `batch`, `latent`,
`penalty` and, where generated molecules are relaxed with noise, `relaxation`, at index
t // `BLOCK_STEPS`: never from its neighbours in the stack.

A generator whose spec bounds its spectral norms is projected at the start and after every block
of `BLOCK_STEPS` steps (`quantum_latents.models.spectral`). What is generated, averaged or stored
keeps to the bound; between two projections an iterate may leave it, by at most 16 steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from quantum_latents.models import (
    GANModelSpec,
    GANSpec,
    GraphGANSpec,
    GraphModelSpec,
    MLPSpec,
    MolGANSpec,
    RelationalCriticSpec,
    build_critic,
    build_generator,
    project_,
)
from quantum_latents.random import Stream
from quantum_latents.random import stream as root_stream
from quantum_latents.random.torch import take_rows, torch_generator
from quantum_latents.training.ahead import DrawsAhead
from quantum_latents.training.resume import Flat
from quantum_latents.training.settings import Precision, WGANSpec
from quantum_latents.training.state import (
    network_state,
    progress_state,
    restore_network,
    restore_progress,
)

__all__ = ["BLOCK_STEPS", "GANStack", "StackMember", "compile_steps", "kernel_of"]

BLOCK_STEPS = 16
"""Steps whose random numbers are drawn together; part of every result."""


class _Latent(Protocol):
    dim: int

    def sample(self, num_samples: int, stream: Stream) -> Tensor: ...


@dataclass(frozen=True)
class StackMember:
    """What one run brings to a stack.

    Attributes:
        data: training samples (N, d_x), in model units; uint8 for graphs.
        latent: where z comes from.
        stream: the run's stream for training; its children are `init`, `batch`, `latent`
            `penalty` and `relaxation`. `init` and `batch` must not depend on the latent.
        restart: which draw of initial weights; all other draws are the same for every restart.
        weights: the generator to start from, by the names of `StackedMLP.views`; None draws it.
    """

    data: Tensor
    latent: _Latent
    stream: Stream
    restart: int = 0
    weights: Mapping[str, np.ndarray] | None = None

    def init_stream(self, network: str) -> Stream:
        """Return what the initial weights of the generator or of the critic are drawn from."""
        again = ("restart", self.restart) if self.restart else ()
        return self.stream.child("init", network, *again)


def kernel_of(precision: Precision, device: str) -> Literal["numba", "torch"]:
    """Return the kernel that makes a training's steps, a function of spec and device alone.

    Raises:
        ValueError: `tf32` elsewhere than on CUDA, where no product knows it: a row would name a
            rounding that nothing had.

    >>> kernel_of("float32", "cpu"), kernel_of("bf16", "cpu"), kernel_of("tf32", "cuda")
    ('numba', 'torch', 'torch')
    """
    if precision == "tf32" and device != "cuda":
        raise ValueError(f"precision='tf32' is computed on CUDA, not on {device}: use 'float32'")
    return "numba" if device == "cpu" and precision in ("float32", "float64") else "torch"


def _kernel(name: str, model: GANModelSpec, *parts: Any) -> Any:
    """Return a kernel over the networks; only what is used is loaded."""
    if name == "numba":
        from quantum_latents.training.kernels.numba import NumbaKernel

        return NumbaKernel(model, *parts)
    if name == "torch":
        from quantum_latents.training.kernels.torch import GraphTorchKernel, TorchKernel

        if isinstance(model, GraphModelSpec):
            return GraphTorchKernel(model, *parts)
        return TorchKernel(*parts)
    raise ValueError(f"kernel is 'numba' or 'torch', not {name!r}")


class GANStack:
    """S Wasserstein GANs with one shape and one budget, trained together.

    Args:
        members: the runs; equal data and latent widths.
        model: networks.
        training: the budget and everything else that training needs.
        device: where to train.
        kernel: `numba`, every run by itself on one core, or `torch`, one launch an operation
            for all runs, on any device; None is what `kernel_of` says. They agree to rounding;
            with `numba` a run's result does not depend on its stack.
        draws_ahead: draw a block's random numbers on a thread while the block before is trained,
            see `DrawsAhead`.

    Attributes:
        step: generator steps done.
        losses: (num_steps, S, 3) float64: critic loss, Wasserstein estimate
            mean f(x) - mean f(g(z)), and the penalty's mean (|grad| - 1)^2, at the last
            critic step of each generator step.
        diverged_at: for each run the step at which it was stopped, or None.
        averaged: the generators' averaged weights, flat like theirs; None without averaging.
    """

    loss_names: ClassVar[tuple[str, ...]] = ("critic_loss", "wasserstein", "gradient_penalty")

    def __init__(
        self,
        members: Sequence[StackMember],
        model: GANModelSpec,
        training: WGANSpec,
        device: torch.device | str = "cpu",
        kernel: Literal["numba", "torch"] | None = None,
        draws_ahead: bool | None = None,
    ):
        shapes = {(member.data.shape[1], member.latent.dim) for member in members}
        if len(shapes) != 1:
            raise ValueError(f"runs in a stack share data and latent widths, not {sorted(shapes)}")
        ((data_dim, latent_dim),) = shapes
        self.members, self.training, self.device = tuple(members), training, torch.device(device)
        self.model = model
        stack, dtype = len(members), training.dtype
        usual = kernel_of(training.precision, self.device.type)
        self.kernel: str = kernel or usual
        if self.kernel == "numba" and self.device.type != "cpu":
            raise ValueError(f"kernel='numba' trains on the CPU, not on {self.device}: use 'torch'")
        if self.kernel == "numba" and usual != "numba":
            raise ValueError(
                f"kernel='numba' computes in float32 or float64, not in {training.precision}: "
                "use 'torch'"
            )
        self.generator = build_generator(
            model, latent_dim, data_dim, stack=stack, dtype=dtype, device=device
        )
        self.critic = build_critic(model, data_dim, stack=stack, dtype=dtype, device=device)
        for name, network in (("generator", self.generator), ("critic", self.critic)):
            streams = [member.init_stream(name) for member in members]
            network.initialise([torch_generator(stream) for stream in streams])
            network.flat.grad = torch.zeros_like(network.flat)
        self._start_from_given_weights()
        project_(self.generator, self.generator.flat)
        self.generator_optimiser = training.optimiser.build(self.generator.flat)
        self.critic_optimiser = training.optimiser.build(self.critic.flat)
        # Runs often share one data set: it is moved once. Graphs stay bytes until they are used.
        moved = {id(member.data): member.data for member in members}
        moved = {
            key: data.to(device) if data.dtype == torch.uint8 else data.to(device, dtype)
            for key, data in moved.items()
        }
        self.data = [moved[id(member.data)] for member in members]
        self.averaged = self.generator.flat.detach().clone() if training.averaging else None
        self.step = 0
        self.losses = torch.full((training.num_steps, stack, 3), torch.nan, dtype=torch.float64)
        self.diverged_at: list[int | None] = [None] * stack
        self._draws = DrawsAhead(self._draw, self.device, draws_ahead)
        parts = self.generator_optimiser, self.critic_optimiser, training
        self._kernel = _kernel(self.kernel, model, self.generator, self.critic, *parts)

    @torch.no_grad()
    def _start_from_given_weights(self) -> None:
        views = self.generator.views(self.generator.flat.detach())
        for run, member in enumerate(self.members):
            if (weights := member.weights) is None:
                continue
            wanted = {name: tuple(view.shape[1:]) for name, view in views.items()}
            if (given := {name: w.shape for name, w in weights.items()}) != wanted:
                raise ValueError(f"weights to start from have shapes {given}, not {wanted}")
            for name, view in views.items():
                view[run] = torch.from_numpy(np.array(weights[name])).to(view)

    def _running(self) -> list[int]:
        return [run for run, at in enumerate(self.diverged_at) if at is None]

    def _draw(self, block: int) -> tuple[Tensor, ...]:
        """Return x (T, S, c B, d_x), z (T, S, (c + 1) B, d_z) and e (T, S, c B, 1), T steps.

        For graphs also Gumbel noise (T, S, (c + 1) B, d_x), or none of it (T, S, 0, d_x).
        """
        spec = self.training
        num_real = spec.critic_steps * spec.batch_size
        num_latent = num_real + spec.batch_size
        reals, latents, mixes, noises = [], [], [], []
        for member, data in zip(self.members, self.data, strict=True):
            chance = member.stream.child("batch").generator(block)
            rows = chance.integers(len(data), size=BLOCK_STEPS * num_real)
            reals.append(take_rows(data, rows).view(BLOCK_STEPS, num_real, -1))
            z = member.latent.sample(BLOCK_STEPS * num_latent, member.stream.child("latent", block))
            latents.append(z.to(self.device, spec.dtype).view(BLOCK_STEPS, num_latent, -1))
            mix = member.stream.child("penalty").generator(block)
            mix = torch.from_numpy(mix.random(size=(BLOCK_STEPS, num_real, 1)))
            mixes.append(mix.to(self.device, spec.dtype))
            if isinstance(self.model, GraphModelSpec):
                num_noisy = 0 if self.model.relaxation == "softmax" else num_latent
                shape = BLOCK_STEPS, num_noisy, data.shape[1]
                noise = member.stream.child("relaxation").generator(block).gumbel(size=shape)
                noises.append(torch.from_numpy(noise).to(self.device, spec.dtype))
        drawn = reals, latents, mixes, noises
        return tuple(torch.stack(part, 1) for part in drawn if part)

    @torch.no_grad()
    def train_block(self) -> None:
        """Train to the next multiple of `BLOCK_STEPS`, or to the end; stop what diverged."""
        block = self.step // BLOCK_STEPS
        stop = min((block + 1) * BLOCK_STEPS, self.training.num_steps)
        is_last = stop == self.training.num_steps
        drawn = self._draws.take(block, following=None if is_last else block + 1)
        todo = slice(self.step - block * BLOCK_STEPS, stop - block * BLOCK_STEPS)
        draws = tuple(part[todo] for part in drawn)
        self.losses[self.step : stop] = self._kernel.train(draws, self.step, self._running())
        self._stop_diverged(self.step, stop)
        project_(self.generator, self.generator.flat)
        if self.averaged is not None:
            kept = self.training.averaging ** (stop - self.step)
            self.averaged.lerp_(self.generator.flat.detach(), 1 - kept)
            # A mean of bounded matrices is bounded but for its rounding.
            project_(self.generator, self.averaged)
        self.step = stop

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
        if self.averaged is not None:
            for view in self.generator.views(self.averaged).values():
                view[run] = 0

    def weights_of(self, run: int) -> dict[str, Tensor]:
        """Return a generator's weights that `generate` uses, each (rows, columns), by name."""
        return {name: view[run] for name, view in self.generator.views(self.weights()).items()}

    def sampling_of(self, run: int) -> None:
        """Return nothing: a generator is evaluated once."""

    def weights(self) -> Tensor:
        """Return the generators' weights that `generate` uses, flat like `generator.flat`."""
        return self.generator.flat.detach() if self.averaged is None else self.averaged

    @torch.no_grad()
    def generate(self, latents: Sequence[Tensor], num_rows: int = 4096) -> list[Tensor]:
        """Return generated samples, one tensor a run, from one tensor of latents a run.

        Args:
            latents: S tensors (M, d_z).
            num_rows: rows generated at a time.

        Returns:
            S tensors (M, d_x) on the CPU, in model units; of graphs logits, without noise.
        """
        z = torch.stack([latent.to(self.device, self.training.dtype) for latent in latents])
        parts = [self.generator(part, self.weights()).cpu() for part in z.split(num_rows, dim=1)]
        return list(torch.cat(parts, dim=1))

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs, as named tensors of their own memory."""
        state = progress_state(self)
        if self.averaged is not None:
            state["averaged"] = self.averaged.to("cpu", copy=True)
        for name, network, optimiser in self.parts():
            state |= network_state(name, network.flat, optimiser)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`; the draws of the steps to come are the same."""
        restore_progress(self, state)
        if self.averaged is not None:
            self.averaged.copy_(state["averaged"])
        for name, network, optimiser in self.parts():
            restore_network(name, network.flat, optimiser, state)

    def flats(self, num_runs: int) -> list[Flat]:
        """Return the networks in the state of a stack of so many runs of this shape."""
        runs = tuple(range(num_runs))
        flats = [Flat(name, name, runs, network.blocks) for name, network, _ in self.parts()]
        if self.averaged is not None:
            averaged = Flat("averaged", "averaged", runs, self.generator.blocks, is_trained=False)
            flats.append(averaged)
        return flats

    def parts(self):
        """Return both networks with their names in a state and their optimisers."""
        return (
            ("generator", self.generator, self.generator_optimiser),
            ("critic", self.critic, self.critic_optimiser),
        )


class _Zeros:
    dim = 1

    def sample(self, num_samples: int, stream: Stream) -> Tensor:
        return torch.zeros(num_samples, 1)


def compile_steps(model: GANModelSpec, training: WGANSpec) -> None:
    """Compile what training on a CPU needs, or load it: once for an installation and precision.

    It trains a network of one neuron; the compiled code depends on no size. Steps that torch
    makes need nothing compiled.
    """
    if kernel_of(training.precision, "cpu") != "numba":
        return
    tiny = replace(training, num_steps=1, batch_size=1, critic_steps=1)
    network = MLPSpec(hidden=(1,), activation="relu", negative_slope=0.0, initialisation="pytorch")
    smallest: GANModelSpec = GANSpec(generator=network, critic=network)
    data = torch.zeros(1, 1)
    if isinstance(model, GraphModelSpec):
        graphs: dict[str, Any] = {"generator": network, "num_atoms": 2, "num_node_classes": 2}
        if isinstance(model, MolGANSpec):
            critic = RelationalCriticSpec(convolutions=(1,), aggregation=1, dense=(1,))
            smallest = MolGANSpec(critic=critic, **graphs)
        else:
            smallest = GraphGANSpec(critic=network, **graphs)
        data = torch.zeros(1, smallest.data_dim, dtype=torch.uint8)
    member = StackMember(data, _Zeros(), root_stream(0, "compile"))
    GANStack([member], smallest, tiny).train_block()
