"""Velocities, embeddings, dequantisation and the solvers of a flow."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.models import (
    Embedding,
    FlowSpec,
    SolverSpec,
    StackedVelocity,
    VelocitySpec,
    dequantised,
    solve,
)
from quantum_latents.models.flow import time_features
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator

VELOCITY = VelocitySpec(
    hidden=(6, 5), activation="silu", num_frequencies=2, initialisation="pytorch"
)
EULER = SolverSpec(name="euler", num_evaluations=4)
FLOW = FlowSpec(
    velocity=VELOCITY, embedding="none", dequantisation="none", jitter=0.0, solver=EULER
)


def velocity_of(spec, stack=3):
    made = StackedVelocity(spec, 2, stack=stack, dtype=torch.float64)
    made.initialise([torch_generator(stream(run, "test")) for run in range(stack)])
    return made


@pytest.mark.parametrize("activation", ["silu", "selu", "gelu", "relu"])
def test_a_stack_is_as_many_plain_networks(activation):
    stacked = velocity_of(replace(VELOCITY, activation=activation))
    functions = {"silu": torch.nn.SiLU, "selu": torch.nn.SELU, "gelu": torch.nn.GELU}
    x = torch.randn(3, 7, 2, generator=torch_generator(stream(0, "x")), dtype=torch.float64)
    t = torch.rand(3, 7, 1, generator=torch_generator(stream(0, "t")), dtype=torch.float64)
    out = stacked(x, t)
    weights = stacked.views(stacked.flat.detach())
    for run in range(3):
        layers = []
        for layer, (rows, columns) in enumerate([(6, 7), (5, 6), (2, 5)], start=1):
            plain = torch.nn.Linear(columns, rows, dtype=torch.float64)
            plain.weight.data.copy_(weights[f"weight{layer}"][run])
            plain.bias.data.copy_(weights[f"bias{layer}"][run, 0])
            layers += [plain, functions.get(activation, torch.nn.ReLU)()]
        k = torch.arange(1, 3)
        inputs = [x[run], t[run], (math.pi * k * t[run]).sin(), (math.pi * k * t[run]).cos()]
        plain = torch.nn.Sequential(*layers[:-1])
        assert torch.allclose(plain(torch.cat(inputs, 1)), out[run], atol=1e-12)
    # One time for all points is that time at each.
    assert torch.equal(stacked(x, torch.tensor(0.25)), stacked(x, torch.full((3, 7, 1), 0.25)))


def test_no_two_times_have_the_same_features():
    times = torch.linspace(0, 1, 101)[:, None]
    features = time_features(times, 3)[:, 1:]  # without t itself
    assert torch.cdist(features, features).fill_diagonal_(1).min() > 1e-3


@pytest.mark.parametrize("kind", ["zero_padding", "orthonormal"])
@pytest.mark.parametrize(("latent_dim", "data_dim"), [(5, 2), (2, 5)])
def test_an_embedding_keeps_distances_and_is_undone(kind, latent_dim, data_dim):
    space = Embedding(kind, latent_dim, data_dim, stream(0, "e").generator())
    z, x = torch.randn(9, latent_dim).double(), torch.randn(9, data_dim).double()
    assert space.dim == 5
    for points, embedded in ((z, space.latents(z)), (x, space.data(x))):
        assert embedded.shape == (9, 5)
        assert torch.allclose(torch.cdist(embedded, embedded), torch.cdist(points, points))
    assert torch.allclose(space.sample(space.data(x)), x)
    if kind == "zero_padding":
        narrow = space.data(x) if data_dim == 2 else space.latents(z)
        assert not narrow[:, 2:].any()
    else:
        other = Embedding(kind, latent_dim, data_dim, stream(1, "e").generator())
        assert not torch.allclose(other.data(x) + other.latents(z).sum(), space.data(x))


def test_an_embedding_is_explicit():
    noise = np.random.default_rng(0)
    with pytest.raises(ValueError, match="latents are 5 wide and data 2: name an embedding"):
        Embedding("none", 5, 2, noise)
    with pytest.raises(ValueError, match="both 2 wide, nothing is embedded: set embedding='none'"):
        Embedding("orthonormal", 2, 2, noise)


def test_dequantisation_has_the_law_it_says():
    z = torch.zeros(40_000, 1)
    uniform = replace(FLOW, dequantisation="uniform", jitter=0.5)
    gaussian = replace(FLOW, dequantisation="gaussian", jitter=0.5)
    noise = stream(0, "noise").generator
    flat, normal = dequantised(z, uniform, noise()), dequantised(z, gaussian, noise(1))
    assert -0.25 <= flat.min() < -0.249 and 0.249 < flat.max() <= 0.25
    assert math.isclose(float(flat.std()), 0.5 / math.sqrt(12), rel_tol=0.02)
    assert math.isclose(float(normal.std()), 0.5, rel_tol=0.02)
    assert dequantised(z, FLOW, None) is z
    assert not z.any()
    with pytest.raises(ValueError, match="uniform dequantisation: give the stream"):
        dequantised(z, uniform, None)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("midpoint", 2)])
def test_solvers_have_their_order(name, order):
    # dx/dt = x + t from 1: x(1) = 3e - 2... the constant of x = c e^t - t - 1 is 2.
    exact = 2 * math.e - 2
    errors = []
    for num_evaluations in (40, 80):
        solver = SolverSpec(name=name, num_evaluations=num_evaluations)
        solved = solve(lambda x, t: x + t, torch.ones(1, dtype=torch.float64), solver)
        assert solved.num_evaluations == num_evaluations
        errors.append(abs(float(solved.x) - exact))
    assert math.isclose(math.log2(errors[0] / errors[1]), order, abs_tol=0.1)


def test_an_adaptive_solver_keeps_its_tolerance_and_counts():
    counted = []

    def velocity(x, t):
        counted.append(float(t))
        return x + t

    solver = SolverSpec(name="dopri5", rtol=1e-8, atol=1e-8)
    solved = solve(velocity, torch.ones(1, dtype=torch.float64), solver)
    assert abs(float(solved.x) - (2 * math.e - 2)) < 1e-7
    assert solved.num_evaluations == len(counted) > 0
    loose = solve(velocity, torch.ones(1).double(), replace(solver, rtol=1e-3, atol=1e-3))
    assert loose.num_evaluations < solved.num_evaluations
    with pytest.raises(RuntimeError, match="dopri5 cannot solve this flow"):
        solve(lambda x, t: x * torch.nan, torch.ones(1), solver)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_evaluations": 0}, "positive multiple of 1, not 0"),
        ({"name": "midpoint", "num_evaluations": 5}, "positive multiple of 2, not 5"),
        ({"name": "rk4"}, "'euler', 'midpoint' or 'dopri5', not 'rk4'"),
        ({"rtol": 1e-3}, "euler has no tolerances"),
        ({"name": "dopri5"}, "leave num_evaluations at 0, not 4"),
        ({"name": "dopri5", "num_evaluations": 0}, r"needs rtol and atol in \(0, 1\)"),
    ],
)
def test_bad_solvers_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(EULER, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embedding": "project"}, "'none', 'zero_padding' or 'orthonormal', not 'project'"),
        ({"dequantisation": "logit"}, "'none', 'uniform' or 'gaussian', not 'logit'"),
        ({"jitter": 1.0}, "dequantisation 'none' has jitter=0, not 1.0"),
        ({"dequantisation": "uniform"}, "needs a finite jitter > 0, not 0.0"),
    ],
)
def test_bad_flows_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(FLOW, **change)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"hidden": [8]}, TypeError, "a tuple of integers"),
        ({"hidden": ()}, ValueError, "at least one positive width"),
        ({"activation": "tanh"}, ValueError, "one of silu, selu, gelu, relu, not 'tanh'"),
        ({"num_frequencies": -1}, ValueError, "an integer >= 0, not -1"),
        ({"initialisation": "he"}, ValueError, "initialisation is"),
    ],
)
def test_bad_velocities_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(VELOCITY, **change)
