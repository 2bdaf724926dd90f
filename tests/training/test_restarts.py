"""Bounded generators, restarts and given starts in training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.data import BitsSpec, PushforwardSpec
from quantum_latents.latents import GaussianSource, GaussianSpec, Latent, PhotonicSpec
from quantum_latents.metrics import energy_distance
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import (
    EvaluationSpec,
    GANStack,
    OptimiserSpec,
    RunSpec,
    StackMember,
    WGANSpec,
    milestone_steps,
    train_stack,
)

LEAKY = {"activation": "leaky_relu", "negative_slope": 0.2}
MODEL = GANSpec(
    generator=MLPSpec(
        hidden=(6, 8), initialisation="orthogonal", gain=1.0, spectral_bound=1.0, **LEAKY
    ),
    critic=MLPSpec(hidden=(16,), initialisation="xavier_uniform", **LEAKY),
)
TRAINING = WGANSpec(
    num_steps=40,
    batch_size=16,
    critic_steps=2,
    gradient_penalty=10.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=1e-2, betas=(0.0, 0.9)),
    averaging=0.9,
)
DATA = PushforwardSpec(
    num_modes=4,
    num_photons=2,
    hidden=(6, 8),
    dim=8,
    negative_slope=0.2,
    gain=1.0,
    num_train=500,
    num_held_out=60,
)
LATENT = {"dim": 4, "scaling": "centred", "bank_size": 200, "num_held_out": 60}
QUANTUM = PhotonicSpec(
    name="quantum", num_photons=2, interferometer="haar", sharing="shared", **LATENT
)
RUN = RunSpec(
    data=DATA,
    latent=QUANTUM,
    model=MODEL,
    training=TRAINING,
    evaluation=EvaluationSpec(num_samples=60, milestones=(0.0,)),
    seed=3,
)
every_kernel = pytest.mark.parametrize("kernel", ["numba", "torch"])


def member(seed=0, **further) -> StackMember:
    data = stream(seed, "data").generator().normal(scale=3.0, size=(300, 8)).astype(np.float32)
    latent = Latent(GaussianSource(4), "raw", stream(seed, "held out"))
    return StackMember(
        data=torch.from_numpy(data), latent=latent, stream=stream(seed, "t"), **further
    )


def stack_of(*members, model=MODEL, training=TRAINING, kernel="numba") -> GANStack:
    return GANStack(members, model, training, kernel=kernel)


def trained(stack: GANStack) -> GANStack:
    while stack.step < stack.training.num_steps:
        stack.train_block()
    return stack


def largest(stack: GANStack, flat: torch.Tensor) -> float:
    return max(
        float(np.linalg.norm(view.detach().double().numpy(), 2, axis=(1, 2)).max())
        for name, view in stack.generator.views(flat).items()
        if name.startswith(("weight", "injection"))
    )


@every_kernel
def test_after_every_block_the_generators_keep_to_the_bound(kernel):
    # The data are far wider than the class can make, so that training pushes outwards.
    stack = stack_of(member(0), member(1), kernel=kernel)
    free_model = replace(MODEL, generator=replace(MODEL.generator, spectral_bound=0.0))
    free = stack_of(member(0), member(1), model=free_model, kernel=kernel)
    while stack.step < TRAINING.num_steps:
        stack.train_block()
        free.train_block()
        assert largest(stack, stack.generator.flat) <= 1.0
        assert largest(stack, stack.weights()) <= 1.0
    assert largest(free, free.generator.flat) > 1.1


@every_kernel
def test_with_reinjection_its_matrices_are_bounded_too(kernel):
    generator = replace(MODEL.generator, reinject_latent=True, spectral_bound=0.5)
    stack = stack_of(member(), model=replace(MODEL, generator=generator), kernel=kernel)
    assert largest(stack, stack.generator.flat) <= 0.5  # from the start
    assert largest(trained(stack), stack.generator.flat) <= 0.5


def test_a_bound_out_of_reach_changes_no_bit():
    wide = replace(MODEL, generator=replace(MODEL.generator, spectral_bound=1e6))
    free = replace(MODEL, generator=replace(MODEL.generator, spectral_bound=0.0))
    first, second = (trained(stack_of(member(), model=model)) for model in (wide, free))
    assert torch.equal(first.generator.flat, second.generator.flat)
    assert torch.equal(first.weights(), second.weights())


def test_a_bounded_generator_learns_what_lies_within_its_reach():
    # A Gaussian of deviation 1/2, moved away from where the generator starts.
    noise = stream(0, "data").generator().normal(size=(2000, 2)).astype(np.float32)
    data = 0.5 * noise + np.float32([1.5, -1.0])
    latent = Latent(GaussianSource(2), "raw", stream(0, "held out"))
    one = StackMember(data=torch.from_numpy(data), latent=latent, stream=stream(0, "t"))
    optimiser = OptimiserSpec(name="adam", learning_rate=2e-3, betas=(0.0, 0.9))
    training = replace(TRAINING, num_steps=320, batch_size=64, critic_steps=5, optimiser=optimiser)
    model = replace(MODEL, critic=replace(MODEL.critic, hidden=(64, 64)))
    stack = stack_of(one, model=model, training=training)

    def distance() -> float:
        (made,) = stack.generate([latent.held_out(1000)])
        return energy_distance(made.numpy(), data[:1000])

    before = distance()
    trained(stack)
    assert largest(stack, stack.weights()) <= 1.0
    assert distance() < 0.1 * before


@every_kernel
def test_a_bounded_run_is_the_same_stacked_or_resumed(kernel):
    together = trained(stack_of(member(0), member(1), kernel=kernel))
    stopped = stack_of(member(0), member(1), kernel=kernel)
    stopped.train_block()
    resumed = stack_of(member(0), member(1), kernel=kernel)
    resumed.restore(stopped.state())
    assert torch.equal(trained(resumed).generator.flat, together.generator.flat)
    assert torch.equal(resumed.weights(), together.weights())
    if kernel == "numba":
        alone = trained(stack_of(member(1)))
        for name, view in alone.generator.views(alone.generator.flat).items():
            assert torch.equal(view[0], together.generator.views(together.generator.flat)[name][1])


def test_a_restart_draws_other_weights_and_nothing_else():
    stack = stack_of(member(), member(restart=1), member(restart=2))
    for network in (stack.generator, stack.critic):
        views = network.views(network.flat)["weight1"]
        assert not torch.equal(views[0], views[1])
        assert not torch.equal(views[1], views[2])
    for part in stack._draw(0) + stack._draw(1):
        assert torch.equal(part[:, 0], part[:, 1])
        assert torch.equal(part[:, 0], part[:, 2])
    first = stack_of(member())
    for name, view in first.generator.views(first.generator.flat).items():
        assert torch.equal(view[0], stack.generator.views(stack.generator.flat)[name][0])


def test_given_weights_are_where_it_starts():
    other = stack_of(member(restart=5))
    views = other.generator.views(other.generator.flat.detach())
    weights = {name: view[0].numpy() for name, view in views.items()}
    stack = stack_of(member(), member(weights=weights))
    for name, view in stack.generator.views(stack.generator.flat).items():
        assert torch.equal(view[1], views[name][0])
    critics = stack.critic.views(stack.critic.flat)["weight1"]
    assert torch.equal(critics[0], critics[1])  # the critic is drawn as ever
    with pytest.raises(ValueError, match="weights to start from have shapes"):
        stack_of(member(weights={**weights, "weight1": np.zeros((6, 5))}))


def test_restarts_of_a_run_train_together_and_start_at_the_target(tmp_path):
    runs = [RUN, replace(RUN, restart=1), replace(RUN, start="target")]
    outcomes = train_stack(runs, cache=tmp_path, checkpoint=tmp_path / "stack")
    assert milestone_steps(RUN) == (0,)
    for outcome in outcomes:
        for name, weight in outcome.weights.items():  # as they are stored
            assert name.startswith("bias") or np.linalg.norm(weight.double().numpy(), 2) <= 1.0
        assert set(outcome.milestones) == {0}
        assert not np.array_equal(outcome.milestones[0], outcome.samples)
    assert not np.array_equal(outcomes[0].milestones[0], outcomes[1].milestones[0])
    # Before training the third is g* itself: every sample is the image of a possible count.
    from quantum_latents.training import data_of

    support = np.unique(data_of(RUN, tmp_path).train.round(4), axis=0)
    at_target = outcomes[2].milestones[0].round(4)
    gaps = np.abs(at_target[:, None] - support[None]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-3
    drawn = np.abs(outcomes[0].milestones[0][:, None] - support[None]).max(axis=2).min(axis=1)
    assert np.median(drawn) > 0.05


def test_samples_before_training_outlive_a_stop(tmp_path):
    calls = iter([False, True, *[False] * 99])
    first = train_stack(
        [RUN], cache=tmp_path, checkpoint=tmp_path / "stack", should_stop=lambda: next(calls)
    )
    assert first is None
    (again,) = train_stack([RUN], cache=tmp_path, checkpoint=tmp_path / "stack")
    (whole,) = train_stack([RUN], cache=tmp_path, checkpoint=tmp_path / "other")
    assert np.array_equal(again.milestones[0], whole.milestones[0])
    assert np.array_equal(again.samples, whole.samples)


def test_restart_and_start_are_in_the_name_where_they_are_not_the_usual():
    runs = [RUN, replace(RUN, restart=1), replace(RUN, start="target")]
    assert len({run.digest for run in runs}) == 3
    assert not {"restart", "start"} & set(RUN.to_json())
    for run in runs:
        assert RunSpec.from_json(run.to_json()) == run


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"restart": -1}, "a restart is an integer >= 0, not -1"),
        ({"restart": True}, "a restart is an integer >= 0, not True"),
        ({"start": "zero"}, "start is 'random' or 'target', not 'zero'"),
        (
            {"start": "target", "data": BitsSpec(num_bits=8, num_train=9, num_held_out=60)},
            "needs data that a known generator made, not 'bernoulli'",
        ),
        (
            {"start": "target", "latent": GaussianSpec(**{**LATENT, "dim": 5})},
            "needs a generator of the target's own shape",
        ),
        (
            {
                "start": "target",
                "model": replace(MODEL, generator=replace(MODEL.generator, hidden=(6, 9))),
            },
            "needs a generator of the target's own shape",
        ),
        (
            {
                "start": "target",
                "model": replace(MODEL, generator=replace(MODEL.generator, spectral_bound=0.5)),
            },
            r"needs spectral_bound >= 1.0, the target's own, or 0, not 0.5",
        ),
    ],
)
def test_starts_that_cannot_be_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(RUN, **change)
