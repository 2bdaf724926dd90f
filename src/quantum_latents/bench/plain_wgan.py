"""The loop that anyone would write: one Wasserstein GAN with gradient penalty in plain PyTorch.

It is the peer of `qlat bench training` and the oracle of the training tests: autograd,
`torch.nn` layers, `torch.optim`, one run at a time. It takes its random numbers from the
caller, so that it can be fed the very draws of a stacked run.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["Draws", "plain_mlp", "plain_wgan"]

Draws = Iterable[tuple[list[tuple[Tensor, Tensor, Tensor]], Tensor]]
"""For every generator step the critic steps' (x, z, e) and the generator's z."""


def plain_mlp(widths: tuple[int, ...], negative_slope: float) -> nn.Sequential:
    """Return linear layers with LeakyReLU (ReLU at slope 0) between them."""
    layers: list[nn.Module] = []
    for before, width in pairwise(widths):
        layers += [nn.Linear(before, width)]
        layers += [nn.LeakyReLU(negative_slope) if negative_slope else nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain_wgan(
    generator: nn.Module,
    critic: nn.Module,
    generator_optimiser: torch.optim.Optimizer,
    critic_optimiser: torch.optim.Optimizer,
    draws: Draws,
    gradient_penalty: float,
) -> list[float]:
    """Train on the given draws; return the last critic loss of every generator step.

    Args:
        generator: maps z to x.
        critic: maps x to a score.
        generator_optimiser: of the generator's parameters.
        critic_optimiser: of the critic's.
        draws: see `Draws`.
        gradient_penalty: its weight.
    """
    losses = []
    for critic_draws, z_generator in draws:
        loss = torch.zeros(())
        for x, z, e in critic_draws:
            with torch.no_grad():
                fake = generator(z)
            mixed = (e * x + (1 - e) * fake).requires_grad_()
            (slopes,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
            penalty = (slopes.norm(2, dim=1) - 1).square().mean()
            loss = critic(fake).mean() - critic(x).mean() + gradient_penalty * penalty
            critic_optimiser.zero_grad()
            loss.backward()
            critic_optimiser.step()
        generator_loss = -critic(generator(z_generator)).mean()
        generator_optimiser.zero_grad()
        # The critic's own gradients would be thrown away.
        generator_loss.backward(inputs=list(generator.parameters()))
        generator_optimiser.step()
        losses.append(float(loss.detach()))
    return losses
