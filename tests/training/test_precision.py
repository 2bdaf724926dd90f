"""Precisions of a training: gradients in bfloat16, master weights in float32, settings restored."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import GANSpec, MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.random import stream
from quantum_latents.training import (
    GANStack,
    OptimiserSpec,
    StackMember,
    WGANSpec,
    compile_steps,
    kernel_of,
)
from quantum_latents.training.kernels.precision import products

EPS = 2.0**-8
"""Half the distance of neighbouring bfloat16 numbers, relative: what one rounding can do."""

LAYERS = {"activation": "leaky_relu", "negative_slope": 0.2, "initialisation": "pytorch"}
MODEL = GANSpec(
    generator=MLPSpec(hidden=(32, 32), reinject_latent=True, **LAYERS),
    critic=MLPSpec(hidden=(32, 32), **LAYERS),
)
TRAINING = WGANSpec(
    num_steps=40,
    batch_size=20,
    critic_steps=2,
    gradient_penalty=10.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9)),
    precision="bf16",
)
MOLECULES = MolGANSpec(
    generator=MLPSpec(hidden=(8, 12), **LAYERS),
    critic=RelationalCriticSpec(convolutions=(9, 5), aggregation=6, dense=(7, 4)),
    num_atoms=4,
    num_node_classes=3,
)


def member(seed: int) -> StackMember:
    """Data on a circle around (2, 0), so that a generator has something to learn."""
    angle = stream(seed, "data").generator().uniform(0, 2 * np.pi, 400)
    points = np.stack([2 + np.cos(angle), np.sin(angle)], axis=1)
    latent = Latent(GaussianSource(4), "centred", stream(seed, "held out"))
    return StackMember(torch.from_numpy(points).float(), latent, stream(seed, "training"))


def molecules(seed: int) -> StackMember:
    classes = np.random.default_rng(seed)
    bonds = np.eye(4, dtype=np.uint8)[classes.integers(4, size=(60, 6))].reshape(60, -1)
    nodes = np.eye(3, dtype=np.uint8)[classes.integers(3, size=(60, 4))].reshape(60, -1)
    latent = Latent(GaussianSource(4), "centred", stream(seed, "held out"))
    rows = torch.from_numpy(np.concatenate([bonds, nodes], axis=1))
    return StackMember(rows, latent, stream(seed, "training"))


def trained(stack: GANStack) -> GANStack:
    while stack.step < stack.training.num_steps:
        stack.train_block()
    return stack


def gradients(model, make, precision: str) -> list[torch.Tensor]:
    """The gradients of the first critic step and of the generator step behind it.

    Learning rates next to 0: no update lies between the first and the last of them.
    """
    still = replace(TRAINING.optimiser, learning_rate=1e-30)
    training = replace(TRAINING, num_steps=1, optimiser=still, precision=precision)
    stack = GANStack([make(0), make(1)], model, training, kernel="torch")
    stack.train_block()
    return [stack.critic.flat.grad, stack.generator.flat.grad]


@pytest.mark.parametrize(
    ("model", "make"), [(MODEL, member), (MOLECULES, molecules)], ids=["perceptrons", "molecules"]
)
def test_gradients_are_float32s_within_bfloat16s_rounding(model, make):
    ours, exact = gradients(model, make, "bf16"), gradients(model, make, "float64")
    for rounded, reference in zip(ours, exact, strict=True):
        assert rounded.dtype == torch.float32
        error = (rounded.double() - reference).norm() / reference.norm()
        # Some ten roundings lie on the way; none of them would be exactly 0.
        assert EPS / 100 < error < 10 * EPS


def test_weights_and_the_optimisers_state_stay_float32():
    stack = trained(GANStack([member(0)], MODEL, TRAINING))
    assert stack.kernel == "torch"
    state = stack.state()
    floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    assert {name for name, t in floats.items() if t.dtype != torch.float32} == {"losses"}
    # Not bfloat16 numbers in a wider type: an update is kept that bfloat16 would lose.
    for name in ("generator", "critic", "generator.exp_avg_sq"):
        kept = state[name]
        assert float((kept != kept.bfloat16().float()).float().mean()) > 0.9


def test_small_updates_add_up():
    """A thousandth of bfloat16's resolution a step: without master weights nothing would move."""
    optimiser = replace(TRAINING.optimiser, learning_rate=1e-6)
    stack = GANStack([member(0)], MODEL, replace(TRAINING, optimiser=optimiser))
    before = stack.generator.flat.detach().clone()
    moved = (trained(stack).generator.flat.detach() - before).abs()
    assert float(moved.median()) > 10 * 1e-6


def test_it_learns():
    optimiser = replace(TRAINING.optimiser, learning_rate=1e-3)
    faster = {"num_steps": 192, "batch_size": 32, "critic_steps": 5, "gradient_penalty": 1.0}
    stack = GANStack(
        [member(0), member(1)], MODEL, replace(TRAINING, optimiser=optimiser, **faster)
    )
    held_out = [member(seed).latent.held_out(500) for seed in range(2)]
    centre = torch.tensor([2.0, 0.0])
    assert (torch.stack(stack.generate(held_out)).mean(1) - centre).norm(dim=-1).min() > 1.5
    trained(stack)
    assert stack.diverged_at == [None, None]
    assert (torch.stack(stack.generate(held_out)).mean(1) - centre).norm(dim=-1).max() < 0.5


def test_a_stopped_training_goes_on_bit_for_bit():
    members = [member(0), member(1)]
    whole = trained(GANStack(members, MODEL, TRAINING))
    stopped, resumed = (GANStack(members, MODEL, TRAINING) for _ in range(2))
    stopped.train_block()
    resumed.restore(stopped.state())
    assert torch.equal(trained(resumed).losses, whole.losses)
    assert torch.equal(resumed.generator.flat, whole.generator.flat)


def test_which_kernel_follows_from_precision_and_device():
    assert kernel_of("float32", "cpu") == kernel_of("float64", "cpu") == "numba"
    assert kernel_of("bf16", "cpu") == kernel_of("float32", "cuda") == "torch"
    with pytest.raises(ValueError, match="'tf32' is computed on CUDA, not on cpu: use 'float32'"):
        GANStack([member(0)], MODEL, replace(TRAINING, precision="tf32"))
    with pytest.raises(ValueError, match="float32 or float64, not in bf16: use 'torch'"):
        GANStack([member(0)], MODEL, TRAINING, kernel="numba")


def test_nothing_is_compiled_for_steps_that_torch_makes(monkeypatch):
    monkeypatch.setattr(GANStack, "train_block", lambda self: pytest.fail("it trained"))
    compile_steps(MODEL, TRAINING)


def test_torchs_own_settings_neither_reach_a_training_nor_are_changed_by_it(monkeypatch):
    seen = []

    def note(stack, *arguments):
        seen.append(torch.get_float32_matmul_precision())

    matmul = torch.backends.cuda.matmul
    torch.set_float32_matmul_precision("high")
    try:
        for precision in ("float32", "tf32", "bf16"):
            with products(precision):
                note(None)
                assert matmul.allow_bf16_reduced_precision_reduction is False
            assert torch.get_float32_matmul_precision() == "high"
        with pytest.raises(RuntimeError, match="stop"), products("float32"):
            raise RuntimeError("stop")
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == ["highest", "high", "highest"]
