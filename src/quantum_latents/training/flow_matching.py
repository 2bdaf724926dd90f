"""Conditional flow matching, many runs at once.

Notation: S runs in a stack, batch B, D the width of the space that both ends are embedded in
(`models.flow`), v the velocity. A step draws B sources x_0, which are latents with their
dequantisation, B data points x_1, times t uniform up to the path's end, pairs sources and data by
the coupling, and lowers

    L = mean |v(x_t, t) - u_t|^2 / D

at the points x_t of their paths with the velocities u_t (`training.paths`). Its minimum is the mean
of u_t given x_t, and the flow of that velocity carries the law of x_0 to that of x_1 (Lipman et al.
2023; Liu, Gong, Liu 2023; Tong et al. 2024). Nothing in this asks x_0 to be Gaussian or to have a
density: a discrete source is carried point by point, so that at most as many different samples
come out as it has points, unless it is dequantised.

Every random number of step t of a run comes from the run's own streams `batch`, `latent`,
`dequantisation`, `time` and `path noise`, at index t // `BLOCK_STEPS`: never from its neighbours.
Gradients are traced by autograd. On the CPU every run makes its steps by itself on one thread, so
that a run's bits depend neither on its stack nor on the threads; elsewhere one launch an operation
serves all runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from quantum_latents.models import (
    Embedding,
    FlowSpec,
    StackedVelocity,
    check_solver_installed,
    dequantised,
    solve,
)
from quantum_latents.models.threads import one_thread
from quantum_latents.random import Stream
from quantum_latents.random.torch import take_rows, torch_generator
from quantum_latents.training.coupling import check_transport_installed, transported
from quantum_latents.training.flow_settings import FlowMatchingSpec
from quantum_latents.training.paths import GAUSSIAN_PATHS, end_of, point_on
from quantum_latents.training.resume import Flat
from quantum_latents.training.state import (
    network_state,
    progress_state,
    restore_network,
    restore_progress,
)
from quantum_latents.training.wgan import BLOCK_STEPS, StackMember

__all__ = ["FlowStack", "check_flow_requirements", "embedding_of"]


class _Batches(NamedTuple):
    """T steps of a run: x_0, x_1 and path noise, or None, (T, B, D); t (T, B, 1)."""

    x0: Tensor
    x1: Tensor
    t: Tensor
    noise: Tensor | None


@dataclass
class _Part:
    """Runs whose networks share a flat tensor: one on the CPU, all elsewhere."""

    runs: list[int]
    velocity: StackedVelocity
    optimiser: torch.optim.Optimizer
    averaged: Tensor | None


def check_flow_requirements(training: FlowMatchingSpec) -> None:
    """Refuse to begin what would lack a library at its end.

    Raises:
        ImportError: torchdiffeq, or POT where it is used, is not installed.
    """
    check_solver_installed()
    if training.coupling == "optimal_transport":
        check_transport_installed()


def embedding_of(
    model: FlowSpec, latent_dim: int, data_dim: int, training_stream: Stream
) -> Embedding:
    """Return how a run's latents and data are put into one space.

    Args:
        model: names the embedding.
        latent_dim: d_z.
        data_dim: d_x.
        training_stream: the run's stream `training`: the matrix depends on the seed alone, so it
            is the same on every latent.
    """
    draws = training_stream.child("embedding").generator()
    return Embedding(model.embedding, latent_dim, data_dim, draws)


class FlowStack:
    """S flows with one shape and one budget, trained together.

    Args:
        members: the runs; equal data and latent widths.
        model: the velocity, and how its flow begins and is solved.
        training: the budget and everything else that training needs.
        device: where to train.

    Attributes:
        step: steps done.
        losses: (num_steps, S, 1) float64: L.
        loss_names: of the last axis.
        diverged_at: for each run the step at which it was stopped, or None.
        kernel: what makes the steps.

    Raises:
        ValueError: widths differ between runs, or between latents and data without an embedding;
            or the path assumes a Gaussian source and this one is narrower than the data.
    """

    loss_names: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(
        self,
        members: Sequence[StackMember],
        model: FlowSpec,
        training: FlowMatchingSpec,
        device: torch.device | str = "cpu",
    ):
        check_flow_requirements(training)
        shapes = {(member.data.shape[1], member.latent.dim) for member in members}
        if len(shapes) != 1:
            raise ValueError(f"runs in a stack share data and latent widths, not {sorted(shapes)}")
        ((data_dim, latent_dim),) = shapes
        self.members, self.model, self.training = tuple(members), model, training
        self.device = torch.device(device)
        if training.path in GAUSSIAN_PATHS and latent_dim < data_dim:
            raise ValueError(
                f"path {training.path!r} assumes a standard Gaussian source, and this one has "
                f"{latent_dim} of {data_dim} dimensions: use path='straight'"
            )
        self._spaces = [embedding_of(model, latent_dim, data_dim, m.stream) for m in members]
        moved = {id(m.data): m.data.to(device, training.dtype) for m in members}
        self._data = [moved[id(m.data)] for m in members]
        self._are_alone = self.device.type == "cpu"  # each in a tensor of its own
        self._parts = [self._part(runs) for runs in self._shared(len(members))]
        self.step, self.kernel = 0, "torch"
        shape = training.num_steps, len(members), len(self.loss_names)
        self.losses = torch.full(shape, torch.nan, dtype=torch.float64)
        self.diverged_at: list[int | None] = [None] * len(members)
        self._sampling: list[dict[str, Any] | None] = [None] * len(members)

    def _shared(self, num_runs: int) -> list[list[int]]:
        """Return which runs share a flat tensor, in a stack of so many."""
        everyone = list(range(num_runs))
        return [[run] for run in everyone] if self._are_alone else [everyone]

    def _part(self, runs: list[int]) -> _Part:
        dim, dtype = self._spaces[0].dim, self.training.dtype
        velocity = StackedVelocity(
            self.model.velocity, dim, stack=len(runs), dtype=dtype, device=self.device
        )
        streams = [self.members[run].init_stream("velocity") for run in runs]
        velocity.initialise([torch_generator(stream) for stream in streams])
        velocity.flat.grad = torch.zeros_like(velocity.flat)
        averaged = velocity.flat.detach().clone() if self.training.averaging else None
        return _Part(runs, velocity, self.training.optimiser.build(velocity.flat), averaged)

    def _draw(self, run: int, block: int) -> _Batches:
        """Return what the `BLOCK_STEPS` steps of a block see of one run."""
        spec, member, data, space = (
            self.training, self.members[run], self._data[run], self._spaces[run],
        )  # fmt: skip
        size = BLOCK_STEPS * spec.batch_size
        rows = member.stream.child("batch").generator(block).integers(len(data), size=size)
        x1 = space.data(take_rows(data, rows))
        z = member.latent.sample(size, member.stream.child("latent", block))
        jitter = member.stream.child("dequantisation").generator(block)
        z = dequantised(z.to(self.device, spec.dtype), self.model, jitter)
        x0 = space.latents(z)
        times = member.stream.child("time").generator(block).random((size, 1))
        t = torch.from_numpy(times * end_of(spec.path)).to(self.device, spec.dtype)
        noise = None
        if spec.sigma_min:
            drawn = member.stream.child("path noise").generator(block).standard_normal(x0.shape)
            noise = self._steps(torch.from_numpy(spec.sigma_min * drawn).to(x0))
        x0, x1 = self._steps(x0), self._steps(x1)
        if spec.coupling == "optimal_transport":
            pairs = zip(x0.cpu().numpy(), x1.cpu().numpy(), strict=True)
            places = [torch.from_numpy(transported(*pair)).to(self.device) for pair in pairs]
            x1 = torch.stack([of_step[at] for of_step, at in zip(x1, places, strict=True)])
        return _Batches(x0, x1, self._steps(t), noise)

    @staticmethod
    def _steps(rows: Tensor) -> Tensor:
        return rows.view(BLOCK_STEPS, -1, rows.shape[-1])

    def train_block(self) -> None:
        """Train to the next multiple of `BLOCK_STEPS`, or to the end; stop what diverged."""
        block = self.step // BLOCK_STEPS
        stop = min((block + 1) * BLOCK_STEPS, self.training.num_steps)
        todo = slice(self.step - block * BLOCK_STEPS, stop - block * BLOCK_STEPS)
        with one_thread():
            for part in self._parts:
                if all(self.diverged_at[run] is not None for run in part.runs):
                    continue
                draws = [self._draw(run, block) for run in part.runs]
                x0, x1, t = (
                    torch.stack(of_runs, dim=1)[todo]
                    for of_runs in zip(*((d.x0, d.x1, d.t) for d in draws), strict=True)
                )
                noises = [d.noise for d in draws if d.noise is not None]
                noise = torch.stack(noises, dim=1)[todo] if noises else None
                losses = self._train(part, x0, x1, t, noise)
                self.losses[self.step : stop, part.runs, 0] = losses.double().cpu()
                if part.averaged is not None:
                    kept = self.training.averaging ** (stop - self.step)
                    part.averaged.lerp_(part.velocity.flat.detach(), 1 - kept)
        self._stop_diverged(self.step, stop)
        self.step = stop

    def _train(
        self, part: _Part, x0: Tensor, x1: Tensor, t: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Make T steps of a part's runs, of draws (T, S, B, ..); return their losses (T, S)."""
        spec, velocity = self.training, part.velocity
        # Leaves of their own, of the same memory: the gradient by a whole flat tensor would be
        # summed up from one of its size for each of its pieces.
        views = velocity.views(velocity.flat.detach())
        leaves = {name: view.requires_grad_() for name, view in views.items()}
        gradient = velocity.flat.grad
        assert gradient is not None
        into = velocity.views(gradient)
        losses = []
        rates = spec.learning_rates(self.step, self.step + len(x0))
        for step, rate in enumerate(rates):
            part.optimiser.param_groups[0]["lr"] = float(rate)
            about = None if noise is None else noise[step]
            at = point_on(spec.path, x0[step], x1[step], t[step], about)
            with torch.enable_grad():
                error = velocity(at.x, t[step], leaves) - at.velocity
                loss = error.square().mean((1, 2))
                slopes = torch.autograd.grad(loss.sum(), list(leaves.values()))
            for by, slope in zip(into.values(), slopes, strict=True):
                by.copy_(slope)
            part.optimiser.step()
            losses.append(loss.detach())
        return torch.stack(losses)

    @torch.no_grad()
    def _stop_diverged(self, start: int, stop: int) -> None:
        """Mark runs that diverged in [start, stop) and set their weights to zero for good."""
        bad = ~(self.losses[start:stop, :, 0].abs() <= self.training.divergence_threshold)
        for part in self._parts:
            for place, run in enumerate(part.runs):
                if self.diverged_at[run] is None and bool(bad[:, run].any()):
                    self.diverged_at[run] = start + int(bad[:, run].nonzero()[0])
                if self.diverged_at[run] is not None:
                    self.losses[self.diverged_at[run] :, run] = torch.nan
                    self._silence(part, place)

    @staticmethod
    def _silence(part: _Part, place: int) -> None:
        state = part.optimiser.state[part.velocity.flat]
        flats = [part.velocity.flat.detach(), *(v for v in state.values() if v.numel() > 1)]
        for flat in [*flats, *([] if part.averaged is None else [part.averaged])]:
            for view in part.velocity.views(flat).values():
                view[place] = 0

    def weights_of(self, run: int) -> dict[str, Tensor]:
        """Return the weights that `generate` uses of a run, each (rows, columns), by name."""
        part, place = self._place(run)
        flat = part.velocity.flat.detach() if part.averaged is None else part.averaged
        return {name: view[place] for name, view in part.velocity.views(flat).items()}

    def sampling_of(self, run: int) -> dict[str, Any] | None:
        """Return the solver's name and how often it evaluated the velocity for the last samples."""
        return self._sampling[run]

    def _place(self, run: int) -> tuple[_Part, int]:
        part = next(part for part in self._parts if run in part.runs)
        return part, part.runs.index(run)

    @torch.no_grad()
    def generate(self, latents: Sequence[Tensor]) -> list[Tensor]:
        """Return generated samples, one tensor a run, from one tensor of latents a run.

        Every run's equation is solved by itself, for all its latents at once: the steps of an
        adaptive solver follow from a run alone. The noise of a dequantisation is the same at
        every call. `sampling_of` then says how often the velocity was evaluated.

        Args:
            latents: S tensors (M, d_z).

        Returns:
            S tensors (M, d_x) on the CPU, in model units; of a run that diverged all NaN.
        """
        with one_thread():
            return [self._generate(run, z) for run, z in enumerate(latents)]

    def _generate(self, run: int, z: Tensor) -> Tensor:
        space, member = self._spaces[run], self.members[run]
        if self.diverged_at[run] is not None:
            return torch.full((len(z), space.data_dim), torch.nan)
        noise = member.stream.child("dequantisation", "generated").generator()
        z = dequantised(z.to(self.device, self.training.dtype), self.model, noise)
        part, _ = self._place(run)
        weights = {name: weight[None] for name, weight in self.weights_of(run).items()}
        solved = solve(
            lambda x, t: part.velocity(x, t, weights),
            space.latents(z)[None],
            self.model.solver,
            end_of(self.training.path),
        )
        self._sampling[run] = {
            "solver": self.model.solver.name,
            "function_evaluations": solved.num_evaluations,
        }
        return space.sample(solved.x[0]).cpu()

    def state(self) -> dict[str, Tensor]:
        """Return all that resuming needs, as named tensors of their own memory."""
        state = progress_state(self)
        for name, part in self._named_parts():
            state |= network_state(name, part.velocity.flat, part.optimiser)
            if part.averaged is not None:
                state[f"{name} averaged"] = part.averaged.to("cpu", copy=True)
        return state

    def flats(self, num_runs: int) -> list[Flat]:
        """Return the networks in the state of a stack of so many runs of this shape."""
        blocks, parts = self._parts[0].velocity.blocks, self._shared(num_runs)
        named = [(f"velocity-{place}", tuple(runs)) for place, runs in enumerate(parts)]
        flats = [Flat(name, "velocity", runs, blocks) for name, runs in named]
        if self.training.averaging:
            flats += [
                Flat(f"{name} averaged", "averaged", runs, blocks, is_trained=False)
                for name, runs in named
            ]
        return flats

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`; the draws of the steps to come are the same."""
        restore_progress(self, state)
        for name, part in self._named_parts():
            restore_network(name, part.velocity.flat, part.optimiser, state)
            if part.averaged is not None:
                part.averaged.copy_(state[f"{name} averaged"])

    def _named_parts(self) -> list[tuple[str, _Part]]:
        return [(f"velocity-{place}", part) for place, part in enumerate(self._parts)]
