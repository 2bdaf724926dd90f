"""The learned prior: both kernels against the plain loop, resume, its file, and its spec."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.evaluation import write_run
from quantum_latents.evaluation.stored import run_folder
from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import GANSpec, MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.random import stream
from quantum_latents.recipes import challengers, table1
from quantum_latents.theory import read_network
from quantum_latents.training import (
    GANStack,
    OptimiserSpec,
    RunSpec,
    StackMember,
    WGANSpec,
    load_generator,
    train_stack,
)
from quantum_latents.training.wgan import BLOCK_STEPS

DATA_DIM, LATENT_DIM = 3, 5
NETWORK = {"activation": "leaky_relu", "negative_slope": 0.2, "initialisation": "pytorch"}
ADAM = OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9))
RMSPROP = OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99)
TRAINING = WGANSpec(
    num_steps=50,
    batch_size=8,
    critic_steps=3,
    gradient_penalty=10.0,
    optimiser=ADAM,
    precision="float64",
)


def model_of(reinject: bool) -> GANSpec:
    generator = MLPSpec(
        hidden=(20, 18), reinject_latent=reinject, trainable_input_affine=True, **NETWORK
    )
    return GANSpec(generator=generator, critic=MLPSpec(hidden=(24, 12), **NETWORK))


def member(seed: int) -> StackMember:
    data = stream(seed, "data").generator().normal(size=(500, DATA_DIM)).astype(np.float32)
    latent = Latent(GaussianSource(LATENT_DIM), "centred", stream(seed, "held out"))
    return StackMember(torch.from_numpy(data), latent, stream(seed, "training"))


def trained(stack: GANStack) -> GANStack:
    while stack.step < stack.training.num_steps:
        stack.train_block()
    return stack


@pytest.mark.parametrize("kernel", ["numba", "torch"])
@pytest.mark.parametrize(
    ("optimiser", "reinject"),
    [(ADAM, False), (RMSPROP, True)],
    ids=["adam", "rmsprop, re-injected"],
)
def test_both_kernels_train_it_as_the_plain_loop_does(optimiser, reinject, plain, kernel):
    training = replace(TRAINING, optimiser=optimiser)
    stack = GANStack(
        [member(seed) for seed in range(2)], model_of(reinject), training, kernel=kernel
    )
    run, c, b = 1, training.critic_steps, training.batch_size
    generator, critic = stack.generator.extract(run), stack.critic.extract(run)

    def draws():
        for step in range(training.num_steps):
            x, z, e = (t[step % BLOCK_STEPS, run] for t in stack._draw(step // BLOCK_STEPS))
            parts = [slice(k * b, (k + 1) * b) for k in range(c)]
            yield [(x[rows], z[rows], e[rows]) for rows in parts], z[c * b :]

    # Written out, not taken from OptimiserSpec.build.
    if optimiser.name == "adam":
        optimisers = [
            torch.optim.Adam(n.parameters(), lr=5e-4, betas=(0.0, 0.9)) for n in (generator, critic)
        ]
    else:
        optimisers = [torch.optim.RMSprop(n.parameters(), lr=5e-4) for n in (generator, critic)]
    losses = torch.tensor(
        plain.plain_wgan(generator, critic, *optimisers, draws(), 10.0), dtype=torch.float64
    )
    trained(stack)
    torch.testing.assert_close(stack.losses[:, run, 0], losses, rtol=0, atol=1e-10)
    views = stack.generator.views(stack.generator.flat.detach())
    for name in ("scale", "shift"):
        learned = views[f"{name}1"][run, 0]
        torch.testing.assert_close(learned, getattr(generator, name).detach(), rtol=0, atol=1e-10)
        # It has moved: a kernel that left it alone would fail.
        assert ((learned - float(name == "scale")).abs() > 1e-4).all()


def test_molecules_compiled_are_as_autograd_has_them():
    from quantum_latents.molecules import GraphLayout

    layout = GraphLayout(num_atoms=4, elements=("C", "N"))
    classes = [4] * layout.num_pairs + [layout.num_node_classes] * 4
    codes = stream(0, "molecules").generator().integers(classes, size=(90, layout.code_width))
    data = torch.from_numpy(layout.to_one_hot(codes))
    model = MolGANSpec(
        generator=MLPSpec(
            hidden=(12, 20), reinject_latent=True, trainable_input_affine=True, **NETWORK
        ),
        critic=RelationalCriticSpec(convolutions=(8, 4), aggregation=8, dense=(8,)),
        num_atoms=4,
        num_node_classes=layout.num_node_classes,
    )
    training = replace(TRAINING, num_steps=20, batch_size=37, critic_steps=2)
    stacks = []
    for kernel in ("numba", "torch"):
        members = [
            StackMember(data, member(seed).latent, stream(seed, "training")) for seed in (0, 1)
        ]
        stacks.append(trained(GANStack(members, model, training, kernel=kernel)))
    compiled, traced = stacks
    torch.testing.assert_close(compiled.losses, traced.losses, rtol=0, atol=1e-10)
    torch.testing.assert_close(compiled.generator.flat, traced.generator.flat, rtol=0, atol=1e-10)
    views = compiled.generator.views(compiled.generator.flat.detach())
    assert ((views["scale1"] - 1).abs() > 1e-4).all() and (views["shift1"].abs() > 1e-4).all()


def test_resuming_repeats_every_bit():
    single = replace(TRAINING, precision="float32", averaging=0.9)
    members = [member(seed) for seed in range(2)]
    through = trained(GANStack(members, model_of(True), single))
    before = GANStack(members, model_of(True), single)
    before.train_block()
    after = GANStack(members, model_of(True), single)
    after.restore(before.state())
    trained(after)
    assert torch.equal(through.losses, after.losses)
    assert torch.equal(through.weights(), after.weights())
    alone = trained(GANStack(members[1:], model_of(True), single))
    assert torch.equal(alone.losses[:, 0], through.losses[:, 1])


def test_its_file_has_the_means_and_scales_and_generates_as_the_run_did(tmp_path):
    (run,) = (
        run
        for run in challengers("smoke", num_seeds=1, latents=("gaussian", "learned_prior")).runs
        if run.latent.name == "learned_prior"
    )
    run = replace(
        run,
        data=replace(run.data, num_train=500, num_held_out=60),
        latent=replace(run.latent, bank_size=300, num_held_out=60),
        training=replace(run.training, num_steps=20, batch_size=16),
        evaluation=replace(run.evaluation, num_samples=50),
    )
    outcomes = train_stack([run], cache=tmp_path, checkpoint=tmp_path / "stack.safetensors")
    assert outcomes is not None
    (outcome,) = outcomes
    write_run(tmp_path, outcome)
    generator = load_generator(run_folder(tmp_path, run.digest))
    assert generator.spec == run
    weights = outcome.weights
    assert weights["scale1"].shape == weights["shift1"].shape == (1, 16)
    assert (weights["scale1"] != 1).all() and (weights["shift1"] != 0).all()
    from quantum_latents.latents import build_latent

    z = build_latent(run.latent, run.seed, tmp_path).held_out(50)
    np.testing.assert_allclose(generator.generate(z), outcome.samples, rtol=1e-5, atol=1e-5)
    network = read_network(generator)
    np.testing.assert_allclose(network(z.double().numpy()), outcome.samples, rtol=1e-4, atol=1e-4)


def test_the_latent_and_the_generator_say_so_together():
    study = challengers("smoke", num_seeds=1, latents=("gaussian", "learned_prior"))
    gaussian, learned = study.runs
    assert learned.model.generator == replace(gaussian.model.generator, trainable_input_affine=True)
    assert learned.model.critic == gaussian.model.critic
    assert (learned.data, learned.training) == (gaussian.data, gaussian.training)
    assert "trainable_input_affine" not in str(gaussian.to_json())
    assert gaussian.digest == table1("smoke", num_seeds=1, latents=("gaussian",)).runs[0].digest
    assert RunSpec.from_json(learned.to_json()) == learned
    for run, other in ((gaussian, learned), (learned, gaussian)):
        with pytest.raises(ValueError, match=f"trainable_input_affine={run is learned}"):
            replace(run, model=other.model)
