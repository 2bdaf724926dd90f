"""Steps on another device than the host: all that is computed lies there, and nothing waits.

No GPU is needed. torch's device ``meta`` has no memory, so whatever would read a number there (an
`.item()`, a branch, a boolean index, a copy back) raises; and every operation of a step is looked
at, so that none meets a tensor of the host's, which CUDA would refuse or copy.
"""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import (
    DDGANSpec,
    Diffusion,
    FlowSpec,
    GANSpec,
    GraphGANSpec,
    MLPSpec,
    MolGANSpec,
    RelationalCriticSpec,
    SolverSpec,
    TimeCriticSpec,
    UNetSpec,
    VelocitySpec,
)
from quantum_latents.random import stream
from quantum_latents.training import (
    DenoisingSpec,
    DenoisingStack,
    FlowMatchingSpec,
    FlowStack,
    GANStack,
    OptimiserSpec,
    StackMember,
    WGANSpec,
)

ELSEWHERE = torch.device("meta")
# torch's fused Adam knows no device without memory; an optimiser is torch's own affair.
RMSPROP = OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99)
NETWORK = MLPSpec(
    hidden=(20, 12), activation="leaky_relu", negative_slope=0.2, initialisation="pytorch"
)
LEARNED = replace(NETWORK, reinject_latent=True, trainable_input_affine=True)
GRAPHS = {"num_atoms": 4, "num_node_classes": 3}
MODELS = {
    "perceptrons": GANSpec(generator=NETWORK, critic=NETWORK),
    "a learned prior": GANSpec(generator=LEARNED, critic=NETWORK),
    "molecules": MolGANSpec(
        generator=NETWORK,
        critic=RelationalCriticSpec(convolutions=(9, 5), aggregation=6, dense=(7, 4)),
        **GRAPHS,
    ),
    "molecules, relaxed with noise": MolGANSpec(
        generator=NETWORK,
        critic=RelationalCriticSpec(convolutions=(9, 5), aggregation=6, dense=(7, 4)),
        relaxation="gumbel_softmax",
        **GRAPHS,
    ),
    "graphs of places": GraphGANSpec(generator=NETWORK, critic=NETWORK, **GRAPHS),
}
CASES = [(name, "float32") for name in MODELS] + [
    (name, "bf16") for name, model in MODELS.items() if isinstance(model, GANSpec)
]
TRAINING = WGANSpec(
    num_steps=40, batch_size=8, critic_steps=2, gradient_penalty=10.0, optimiser=RMSPROP
)
FLOW = FlowSpec(
    velocity=VelocitySpec(
        hidden=(8, 8), activation="silu", num_frequencies=1, initialisation="pytorch"
    ),
    embedding="orthonormal",
    dequantisation="uniform",
    jitter=1.0,
    solver=SolverSpec(name="midpoint", num_evaluations=6),
)


IMAGES = DDGANSpec(
    image_shape=(1, 8, 8),
    diffusion=Diffusion(num_timesteps=3, beta_min=0.1, beta_max=20.0),
    generator=UNetSpec(
        channels=4,
        multipliers=(1, 2),
        num_blocks=1,
        attention=(4,),
        style_width=6,
        mapping_layers=1,
        normalise_latent=True,
    ),
    critic=TimeCriticSpec(channels=4, multipliers=(1, 2), time_width=8, group=4),
)


COPIES = {torch.ops.aten._to_copy, torch.ops.aten.copy_}


class AllElsewhere(TorchDispatchMode):
    """Refuses every operation that meets a tensor of the host, but for single numbers and none.

    A single number of the host's is an argument of a launch, for which nothing waits; unless it is
    copied, which waits for all that was launched before.
    """

    def __init__(self):
        super().__init__()
        self.num_operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, made)):
            if isinstance(tensor, torch.Tensor) and tensor.device != ELSEWHERE:
                is_small = tensor.dim() == 0 or tensor.numel() == 0
                is_copy = func.overloadpacket in COPIES and tensor.numel()
                assert is_small and not is_copy, f"{func} meets {tuple(tensor.shape)} of the host"
        self.num_operations += 1
        return made


def members(width: int, dtype=torch.float32) -> list[StackMember]:
    """One run whose latent has a bank, and one that draws afresh."""
    found = []
    for seed, bank in enumerate((np.zeros((100, 6), np.uint8), None)):
        kept = {} if bank is None else {"bank": bank, "bank_size": 90}
        latent = Latent(GaussianSource(6), "centred", stream(seed, "held out"), **kept)
        data = torch.zeros(50, width, dtype=dtype)
        found.append(StackMember(data, latent.to(ELSEWHERE), stream(seed, "training")))
    return found


def gan(name: str, precision="float32") -> GANStack:
    model = MODELS[name]
    is_graph = isinstance(model, MolGANSpec | GraphGANSpec)
    of = members(model.data_dim, torch.uint8) if is_graph else members(3)
    training = replace(TRAINING, precision=precision)
    return GANStack(of, model, training, device=ELSEWHERE, draws_ahead=False)


@pytest.mark.parametrize(("name", "precision"), CASES)
@torch.no_grad()
def test_a_gans_steps_need_no_host(name, precision, monkeypatch):
    stack = gan(name, precision)
    if not isinstance(stack.model, GANSpec):  # autocast is off, but asks which device it is
        monkeypatch.setattr(type(stack._kernel), "_rounding", lambda self: contextlib.nullcontext())
    draws = stack._draw(0)
    assert {part.device for part in draws} == {ELSEWHERE}
    with AllElsewhere() as watch:
        losses = stack._kernel.train(tuple(part[:3] for part in draws), 0, [0, 1])
    assert losses.shape == (3, 2, 3) and losses.device == ELSEWHERE
    assert watch.num_operations > 100


@pytest.mark.parametrize("path", ["straight", "variance_preserving"])
def test_a_flows_steps_need_no_host(path):
    """Of either coupling: pairs are chosen when a block is drawn."""
    training = FlowMatchingSpec(
        num_steps=40,
        batch_size=8,
        path=path,
        coupling="independent",
        sigma_min=0.1 if path == "straight" else 0.0,
        optimiser=RMSPROP,
    )
    model = FLOW if path == "straight" else replace(FLOW, dequantisation="none", jitter=0.0)
    stack = FlowStack(members(4), model, training, device=ELSEWHERE)
    (part,) = stack._parts
    draws = [stack._draw(run, 0) for run in part.runs]
    assert {value.device for d in draws for value in d if value is not None} == {ELSEWHERE}
    x0, x1, t = (
        torch.stack(v, 1)[:3] for v in zip(*((d.x0, d.x1, d.t) for d in draws), strict=True)
    )
    noise = None if draws[0].noise is None else torch.stack([d.noise for d in draws], 1)[:3]
    with AllElsewhere() as watch:
        losses = stack._train(part, x0, x1, t, noise)
    assert losses.shape == (3, 2) and losses.device == ELSEWHERE
    assert watch.num_operations > 100


def test_a_diffusion_gans_steps_need_no_host():
    training = DenoisingSpec(
        num_steps=40,
        batch_size=4,
        optimiser=RMSPROP,
        critic_learning_rate=2e-3,
        least_learning_rate=1e-5,
        gradient_penalty=0.5,
        penalty_every=2,
        averaging=0.9,
    )
    of = members(IMAGES.data_dim)
    stack = DenoisingStack(of, IMAGES, training, device=ELSEWHERE, draws_ahead=False)
    rates = np.array([1e-3, 2e-3])
    stack._train_step(0, stack._draw(0, 0), 0, rates)  # what a process moves once is there
    for step, devices in ((1, [ELSEWHERE] * 2 + [None]), (2, [ELSEWHERE] * 3)):
        draws = stack._draw(1, step)
        assert {part.device for part in draws} == {ELSEWHERE}
        with AllElsewhere() as watch:
            losses = stack._train_step(1, draws, step, rates)
        assert [None if loss is None else loss.device for loss in losses] == devices
        assert watch.num_operations > 100


@torch.no_grad()
def test_what_waits_or_comes_from_the_host_is_found():
    stack = gan("perceptrons")
    draws = tuple(part[:1] for part in stack._draw(0))
    step = stack._kernel._train_step

    def waits(*of_step):
        losses = step(*of_step)
        assert bool(losses[0, 0] > 0)
        return losses

    stack._kernel._train_step = waits
    with pytest.raises(RuntimeError, match="item"), AllElsewhere():
        stack._kernel.train(draws, 0, [0, 1])

    def brings(*of_step):
        return step(*of_step) * torch.ones(2, 1).to(ELSEWHERE)

    def brings_a_number(*of_step):
        return step(*of_step) * torch.tensor(1.0).to(ELSEWHERE)

    for fault in (brings, brings_a_number):
        stack._kernel._train_step = fault
        with pytest.raises(AssertionError, match="of the host"), AllElsewhere():
            stack._kernel.train(draws, 0, [0, 1])
