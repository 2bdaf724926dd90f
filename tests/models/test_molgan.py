"""The relational critic against its definition, and what must not change its score."""

import numpy as np
import pytest
import torch

from quantum_latents.models import MLPSpec, MolGANSpec, RelationalCriticSpec, build_critic
from quantum_latents.models.molgan import StackedRelationalCritic, layers_of, relax

N, F = 4, 3
MLP = MLPSpec(
    hidden=(8, 12), activation="leaky_relu", negative_slope=0.01, initialisation="pytorch"
)
WIDTHS = [
    RelationalCriticSpec(convolutions=(7, 5), aggregation=6, dense=(4, 3)),
    RelationalCriticSpec(convolutions=(2, 9, 4), aggregation=3, dense=(2,)),
]


def spec_of(critic=WIDTHS[0], **settings) -> MolGANSpec:
    return MolGANSpec(generator=MLP, critic=critic, num_atoms=N, num_node_classes=F, **settings)


def critic_of(spec: RelationalCriticSpec, stack: int = 2) -> StackedRelationalCritic:
    critic = StackedRelationalCritic(spec, N, F, stack=stack, dtype=torch.float64)
    critic.initialise([torch.Generator().manual_seed(run) for run in range(stack)])
    return critic


def molecules(num: int, seed: int = 0) -> torch.Tensor:
    """Rows of class probabilities (num, K P + F n)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num, spec_of().data_dim, dtype=torch.float64, generator=generator)
    return relax(logits, None, spec_of())


def score_by_definition(critic: StackedRelationalCritic, run: int, x: np.ndarray) -> float:
    """The module's formulas, one molecule, place by place and relation by relation."""
    adjacency = np.zeros((3, N, N))
    pair = 0
    for i in range(N):
        for j in range(i + 1, N):
            for r in range(3):
                adjacency[r, i, j] = adjacency[r, j, i] = x[4 * pair + r + 1]
            pair += 1
    nodes = x[4 * pair :].reshape(N, F)
    views = {name: v[run].numpy() for name, v in critic.views(critic.flat.detach()).items()}
    u = nodes
    for place, layer in enumerate(critic.layers, start=1):
        weight, bias = views[f"weight{place}"], views[f"bias{place}"][0]
        if layer.kind == "convolution":
            width = layer.num_inputs
            if not layer.aggregates_first:  # blocks side by side: put them one above the other
                weight = np.concatenate(np.split(weight, 4, axis=1))
            hidden = np.tile(bias, (N, 1))
            for i in range(N):
                hidden[i] += u[i] @ weight[:width]
                for r in range(3):
                    for j in range(N):
                        block = weight[(r + 1) * width : (r + 2) * width]
                        hidden[i] += adjacency[r, i, j] * (u[j] @ block)
            u = np.concatenate([np.tanh(hidden), nodes], axis=1)
        elif layer.kind == "gate":
            gate, value = np.split(u @ weight + bias, 2, axis=1)
            u = np.tanh((np.tanh(value) / (1 + np.exp(-gate))).sum(0))
        else:
            u = u @ weight + bias
            if place < len(critic.layers):
                u = np.tanh(u)
    return float(u[0])


@pytest.mark.parametrize("spec", WIDTHS)
def test_the_score_is_that_of_the_definition(spec):
    critic, x = critic_of(spec), molecules(3)
    scores = critic(x.expand(2, -1, -1)).detach()
    for run in range(2):
        wanted = [score_by_definition(critic, run, row) for row in x.numpy()]
        np.testing.assert_allclose(scores[run, :, 0], wanted, atol=1e-12)


def test_a_layer_mixes_before_its_product_where_that_is_cheaper():
    first, second = layers_of(WIDTHS[0], F)[:2]
    assert first.aggregates_first and (first.rows, first.columns) == (4 * F, 7)
    assert not second.aggregates_first and (second.rows, second.columns) == (7 + F, 4 * 5)


@pytest.mark.parametrize("spec", WIDTHS)
def test_the_order_of_the_places_does_not_change_the_score(spec):
    critic = critic_of(spec, stack=1)
    adjacency, nodes = critic.graphs(molecules(5)[None])
    before = critic.scores(adjacency, nodes)
    order = [2, 0, 3, 1]
    after = critic.scores(adjacency[..., order, :][..., order], nodes[..., order, :])
    torch.testing.assert_close(before, after)


def test_bonds_are_symmetric_and_no_place_has_a_bond_with_itself():
    adjacency, _ = critic_of(WIDTHS[0]).graphs(molecules(4).expand(2, -1, -1))
    torch.testing.assert_close(adjacency, adjacency.mT)
    assert not adjacency.diagonal(dim1=-2, dim2=-1).any()


def test_the_order_of_bonds_matters_to_the_critic():
    critic = critic_of(WIDTHS[0], stack=1)
    x = torch.zeros(1, 3, spec_of().data_dim, dtype=torch.float64)
    x[..., 24::3] = 1  # every place the same element
    for order in range(3):
        x[0, order, order + 1] = 1
    scores = critic(x)[0, :, 0].detach()
    assert len(set(scores.tolist())) == 3


@pytest.mark.parametrize("relaxation", ["softmax", "gumbel_softmax", "straight_through"])
def test_relaxed_molecules_are_class_probabilities(relaxation):
    settings = {} if relaxation == "softmax" else {"temperature": 0.5}
    spec = spec_of(relaxation=relaxation, **settings)
    logits = torch.randn(2, 3, spec.data_dim, dtype=torch.float64)
    noise = None if relaxation == "softmax" else torch.randn_like(logits)
    x = relax(logits, noise, spec)
    cut = 4 * spec.num_pairs
    ones = torch.ones((), dtype=torch.float64)
    for part, classes in ((x[..., :cut], 4), (x[..., cut:], F)):
        sums = part.unflatten(-1, (-1, classes)).sum(-1)
        torch.testing.assert_close(sums, ones.expand_as(sums))
    if relaxation == "straight_through":
        assert ((x - x.round()).abs() < 1e-12).all()


def test_straight_through_has_the_gradient_of_the_soft_rows():
    noise, weights = (torch.randn(2, 2, 42, dtype=torch.float64) for _ in range(2))
    gradients = []
    for relaxation in ("gumbel_softmax", "straight_through"):
        logits = torch.zeros(2, 2, 42, dtype=torch.float64).requires_grad_()
        x = relax(logits, noise, spec_of(relaxation=relaxation, temperature=0.7))
        gradients += torch.autograd.grad((weights[..., : x.shape[-1]] * x).sum(), logits)
    assert spec_of().data_dim == 36
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"relaxation": "sofmax"}, "sofmax"),
        ({"relaxation": "gumbel_softmax", "temperature": 0.0}, "temperature"),
        ({"temperature": 0.5}, "temperature=1"),
    ],
)
def test_a_wrong_model_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        spec_of(**settings)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"convolutions": [8]}, TypeError, "convolutions"),
        ({"dense": ()}, ValueError, "dense"),
        ({"aggregation": 0}, ValueError, "aggregation"),
        ({"initialisation": "zeros"}, ValueError, "'zeros'"),
        ({"gain": 2.0}, ValueError, "gain=1"),
    ],
)
def test_a_wrong_critic_is_refused(settings, error, said):
    with pytest.raises(error, match=said):
        RelationalCriticSpec(**settings)


def test_data_of_another_width_are_refused():
    with pytest.raises(ValueError, match="rows of 36 numbers, and the data have 40"):
        build_critic(spec_of(), 40, stack=1)


def test_orthogonal_weights_have_their_gain():
    critic = RelationalCriticSpec(
        convolutions=(8,), aggregation=4, dense=(4,), initialisation="orthogonal", gain=1.5
    )
    views = critic_of(critic).views(critic_of(critic).flat.detach())
    weight = views["weight1"][0]  # outputs orthogonal, each of length 1.5; drawn in float32
    wanted = 2.25 * torch.eye(8, dtype=torch.float64)
    torch.testing.assert_close(weight.mT @ weight, wanted, rtol=0, atol=1e-5)
    assert not views["bias1"].any()
