"""A generator of molecular graphs and a relational critic (De Cao and Kipf 2018, modified).

Notation: S runs in a stack, B molecules, n places for atoms, P = n (n - 1) / 2 unordered pairs of
places, K = 4 bond classes (no bond, then R = 3 relations), F node classes. A molecule is a row
x of K P + F n numbers: class probabilities of each pair, then of each place. A_r (n, n) is the
symmetric matrix of relation r = 1..R with an empty diagonal, X (n, F) the places' classes.

The generator is a perceptron from z to the logits of x, relaxed to probabilities; one logit for
an unordered pair makes bonds symmetric. The critic is a relational graph convolutional network
with gated aggregation:

    U_1 = X,   H_l = tanh([U_l, A_1 U_l, .., A_R U_l] W_l + b_l),   U_{l+1} = [H_l, X],
    s = tanh(sum over places of sigmoid(U W_i + b_i) * tanh(U W_j + b_j)),
    f = perceptron of s with tanh between its layers.

Relations share one product a layer. Because every row of X sums to 1 and X enters every layer,
a bias of each relation would add nothing. Modified: the paper's generator has LeakyReLU and an
affine map of z at every hidden layer; there is no dropout.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from quantum_latents.models.perceptron import MLPSpec
from quantum_latents.models.weights import check_initialisation, draw_weights, views_of
from quantum_latents.molecules import BOND_CLASSES

__all__ = [
    "GraphModelSpec",
    "MolGANSpec",
    "RelationalCriticSpec",
    "StackedRelationalCritic",
    "relax",
]

Relaxation = Literal["softmax", "gumbel_softmax", "straight_through"]


@dataclass(frozen=True, kw_only=True)
class RelationalCriticSpec:
    """Layers of a relational critic; the defaults are MolGAN's.

    Attributes:
        convolutions: widths of the graph convolutions.
        aggregation: width of the gated sum over places.
        dense: widths of the layers after it.
        initialisation, gain: as in `MLPSpec`; the fan-in of a convolution counts all relations.
    """

    convolutions: tuple[int, ...] = (128, 64)
    aggregation: int = 128
    dense: tuple[int, ...] = (128, 64)
    initialisation: Literal["pytorch", "xavier_uniform", "orthogonal"] = "pytorch"
    gain: float = field(default=1.0, metadata={"omit_default": True})

    def __post_init__(self):
        for name in ("convolutions", "dense"):
            widths = getattr(self, name)
            if not isinstance(widths, tuple) or not all(type(w) is int for w in widths):
                raise TypeError(f"{name} is a tuple of integers such as (128, 64), not {widths!r}")
            if not widths or any(width < 1 for width in widths):
                raise ValueError(f"{name} needs at least one positive width, not {widths}")
        if type(self.aggregation) is not int or self.aggregation < 1:
            raise ValueError(f"aggregation is a width of at least 1, not {self.aggregation!r}")
        check_initialisation(self.initialisation, self.gain)


@dataclass(frozen=True, kw_only=True)
class GraphModelSpec:
    """What models of molecular graphs share: a generator of logits, and what a critic sees of them.

    Attributes:
        generator: hidden layers between z and the logits.
        num_atoms: n.
        num_node_classes: F, elements and one for no atom.
        relaxation: what the critic sees of the logits l in training. `softmax`: the
            probabilities softmax(l). `gumbel_softmax`: softmax((l + g) / temperature) with Gumbel
            noise g, an argument like z (Jang et al. 2017). `straight_through`: the class of the
            highest l + g as a one-hot row, with the gradient of `gumbel_softmax`. Generated
            molecules are always the classes of the highest logit: no noise but the latent's.
        temperature: > 0; 1 with `softmax`.
    """

    generator: MLPSpec
    num_atoms: int
    num_node_classes: int
    relaxation: Relaxation = "softmax"
    temperature: float = 1.0

    def __post_init__(self):
        for name, least in (("num_atoms", 2), ("num_node_classes", 2)):
            if type(value := getattr(self, name)) is not int or value < least:
                raise ValueError(f"{name} is an integer of at least {least}, not {value!r}")
        if self.relaxation not in ("softmax", "gumbel_softmax", "straight_through"):
            raise ValueError(
                "relaxation is 'softmax', 'gumbel_softmax' or 'straight_through', "
                f"not {self.relaxation!r}"
            )
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature is a finite number > 0, not {self.temperature}")
        if self.relaxation == "softmax" and self.temperature != 1:
            raise ValueError(f"softmax has temperature=1, not {self.temperature}")

    @property
    def num_pairs(self) -> int:
        """P."""
        return self.num_atoms * (self.num_atoms - 1) // 2

    @property
    def data_dim(self) -> int:
        """K P + F n."""
        return BOND_CLASSES * self.num_pairs + self.num_node_classes * self.num_atoms


@dataclass(frozen=True, kw_only=True)
class MolGANSpec(GraphModelSpec):
    """A generator of molecular graphs and its relational critic.

    Attributes:
        critic: see `RelationalCriticSpec`.

    >>> mlp = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0,
    ...               initialisation="pytorch")
    >>> MolGANSpec(generator=mlp, critic=RelationalCriticSpec(), num_atoms=9,
    ...            num_node_classes=5).data_dim
    189
    """

    critic: RelationalCriticSpec

    @property
    def name(self) -> str:
        """The kind of the model, for rows."""
        return "molgan"


def relax(logits: Tensor, noise: Tensor | None, spec: GraphModelSpec) -> Tensor:
    """Return what the critic sees of logits (..., K P + F n), traced by autograd.

    Args:
        logits: of the generator.
        noise: Gumbel draws of the same shape; None with `softmax`.
        spec: names the relaxation.
    """
    scores = logits if noise is None else (logits + noise) / spec.temperature
    cut = BOND_CLASSES * spec.num_pairs
    parts = []
    for part, classes in (
        (scores[..., :cut], BOND_CLASSES),
        (scores[..., cut:], spec.num_node_classes),
    ):
        grouped = part.unflatten(-1, (-1, classes))
        soft = grouped.softmax(-1)
        if spec.relaxation == "straight_through":
            hard = nn.functional.one_hot(grouped.argmax(-1), classes).to(soft)
            soft = hard + (soft - soft.detach())
        parts.append(soft.flatten(-2))
    return torch.cat(parts, dim=-1)


class Layer(NamedTuple):
    """One layer of a critic.

    Attributes:
        kind: what it does.
        num_inputs, num_outputs: widths of U_l and of its result.
        aggregates_first: a convolution that multiplies [U, A_1 U, ..] by W; otherwise it
            multiplies U by the relations' blocks of W side by side and aggregates then, which
            is the same and cheaper where U is wider than the result.
        rows, columns: of its weight, inputs by outputs.
    """

    kind: Literal["convolution", "gate", "dense"]
    num_inputs: int
    num_outputs: int
    aggregates_first: bool
    rows: int
    columns: int


def layers_of(spec: RelationalCriticSpec, num_node_classes: int) -> list[Layer]:
    """Return the layers of a critic, the one that gives the score last."""
    layers, width = [], num_node_classes
    for num_outputs in spec.convolutions:
        first = width < num_outputs
        rows, columns = (BOND_CLASSES, 1) if first else (1, BOND_CLASSES)
        shape = rows * width, columns * num_outputs
        layers.append(Layer("convolution", width, num_outputs, first, *shape))
        width = num_outputs + num_node_classes
    columns = 2 * spec.aggregation
    layers.append(Layer("gate", width, spec.aggregation, False, width, columns))
    width = spec.aggregation
    for num_outputs in (*spec.dense, 1):
        layers.append(Layer("dense", width, num_outputs, False, width, num_outputs))
        width = num_outputs
    return layers


class _Block(NamedTuple):
    name: str
    rows: int
    columns: int


class StackedRelationalCritic(nn.Module):
    """S independent relational critics, all parameters in one flat tensor.

    Args:
        spec: layers.
        num_atoms: n.
        num_node_classes: F.
        stack: S.
        dtype: as for any tensor.
        device: as for any tensor.

    >>> critic = StackedRelationalCritic(RelationalCriticSpec(), 9, 5, stack=2)
    >>> critic(torch.zeros(2, 3, 189)).shape
    torch.Size([2, 3, 1])
    """

    _pair_at: Tensor

    def __init__(
        self,
        spec: RelationalCriticSpec,
        num_atoms: int,
        num_node_classes: int,
        *,
        stack: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        super().__init__()
        self.spec, self.stack = spec, stack
        self.num_atoms, self.num_node_classes = num_atoms, num_node_classes
        self.layers = layers_of(spec, num_node_classes)
        self.blocks = []
        for place, layer in enumerate(self.layers, start=1):
            width = layer.columns if layer.kind == "gate" else layer.num_outputs
            self.blocks.append(_Block(f"weight{place}", layer.rows, layer.columns))
            self.blocks.append(_Block(f"bias{place}", 1, width))
        size = stack * sum(block.rows * block.columns for block in self.blocks)
        self.flat = nn.Parameter(torch.zeros(size, dtype=dtype, device=device))
        # On the device from the start: moving it within a step would make the host wait for it.
        self.register_buffer("_pair_at", _pair_at(num_atoms).to(device), persistent=False)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut a flat tensor like `self.flat` into named views of shape (S, rows, columns)."""
        return views_of(flat, self.stack, self.blocks)

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Draw the weights of run s from generators[s], the same numbers alone or stacked.

        Drawn as one linear layer draws them, outputs by inputs, the gate as two layers.
        """
        if len(generators) != self.stack:
            raise ValueError(f"{self.stack} runs need as many generators, not {len(generators)}")
        parameters = self.views(self.flat)
        for run, generator in enumerate(generators):
            for place, layer in enumerate(self.layers, start=1):
                relations = BOND_CLASSES if layer.kind == "convolution" else 1
                fan_in, parts = relations * layer.num_inputs, 2 if layer.kind == "gate" else 1
                width, weights, biases = layer.num_outputs, [], []
                for _ in range(parts):
                    drawn = (width, fan_in, fan_in, False), (1, width, fan_in, True)
                    for target, shape in zip((weights, biases), drawn, strict=True):
                        target.append(draw_weights(*shape, self.spec, generator))
                weight = torch.cat(weights).mT
                if layer.kind == "convolution" and not layer.aggregates_first:
                    weight = torch.cat(weight.chunk(relations), dim=1)
                bias = torch.cat(biases, dim=1)
                parameters[f"weight{place}"][run] = weight.to(self.flat)
                parameters[f"bias{place}"][run] = bias.to(self.flat)

    def forward(self, x: Tensor) -> Tensor:
        """Map molecules (S, B, K P + F n) to scores (S, B, 1), traced by autograd."""
        return self.scores(*self.graphs(x))

    def graphs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return A (S, B, R, n, n) and X (S, B, n, F) of molecules (S, B, K P + F n)."""
        n = self.num_atoms
        cut = BOND_CLASSES * (n * (n - 1) // 2)
        pairs = x[..., :cut].unflatten(-1, (-1, BOND_CLASSES))[..., 1:]
        adjacency = pairs[..., self._pair_at, :].unflatten(-2, (n, n))
        off_diagonal = (1 - torch.eye(n, dtype=x.dtype, device=x.device))[..., None]
        adjacency = (adjacency * off_diagonal).movedim(-1, -3)
        return adjacency, x[..., cut:].unflatten(-1, (n, self.num_node_classes))

    def scores(self, adjacency: Tensor, nodes: Tensor) -> Tensor:
        """Map A (S, B, R, n, n) and X (S, B, n, F) to scores (S, B, 1), traced by autograd."""
        parameters = self.views(self.flat)
        hidden, u = nodes, nodes
        for place, layer in enumerate(self.layers, start=1):
            weight = parameters[f"weight{place}"].unsqueeze(1)
            bias = parameters[f"bias{place}"]
            if layer.kind == "convolution":
                if layer.aggregates_first:
                    mixed = adjacency @ u.unsqueeze(2)
                    stacked = torch.cat([u, *mixed.unbind(2)], dim=-1)
                    z = stacked @ weight
                else:
                    own, *related = (u @ weight).chunk(BOND_CLASSES, dim=-1)
                    z = own + (adjacency @ torch.stack(related, dim=2)).sum(2)
                hidden = torch.tanh(z + bias.unsqueeze(1))
                u = torch.cat([hidden, nodes], dim=-1)
            elif layer.kind == "gate":
                gate, value = (u @ weight + bias.unsqueeze(1)).chunk(2, dim=-1)
                u = torch.tanh((torch.sigmoid(gate) * torch.tanh(value)).sum(2))
            else:
                u = u @ weight.squeeze(1) + bias
                if place < len(self.layers):
                    u = torch.tanh(u)
        return u


def _pair_at(num_atoms: int) -> Tensor:
    """Return which pair lies at each place of A, row after row, (n n,); 0 on the diagonal."""
    first, second = np.triu_indices(num_atoms, 1)
    at = torch.zeros(num_atoms, num_atoms, dtype=torch.long)
    at[first, second] = at[second, first] = torch.arange(len(first))
    return at.flatten()


def pairs_of(num_atoms: int) -> np.ndarray:
    """Return the places of every pair (P, 2), in the order of a molecule's row."""
    return np.array(list(itertools.combinations(range(num_atoms), 2)))
