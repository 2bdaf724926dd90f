"""The networks of a denoising diffusion GAN: what reaches their output, and their first weights."""

import math
from dataclasses import replace

import pytest
import torch

from quantum_latents.models import (
    DDGANSpec,
    Diffusion,
    TimeCritic,
    TimeCriticSpec,
    UNet,
    UNetSpec,
    initialise,
)

GENERATOR = UNetSpec(
    channels=4,
    multipliers=(1, 2),
    num_blocks=1,
    attention=(4,),
    style_width=6,
    mapping_layers=1,
    normalise_latent=False,
)
CRITIC = TimeCriticSpec(channels=4, multipliers=(1, 2, 2), time_width=8, group=1)
SHAPE = (2, 8, 8)
MODEL = DDGANSpec(
    image_shape=SHAPE,
    diffusion=Diffusion(num_timesteps=3, beta_min=0.1, beta_max=20.0),
    generator=GENERATOR,
    critic=CRITIC,
)


def drawn(module, seed=0, awake=True):
    """Return the module with weights; awake: also those that begin next to zero."""
    generator = torch.Generator().manual_seed(seed)
    initialise(module, generator)
    if awake:
        with torch.no_grad():
            for weight in module.parameters():
                weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return module.double()


def inputs(number=8, dim=3):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(number, *SHAPE, generator=generator, dtype=torch.float64)
    z = torch.randn(number, dim, generator=generator, dtype=torch.float64)
    return x, torch.arange(number) % 3 + 1, z


def test_images_are_bounded_and_depend_on_image_step_and_latent():
    unet = drawn(UNet(GENERATOR, SHAPE, 3))
    x, t, z = inputs()
    made = unet(x, t, z)
    assert made.shape == x.shape
    assert made.abs().max() < 1
    assert not torch.allclose(unet(x + 0.1, t, z), made)
    assert not torch.allclose(unet(x, t % 3 + 1, z), made)
    assert not torch.allclose(unet(x, t, z + 0.1), made)


def test_an_image_does_not_depend_on_its_neighbours():
    unet = drawn(UNet(GENERATOR, SHAPE, 3))
    x, t, z = inputs()
    assert torch.allclose(unet(x, t, z)[2:3], unet(x[2:3], t[2:3], z[2:3]), atol=1e-12)


def test_a_normalised_latent_is_a_direction():
    unet = drawn(UNet(replace(GENERATOR, normalise_latent=True), SHAPE, 3))
    x, t, z = inputs()
    assert torch.allclose(unet(x, t, 5 * z), unet(x, t, z), atol=1e-6)
    assert torch.isfinite(unet(x, t, 0 * z)).all()


def test_scores_see_both_images_and_the_step():
    critic = drawn(TimeCritic(CRITIC, SHAPE))
    x, t, _ = inputs()
    scores = critic(x, 2 * x, t)
    assert scores.shape == (8,)
    assert not torch.allclose(critic(x + 0.1, 2 * x, t), scores)
    assert not torch.allclose(critic(x, 2 * x + 0.1, t), scores)
    assert not torch.allclose(critic(x, 2 * x, t % 3 + 1), scores)
    assert torch.allclose(critic(x[3:4], 2 * x[3:4], t[3:4]), scores[3:4], atol=1e-12)


def test_a_group_shows_the_critic_how_much_images_differ():
    critic = drawn(TimeCritic(replace(CRITIC, group=4), SHAPE))
    x, t, _ = inputs()
    t = torch.ones_like(t)
    same = x[:1].expand_as(x)
    mixed = torch.cat([same[:1], x[1:]])
    # The same image gets another score among others.
    assert not torch.allclose(critic(same, same, t)[0], critic(mixed, mixed, t)[0])
    with pytest.raises(ValueError, match="a multiple of group=4, not 6"):
        critic(x[:6], x[:6], t[:6])


def test_first_weights_are_xaviers_and_residual_branches_begin_asleep():
    unet = UNet(replace(GENERATOR, channels=16), SHAPE, 3)
    drawn(unet, awake=False)
    weight = unet.down[0].conv1.weight.detach()
    bound = math.sqrt(6 / (9 * weight.shape[1] + 9 * weight.shape[0]))
    assert 0.97 * bound < weight.abs().max() <= bound
    assert weight.var() == pytest.approx(bound**2 / 3, rel=0.05)
    assert unet.down[0].conv2.weight.abs().max() < 1e-5
    x, t, z = inputs()
    assert unet(x, t, z).abs().max() < 1e-3  # tanh of nearly nothing
    assert all(not b.any() for n, b in unet.named_parameters() if n.endswith("conv1.bias"))


def test_weights_depend_on_the_generator_alone():
    first, again, other = (drawn(UNet(GENERATOR, SHAPE, 3), seed) for seed in (0, 0, 1))
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )
    assert not torch.equal(first.first.weight, other.first.weight)


def test_a_penalty_has_a_second_derivative():
    critic = drawn(TimeCritic(replace(CRITIC, group=4), SHAPE))
    x, t, _ = inputs()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).double()

    def penalty(amount):
        at = (x + amount * direction).requires_grad_()
        (slope,) = torch.autograd.grad(critic(at, x, t).sum(), at, create_graph=True)
        return slope.square().sum(), at

    value, at = penalty(0.0)
    (gradient,) = torch.autograd.grad(value, at)
    difference = (penalty(1e-6)[0] - penalty(-1e-6)[0]) / 2e-6
    slope = (gradient * direction).sum().item()
    assert slope == pytest.approx(difference.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"channels": 6}, ValueError, "a multiple of 4, for group normalisation, not 6"),
        ({"channels": 0}, ValueError, "channels must be at least 1, not 0"),
        ({"num_blocks": 1.0}, TypeError, "num_blocks is an integer, not 1.0"),
        ({"multipliers": ()}, ValueError, "at least one positive number"),
        ({"multipliers": [1, 2]}, TypeError, r"a tuple of integers such as \(1, 2\)"),
        ({"attention": 4}, TypeError, "a tuple of heights"),
        ({"normalise_latent": 1}, TypeError, "True or False, not 1"),
    ],
)
def test_bad_networks_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(GENERATOR, **change)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"image_shape": (8, 8)}, ValueError, r"\(channels, height, width\), not \(8, 8\)"),
        ({"image_shape": [1, 8, 8]}, TypeError, "a tuple such as"),
        ({"image_shape": (1, 6, 6)}, ValueError, "halve images 2 times, and 6 x 6 pixels cannot"),
    ],
)
def test_bad_images_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(MODEL, **change)
