"""The exact inverse: residuals of the size of rounding, and refusals with the reason."""

import numpy as np
import pytest
import torch
from torch import nn

from quantum_latents.theory import Affine, Network, inverse, read_network, routes, upper_bound
from quantum_latents.theory.inverse import find_route, invert

QM9_WIDTHS = (64, 176, 288, 400, 512)


def widening(dim: int) -> dict[str, tuple[tuple[int, ...], int]]:
    return {
        "square": ((dim, dim), dim),
        "widening": ((2 * dim, 3 * dim, 4 * dim), 5 * dim),
        "QM9's": (QM9_WIDTHS, 512),
    }


# Decompositions of QM9's networks take seconds: one length of z will do, the others on request.
SIZES = [
    pytest.param(dim, kind, marks=[pytest.mark.slow] if kind == "QM9's" and dim != 32 else [])
    for kind in ("square", "widening", "QM9's")
    for dim in (16, 32, 48)
]


@pytest.mark.parametrize("reinject", [False, True])
@pytest.mark.parametrize(("dim", "kind"), SIZES)
def test_the_residual_is_rounding_times_the_condition_number(stacked, latents, dim, kind, reinject):
    hidden, num_outputs = widening(dim)[kind]
    if reinject and kind == "square":
        hidden, num_outputs = (dim, 2 * dim, 3 * dim), 3 * dim
    network = read_network(
        stacked(dim, hidden, num_outputs, seed=dim, reinject_latent=reinject, slope=0.2)
    )
    route = find_route(network)
    assert route is not None
    condition = upper_bound(network).value * route.bound.value
    for precision in (np.float32, np.float64):
        z = latents(200, dim).astype(precision)
        x = network(z)
        assert x.dtype == precision
        made = invert(network, x, route)
        allowed = 100 * condition * np.finfo(precision).eps
        print(f"condition number {condition:.3g}, allowed {allowed:.3g}")
        assert made.z.dtype == precision
        error = np.linalg.norm(made.z - z, axis=1) / np.linalg.norm(z, axis=1)
        assert error.max() < allowed
        assert made.residual.max() < allowed
        # Not by being generous: a huge condition number would allow nonsense.
        assert error.max() < 1e7 * np.finfo(precision).eps


@pytest.mark.parametrize("reinject", [False, True])
def test_inverse_takes_the_best_route(stacked, latents, reinject):
    network = read_network(stacked(4, (8, 16), 20, reinject_latent=reinject))
    z = latents(30, 4)
    made = inverse(network, network(z))
    assert made.route == find_route(network)
    np.testing.assert_array_equal(made.z, invert(network, network(z), made.route).z)
    np.testing.assert_allclose(made.z, z, rtol=1e-8)


@pytest.mark.parametrize(
    ("hidden", "num_outputs", "slope", "message"),
    [
        ((32, 16), 32, 0.2, "layer 2: narrows from 32 numbers to 16"),
        ((32,), 8, 0.2, "head: narrows from 32 numbers to 8"),
        ((8,), 32, 0.2, "layer 1: narrows from 16 numbers to 8"),
        ((32,), 32, 0.0, "layer 1: ReLU"),
    ],
)
def test_what_cannot_be_undone_is_refused_with_the_reason(
    stacked, hidden, num_outputs, slope, message
):
    generator = stacked(16, hidden, num_outputs, slope=slope)
    with pytest.raises(ValueError, match=message):
        inverse(generator, np.zeros((1, num_outputs)))


def test_a_rank_deficient_matrix_is_refused(stacked):
    module = stacked(4, (8,), 12)
    with torch.no_grad():
        weight = module.views(module.flat)["weight1"][0]
        weight[:, 3] = weight[:, 0] - 2 * weight[:, 1]
    with pytest.raises(ValueError, match="layer 1: rank-deficient to working precision"):
        inverse(module, np.zeros((1, 12)))


def test_with_reinjection_a_layer_must_widen_by_z_too(stacked):
    generator = stacked(8, (16, 23), 32, reinject_latent=True)
    with pytest.raises(ValueError, match="layer 2: narrows from 24 numbers, 8 of them z, to 23"):
        inverse(generator, np.zeros((1, 32)))


def test_a_softmax_has_no_inverse():
    parts = nn.Sequential(nn.Linear(2, 4), nn.Softmax(1))
    with pytest.raises(ValueError, match="no inverse: softmax forgets"):
        inverse(parts, np.zeros((1, 4), np.float32))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5)), r"shape \(N, 6\), not \(3, 5\)"),
        (np.zeros(6), r"shape \(N, 6\), not \(6,\)"),
        (np.zeros((3, 6), np.int64), "float32 or float64, not int64"),
    ],
)
def test_outputs_of_another_shape_or_kind_are_refused(stacked, x, message):
    with pytest.raises(ValueError, match=message):
        inverse(stacked(3, (4,), 6), x)


def test_every_route_with_reinjection_leads_to_the_same_latent(stacked, latents):
    network = read_network(stacked(4, (8, 16, 24), 30, reinject_latent=True))
    found = routes(network)
    # Layers 3 and 2 give z themselves; layer 1 is the way without them.
    assert [route.end for route in found] == [3, 2, 1]
    z = latents(40, 4)
    for route in found:
        np.testing.assert_allclose(invert(network, network(z), route).z, z, rtol=1e-8)


def test_a_rank_deficient_first_layer_does_not_matter_where_a_later_one_gives_z(stacked, latents):
    module = stacked(4, (8, 16), 20, reinject_latent=True)
    with torch.no_grad():
        module.views(module.flat)["weight1"].zero_()
    network = read_network(module)
    assert [route.end for route in routes(network)] == [2]
    z = latents(10, 4)
    np.testing.assert_allclose(inverse(network, network(z)).z, z, rtol=1e-8)


def test_off_the_image_the_residual_tells_the_distance(stacked, latents):
    network = read_network(stacked(3, (6,), 9))
    x = network(latents(20, 3))
    on = inverse(network, x).residual
    off = inverse(network, x + 0.1).residual
    assert on.max() < 1e-12
    assert off.min() > 1e-3


def test_an_activation_after_the_last_map_is_undone_too(latents):
    rng = np.random.default_rng(1)
    network = Network((Affine(rng.normal(size=(4, 2)), rng.normal(size=4), slope=0.1),))
    z = latents(30, 2)
    made = inverse(network, network(z))
    np.testing.assert_allclose(made.z, z, rtol=1e-10)
    smallest = np.linalg.svd(network.layers[0].weight, compute_uv=False)[-1]
    assert made.route.bound.value <= 10 / smallest * (1 + 1e-9)
