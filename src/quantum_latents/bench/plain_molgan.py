"""The modified MolGAN as a Wasserstein GAN with gradient penalty, in plain PyTorch.

Notation: n places for atoms, P = n (n - 1) / 2 pairs of them in the order of
`numpy.triu_indices(n, 1)`, R + 1 bond classes of which class 0 is no bond, F node classes, batch
B. A graph x (B, (R + 1) P + F n) holds the bond classes' probabilities pair by pair, then the
node classes' place by place. The critic sees it as tensors A (B, R, n, n), symmetric with an
empty diagonal, and X (B, n, F).

It is the peer of `qlat bench training` and an oracle of the training tests: autograd,
`torch.nn` layers, one run at a time, and what a good user of PyTorch does for speed: the relations
are aggregated by one batched product and meet the weights in one product, the critic's batches
of generated graphs carry no graph of gradients, and the generator's step leaves out the
critic's gradients. Random numbers come from the caller.

Source: De Cao and Kipf, arXiv 1805.11973, with the generator of arXiv 2508.19857, Appendix E.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from quantum_latents.bench.plain_wgan import Draws

__all__ = ["PlainMolGANCritic", "PlainMolGANGenerator", "graph_tensors", "plain_molgan"]


class PlainMolGANGenerator(nn.Module):
    """From z (B, d_z) to a graph x (B, (R + 1) P + F n) of probabilities.

    Hidden layers are LeakyReLU(W a + b), from the second on LeakyReLU(W a + b + V z); a linear
    head makes logits, and a softmax over each group of classes makes probabilities.

    Args:
        latent_dim: d_z.
        hidden: widths of the hidden layers.
        num_atoms: n.
        num_bond_classes: R + 1.
        num_node_classes: F.
        negative_slope: of LeakyReLU.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int],
        num_atoms: int,
        num_bond_classes: int,
        num_node_classes: int,
        negative_slope: float = 0.01,
    ) -> None:
        super().__init__()
        num_pairs = num_atoms * (num_atoms - 1) // 2
        self.groups = ((num_pairs, num_bond_classes), (num_atoms, num_node_classes))
        widths = latent_dim, *hidden
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.injections = nn.ModuleList(nn.Linear(latent_dim, b, bias=False) for b in hidden[1:])
        self.head = nn.Linear(hidden[-1], sum(count * classes for count, classes in self.groups))
        self.activation = nn.LeakyReLU(negative_slope)

    def forward(self, z: Tensor) -> Tensor:
        a = self.activation(self.layers[0](z))
        for layer, injection in zip(self.layers[1:], self.injections, strict=True):
            a = self.activation(layer(a) + injection(z))
        logits = self.head(a).split([count * classes for count, classes in self.groups], dim=1)
        return torch.cat(
            [
                part.unflatten(1, shape).softmax(-1).flatten(1)
                for part, shape in zip(logits, self.groups, strict=True)
            ],
            dim=1,
        )


class PlainMolGANCritic(nn.Module):
    """From A (B, R, n, n) and X (B, n, F) to a score (B, 1).

        H_1 = tanh([X, A_1 X, ..., A_R X] W_1 + b_1)
        H_k = tanh([U, A_1 U, ..., A_R U] W_k + b_k),  U = [H_(k-1), X]
        S   = tanh(sum over places of sigmoid([H, X] W_i + b_i) * tanh([H, X] W_j + b_j))

    and a perceptron with tanh from S to the score.

    Args:
        num_relations: R.
        num_node_classes: F.
        convolutions: widths of H_1, H_2, ...
        aggregation: width of S.
        dense: widths of the perceptron's hidden layers.
    """

    def __init__(
        self,
        num_relations: int,
        num_node_classes: int,
        convolutions: Sequence[int] = (128, 64),
        aggregation: int = 128,
        dense: Sequence[int] = (128, 64),
    ) -> None:
        super().__init__()
        before = (0, *convolutions)
        self.convolutions = nn.ModuleList(
            nn.Linear((num_relations + 1) * (a + num_node_classes), b) for a, b in pairwise(before)
        )
        nodes = convolutions[-1] + num_node_classes
        self.gate, self.candidate = nn.Linear(nodes, aggregation), nn.Linear(nodes, aggregation)
        widths = aggregation, *dense
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.score = nn.Linear(widths[-1], 1)

    def forward(self, bonds: Tensor, nodes: Tensor) -> Tensor:
        # Places before relations: the product's rows are then [A_1 U, ..., A_R U] as they lie.
        stacked, u = bonds.transpose(1, 2).flatten(1, 2), nodes
        for layer in self.convolutions:
            messages = torch.bmm(stacked, u).view(len(u), nodes.shape[1], -1)
            h = torch.tanh(layer(torch.cat([u, messages], dim=-1)))
            u = torch.cat([h, nodes], dim=-1)
        y = torch.sigmoid(self.gate(u)) * torch.tanh(self.candidate(u))
        y = torch.tanh(y.sum(dim=1))
        for layer in self.dense:
            y = torch.tanh(layer(y))
        return self.score(y)


def graph_tensors(
    x: Tensor, num_atoms: int, num_bond_classes: int, num_node_classes: int
) -> tuple[Tensor, Tensor]:
    """Return A (B, R, n, n) and X (B, n, F) of graphs x (B, (R + 1) P + F n).

    >>> bonds, nodes = graph_tensors(torch.tensor([[0.1, 0.9, 0.7, 0.3, 0.0, 1.0]]), 2, 2, 2)
    >>> bonds.shape, bonds[0, 0].tolist() == [[0.0, bonds.max()], [bonds.max(), 0.0]]
    (torch.Size([1, 1, 2, 2]), True)
    """
    first, second = torch.triu_indices(num_atoms, num_atoms, 1).unbind()
    cut = num_bond_classes * len(first)
    pairs = x[:, :cut].unflatten(1, (len(first), num_bond_classes))[:, :, 1:].mT
    bonds = x.new_zeros(len(x), num_bond_classes - 1, num_atoms, num_atoms)
    bonds[:, :, first, second] = pairs
    bonds[:, :, second, first] = pairs
    return bonds, x[:, cut:].unflatten(1, (num_atoms, num_node_classes))


def plain_molgan(
    generator: PlainMolGANGenerator,
    critic: PlainMolGANCritic,
    generator_optimiser: torch.optim.Optimizer,
    critic_optimiser: torch.optim.Optimizer,
    draws: Draws,
    gradient_penalty: float,
) -> list[float]:
    """Train on the given draws; return the last critic loss of every generator step.

    The penalty is mean (|(dD/dA, dD/dX)| - 1)^2 with one norm a molecule over the full tensors:
    A_rij and A_rji are two coordinates, and A_rii is none: a place has no bond with itself.

    Args:
        generator: makes graphs.
        critic: of the same layout.
        generator_optimiser: of the generator's parameters.
        critic_optimiser: of the critic's.
        draws: see `Draws`; e is (B, 1).
        gradient_penalty: its weight.
    """
    (_, num_bond_classes), (num_atoms, num_node_classes) = generator.groups
    layout = num_atoms, num_bond_classes, num_node_classes
    weights, losses = list(generator.parameters()), []
    off_diagonal = 1 - torch.eye(num_atoms, dtype=generator.head.weight.dtype)
    for critic_draws, z_generator in draws:
        loss = torch.zeros(())
        for x, z, e in critic_draws:
            with torch.no_grad():
                fake = generator(z)
                bonds, nodes = graph_tensors(e * x + (1 - e) * fake, *layout)
            mixed = bonds.requires_grad_(), nodes.requires_grad_()
            by_bonds, by_nodes = torch.autograd.grad(critic(*mixed).sum(), mixed, create_graph=True)
            squares = (by_bonds * off_diagonal).square().sum((1, 2, 3)) + by_nodes.square().sum(
                (1, 2)
            )
            penalty = (squares.sqrt() - 1).square().mean()
            loss = (
                critic(*graph_tensors(fake, *layout)).mean()
                - critic(*graph_tensors(x, *layout)).mean()
                + gradient_penalty * penalty
            )
            critic_optimiser.zero_grad()
            loss.backward()
            critic_optimiser.step()
        generator_loss = -critic(*graph_tensors(generator(z_generator), *layout)).mean()
        generator_optimiser.zero_grad()
        generator_loss.backward(inputs=weights)
        generator_optimiser.step()
        losses.append(float(loss.detach()))
    return losses
