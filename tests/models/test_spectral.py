"""Spectral norms by projection: what it leaves alone, what it bounds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.models import GANSpec, MLPSpec, StackedMLP, project_
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator

SPEC = MLPSpec(
    hidden=(12, 20),
    activation="leaky_relu",
    negative_slope=0.2,
    initialisation="orthogonal",
    gain=1.5,
    reinject_latent=True,
    spectral_bound=1.2,
)


def stacked(spec=SPEC, stack=2, dtype=torch.float32) -> StackedMLP:
    mlp = StackedMLP(spec, 4, 24, stack=stack, dtype=dtype)
    mlp.initialise([torch_generator(stream(seed, "init")) for seed in range(stack)])
    return mlp


def norms(mlp):
    return {
        name: np.linalg.norm(view.detach().double().numpy(), 2, axis=(1, 2))
        for name, view in mlp.views(mlp.flat).items()
        if not name.startswith("bias")
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_matrix_keeps_to_the_bound_rounding_included(dtype):
    mlp = stacked(dtype=dtype)
    assert all((norm > 1.4).all() for norm in norms(mlp).values())
    project_(mlp, mlp.flat)
    found = norms(mlp)
    assert set(found) == {"weight1", "weight2", "weight3", "injection2"}
    for norm in found.values():
        assert (norm <= 1.2).all()
        assert (norm > 1.2 * (1 - 1e-5)).all()
    once = mlp.flat.detach().clone()
    project_(mlp, mlp.flat)
    assert torch.equal(mlp.flat, once)


def test_directions_biases_and_what_is_inside_stay():
    mlp = stacked(replace(SPEC, gain=1.0))
    with torch.no_grad():
        mlp.views(mlp.flat)["bias1"].fill_(7.0)
        mlp.views(mlp.flat)["weight2"][1].mul_(3.0)
    before = {name: view.detach().clone() for name, view in mlp.views(mlp.flat).items()}
    project_(mlp, mlp.flat)
    for name, view in mlp.views(mlp.flat).items():
        for run in range(2):
            if (name, run) != ("weight2", 1):
                assert torch.equal(view[run], before[name][run])
    ratio = mlp.views(mlp.flat.detach())["weight2"][1] / before["weight2"][1]
    assert float(ratio.max() - ratio.min()) < 1e-6
    assert float(ratio.mean()) == pytest.approx(0.4, rel=1e-4)


def test_without_a_bound_nothing_changes():
    mlp = stacked(replace(SPEC, spectral_bound=0.0))
    before = mlp.flat.detach().clone()
    project_(mlp, mlp.flat)
    assert torch.equal(mlp.flat, before)


def test_the_lipschitz_constant_is_the_product_at_most():
    spec = replace(SPEC, reinject_latent=False)
    mlp = stacked(spec)
    project_(mlp, mlp.flat)
    z = torch.from_numpy(stream(0, "test").generator().normal(size=(2, 2, 300, 4))).float()
    with torch.no_grad():
        x, y = mlp(z[0]), mlp(z[1])
    stretch = (x - y).norm(dim=-1) / (z[0] - z[1]).norm(dim=-1)
    assert 0.1 < float(stretch.max()) <= 1.2**3


def test_a_run_is_projected_alike_alone_and_stacked():
    together, alone = stacked(stack=3), stacked(stack=1)
    for mlp in (together, alone):
        project_(mlp, mlp.flat)
    for name, view in together.views(together.flat).items():
        assert torch.equal(view[0], alone.views(alone.flat)[name][0])


def test_what_is_not_finite_is_left_to_others():
    mlp = stacked()
    with torch.no_grad():
        mlp.views(mlp.flat)["weight1"][0, 0, 0] = torch.nan
    project_(mlp, mlp.flat)
    views = mlp.views(mlp.flat)
    assert views["weight1"][0].isnan().sum() == 1
    assert np.linalg.norm(views["weight1"][1].detach().numpy(), 2) < 1.2001


def test_bad_bounds_are_refused():
    for bound in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="spectral_bound is a finite number > 0"):
            replace(SPEC, spectral_bound=bound)
    critic = replace(SPEC, reinject_latent=False)
    with pytest.raises(ValueError, match="set spectral_bound=0 for it"):
        GANSpec(generator=SPEC, critic=critic)
