"""The plain MolGAN against its definition, finite differences, and this library's stack."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from quantum_latents.bench.iteration import wgan_flops
from quantum_latents.bench.plain_molgan import (
    PlainMolGANCritic,
    PlainMolGANGenerator,
    graph_tensors,
    plain_molgan,
)
from quantum_latents.bench.plain_wgan import plain_mlp, plain_wgan
from quantum_latents.bench.trainers import flops_of, plain_networks, task_of
from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.molecules.graphs import GraphLayout
from quantum_latents.random import stream
from quantum_latents.training import GANStack, OptimiserSpec, StackMember, WGANSpec

N, R, F, DIM = 4, 3, 3, 5
LAYOUT = GraphLayout(num_atoms=N, elements=("C", "O"))
HIDDEN, CONVOLUTIONS, AGGREGATION, DENSE = (7, 9, 8), (6, 4), 5, (6, 3)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def networks(seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = PlainMolGANGenerator(DIM, HIDDEN, N, R + 1, F).double()
        critic = PlainMolGANCritic(R, F, CONVOLUTIONS, AGGREGATION, DENSE).double()
    return generator, critic


def rows(num: int, seed: int = 0) -> torch.Tensor:
    z = np.random.default_rng(seed).normal(size=(num, DIM))
    return networks()[0](torch.from_numpy(z)).detach()


def adam(network):
    return torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.9))


def test_graph_tensors_are_those_of_the_layout():
    rng = np.random.default_rng(0)
    codes = rng.integers([4] * LAYOUT.num_pairs + [F] * N, size=(20, LAYOUT.code_width))
    x = torch.from_numpy(LAYOUT.to_one_hot(codes)).double()
    bonds, nodes = graph_tensors(x, N, R + 1, F)
    orders = torch.from_numpy(LAYOUT.bonds(codes))
    for r in range(R):
        assert torch.equal(bonds[:, r], (orders == r + 1).double())
    assert torch.equal(nodes.argmax(-1), torch.from_numpy(LAYOUT.nodes(codes)).long())


def test_generated_rows_are_probabilities_and_z_enters_every_layer():
    generator, _ = networks()
    x = rows(6)
    assert torch.allclose(x[:, : 4 * 6].reshape(-1, 4).sum(1), torch.ones(1).double())
    assert torch.allclose(x[:, 4 * 6 :].reshape(-1, F).sum(1), torch.ones(1).double())
    with torch.no_grad():  # the layer before passes nothing on: what is left comes from z
        generator.layers[-1].weight.zero_()
    z = torch.from_numpy(np.random.default_rng(1).normal(size=(2, DIM)))
    assert (generator(z)[0] - generator(z)[1]).abs().max() > 1e-3


def score_by_definition(critic, bonds, nodes) -> float:
    """The score of one molecule, place by place and relation by relation."""
    h, u = None, nodes
    for layer in critic.convolutions:
        width = u.shape[1]
        h = np.zeros((N, layer.out_features))
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        for i in range(N):
            h[i] = bias + weight[:, :width] @ u[i]
            for r in range(R):
                block = weight[:, (r + 1) * width : (r + 2) * width]
                h[i] += sum(bonds[r, i, j] * (block @ u[j]) for j in range(N))
        u = np.concatenate([np.tanh(h), nodes], axis=1)

    def affine(layer, v):
        return layer.weight.detach().numpy() @ v + layer.bias.detach().numpy()

    s = sum(
        1 / (1 + np.exp(-affine(critic.gate, u[i]))) * np.tanh(affine(critic.candidate, u[i]))
        for i in range(N)
    )
    y = np.tanh(s)
    for layer in critic.dense:
        y = np.tanh(affine(layer, y))
    return affine(critic.score, y).item()


def test_the_critic_is_its_definition_and_knows_no_order_of_places():
    _, critic = networks()
    bonds, nodes = graph_tensors(rows(3), N, R + 1, F)
    scores = critic(bonds, nodes)
    for k in range(3):
        wanted = score_by_definition(critic, bonds[k].numpy(), nodes[k].numpy())
        assert scores[k].item() == pytest.approx(wanted, rel=1e-12)
    order = [2, 0, 3, 1]
    moved = critic(bonds[:, :, order][:, :, :, order], nodes[:, order])
    assert torch.allclose(moved, scores, rtol=1e-12)
    assert (critic(bonds.roll(1, dims=1), nodes) - scores).abs().max() > 1e-4


def test_a_steps_loss_is_the_formula_with_slopes_by_finite_differences():
    generator, critic = networks()
    rng = np.random.default_rng(3)
    x, z, e = (
        rows(2, seed=8),
        torch.from_numpy(rng.normal(size=(2, DIM))),
        torch.rand(2, 1).double(),
    )
    fake = generator(z).detach()
    bonds, nodes = graph_tensors(e * x + (1 - e) * fake, N, R + 1, F)
    step, penalty = 1e-6, []
    with torch.no_grad():
        means = [critic(*graph_tensors(t, N, R + 1, F)).mean().item() for t in (fake, x)]
        for k in range(2):
            squares = 0.0
            # (i, j) and (j, i) are moved one at a time, (i, i) not at all.
            for tensor in (bonds, nodes):
                flat = tensor[k].view(-1)
                for place in range(len(flat)):
                    if tensor is bonds and place // N % N == place % N:
                        continue
                    ends = []
                    for sign in (1, -1):
                        before = flat[place].clone()
                        flat[place] += sign * step
                        ends.append(critic(bonds[k : k + 1], nodes[k : k + 1]).item())
                        flat[place] = before
                    squares += ((ends[0] - ends[1]) / (2 * step)) ** 2
            penalty.append((math.sqrt(squares) - 1) ** 2)
    wanted = means[0] - means[1] + 10 * float(np.mean(penalty))
    draws = [([(x, z, e)], z)]
    (loss,) = plain_molgan(generator, critic, adam(generator), adam(critic), draws, 10.0)
    assert loss == pytest.approx(wanted, rel=1e-6)


def test_training_moves_both_networks_and_leaves_no_gradients_of_the_generators_step():
    generator, critic = networks()
    # A constant added to all scores changes no loss.
    moving = [p for n in (generator, critic) for p in n.parameters() if p is not critic.score.bias]
    before = [p.detach().clone() for p in moving]
    x, z, e = rows(8, seed=5), torch.randn(8, DIM).double(), torch.rand(8, 1).double()
    seen = []
    critic.score.weight.register_post_accumulate_grad_hook(lambda _: seen.append(1))
    losses = plain_molgan(
        generator, critic, adam(generator), adam(critic), [([(x, z, e)] * 3, z)] * 2, 10.0
    )
    assert len(losses) == 2 and len(seen) == 6
    assert all((a != b).any() for a, b in zip(before, moving, strict=True))


class Counted(TorchDispatchMode):
    """Counts the operations of all products, those of derivatives too."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def products_of_an_iteration(loop, networks, draws) -> int:
    with Counted() as counter:
        loop(*networks, *map(adam, networks), draws, 10.0)
    return counter.total


def test_the_hand_count_is_what_a_plain_molgan_multiplies_and_no_more():
    # It makes cotangents of inputs that nobody needs too, but hardly.
    task = task_of("molgan", Path())
    generator, critic = plain_networks(task.model, 16, task.model.data_dim)
    batch, steps = 8, 2
    training = replace(task.training, batch_size=batch, critic_steps=steps)
    z = torch.zeros(batch, 16)
    draws = [([(generator(z).detach(), z, torch.rand(batch, 1))] * steps, z)]
    counted = products_of_an_iteration(plain_molgan, (generator, critic), draws)
    by_hand = flops_of(task.model, training, 16, task.model.data_dim)
    assert by_hand <= counted < 1.05 * by_hand


def test_the_hand_count_of_perceptrons_too():
    batch, steps, widths = 8, 2, ((16, 64, 64, 16), (16, 64, 64, 1))
    networks = [plain_mlp(each, 0.2) for each in widths]
    z = torch.rand(batch, 16)
    draws = [([(torch.rand(batch, 16), z, torch.rand(batch, 1))] * steps, z)]
    counted = products_of_an_iteration(plain_wgan, networks, draws)
    by_hand = wgan_flops(*widths, batch, steps)
    # Autograd carries zeros through the second derivative of LeakyReLU: up to 3 sweeps of 11.
    assert by_hand <= counted < 1.3 * by_hand


@pytest.mark.parametrize("steps", [1, 5])
def test_the_count_grows_with_the_batch_and_the_critics_steps(steps):
    task = task_of("molgan", Path())
    training = replace(task.training, critic_steps=steps)
    one = flops_of(task.model, replace(training, batch_size=1), 16, 189)
    assert flops_of(task.model, training, 16, 189) == 256 * one
    more = flops_of(task.model, replace(training, critic_steps=steps + 1, batch_size=1), 16, 189)
    other = replace(training, critic_steps=steps + 2, batch_size=1)
    assert flops_of(task.model, other, 16, 189) - more == more - one


SMALL = MolGANSpec(
    generator=MLPSpec(
        hidden=HIDDEN,
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation="pytorch",
        reinject_latent=True,
    ),
    critic=RelationalCriticSpec(convolutions=CONVOLUTIONS, aggregation=AGGREGATION, dense=DENSE),
    num_atoms=N,
    num_node_classes=F,
)


def copied(stack: GANStack, run: int):
    """Return the plain networks with the weights of a run of a stack."""
    generator, critic = (n.double() for n in plain_networks(stack.model, DIM, SMALL.data_dim))
    ours = stack.generator.extract(run)
    for plain, theirs in zip([*generator.layers, generator.head], ours.layers, strict=True):
        plain.load_state_dict(theirs.state_dict())
    for plain, theirs in zip(generator.injections, ours.injections.values(), strict=True):
        plain.load_state_dict(theirs.state_dict())
    views = stack.critic.views(stack.critic.flat.detach())
    places = [*critic.convolutions, (critic.gate, critic.candidate), *critic.dense, critic.score]
    for place, (layer, shape) in enumerate(zip(places, stack.critic.layers, strict=True), 1):
        weight, bias = views[f"weight{place}"][run], views[f"bias{place}"][run, 0]
        if shape.kind == "convolution" and not shape.aggregates_first:
            weight = torch.cat(weight.chunk(R + 1, dim=1))
        halves = 2 if shape.kind == "gate" else 1
        for plain, w, b in zip(
            layer if shape.kind == "gate" else [layer],
            weight.chunk(halves, dim=1),
            bias.chunk(halves),
            strict=True,
        ):
            plain.weight.data.copy_(w.mT)
            plain.bias.data.copy_(b)
    return generator, critic


@pytest.mark.parametrize("kernel", ["numba", "torch"])
def test_losses_of_a_stack_are_those_of_the_plain_loop(kernel):
    training = WGANSpec(
        num_steps=20,
        batch_size=8,
        critic_steps=3,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.0, 0.9)),
        precision="float64",
    )
    data = (rows(60) > 0.4).to(torch.uint8)
    members = [
        StackMember(data, Latent(GaussianSource(DIM), "raw", stream(s, "")), stream(s, "train"))
        for s in range(2)
    ]
    stack = GANStack(members, SMALL, training, kernel=kernel)
    run, c, b = 1, training.critic_steps, training.batch_size
    networks = copied(stack, run)

    def draws():
        for step in range(training.num_steps):
            x, z, e, *_ = (t[step % 16, run] for t in stack._draw(step // 16))
            parts = [slice(k * b, (k + 1) * b) for k in range(c)]
            yield [(x[part].double(), z[part], e[part]) for part in parts], z[c * b :]

    losses = plain_molgan(*networks, *map(adam, networks), draws(), 10.0)
    while stack.step < training.num_steps:
        stack.train_block()
    wanted = torch.tensor(losses, dtype=torch.float64)
    assert wanted.abs().min() > 1e-3
    assert ((stack.losses[:, run, 0] - wanted).abs() / wanted.abs()).max() < 1e-9
