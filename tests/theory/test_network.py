import numpy as np
import pytest
import torch
from torch import nn

from quantum_latents.theory import Affine, Network, read_network


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("reinject", [False, True])
def test_a_network_computes_what_its_generator_computes(stacked, latents, slope, reinject):
    module = stacked(4, (8, 12), 20, slope=slope, reinject_latent=reinject)
    z = latents(50, 4)
    expected = module(torch.from_numpy(z)[None])[0].detach().numpy()
    for generator in (module, module.extract(0)):
        np.testing.assert_allclose(read_network(generator)(z), expected, rtol=1e-11, atol=1e-14)


def test_a_sequential_is_read_with_its_slopes_and_without_a_bias(latents):
    parts = nn.Sequential(
        nn.Flatten(), nn.Linear(3, 5), nn.LeakyReLU(0.3), nn.Linear(5, 7, bias=False), nn.ReLU(),
        nn.Identity(), nn.Linear(7, 7), nn.Softmax(dim=1),
    ).double()  # fmt: skip
    network = read_network(parts)
    z = latents(20, 3)
    np.testing.assert_allclose(
        network(z), parts[:-1](torch.from_numpy(z)).detach().numpy(), rtol=1e-12
    )
    assert [layer.slope for layer in network.layers] == [0.3, 0.0, 1.0]
    assert network.decoding == "softmax"
    assert network.widths == (3, 5, 7, 7)


def test_nested_parts_and_a_dropout_that_is_off_are_read(latents):
    block = nn.Sequential(nn.Linear(3, 5), nn.LeakyReLU(1.0))
    parts = nn.Sequential(block, nn.Dropout(0.5), nn.Linear(5, 4)).double().eval()
    z = latents(20, 3)
    expected = parts(torch.from_numpy(z)).detach().numpy()
    np.testing.assert_allclose(read_network(parts)(z), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), r"cannot read Tanh \(1\)"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), r"ReLU \(0\) does not follow a Linear"),
        (nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(-0.1)), "slope of -0.1"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(1), nn.Linear(2, 2)), "after a softmax"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(0)), "over dimension 0"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), "random while it trains"),
        (nn.Conv1d(2, 2, 1), "affine maps of a Conv1d"),
    ],
)
def test_what_cannot_be_read_is_named(module, message):
    with pytest.raises(TypeError, match=message):
        read_network(module)


def test_a_stack_of_several_runs_is_not_one_generator(stacked):
    from quantum_latents.models import StackedMLP

    several = StackedMLP(stacked(2, (4,), 4).spec, 2, 4, stack=2)
    with pytest.raises(ValueError, match=r"stack of 2 runs .* stack.extract\(run\)"):
        read_network(several)


def test_weights_that_are_not_finite_are_refused_by_layer(stacked):
    module = stacked(2, (4,), 4)
    with torch.no_grad():
        module.views(module.flat)["weight2"][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="layer 2: its weight"):
        read_network(module)


def test_latents_of_another_width_are_refused(stacked):
    with pytest.raises(ValueError, match=r"shape \(N, 2\), not \(5, 3\)"):
        read_network(stacked(2, (4,), 4))(np.zeros((5, 3)))


def test_without_an_affine_map_there_is_no_network():
    with pytest.raises(ValueError, match="at least one affine map"):
        Network(())


@pytest.mark.parametrize("reinject", [False, True])
def test_jacobians_are_those_of_autograd(stacked, latents, reinject):
    module = stacked(3, (8, 11), 5, reinject_latent=reinject)
    z = latents(200, 3)
    jacobians = read_network(module).jacobians(z)
    for row in (0, 99, 199):
        expected = torch.func.jacrev(lambda one: module(one[None, None])[0, 0])(
            torch.from_numpy(z[row])
        )
        np.testing.assert_allclose(jacobians[row], expected.detach().numpy(), rtol=1e-10)
    v = latents(200, 5, 1)
    pulled = read_network(module).pulled(z, v)
    np.testing.assert_allclose(pulled, np.einsum("nxz,nx->nz", jacobians, v), rtol=1e-9)


def test_features_are_what_the_head_sees(stacked, latents):
    network = read_network(stacked(3, (8, 11), 2))
    z = latents(10, 3)
    assert network.features is not None
    np.testing.assert_array_equal(network.features(z), network.activations(z)[-2])
    assert Network((Affine(np.eye(2), np.zeros(2)),)).features is None
