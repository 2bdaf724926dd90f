"""Denoising diffusion GANs: steps against plain loops, stacks, resume, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from quantum_latents.data import DigitsSpec, MoonsSpec
from quantum_latents.evaluation import write_run
from quantum_latents.latents import BernoulliSpec, GaussianSpec, LearnedPriorSpec, build_latent
from quantum_latents.models import (
    DDGANSpec,
    Diffusion,
    TimeCritic,
    TimeCriticSpec,
    UNet,
    UNetSpec,
    initialise,
)
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator
from quantum_latents.training import (
    DenoisingSpec,
    DenoisingStack,
    Earlier,
    EvaluationSpec,
    OptimiserSpec,
    RunSpec,
    StackMember,
    WGANSpec,
    bytes_of,
    flop_of,
    load_generator,
    rehearse_stack,
    train_stack,
)
from quantum_latents.training import denoising as denoising_module
from quantum_latents.training.denoising import denoised
from quantum_latents.training.resume import check_state

T = 3
LATENT = {"dim": 4, "scaling": "centred", "bank_size": 500, "num_held_out": 10 * T}
MODEL = DDGANSpec(
    image_shape=(1, 8, 8),
    diffusion=Diffusion(num_timesteps=T, beta_min=0.1, beta_max=20.0),
    generator=UNetSpec(
        channels=4,
        multipliers=(1, 2),
        num_blocks=1,
        attention=(),
        style_width=6,
        mapping_layers=1,
        normalise_latent=True,
    ),
    critic=TimeCriticSpec(channels=4, multipliers=(1, 2), time_width=8, group=4),
)
ADAM = OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.5, 0.9))
TRAINING = DenoisingSpec(
    num_steps=20,
    batch_size=4,
    optimiser=ADAM,
    critic_learning_rate=2e-3,
    least_learning_rate=1e-5,
    gradient_penalty=0.5,
    penalty_every=3,
    averaging=0.9,
)
RUN = RunSpec(
    data=DigitsSpec(threshold=None, num_held_out=10),
    latent=GaussianSpec(**LATENT),
    model=MODEL,
    training=TRAINING,
    evaluation=EvaluationSpec(num_samples=10),
    seed=0,
)


def train(runs, folder, **settings):
    folder.mkdir(exist_ok=True)
    return train_stack(runs, cache=folder / "cache", checkpoint=folder / "stack.st", **settings)


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.spec, a.curves, a.sampling) == (b.spec, b.curves, b.sampling)
        assert np.array_equal(a.samples, b.samples)
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in b.weights)


def member(seed=0, pixels=64, rows=30):
    latent = build_latent(GaussianSpec(**LATENT), seed, None)
    data = torch.from_numpy(stream(seed, "data").generator().random((rows, pixels)))
    return StackMember(data.float(), latent, stream(seed, "training"))


def test_a_step_is_that_of_a_plain_loop():
    """torch.optim on the modules' own parameters, formulas as published, the same draws."""
    training = replace(TRAINING, precision="float64")
    one = member()
    stack = DenoisingStack([one], MODEL, training)
    generator = UNet(MODEL.generator, (1, 8, 8), 4)
    critic = TimeCritic(MODEL.critic, (1, 8, 8))
    initialise(generator, torch_generator(one.init_stream("generator")))
    initialise(critic, torch_generator(one.init_stream("critic")))
    generator.double(), critic.double()
    averaged = [p.detach().clone() for p in generator.parameters()]
    optimisers = [
        torch.optim.Adam(module.parameters(), lr=rate, betas=(0.5, 0.9), eps=1e-8)
        for module, rate in ((generator, 1e-3), (critic, 2e-3))
    ]
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(o, training.num_steps, eta_min=1e-5)
        for o in optimisers
    ]
    process, told = MODEL.diffusion, []
    x = 2 * one.data.double().view(-1, 1, 8, 8) - 1
    z = one.latent.sample(2 * 16 * 4, one.stream.child("latent", 0)).double().view(16, 2, 4, 4)
    rows = one.stream.child("batch").generator(0).integers(30, size=(16, 2, 4))

    def fake(real, t, latents, noise):
        before, at = process.pair(real, t, noise[0], noise[1])
        return before, at, process.back(generator(at, t, latents), at, t, noise[2])

    for step in range(16):
        chance = one.stream.child("diffusion").generator(step)
        halves = []
        for half in (0, 1):
            real = x[rows[step, half]]
            t = torch.from_numpy(chance.integers(1, T + 1, size=4))
            noise = torch.from_numpy(chance.standard_normal((3, 4, 1, 8, 8), dtype=np.float32))
            halves.append((real, t, z[step, half], noise.double()))
        before, at, made = fake(*halves[0])
        before.requires_grad_()
        score, t = critic(before, at, halves[0][1]), halves[0][1]
        loss = softplus(-score).mean() + softplus(critic(made.detach(), at, t)).mean()
        penalty = torch.tensor(0.0)
        if step % 3 == 0:
            (slope,) = torch.autograd.grad(score.sum(), before, create_graph=True)
            penalty = 0.25 * slope.square().sum((1, 2, 3)).mean()
        optimisers[1].zero_grad()
        (loss + penalty).backward()
        optimisers[1].step()
        _, at, made = fake(*halves[1])
        of_generator = softplus(-critic(made, at, halves[1][1])).mean()
        optimisers[0].zero_grad()
        of_generator.backward()
        optimisers[0].step()
        with torch.no_grad():
            for mean, p in zip(averaged, generator.parameters(), strict=True):
                mean.mul_(0.9).add_(p, alpha=0.1)
        for schedule in schedules:
            schedule.step()
        told.append([of_generator.item(), loss.item(), penalty.item()])
    stack.train_block()
    ours, theirs = stack.losses[:16, 0].numpy(), np.array(told)
    assert np.allclose(ours[:, :2], theirs[:, :2], rtol=1e-7)
    assert np.allclose(ours[::3, 2], theirs[::3, 2], rtol=1e-6)
    assert np.array_equal(ours[:, 2], ours[np.arange(16) // 3 * 3, 2])  # the last one taken
    assert (ours[::3, 2] > 0).all()
    for (name, found), mean in zip(stack.weights_of(0).items(), averaged, strict=True):
        assert torch.allclose(found, mean, rtol=1e-6, atol=1e-9), name


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_a_run_does_not_depend_on_its_stack_nor_on_the_threads(averaging, tmp_path):
    training = replace(TRAINING, averaging=averaging)
    runs = [replace(RUN, seed=seed, training=training) for seed in range(2)]
    together = train(runs, tmp_path / "together")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        alone = [train([run], tmp_path / str(run.seed))[0] for run in runs]
    finally:
        torch.set_num_threads(before)
    assert_same(together, alone)
    assert len({outcome.samples.tobytes() for outcome in together}) == 2


def test_a_training_is_the_same_whoever_draws():
    stacks = []
    for draws_ahead in (False, True):
        stack = DenoisingStack([member(0), member(1)], MODEL, TRAINING, draws_ahead=draws_ahead)
        while stack.step < TRAINING.num_steps:
            stack.train_block()
        stacks.append(stack)
    usual, ahead = (stack.state() for stack in stacks)
    assert usual["losses"].isfinite().all()
    assert usual.keys() == ahead.keys()
    assert all(torch.equal(ahead[name], tensor) for name, tensor in usual.items())


def test_outcomes(tmp_path):
    (outcome,) = train([RUN], tmp_path)
    assert outcome.samples.shape == (10, 64)
    assert outcome.samples.min() >= 0
    assert outcome.samples.max() <= 16
    assert set(outcome.curves) == {"step", "generator", "critic", "penalty"}
    assert outcome.sampling == {"solver": "denoising", "function_evaluations": T}
    # The folder alone makes the same images, of the same latents and noise.
    write_run(tmp_path, outcome)
    trained = load_generator(tmp_path / "runs" / RUN.digest)
    z = build_latent(RUN.latent, RUN.seed, tmp_path).held_out(10 * T)
    taken = stream(RUN.seed, "training").child("diffusion", "generated")
    assert np.allclose(trained.generate(z, taken), outcome.samples, atol=1e-4)
    assert not np.allclose(trained.generate(z, stream(1, "any")), outcome.samples, atol=1e-2)
    with pytest.raises(ValueError, match="give the stream that it is drawn from"):
        trained.generate(z)
    with pytest.raises(ValueError, match="give a multiple of 3 rows, not 29"):
        trained.generate(z[:-1], taken)
    with pytest.raises(ValueError, match=r"takes z of shape \(N, 4\), not \(30, 3\)"):
        trained.generate(z[:, :3], taken)


def test_images_do_not_depend_on_how_many_are_made(monkeypatch):
    unet = UNet(MODEL.generator, (1, 8, 8), 4)
    initialise(unet, torch.Generator().manual_seed(0))
    weights = {name: weight.detach() for name, weight in unet.named_parameters()}
    z = torch.randn(7 * T, 4, generator=torch.Generator().manual_seed(1))

    def images(latents):
        return denoised(unet, weights, MODEL, latents, stream(0, "noise").generator())

    whole = images(z)
    assert whole.shape == (7, 64)
    assert torch.allclose(images(z[: 3 * T]), whole[:3], atol=1e-6)
    monkeypatch.setattr(denoising_module, "_IMAGES_AT_ONCE", 2)
    assert torch.allclose(images(z), whole, atol=1e-6)


def test_the_way_back_of_a_generator_that_knows_ends_at_the_data():
    """Whatever the latents and the noise: its last guess is the image."""

    class Knows(torch.nn.Module):
        def forward(self, x, t, z):
            return torch.full_like(x, 0.5)

    made = denoised(Knows(), {}, MODEL, torch.zeros(2 * T, 4), stream(0, "noise").generator())
    assert torch.allclose(made, torch.full((2, 64), 0.75))


def test_a_stopped_stack_goes_on_bit_for_bit(tmp_path):
    evaluation = EvaluationSpec(num_samples=10, milestones=(0.7,))
    runs = [replace(RUN, seed=seed, evaluation=evaluation) for seed in range(2)]
    whole = train(runs, tmp_path / "whole")
    answers = iter([False, True])
    assert train(runs, tmp_path / "stopped", should_stop=lambda: next(answers)) is None
    # One of its runs goes on alone, and is what it would have been.
    earlier = Earlier(tmp_path / "stopped/stack.st", tuple(run.digest for run in runs))
    steps = []
    part = train(runs[1:], tmp_path / "part", split_from=[earlier], on_progress=steps.append)
    assert steps[0] == 16
    assert_same(part, whole[1:])
    resumed = train(runs, tmp_path / "stopped")
    assert_same(resumed, whole)
    for ours, theirs in zip(resumed, whole, strict=True):
        assert np.array_equal(ours.milestones[16], theirs.milestones[16])


def test_divergence_is_an_outcome_and_the_neighbour_does_not_notice():
    wild = replace(member(1), data=torch.full((30, 64), 1e30))
    stack = DenoisingStack([member(), wild], MODEL, TRAINING)
    alone = DenoisingStack([member()], MODEL, TRAINING)
    for one in (stack, alone):
        one.train_block()
    assert stack.diverged_at == [None, 0]
    assert torch.isnan(stack.losses[:, 1]).all()
    assert torch.equal(stack.losses[:16, :1].nan_to_num(), alone.losses[:16].nan_to_num())
    assert not any(weight.any() for weight in stack.weights_of(1).values())
    made = stack.generate([torch.zeros(2 * T, 4)] * 2)
    assert torch.isfinite(made[0]).all()
    assert torch.isnan(made[1]).all()
    check_state(stack.state(), stack, 2)
    again = DenoisingStack([member(), wild], MODEL, TRAINING)
    again.restore(stack.state())
    for one in (stack, again):
        one.train_block()
    assert torch.equal(again.losses.nan_to_num(), stack.losses.nan_to_num())


def test_a_run_that_diverges_within_a_block_ends_where_it_did(monkeypatch):
    stack = DenoisingStack([member()], MODEL, TRAINING)
    usual = stack._train_step

    def breaks(run, draws, step, rates):
        losses = usual(run, draws, step, rates)
        return losses if step != 5 else (torch.tensor(torch.inf), *losses[1:])

    monkeypatch.setattr(stack, "_train_step", breaks)
    stack.train_block()
    assert stack.diverged_at == [5]
    assert stack.losses[:5, 0].isfinite().all()
    assert stack.losses[5:, 0].isnan().all()
    assert all(not weight.any() for weight in stack.weights_of(0).values())


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])  # the latter is treated as a GPU
def test_a_rehearsal_makes_its_steps_and_their_penalty(device, tmp_path, monkeypatch):
    made = []
    usual = DenoisingStack._train_critic

    def noted(self, run, batch, step, rate):
        loss, penalty = usual(self, run, batch, step, rate)
        made.append((step, penalty is not None))
        return loss, penalty

    monkeypatch.setattr(DenoisingStack, "_train_critic", noted)
    monkeypatch.setattr(DenoisingStack, "_stop_diverged", lambda *_: pytest.fail("it diverged"))
    training = replace(TRAINING, penalty_every=4)
    run = replace(RUN, training=training)
    rehearse_stack([run], cache=tmp_path, checkpoint=tmp_path / "stack.st", device=device)
    first = 16 if device == "cpu" else 15
    assert made == [(step, step % 4 == 0) for step in range(first, 20)]


def test_it_learns_which_of_two_images_there_are():
    """All black or all white, one in four white: both come, and hardly anything between."""
    model = replace(
        MODEL,
        image_shape=(1, 2, 2),
        generator=replace(MODEL.generator, multipliers=(1,), channels=8, style_width=16),
        critic=replace(MODEL.critic, multipliers=(1,), channels=8, time_width=16),
    )
    training = replace(
        TRAINING, num_steps=128, batch_size=16, averaging=0.95, gradient_penalty=0.2,
        optimiser=replace(ADAM, learning_rate=4e-3), critic_learning_rate=8e-3,
    )  # fmt: skip
    data = torch.zeros(64, 4)
    data[::4] = 1
    stack = DenoisingStack([replace(member(), data=data)], model, training)
    while stack.step < training.num_steps:
        stack.train_block()
    z = member().latent.sample(1000 * T, stream(0, "z"))
    brightness = stack.generate([z])[0].mean(1)
    white, black = (brightness > 0.8).float().mean(), (brightness < 0.2).float().mean()
    assert white + black > 0.85
    assert 0.1 < white < 0.45


def test_costs_are_counted():
    twice = replace(RUN, training=replace(TRAINING, num_steps=40))
    none = replace(RUN, training=replace(TRAINING, gradient_penalty=0.0))
    generated = 2 * flop_of(RUN) - flop_of(twice)
    assert generated > 0
    # One convolution of the generator alone, for every image and step: less than all that.
    assert generated > 10 * T * 2 * 64 * 9 * 4 * 4
    assert flop_of(none) < flop_of(RUN)
    assert bytes_of(replace(RUN, training=replace(TRAINING, batch_size=400))) > bytes_of(RUN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": MoonsSpec(num_train=30, num_held_out=10)}, "makes images, and data 'moons'"),
        (
            {"model": replace(MODEL, image_shape=(1, 4, 16))},
            r"set model.image_shape to it, not \(1, 4, 16\)",
        ),
        ({"latent": LearnedPriorSpec(**LATENT)}, "use the gaussian latent"),
        ({"start": "target"}, "use start='random', not 'target'"),
        ({"training": replace(TRAINING, batch_size=6)}, "a multiple of the critic's group=4"),
        (
            {"latent": GaussianSpec(**{**LATENT, "num_held_out": 10})},
            "needs 30 held-out latents, not latent.num_held_out=10",
        ),
        (
            {
                "training": WGANSpec(
                    num_steps=3,
                    batch_size=4,
                    critic_steps=1,
                    gradient_penalty=1.0,
                    optimiser=ADAM,
                )
            },
            "not a DDGANSpec",
        ),
    ],
)
def test_runs_that_no_ddgan_can_have_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(RUN, **change)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"num_steps": 0}, ValueError, "num_steps must be at least 1, not 0"),
        ({"penalty_every": 1.5}, TypeError, "penalty_every is an integer, not 1.5"),
        ({"critic_learning_rate": 0.0}, ValueError, "finite number > 0, not 0.0"),
        ({"least_learning_rate": 0.01}, ValueError, "the smaller learning rate, 0.001, not 0.01"),
        ({"gradient_penalty": -1.0}, ValueError, "finite number >= 0, not -1.0"),
        ({"averaging": 1.0}, ValueError, r"averaging is in \[0, 1\), not 1.0"),
        ({"precision": "bf16"}, ValueError, "'float32' or 'float64', not 'bf16'"),
        ({"divergence_threshold": 0.0}, ValueError, "finite number > 0, not 0.0"),
    ],
)
def test_bad_settings_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(TRAINING, **change)


def test_data_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 8, 8\) has 64 pixels, and the data have 63"):
        DenoisingStack([member(pixels=63)], MODEL, TRAINING)


def test_a_bernoulli_latent_trains_too(tmp_path):
    (outcome,) = train([replace(RUN, latent=BernoulliSpec(**LATENT))], tmp_path)
    assert np.isfinite(outcome.samples).all()


def test_specs_come_back_from_json():
    assert RunSpec.from_json(RUN.to_json()) == RUN
