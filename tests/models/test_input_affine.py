"""A trainable scale and shift of every input: by hand, by autograd, and where it is refused."""

from dataclasses import replace

import pytest
import torch

from quantum_latents.models import GANSpec, MLPSpec, StackedMLP, project_
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator
from quantum_latents.theory import read_network

STACK, ROWS, WIDTH = 2, 7, 5
SPEC = MLPSpec(
    hidden=(8, 17), activation="leaky_relu", negative_slope=0.2, initialisation="pytorch"
)


def generators():
    return [torch_generator(stream(run, "init")) for run in range(STACK)]


def network(reinject: bool, *, moved: bool = True) -> tuple[StackedMLP, StackedMLP]:
    """A network with the map, away from where it starts, and the same one without."""
    spec = replace(SPEC, reinject_latent=reinject)
    pair = []
    for has_map in (True, False):
        made = replace(spec, trainable_input_affine=has_map)
        mlp = StackedMLP(made, WIDTH, 3, stack=STACK, dtype=torch.float64)
        mlp.initialise(generators())
        pair.append(mlp)
    if moved:
        views = pair[0].views(pair[0].flat.detach())
        draw = torch_generator(stream(0, "moved"))
        for name in ("scale1", "shift1"):
            views[name].copy_(torch.randn(STACK, 1, WIDTH, generator=draw, dtype=torch.float64))
    return pair[0], pair[1]


def normal(*shape):
    return torch.randn(*shape, generator=torch_generator(stream(0, "x")), dtype=torch.float64)


every_network = pytest.mark.parametrize("reinject", [False, True])


@every_network
def test_it_is_the_network_of_scaled_and_shifted_inputs(reinject):
    mlp, without = network(reinject)
    views, z = mlp.views(mlp.flat.detach()), normal(STACK, ROWS, WIDTH)
    expected = without(views["scale1"] * z + views["shift1"])
    torch.testing.assert_close(mlp(z), expected, rtol=0, atol=1e-13)
    kept = z.clone()
    made = mlp.activations(z, mlp.buffers_of(ROWS))
    torch.testing.assert_close(made[-1], expected.detach(), rtol=0, atol=1e-13)
    assert torch.equal(z, kept)  # the caller's latents stay as they are
    plain = mlp.extract(1)
    assert {name for name, _ in plain.named_parameters()} >= {"scale", "shift"}
    torch.testing.assert_close(plain(z[1]), expected[1], rtol=0, atol=1e-13)


@every_network
def test_it_starts_as_the_network_without_it(reinject):
    mlp, without = network(reinject, moved=False)
    views = mlp.views(mlp.flat.detach())
    assert (views.pop("scale1") == 1).all() and (views.pop("shift1") == 0).all()
    assert mlp.flat.numel() == without.flat.numel() + STACK * 2 * WIDTH
    for name, view in without.views(without.flat.detach()).items():
        assert torch.equal(views[name], view)


@every_network
def test_the_gradient_by_all_parameters_is_autograds(reinject):
    mlp, _ = network(reinject)
    z, v = normal(STACK, ROWS, WIDTH), normal(STACK, ROWS, 3)
    (expected,) = torch.autograd.grad((mlp(z) * v).sum(), mlp.flat)
    activations = mlp.activations(z, mlp.buffers_of(ROWS))
    left = mlp.cotangents(activations, v, mlp.buffers_of(ROWS))
    gradient = torch.full_like(mlp.flat.detach(), torch.nan)
    mlp.weight_gradients(gradient, left, activations[:-1])
    mlp.input_gradients(gradient, left, z)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)
    by = mlp.views(gradient)
    assert (by["scale1"].abs() > 1e-3).all() and (by["shift1"].abs() > 1e-3).all()


@every_network
def test_a_certificate_reads_it_as_affine_maps(reinject):
    mlp, _ = network(reinject)
    z = normal(ROWS, WIDTH)
    plain = mlp.extract(0)
    made = read_network(plain)
    assert made.widths == (WIDTH, 8, 17, 3)
    expected = plain(z).detach().numpy()
    torch.testing.assert_close(made(z.numpy()), expected, rtol=0, atol=1e-12)
    alone = StackedMLP(mlp.spec, WIDTH, 3, stack=1, dtype=torch.float64)
    for name, view in alone.views(alone.flat.detach()).items():
        view[0].copy_(mlp.views(mlp.flat.detach())[name][0])
    torch.testing.assert_close(read_network(alone)(z.numpy()), expected, rtol=0, atol=1e-12)


def test_a_bound_on_spectral_norms_holds_for_the_scale_too():
    spec = replace(SPEC, trainable_input_affine=True, spectral_bound=1.5)
    mlp = StackedMLP(spec, WIDTH, 3, stack=STACK, dtype=torch.float64)
    mlp.initialise(generators())
    views = mlp.views(mlp.flat.detach())
    views["scale1"][1, 0] = torch.tensor([2.0, -3.0, 1.0, 0.0, -1.5])
    views["shift1"][1, 0] = 9.0
    project_(mlp, mlp.flat)
    assert views["scale1"][1, 0].tolist() == [1.5, -1.5, 1.0, 0.0, -1.5]
    assert (views["scale1"][0] == 1).all() and (views["shift1"][1] == 9).all()


def test_critics_have_none_and_it_is_said_by_yes_or_no():
    with pytest.raises(ValueError, match="trainable_input_affine=False for it"):
        GANSpec(generator=SPEC, critic=replace(SPEC, trainable_input_affine=True))
    with pytest.raises(TypeError, match="True or False, not 1"):
        replace(SPEC, trainable_input_affine=1)
