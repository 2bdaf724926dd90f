"""Draws made ahead: the same numbers, begun while the block before is trained, and their faults."""

import contextlib
import threading

import pytest
import torch

from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import GANStack, OptimiserSpec, StackMember, WGANSpec
from quantum_latents.training.ahead import DrawsAhead

NETWORK = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0, initialisation="pytorch")
TRAINING = WGANSpec(
    num_steps=40,
    batch_size=4,
    critic_steps=2,
    gradient_penalty=10.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.0, 0.9)),
)
CPU = torch.device("cpu")
PATIENCE = 30.0


def stack_of(source, **settings) -> GANStack:
    data = torch.from_numpy(stream(0, "data").generator().normal(size=(100, 3))).float()
    latent = Latent(source, "raw", stream(0, "held out"))
    members = [StackMember(data, latent, stream(seed, "training")) for seed in range(2)]
    model = GANSpec(generator=NETWORK, critic=NETWORK)
    return GANStack(members, model, TRAINING, kernel="torch", **settings)


def finish(stack: GANStack) -> GANStack:
    while stack.step < TRAINING.num_steps:
        stack.train_block()
    return stack


def test_a_training_is_the_same_whoever_draws():
    usual, ahead = (finish(stack_of(GaussianSource(5), draws_ahead=how)) for how in (False, True))
    assert usual.losses.isfinite().all()
    states = usual.state(), ahead.state()
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.equal(states[1][name], tensor), name


def test_a_restored_training_drops_what_was_begun_for_another_block():
    whole = finish(stack_of(GaussianSource(5)))
    stack = stack_of(GaussianSource(5), draws_ahead=True)
    stack.train_block()
    state = stack.state()
    finish(stack)
    for _ in range(2):  # once after the end, once with block 2 begun
        stack.restore(state)
        stack.train_block()
    assert torch.equal(finish(stack).losses, whole.losses)


def test_nothing_is_drawn_beyond_the_end_and_nothing_twice():
    drawn = []

    class Noted(GaussianSource):
        def draw(self, num_samples, stream):
            drawn.append(threading.current_thread())
            return super().draw(num_samples, stream)

    stack = finish(stack_of(Noted(5), draws_ahead=True))
    stack._draws._thread.shutdown(wait=True)
    assert len(drawn) == 3 * 2  # blocks of 16 in 40 steps, two runs
    assert threading.main_thread() not in drawn


def test_the_next_block_is_begun_before_it_is_asked_for():
    begun = {block: threading.Event() for block in range(3)}

    def draw(block):
        begun[block].set()
        return (torch.full((1,), block),)

    ahead = DrawsAhead(draw, CPU, True)
    assert ahead.take(0, following=1)[0] == 0
    assert begun[1].wait(PATIENCE)
    assert ahead.take(1, following=None)[0] == 1
    ahead._thread.shutdown(wait=True)
    assert not begun[2].is_set()


def test_a_fault_is_raised_where_its_block_is_taken_and_is_not_kept():
    faults = [ValueError("block 1 cannot be drawn")]

    def draw(block):
        if block == 1 and faults:
            raise faults.pop()
        return (torch.full((1,), block),)

    ahead = DrawsAhead(draw, CPU, True)
    assert ahead.take(0, following=1)[0] == 0
    with pytest.raises(ValueError, match="block 1 cannot be drawn"):
        ahead.take(1, following=2)
    assert ahead.take(1, following=2)[0] == 1
    assert ahead.take(2, following=None)[0] == 2


def test_on_a_gpu_steps_wait_for_their_draws_and_keep_their_memory(monkeypatch):
    """The order of what CUDA is asked for, told by streams that only write it down."""
    told = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            told.append(f"{self.name} waits for {other.name}")

    class Part:
        def record_stream(self, stream):
            told.append(f"kept for {stream.name}")

    @contextlib.contextmanager
    def used(stream):
        told.append(f"on {stream.name}")
        yield

    steps, draws = Stream("steps"), Stream("draws")
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: draws)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: steps)
    monkeypatch.setattr(torch.cuda, "stream", used)
    ahead = DrawsAhead(lambda block: (Part(),), torch.device("cuda"))
    ahead.take(0, following=None)
    assert told == ["draws waits for steps", "on draws", "steps waits for draws", "kept for steps"]
    ahead.take(1, following=2)
    ahead._thread.shutdown(wait=True)
    assert told[4:] == ["on draws", "steps waits for draws", "kept for steps", "on draws"]
