"""Training molecules: the compiled sweeps against autograd, stacks, threads and resume."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.models import GraphGANSpec, MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.molecules import GraphLayout
from quantum_latents.random import Stream, stream
from quantum_latents.training import GANStack, OptimiserSpec, StackMember, WGANSpec

MODEL = MolGANSpec(
    generator=MLPSpec(
        hidden=(8, 12),
        activation="leaky_relu",
        negative_slope=0.01,
        initialisation="orthogonal",
        gain=1.5,
        reinject_latent=True,
    ),
    critic=RelationalCriticSpec(convolutions=(9, 5), aggregation=6, dense=(7, 4)),
    num_atoms=5,
    num_node_classes=4,
)
OF_PLACES = GraphGANSpec(
    generator=MODEL.generator,
    critic=MLPSpec(
        hidden=(9, 7), activation="leaky_relu", negative_slope=0.2, initialisation="pytorch"
    ),
    num_atoms=5,
    num_node_classes=4,
)
TRAINING = WGANSpec(
    num_steps=20,
    batch_size=37,  # more than two slots of molecules, the last one not full
    critic_steps=2,
    gradient_penalty=10.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=2e-3, betas=(0.0, 0.9)),
    precision="float64",
    decay=0.5,
)

LAYOUT = GraphLayout(num_atoms=5, elements=("C", "N", "O"))


class Normal:
    dim = 6

    def sample(self, num_samples: int, stream: Stream) -> torch.Tensor:
        z = stream.generator().standard_normal((num_samples, self.dim))
        return torch.from_numpy(z.astype(np.float32))


def data(num: int = 300) -> torch.Tensor:
    generator = np.random.default_rng(3)
    bonds = np.eye(4, dtype=np.uint8)[generator.choice(4, p=(0.6, 0.2, 0.1, 0.1), size=(num, 10))]
    nodes = np.eye(4, dtype=np.uint8)[generator.choice(4, size=(num, 5))]
    return torch.from_numpy(
        np.concatenate([bonds.reshape(num, -1), nodes.reshape(num, -1)], axis=1)
    )


def stack_of(seeds, model=MODEL, training=TRAINING, kernel="numba") -> GANStack:
    rows = data()
    members = [StackMember(rows, Normal(), stream(seed, "training")) for seed in seeds]
    return GANStack(members, model, training, kernel=kernel)


def trained(stack: GANStack) -> GANStack:
    while stack.step < stack.training.num_steps:
        stack.train_block()
    return stack


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        replace(MODEL, relaxation="gumbel_softmax", temperature=0.7),
        replace(MODEL, relaxation="straight_through"),
        # A first layer that multiplies before it mixes, a second that mixes first.
        replace(MODEL, critic=RelationalCriticSpec(convolutions=(3, 11, 4), dense=(5,))),
        OF_PLACES,
        replace(OF_PLACES, relaxation="gumbel_softmax", temperature=0.7),
        replace(OF_PLACES, relaxation="straight_through"),
    ],
    ids=[
        *("softmax", "gumbel", "straight-through", "other-widths"),
        *("places", "places-gumbel", "places-straight-through"),
    ],
)
def test_compiled_sweeps_train_as_autograd_does(model):
    compiled, traced = (trained(stack_of((0, 1), model, kernel=k)) for k in ("numba", "torch"))
    torch.testing.assert_close(compiled.losses, traced.losses, rtol=0, atol=1e-10)
    torch.testing.assert_close(compiled.generator.flat, traced.generator.flat, rtol=0, atol=1e-11)
    critics = [stack.critic.flat.detach() for stack in (compiled, traced)]
    if isinstance(model, GraphGANSpec):
        # The last bias moves no loss: Adam makes steps of the rounding of its gradient, 0.
        critics = [flat[: -len(compiled.members)] for flat in critics]
    torch.testing.assert_close(*critics, rtol=0, atol=1e-10)
    assert compiled.losses[-1, 0, 0] != compiled.losses[0, 0, 0]


# What is compiled for one precision above is not compiled for another here.
@pytest.mark.parametrize(
    ("model", "precision"), [(MODEL, "float32"), (OF_PLACES, "float64")], ids=["molgan", "places"]
)
def test_a_run_is_the_same_alone_and_in_any_stack(model, precision):
    single = replace(TRAINING, precision=precision)
    stacked = trained(stack_of((0, 1, 2), model, training=single))
    alone = trained(stack_of((1,), model, training=single))
    torch.testing.assert_close(stacked.losses[:, 1], alone.losses[:, 0], rtol=0, atol=0)
    for network in ("generator", "critic"):
        many, one = getattr(stacked, network), getattr(alone, network)
        for name, view in one.views(one.flat.detach()).items():
            assert torch.equal(many.views(many.flat.detach())[name][1], view[0])


def test_no_bit_depends_on_the_number_of_threads():
    single = replace(TRAINING, precision="float32")
    alone, helped = stack_of((1,), training=single), None
    try:
        torch.set_num_threads(3)
        helped = stack_of((1,), training=single)
        several = stack_of((0, 1), training=single)  # two places: one has a second thread
    finally:
        torch.set_num_threads(1)
    for stack in (alone, helped, several):
        trained(stack)
    assert torch.equal(alone.losses, helped.losses)
    assert torch.equal(alone.losses[:, 0], several.losses[:, 1])
    assert torch.equal(alone.generator.flat, helped.generator.flat)
    assert torch.equal(alone.critic.flat, helped.critic.flat)


def test_threads_of_a_team_take_shares_at_once():
    from quantum_latents.training.kernels.molgan import Team
    from quantum_latents.training.kernels.relaxation import GraphSettings

    stack = stack_of((0,))
    team = Team(stack.critic, stack.generator, GraphSettings(37, 2, 10.0, 1.0, False), 2)
    met = threading.Barrier(2, timeout=60)
    places = []

    def work(place: int, item: int) -> None:
        places.append(place)
        met.wait()  # broken, an error, unless two are here at a time

    team.each(work, range(4))
    assert set(places) == {0, 1}


@pytest.mark.parametrize("num_rows", [1, 15, 16, 17, 64, 100, 256, 1536])
def test_shares_are_whole_slots_and_cover_every_row(num_rows):
    from quantum_latents.models.kernels.relational import SLOT_MOLECULES
    from quantum_latents.training.kernels.molgan import MOST_SHARES, shares_of

    shares = shares_of(num_rows)
    assert [start for start, _ in shares] == [0, *(stop for _, stop in shares[:-1])]
    assert shares[-1][1] == num_rows and len(shares) <= MOST_SHARES
    assert all(start < stop and start % SLOT_MOLECULES == 0 for start, stop in shares)


def test_float32_stays_near_float64():
    single = trained(stack_of((0,), training=replace(TRAINING, precision="float32", num_steps=8)))
    double = trained(stack_of((0,), training=replace(TRAINING, num_steps=8)))
    torch.testing.assert_close(single.losses, double.losses, rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    ("model", "precision"), [(MODEL, "float32"), (OF_PLACES, "float64")], ids=["molgan", "places"]
)
def test_resuming_repeats_every_bit(model, precision):
    single = replace(TRAINING, precision=precision, num_steps=40)
    through = trained(stack_of((0, 1), model, training=single))
    before = stack_of((0, 1), model, training=single)
    before.train_block()
    after = stack_of((0, 1), model, training=single)
    after.restore(before.state())
    trained(after)
    assert torch.equal(through.losses, after.losses)
    assert torch.equal(through.generator.flat, after.generator.flat)


def test_noise_depends_on_the_run_alone_and_is_drawn_only_where_it_is_used():
    noisy = stack_of((0, 1), replace(MODEL, relaxation="gumbel_softmax"))
    *_, noise = noisy._draw(0)
    assert noise.shape == (16, 2, 3 * 37, 60)
    *_, alone = stack_of((1,), replace(MODEL, relaxation="gumbel_softmax"))._draw(0)
    assert torch.equal(noise[:, 1], alone[:, 0])
    assert abs(float(noise.mean()) - np.euler_gamma) < 0.05  # the mean of a Gumbel variable
    *_, nothing = stack_of((0,))._draw(0)
    assert nothing.shape == (16, 1, 0, 60)


def test_a_run_that_diverges_is_stopped_and_its_neighbour_never_notices():
    wild = stack_of((0, 1), training=replace(TRAINING, precision="float32"))
    with torch.no_grad():
        wild.critic.views(wild.critic.flat)["weight1"][0] = torch.nan
    trained(wild)
    calm = trained(stack_of((1,), training=replace(TRAINING, precision="float32")))
    assert wild.diverged_at == [0, None]
    assert torch.equal(wild.losses[:, 1], calm.losses[:, 0])


@pytest.mark.parametrize("model", [MODEL, OF_PLACES], ids=["molgan", "places"])
def test_molecules_of_another_layout_are_refused(model):
    with pytest.raises(ValueError, match="rows of 60 numbers"):
        members = [StackMember(data()[:, :40], Normal(), stream(0, "training"))]
        GANStack(members, model, TRAINING)


def test_a_critic_of_places_sees_the_order_of_the_atoms_and_a_relational_one_does_not():
    rows = data(8)
    order = torch.tensor([3, 0, 4, 1, 2])
    codes = LAYOUT.to_codes(rows.numpy())
    bonds, nodes = LAYOUT.bonds(codes), LAYOUT.nodes(codes)
    moved = LAYOUT.codes(bonds[:, order][:, :, order], nodes[:, order])
    other = torch.from_numpy(LAYOUT.to_one_hot(moved)).double()[None]
    for model, is_blind in ((MODEL, True), (OF_PLACES, False)):
        critic = stack_of((0,), model).critic
        with torch.no_grad():
            same = torch.allclose(critic(rows.double()[None]), critic(other), atol=1e-12)
        assert same == is_blind


def test_an_averaged_generator_is_the_moving_average_of_its_weights():
    averaging = replace(TRAINING, precision="float32", num_steps=40, averaging=0.9)
    stack = stack_of((0, 1), training=averaging)
    wanted, before = stack.generator.flat.detach().double(), 0
    while stack.step < 40:
        stack.train_block()
        kept = 0.9 ** (stack.step - before)
        wanted = kept * wanted + (1 - kept) * stack.generator.flat.detach().double()
        before = stack.step
    torch.testing.assert_close(stack.weights().double(), wanted, rtol=0, atol=1e-6)
    z = torch.ones(3, Normal.dim)
    made = stack.generate([z, z])[0]
    stack.generator.flat.data.copy_(stack.weights())
    torch.testing.assert_close(made, stack.generator(z.expand(2, -1, -1)).detach()[0])


def test_an_averaged_generator_does_not_change_training_and_resumes():
    single = replace(TRAINING, precision="float32", num_steps=40)
    averaging = replace(single, averaging=0.9)
    plain, through = trained(stack_of((0,), training=single)), stack_of((0,), training=averaging)
    trained(through)
    assert torch.equal(plain.losses, through.losses)
    before = stack_of((0,), training=averaging)
    before.train_block()
    after = stack_of((0,), training=averaging)
    after.restore(before.state())
    assert torch.equal(trained(after).weights(), through.weights())
    assert not torch.equal(through.weights(), through.generator.flat)
