"""Stacked training against the plain loop, against itself alone, and after accidents."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from quantum_latents.latents import BernoulliSource, GaussianSource, Latent
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import (
    GANStack,
    OptimiserSpec,
    StackMember,
    WGANSpec,
    compile_steps,
)
from quantum_latents.training.wgan import BLOCK_STEPS

DATA_DIM, LATENT_DIM = 3, 5


def model_of(activation: str, reinject: bool) -> GANSpec:
    settings = {
        "activation": activation,
        "negative_slope": 0.0 if activation == "relu" else 0.2,
        "initialisation": "pytorch",
    }
    generator = MLPSpec(hidden=(20, 18), reinject_latent=reinject, **settings)
    return GANSpec(generator=generator, critic=MLPSpec(hidden=(24, 12), **settings))


ADAM = OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9))
RMSPROP = OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99)
SETTINGS = {
    "adam, leaky relu": (ADAM, model_of("leaky_relu", reinject=False)),
    "rmsprop, relu, re-injection": (RMSPROP, model_of("relu", reinject=True)),
}
every_setting = pytest.mark.parametrize(
    ("optimiser", "model"), SETTINGS.values(), ids=SETTINGS.keys()
)
every_kernel = pytest.mark.parametrize("kernel", ["numba", "torch"])


def training_of(optimiser: OptimiserSpec, precision="float64", num_steps=50) -> WGANSpec:
    return WGANSpec(
        num_steps=num_steps,
        batch_size=8,
        critic_steps=3,
        gradient_penalty=10.0,
        optimiser=optimiser,
        precision=precision,
    )


def member(seed: int, *, source=None, scale: float = 1.0) -> StackMember:
    generator = stream(seed, "data").generator()
    data = torch.from_numpy(generator.normal(size=(500, DATA_DIM)).astype(np.float32)) * scale
    latent = Latent(source or GaussianSource(LATENT_DIM), "centred", stream(seed, "held out"))
    return StackMember(data=data, latent=latent, stream=stream(seed, "training"))


def trained(stack: GANStack) -> GANStack:
    while stack.step < stack.training.num_steps:
        stack.train_block()
    return stack


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float(((actual - expected).abs() / expected.abs()).max())


@every_kernel
@every_setting
def test_losses_of_a_stack_are_those_of_the_plain_loop(optimiser, model, plain, kernel):
    training = training_of(optimiser)
    stack = GANStack([member(seed) for seed in range(3)], model, training, kernel=kernel)
    run, c, b = 1, training.critic_steps, training.batch_size
    generator, critic = stack.generator.extract(run), stack.critic.extract(run)

    def draws():
        for step in range(training.num_steps):
            x, z, e = (t[step % BLOCK_STEPS, run] for t in stack._draw(step // BLOCK_STEPS))
            parts = [slice(k * b, (k + 1) * b) for k in range(c)]
            yield [(x[rows], z[rows], e[rows]) for rows in parts], z[c * b :]

    losses = plain.plain_wgan(
        generator, critic, *_torch_optimisers(optimiser, generator, critic), draws(), 10.0
    )
    trained(stack)
    expected = torch.tensor(losses, dtype=torch.float64)
    assert expected.abs().min() > 1e-3  # a relative error means something
    assert len(expected) == 50
    assert relative(stack.losses[:, run, 0], expected) < 1e-9
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(20, LATENT_DIM)))
    ours = stack.generator.extract(run)
    assert torch.allclose(ours(points), generator(points), rtol=1e-8, atol=1e-10)


@every_kernel
def test_the_learning_rate_falls_as_torchs_scheduler_lets_it(plain, kernel):
    model = model_of("leaky_relu", reinject=False)
    training = replace(training_of(ADAM), decay=0.6)
    stack = GANStack([member(seed) for seed in range(2)], model, training, kernel=kernel)
    run, c, b = 1, training.critic_steps, training.batch_size
    networks = stack.generator.extract(run), stack.critic.extract(run)
    optimisers = _torch_optimisers(ADAM, *networks)
    schedulers = [
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: min(1.0, (50 - t) / 30))
        for optimiser in optimisers
    ]

    def draws():
        for step in range(training.num_steps):
            x, z, e = (t[step % BLOCK_STEPS, run] for t in stack._draw(step // BLOCK_STEPS))
            parts = [slice(k * b, (k + 1) * b) for k in range(c)]
            yield [(x[rows], z[rows], e[rows]) for rows in parts], z[c * b :]
            for scheduler in schedulers:
                scheduler.step()

    losses = plain.plain_wgan(*networks, *optimisers, draws(), 10.0)
    trained(stack)
    expected = torch.tensor(losses, dtype=torch.float64)
    assert relative(stack.losses[:, run, 0], expected) < 1e-9
    constant = trained(GANStack(stack.members, model, training_of(ADAM), kernel=kernel))
    assert relative(stack.losses[:21], constant.losses[:21]) < 1e-9
    assert relative(stack.losses[25:, :, 0], constant.losses[25:, :, 0]) > 1e-4


def _torch_optimisers(spec, *networks):
    # Written out, not taken from OptimiserSpec.build: the point is to check that one.
    if spec.name == "adam":
        return [torch.optim.Adam(n.parameters(), lr=5e-4, betas=(0.0, 0.9)) for n in networks]
    return [torch.optim.RMSprop(n.parameters(), lr=5e-4, alpha=0.99) for n in networks]


def test_the_plain_loop_is_an_oracle_of_its_own(plain):
    # It must build its own networks too: its layers give what the extracted ones give.
    stack = GANStack([member(0)], model_of("leaky_relu", False), training_of(ADAM))
    extracted = stack.generator.extract(0)
    mlp = plain.plain_mlp((LATENT_DIM, 20, 18, DATA_DIM), 0.2).double()
    linears = [layer for layer in mlp if isinstance(layer, nn.Linear)]
    for linear, ours in zip(linears, extracted.layers, strict=True):
        linear.load_state_dict(ours.state_dict())
    z = torch.randn(9, LATENT_DIM, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(mlp(z), extracted(z), rtol=1e-13)


@every_kernel
@every_setting
def test_a_run_alone_is_the_run_in_a_stack(optimiser, model, kernel):
    training = training_of(optimiser)
    stacked = GANStack([member(seed) for seed in (4, 7, 9)], model, training, kernel=kernel)
    alone = GANStack([member(7)], model, training, kernel=kernel)
    for ours, theirs in zip(stacked._draw(2), alone._draw(2), strict=True):
        assert torch.equal(ours[:, 1], theirs[:, 0])
    assert relative(trained(stacked).losses[:, 1], trained(alone).losses[:, 0]) < 1e-9
    assert relative(stacked.losses[:, 0], alone.losses[:, 0]) > 1e-3  # other runs differ


@every_kernel
@every_setting
def test_resuming_is_bit_for_bit(optimiser, model, kernel):
    training = training_of(optimiser, "float32", num_steps=40)
    members = [member(seed) for seed in range(3)]
    whole = trained(GANStack(members, model, training, kernel=kernel))
    first = GANStack(members, model, training, kernel=kernel)
    first.train_block()
    state = first.state()
    first.train_block()  # what happens after the state was taken must not leak into it
    second = GANStack(members, model, training, kernel=kernel)
    second.restore(state)
    assert second.step == BLOCK_STEPS
    trained(second)
    assert torch.equal(second.losses, whole.losses)
    assert whole.losses.isfinite().all()
    for name, tensor in whole.state().items():
        assert torch.equal(second.state()[name], tensor), name


@every_kernel
@every_setting
def test_divergence_stops_one_run_and_leaves_the_others_alone(optimiser, model, kernel):
    training = training_of(optimiser, "float32", num_steps=40)
    healthy = [member(seed) for seed in range(3)]
    broken = [healthy[0], member(1, scale=1e30), healthy[2]]
    expected = trained(GANStack(healthy, model, training, kernel=kernel))
    stack = trained(GANStack(broken, model, training, kernel=kernel))
    assert expected.diverged_at == [None] * 3
    assert stack.diverged_at == [None, 0, None]
    assert stack.losses[:, 1].isnan().all()
    for run in (0, 2):
        assert torch.equal(stack.losses[:, run], expected.losses[:, run])
        for name, view in stack.generator.views(stack.generator.flat).items():
            assert torch.equal(
                view[run], expected.generator.views(expected.generator.flat)[name][run]
            )
    for network in (stack.generator, stack.critic):
        assert all((view[1] == 0).all() for view in network.views(network.flat).values())


@every_kernel
def test_divergence_in_the_middle_is_marked_with_its_step(kernel):
    # float32 squares overflow late: the run is fed huge data from its second block on.
    model, training = model_of("relu", False), training_of(RMSPROP, "float32", num_steps=48)
    stack = GANStack([member(0), member(1)], model, training, kernel=kernel)
    stack.train_block()
    stack.data[1] = stack.data[1] * 1e12
    stack.train_block()
    assert stack.diverged_at == [None, BLOCK_STEPS]
    assert stack.losses[:BLOCK_STEPS].isfinite().all()
    assert stack.losses[BLOCK_STEPS : 2 * BLOCK_STEPS, 1].isnan().all()
    assert stack.losses[: 2 * BLOCK_STEPS, 0].isfinite().all()

    resumed = GANStack([member(0), member(1)], model, training, kernel=kernel)
    resumed.restore(stack.state())
    assert resumed.diverged_at == [None, BLOCK_STEPS]
    trained(resumed)
    assert torch.equal(resumed.losses[:, 0], trained(stack).losses[:, 0])
    assert resumed.losses[BLOCK_STEPS:, 1].isnan().all()


@every_kernel
def test_not_a_number_in_the_data_is_a_divergence(kernel):
    training = training_of(ADAM, "float32", num_steps=32)
    broken = member(1)
    broken.data[:] = torch.nan
    expected = trained(
        GANStack([member(0), member(1)], SETTINGS["adam, leaky relu"][1], training, kernel=kernel)
    )
    stack = trained(
        GANStack([member(0), broken], SETTINGS["adam, leaky relu"][1], training, kernel=kernel)
    )
    assert stack.diverged_at == [None, 0]
    assert torch.equal(stack.losses[:, 0], expected.losses[:, 0])


def test_data_weights_and_batches_do_not_depend_on_the_latent():
    model, training = SETTINGS["adam, leaky relu"][1], training_of(ADAM)
    gaussian = GANStack([member(3)], model, training)
    bernoulli = GANStack([member(3, source=BernoulliSource(LATENT_DIM))], model, training)
    assert torch.equal(gaussian.generator.flat, bernoulli.generator.flat)
    assert torch.equal(gaussian.critic.flat, bernoulli.critic.flat)
    (x, z, e), (other_x, other_z, other_e) = gaussian._draw(1), bernoulli._draw(1)
    assert torch.equal(x, other_x)
    assert torch.equal(e, other_e)
    assert not torch.equal(z, other_z)


def test_draws_have_their_shapes_and_laws():
    training = training_of(ADAM)
    stack = GANStack([member(0), member(1)], SETTINGS["adam, leaky relu"][1], training)
    x, z, e = stack._draw(0)
    assert x.shape == (BLOCK_STEPS, 2, 24, DATA_DIM)
    assert z.shape == (BLOCK_STEPS, 2, 32, LATENT_DIM)
    assert e.shape == (BLOCK_STEPS, 2, 24, 1)
    assert 0 <= e.min() < 0.01 < 0.99 < e.max() < 1
    assert set(map(tuple, x[:, 0].reshape(-1, DATA_DIM).tolist())) <= set(
        map(tuple, stack.data[0].tolist())
    )
    assert not torch.equal(x, stack._draw(1)[0])


def test_training_leaves_the_global_generators_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    trained(GANStack([member(0)], model_of("relu", True), training_of(ADAM, num_steps=16)))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002


def test_what_is_generated_does_not_depend_on_the_other_runs_latents():
    stack = GANStack([member(0), member(1)], model_of("relu", True), training_of(ADAM))
    z = [torch.ones(10, LATENT_DIM), torch.zeros(10, LATENT_DIM)]
    first, second = stack.generate(z)
    assert first.shape == second.shape == (10, DATA_DIM)
    assert torch.equal(stack.generate([z[0], z[0]])[0], first)
    assert torch.allclose(stack.generator.extract(1)(z[1].double()), second, rtol=1e-12)
    in_parts = torch.cat(stack.generate(z, num_rows=3))
    assert torch.allclose(in_parts, torch.cat([first, second]), rtol=1e-12)


NETWORKS = {
    "one hidden layer": ((7,), (9,)),
    "wider than a tile, a panel and a block": ((40, 30), (260, 200)),
    "three hidden layers": ((5, 17, 33), (33, 16, 4)),
}


@pytest.mark.parametrize("widths", NETWORKS.values(), ids=NETWORKS.keys())
@pytest.mark.parametrize("optimiser", [ADAM, RMSPROP], ids=["adam", "rmsprop"])
def test_the_kernels_agree(widths, optimiser):
    settings = {"activation": "leaky_relu", "negative_slope": 0.1, "initialisation": "orthogonal"}
    generator, critic = (MLPSpec(hidden=hidden, **settings) for hidden in widths)
    model = GANSpec(generator=generator, critic=critic)
    training = replace(training_of(optimiser, num_steps=20), batch_size=67)
    members = [member(seed) for seed in (1, 2)]
    ours, torchs = (
        trained(GANStack(members, model, training, kernel=kernel)) for kernel in ("numba", "torch")
    )
    assert torch.allclose(ours.losses, torchs.losses, rtol=1e-9, atol=1e-12)
    for network in ("generator", "critic"):
        mine, theirs = getattr(ours, network), getattr(torchs, network)
        for name, tensor in theirs.views(theirs.flat).items():
            if (network, name) != ("critic", f"bias{theirs.num_layers}"):
                # That bias has no gradient: Adam scales up what rounding leaves of it.
                assert torch.allclose(mine.views(mine.flat)[name], tensor, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(("before", "after"), [("numba", "torch"), ("torch", "numba")])
@every_setting
def test_a_checkpoint_serves_both_kernels(optimiser, model, before, after):
    training = training_of(optimiser, num_steps=40)
    members = [member(seed) for seed in range(2)]
    first = GANStack(members, model, training, kernel=before)
    first.train_block()
    second = GANStack(members, model, training, kernel=after)
    second.restore(first.state())
    assert relative(trained(second).losses, trained(first).losses) < 1e-9
    assert second.state().keys() == first.state().keys()


@every_setting
def test_with_numba_neither_stack_nor_threads_change_a_bit(optimiser, model):
    training = training_of(optimiser, "float32", num_steps=40)
    alone = trained(GANStack([member(7)], model, training))
    torch.set_num_threads(3)
    try:
        stacked = GANStack([member(seed) for seed in (4, 7, 9, 11)], model, training)
    finally:
        torch.set_num_threads(1)
    assert len(stacked._kernel._train_run) == 3
    trained(stacked)
    assert torch.equal(stacked.losses[:, 1], alone.losses[:, 0])
    for name, view in alone.generator.views(alone.generator.flat).items():
        assert torch.equal(stacked.generator.views(stacked.generator.flat)[name][1], view[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kernel": "cuda"}, "kernel is 'numba' or 'torch', not 'cuda'"),
        ({"kernel": "numba", "device": "meta"}, "trains on the CPU, not on meta: use 'torch'"),
    ],
)
def test_unknown_kernels_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        GANStack([member(0)], model_of("relu", False), training_of(ADAM), **arguments)


def test_members_share_widths():
    wide = replace(member(1), data=torch.zeros(10, 4))
    with pytest.raises(ValueError, match="share data and latent widths"):
        GANStack([member(0), wide], model_of("relu", False), training_of(ADAM))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": 0.0}, "learning_rate is a finite number > 0, not 0.0"),
        ({"learning_rate": float("nan")}, "not nan"),
        ({"epsilon": -1.0}, "epsilon is a finite number > 0"),
        ({"betas": (0.9,)}, "adam needs betas"),
        ({"betas": (0.0, 1.0)}, "adam needs betas"),
        ({"alpha": 0.9}, "adam has no alpha"),
        ({"name": "rmsprop", "alpha": 0.9}, "rmsprop has no betas"),
        ({"name": "rmsprop", "betas": ()}, "rmsprop needs 0 < alpha < 1"),
        ({"name": "sgd"}, "'sgd'"),
    ],
)
def test_bad_optimisers_are_refused(settings, said):
    good = {"name": "adam", "learning_rate": 1e-3, "betas": (0.0, 0.9)}
    with pytest.raises(ValueError, match=said):
        OptimiserSpec(**(good | settings))


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"num_steps": 0}, ValueError, "num_steps must be at least 1, not 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size is an integer, not 2.5"),
        ({"critic_steps": -1}, ValueError, "critic_steps"),
        ({"gradient_penalty": -1.0}, ValueError, "gradient_penalty"),
        ({"gradient_penalty": float("nan")}, ValueError, "gradient_penalty"),
        ({"divergence_threshold": 0.0}, ValueError, "divergence_threshold"),
        ({"precision": "float16"}, ValueError, "'float16'"),
        ({"decay": 1.5}, ValueError, "decay is a share of the steps"),
    ],
)
def test_bad_training_is_refused(settings, error, said):
    with pytest.raises(error, match=said):
        replace(training_of(ADAM), **settings)


def test_compiling_ahead_compiles_what_training_uses():
    training = training_of(replace(ADAM, betas=(0, 0.9)), "float32", num_steps=2)
    compile_steps(model_of("relu", False), training)
    from quantum_latents.training.kernels.wgan import train_run

    before = len(train_run.signatures)
    assert before
    trained(GANStack([member(0), member(1)], model_of("relu", True), training))
    assert len(train_run.signatures) == before


_TRAIN = """
import hashlib
import sys

sys.path.insert(0, "tests/training")
import test_wgan as t

stack = t.GANStack([t.member(0)], t.model_of("leaky_relu", True), t.training_of(t.ADAM, "float32"))
t.trained(stack)
print(hashlib.sha256(stack.generator.flat.detach().numpy().tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_the_process_that_compiles_and_the_next_one_train_alike(tmp_path):
    # They did not: what LLVM fused differed between the code in memory and that on disk.
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    made = [
        subprocess.run(
            [sys.executable, "-c", _TRAIN],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert any(tmp_path.rglob("*.nbc"))  # the second process did load
