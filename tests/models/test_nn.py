"""The stacked perceptron and its three sweeps against autograd and `torch.nn`."""

import copy
import math

import pytest
import torch
from torch import nn

from quantum_latents.models import GANSpec, MLPSpec, StackedMLP, build_critic, build_generator
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator

STACK, BATCH = 3, 7
# One product of every network is narrower than 16 columns, where the code takes another path.
SHAPES = [
    (3, (5, 9), 2),
    (3, (20, 24, 18), 1),
    (20, (8, 40), 17),
    (17, (33,), 1),
    (18, (18, 18), 4),
]


def spec_of(hidden=(8, 8), activation="relu", initialisation="pytorch", **settings) -> MLPSpec:
    return MLPSpec(
        hidden=hidden,
        activation=activation,
        negative_slope=0.0 if activation == "relu" else 0.2,
        initialisation=initialisation,
        **settings,
    )


def generators(num, *names):
    return [torch_generator(stream(run, "init", *names)) for run in range(num)]


def normal(*shape, name="x"):
    generator = torch_generator(stream(0, "test", name))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def network(shape, activation, reinject) -> StackedMLP:
    num_inputs, hidden, num_outputs = shape
    spec = spec_of(hidden, activation, reinject_latent=reinject and len(hidden) > 1)
    mlp = StackedMLP(spec, num_inputs, num_outputs, stack=STACK, dtype=torch.float64)
    mlp.initialise(generators(STACK))
    return mlp


def assert_close(actual, expected):
    scale = expected.abs().max().clamp(min=1.0)
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= 1e-12 * scale


every_network = pytest.mark.parametrize(
    ("shape", "activation", "reinject"),
    [(s, a, r) for s in SHAPES for a in ("relu", "leaky_relu") for r in (False, True)],
)


@every_network
def test_traced_and_untraced_forward_agree(shape, activation, reinject):
    mlp = network(shape, activation, reinject)
    x = normal(STACK, BATCH, shape[0])
    assert_close(mlp.activations(x, mlp.buffers_of(BATCH))[-1], mlp(x).detach())


@every_network
def test_first_derivatives_are_those_of_autograd(shape, activation, reinject):
    mlp = network(shape, activation, reinject)
    x, v = normal(STACK, BATCH, shape[0]), normal(STACK, BATCH, shape[2], name="v")
    (by_weights,) = torch.autograd.grad((v * mlp(x)).sum(), mlp.flat)

    activations = mlp.activations(x, mlp.buffers_of(BATCH))
    cotangents = mlp.cotangents(activations, v, mlp.buffers_of(BATCH))
    gradient = torch.full_like(mlp.flat.detach(), torch.nan)
    mlp.weight_gradients(gradient, cotangents, activations[:-1])
    assert_close(gradient, by_weights)


@every_network
def test_the_derivative_by_the_input_is_that_of_autograd(shape, activation, reinject):
    mlp = network(shape, activation, reinject)
    x = normal(STACK, BATCH, shape[0]).requires_grad_()
    v = normal(STACK, BATCH, shape[2], name="v")
    by_input = _input_derivative(mlp, x, v, create_graph=False)
    activations = mlp.activations(x.detach(), mlp.buffers_of(BATCH))
    v_0 = mlp.cotangents(activations, v, mlp.buffers_of(BATCH))[0]
    assert_close(v_0, by_input)


@every_network
def test_second_derivatives_are_those_of_double_backward(shape, activation, reinject):
    mlp = network(shape, activation, reinject)
    x = normal(STACK, BATCH, shape[0]).requires_grad_()
    v = normal(STACK, BATCH, shape[2], name="v")
    t_0 = normal(STACK, BATCH, shape[0], name="t")
    v_0 = _input_derivative(mlp, x, v, create_graph=True)
    (by_weights,) = torch.autograd.grad((t_0 * v_0).sum(), mlp.flat)

    activations = mlp.activations(x.detach(), mlp.buffers_of(BATCH))
    cotangents = mlp.cotangents(activations, v, mlp.buffers_of(BATCH))
    tangents = activations[:-1]
    tangents[0] = tangents[0].clone()
    mlp.tangents_(tangents, t_0, mlp.buffers_of(BATCH))
    gradient = torch.full_like(mlp.flat.detach(), torch.nan)
    mlp.weight_gradients(gradient, cotangents, tangents, num_bias_rows=0)
    ours, autograd = mlp.views(gradient), mlp.views(by_weights)
    for name in ours:
        # v_0 is the derivative by a_0 alone, so z's other way in has no second derivative.
        if not name.startswith("injection"):
            assert_close(ours[name], autograd[name])
    assert all((ours[name] == 0).all() for name in ours if name.startswith("bias"))


def _input_derivative(mlp, x, v, create_graph):
    """Autograd's derivative of sum(v y) by a_0, with z held fixed in the re-injection."""
    parameters = mlp.views(mlp.flat)
    a = x
    for layer in range(1, mlp.num_layers + 1):
        a = a @ parameters[f"weight{layer}"].mT + parameters[f"bias{layer}"]
        if f"injection{layer}" in parameters:
            a = a + x.detach() @ parameters[f"injection{layer}"].mT
        if layer < mlp.num_layers:
            a = nn.functional.leaky_relu(a, mlp.negative_slope)
    return torch.autograd.grad((v * a).sum(), x, create_graph=create_graph)[0]


def test_bias_gradients_can_be_kept_to_the_first_rows():
    mlp = network(SHAPES[0], "relu", reinject=False)
    x, v = normal(STACK, BATCH, 3), normal(STACK, BATCH, 2, name="v")
    activations = mlp.activations(x, mlp.buffers_of(BATCH))
    cotangents = mlp.cotangents(activations, v, mlp.buffers_of(BATCH))
    gradient = torch.empty_like(mlp.flat.detach())
    mlp.weight_gradients(gradient, cotangents, activations[:-1], num_bias_rows=4)
    (by_weights,) = torch.autograd.grad((v[:, :4] * mlp(x[:, :4])).sum(), mlp.flat)
    assert_close(mlp.views(gradient)["bias2"], mlp.views(by_weights)["bias2"])


@pytest.mark.parametrize("reinject", [False, True])
def test_an_extracted_run_is_that_run_and_a_copy(reinject):
    mlp = network(SHAPES[1], "leaky_relu", reinject)
    x = normal(STACK, BATCH, 3)
    state = torch.get_rng_state()
    alone = mlp.extract(1)
    assert torch.equal(torch.get_rng_state(), state)  # torch's global generator is not ours
    before = mlp(x)[1].detach().clone()
    with torch.no_grad():
        mlp.flat.zero_()
    assert_close(alone(x[1]).detach(), before)
    assert {p.dtype for p in alone.parameters()} == {torch.float64}


def test_a_copy_has_memory_of_its_own():
    mlp = network(SHAPES[1], "relu", reinject=False)
    x = normal(STACK, BATCH, 3)
    before = mlp.activations(x, mlp.buffers_of(BATCH))[-1].clone()
    copied = copy.deepcopy(mlp)
    # The cut of the old memory would be taken for that of any tensor at its address later.
    assert mlp.flat.data_ptr() not in copied._cut
    with torch.no_grad():
        copied.flat.zero_()
    assert torch.equal(mlp.activations(x, mlp.buffers_of(BATCH))[-1], before)
    assert (copied.activations(x, copied.buffers_of(BATCH))[-1] == 0).all()


def test_runs_do_not_touch_each_other():
    mlp = network(SHAPES[1], "relu", reinject=True)
    x = normal(STACK, BATCH, 3)
    before = mlp(x).detach().clone()
    x[1] = torch.nan
    after = mlp(x)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert after[1].isnan().all()


@pytest.mark.parametrize("initialisation", ["pytorch", "xavier_uniform", "orthogonal"])
def test_initial_weights_are_the_same_alone_and_stacked(initialisation):
    spec = spec_of((20, 24), initialisation=initialisation, reinject_latent=True)
    stacked, alone = StackedMLP(spec, 6, 2, stack=4), StackedMLP(spec, 6, 2, stack=1)
    stacked.initialise(generators(4))
    alone.initialise([torch_generator(stream(2, "init"))])
    ours = stacked.views(stacked.flat.detach())
    for name, view in alone.views(alone.flat.detach()).items():
        assert torch.equal(view[0], ours[name][2])
        assert name.startswith("bias") or not torch.equal(ours[name][2], ours[name][1])


def test_pytorch_initialisation_has_the_bounds_and_the_law_of_torch():
    spec = spec_of((200, 100), reinject_latent=True)
    mlp = StackedMLP(spec, 50, 100, stack=1)
    mlp.initialise(generators(1))
    views = mlp.views(mlp.flat.detach())
    fans = {"weight1": 50, "bias1": 50, "weight2": 200, "bias2": 200, "injection2": 50}
    for name, fan_in in (fans | {"weight3": 100, "bias3": 100}).items():
        values, bound = views[name].double(), fan_in**-0.5
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.9 * bound
        # Variance of a uniform law, within 6 of its standard errors (fixed seed).
        error = 6 * math.sqrt(0.8 / values.numel())
        assert values.var(correction=0) / (bound**2 / 3) == pytest.approx(1, abs=error)


def test_xavier_initialisation_has_its_variance_and_no_bias():
    mlp = StackedMLP(spec_of((300,), initialisation="xavier_uniform"), 100, 50, stack=1)
    mlp.initialise(generators(1))
    views = mlp.views(mlp.flat.detach())
    for name, fans in {"weight1": 400, "weight2": 350}.items():
        values = views[name].double()
        assert values.abs().max() <= math.sqrt(6 / fans)
        error = 6 * math.sqrt(0.8 / values.numel())
        assert values.var(correction=0) * fans / 2 == pytest.approx(1, abs=error)
    assert (views["bias1"] == 0).all()
    assert (views["bias2"] == 0).all()


def test_orthogonal_initialisation_is_orthogonal():
    mlp = StackedMLP(spec_of((30, 20), initialisation="orthogonal"), 10, 40, stack=2)
    mlp.initialise(generators(2))
    views = mlp.views(mlp.flat.detach())
    for name in ("weight1", "weight2", "weight3"):
        for weight in views[name].double():
            small = weight if weight.shape[0] <= weight.shape[1] else weight.mT
            assert (small @ small.mT - torch.eye(len(small))).abs().max() < 1e-5
    assert (views["bias2"] == 0).all()


def test_initialise_wants_a_generator_a_run():
    with pytest.raises(ValueError, match="3 runs need as many generators, not 2"):
        StackedMLP(spec_of(), 4, 2, stack=3).initialise(generators(2))


def test_a_critic_sees_no_latent_and_ends_in_one_number():
    good = spec_of()
    with pytest.raises(ValueError, match="reinject_latent=False"):
        GANSpec(generator=good, critic=spec_of(reinject_latent=True))
    with pytest.raises(ValueError, match="non_decreasing=False"):
        GANSpec(generator=good, critic=spec_of((8, 8), "leaky_relu", non_decreasing=True))
    model = GANSpec(generator=good, critic=good)
    assert build_generator(model, 4, 3, stack=2)(torch.zeros(2, 5, 4)).shape == (2, 5, 3)
    assert build_critic(model, 3, stack=2)(torch.zeros(2, 5, 3)).shape == (2, 5, 1)


@pytest.mark.parametrize("rows", [slice(None), slice(2, 4)])
def test_cotangents_of_chosen_input_rows_also_behind_a_width_of_one(rows):
    mlp = StackedMLP(spec_of((1,)), 3, 1, stack=2, dtype=torch.float64)
    mlp.initialise(generators(2))
    x, v = normal(2, 5, 3), normal(2, 5, 1, name="v")
    activations = mlp.activations(x, mlp.buffers_of(5))
    whole = mlp.cotangents(activations, v, mlp.buffers_of(5))[0]
    chosen = mlp.cotangents(activations, v, mlp.buffers_of(5), input_rows=rows)[0]
    assert torch.equal(chosen, whole[:, rows])
