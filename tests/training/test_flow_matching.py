"""Flow matching: stacks, resume, refusals, couplings and paths."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from quantum_latents.data import MoleculesSpec, MoonsSpec, array_spec
from quantum_latents.evaluation import write_run
from quantum_latents.latents import BernoulliSpec, GaussianSpec, LearnedPriorSpec, build_latent
from quantum_latents.models import FlowSpec, GANSpec, MLPSpec, SolverSpec, VelocitySpec
from quantum_latents.random import stream
from quantum_latents.training import (
    Earlier,
    EvaluationSpec,
    FlowMatchingSpec,
    FlowStack,
    GANStack,
    OptimiserSpec,
    RunSpec,
    StackMember,
    WGANSpec,
    build_stack,
    load_generator,
    train_stack,
)
from quantum_latents.training import coupling as coupling_module
from quantum_latents.training.coupling import transported
from quantum_latents.training.paths import PATHS, end_of, point_on
from quantum_latents.training.resume import check_state, part_of_state

LATENT = {"dim": 4, "scaling": "centred", "bank_size": 500, "num_held_out": 50}
MODEL = FlowSpec(
    velocity=VelocitySpec(
        hidden=(8, 8), activation="silu", num_frequencies=1, initialisation="pytorch"
    ),
    embedding="orthonormal",
    dequantisation="none",
    jitter=0.0,
    solver=SolverSpec(name="midpoint", num_evaluations=6),
)
TRAINING = FlowMatchingSpec(
    num_steps=40,
    batch_size=8,
    path="straight",
    coupling="independent",
    sigma_min=0.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.9, 0.999)),
)
RUN = RunSpec(
    data=MoonsSpec(num_train=300, num_held_out=50),
    latent=GaussianSpec(**LATENT),
    model=MODEL,
    training=TRAINING,
    evaluation=EvaluationSpec(num_samples=50),
    seed=0,
)
BERNOULLI = BernoulliSpec(**LATENT)
JITTERED = replace(MODEL, dequantisation="uniform", jitter=1.0)
COUPLED = replace(TRAINING, coupling="optimal_transport", sigma_min=0.1, averaging=0.9, decay=0.5)
NETWORK = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0, initialisation="pytorch")
WGAN = WGANSpec(
    num_steps=3, batch_size=4, critic_steps=1, gradient_penalty=1.0, optimiser=TRAINING.optimiser
)
KINDS = {
    "plain": RUN,
    "all": replace(RUN, latent=BERNOULLI, model=JITTERED, training=COUPLED),
    "gaussian path": replace(RUN, training=replace(TRAINING, path="variance_preserving")),
}


def train(runs, folder, **settings):
    folder.mkdir(exist_ok=True)
    return train_stack(runs, cache=folder / "cache", checkpoint=folder / "stack.st", **settings)


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.spec, a.curves, a.sampling) == (b.spec, b.curves, b.sampling)
        assert np.array_equal(a.samples, b.samples)
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in b.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_does_not_depend_on_its_stack_nor_on_the_threads(kind, tmp_path):
    runs = [replace(KINDS[kind], seed=seed) for seed in range(3)]
    together = train(runs, tmp_path / "together")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        alone = [train([run], tmp_path / str(run.seed))[0] for run in runs]
    finally:
        torch.set_num_threads(before)
    assert_same(together, alone)
    assert len({outcome.samples.tobytes() for outcome in together}) == 3


def test_outcomes(tmp_path):
    run = KINDS["all"]
    (outcome,) = train([run], tmp_path)
    assert outcome.samples.shape == (50, 2)
    assert outcome.samples.dtype == np.float32
    assert outcome.weights["weight1"].shape == (8, 4 + 1 + 2)
    assert outcome.curves["step"] == list(range(1, 41))
    assert set(outcome.curves) == {"step", "loss"}
    assert np.isfinite(outcome.curves["loss"]).all()
    assert outcome.sampling == {"solver": "midpoint", "function_evaluations": 6}
    # The folder alone makes samples of the same law: other noise, so other samples.
    write_run(tmp_path, outcome)
    flow = load_generator(tmp_path / "runs" / run.digest)
    z = build_latent(run.latent, run.seed, tmp_path).held_out(50)
    assert flow.generate(z, stream(0, "any")).shape == (50, 2)
    with pytest.raises(ValueError, match="give the stream that its noise is drawn from"):
        flow.generate(z)
    # With the noise that the stack took, they are the stored ones.
    taken = stream(run.seed, "training").child("dequantisation", "generated")
    assert np.allclose(flow.generate(z, taken), outcome.samples, atol=1e-5)
    with pytest.raises(ValueError, match=r"takes z of shape \(N, 4\), not \(50, 3\)"):
        flow.generate(z[:, :3], taken)


def test_dequantisation_spreads_a_discrete_source(tmp_path):
    """Sixteen bit strings make at most sixteen samples, and with jitter as many as one likes."""
    runs = [replace(RUN, latent=BERNOULLI), replace(RUN, latent=BERNOULLI, model=JITTERED)]
    bare, spread = (train([run], tmp_path / str(i))[0] for i, run in enumerate(runs))
    assert len(np.unique(bare.samples.round(5), axis=0)) <= 2**4
    assert len(np.unique(spread.samples.round(5), axis=0)) == 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_stack_goes_on_bit_for_bit(kind, tmp_path):
    evaluation = EvaluationSpec(num_samples=50, milestones=(0.4,))
    runs = [replace(KINDS[kind], seed=seed, evaluation=evaluation) for seed in range(2)]
    whole = train(runs, tmp_path / "whole")
    answers = iter([False, True])
    assert train(runs, tmp_path / "stopped", should_stop=lambda: next(answers)) is None
    steps = []
    resumed = train(runs, tmp_path / "stopped", on_progress=steps.append)
    assert steps[0] == 16
    assert_same(resumed, whole)
    for ours, theirs in zip(resumed, whole, strict=True):
        assert ours.milestones.keys() == theirs.milestones.keys() == {16}
        assert np.array_equal(ours.milestones[16], theirs.milestones[16])


@pytest.mark.parametrize("kind", ["plain", "all"])
def test_a_part_of_a_split_stack_goes_on_as_the_whole_would_have(kind, tmp_path):
    runs = [replace(KINDS[kind], seed=seed) for seed in range(3)]
    whole = train(runs, tmp_path / "whole")
    answers = iter([False, True])
    assert train(runs, tmp_path / "first", should_stop=lambda: next(answers)) is None
    earlier = Earlier(tmp_path / "first/stack.st", tuple(run.digest for run in runs))
    steps = []
    part = train(runs[1:], tmp_path / "part", split_from=[earlier], on_progress=steps.append)
    assert steps[0] == 16
    assert_same(part, whole[1:])


def test_the_state_of_a_gpu_is_cut_by_run():
    """All runs in one flat tensor: the part holds the chosen runs' weights and averages."""
    members = [replace(member(), stream=stream(seed, "training")) for seed in range(3)]
    whole, part = (
        as_on_a_gpu(FlowStack(of, replace(JITTERED, embedding="none"), COUPLED))
        for of in (members, [members[2], members[0]])
    )
    whole.train_block()
    state = whole.state()
    check_state(state, whole, 3)
    of_two = part_of_state(state, part, [2, 0], 3)
    check_state(of_two, part, 2)
    part.restore(of_two)
    for ours, theirs in ((0, 2), (1, 0)):
        for name, weight in whole.weights_of(theirs).items():
            assert torch.equal(part.weights_of(ours)[name], weight)
    whole.train_block()
    part.train_block()
    assert torch.allclose(whole.losses[16:32, [2, 0]], part.losses[16:32], rtol=1e-5)


def test_divergence_is_an_outcome_and_the_neighbour_does_not_notice(tmp_path):
    np.save(tmp_path / "huge.npy", stream(0, "test").generator().normal(size=(200, 2)) * 1e30)
    data = array_spec(tmp_path / "huge.npy", scaling="raw", held_out_fraction=0.5)
    huge = replace(RUN, data=data, seed=1)
    beside = train([RUN, huge], tmp_path / "beside")
    assert [outcome.diverged_at for outcome in beside] == [None, 0]
    assert beside[1].samples is beside[1].sampling is None
    assert beside[1].curves["loss"] == [None] * 40
    assert not any(weight.any() for weight in beside[1].weights.values())
    assert_same(beside[:1], train([RUN], tmp_path / "alone"))
    write_run(tmp_path, beside[1])
    with pytest.raises(ValueError, match="diverged"):
        load_generator(tmp_path / "runs" / huge.digest)


def member(data=2):
    latent = build_latent(GaussianSpec(**{**LATENT, "dim": 2}), 0, Path("unused"))
    return StackMember(torch.randn(100, data), latent, stream(0, "training"))


def as_on_a_gpu(stack):
    """Return the stack with all runs in one flat tensor."""
    stack._are_alone = False
    stack._parts = [stack._part(list(range(len(stack.members))))]
    return stack


def test_each_kind_of_training_has_its_stack():
    flow = replace(MODEL, embedding="none")
    assert isinstance(build_stack([member()], flow, TRAINING), FlowStack)
    assert isinstance(
        build_stack([member()], GANSpec(generator=NETWORK, critic=NETWORK), WGAN), GANStack
    )


def test_a_stack_on_another_device_is_laid_out_as_one():
    """The layout of a GPU, on the CPU: all runs in one flat tensor, to rounding the same."""
    members = [replace(member(), stream=stream(seed, "training")) for seed in range(2)]
    model, training = replace(JITTERED, embedding="none"), replace(COUPLED, precision="float64")
    stacks = [FlowStack(members, model, training) for _ in range(2)]
    together = as_on_a_gpu(stacks[1])
    for stack in stacks:
        stack.train_block()
    assert len(stacks[0]._parts) == 2
    assert torch.allclose(stacks[0].losses[:16], together.losses[:16], rtol=1e-9)
    for run in range(2):
        for name, weight in stacks[0].weights_of(run).items():
            assert torch.allclose(weight, together.weights_of(run)[name], atol=1e-9)
    again = as_on_a_gpu(FlowStack(members, model, training))
    again.restore(together.state())
    again.train_block()
    together.train_block()
    assert torch.equal(again.losses[16:32], together.losses[16:32])


def test_widths_need_an_embedding_that_is_named(tmp_path):
    with pytest.raises(ValueError, match="latents are 4 wide and data 2: name an embedding"):
        train([replace(RUN, model=replace(MODEL, embedding="none"))], tmp_path)
    with pytest.raises(ValueError, match="both 2 wide, nothing is embedded"):
        FlowStack([member()], MODEL, TRAINING)
    with pytest.raises(ValueError, match="share data and latent widths"):
        FlowStack([member(), member(data=3)], MODEL, TRAINING)


@pytest.mark.parametrize("library", ["ot", "torchdiffeq"])
def test_a_missing_library_is_named_before_the_training(library, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == library else find(name)
    )
    with pytest.raises(ImportError, match=r'pip install "\.\[flow\]"'):
        FlowStack([member()], replace(MODEL, embedding="none"), COUPLED)


VP = replace(TRAINING, path="variance_preserving")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"latent": BERNOULLI}, "standard Gaussian source, and latent 'bernoulli' is none"),
        ({"model": JITTERED}, "dequantisation 'uniform' widens it"),
        ({"latent": GaussianSpec(**{**LATENT, "scaling": "minus_half"})}, "moves the mean to -1/2"),
    ],
)
def test_a_gaussian_path_takes_no_other_source(change, said):
    with pytest.raises(ValueError, match=f"path 'variance_preserving' assumes .*{said}"):
        replace(RUN, training=VP, **change)


def test_a_gaussian_path_takes_no_source_in_a_subspace(tmp_path):
    narrow = replace(RUN, training=VP, latent=GaussianSpec(**{**LATENT, "dim": 1}))
    with pytest.raises(ValueError, match=r"standard Gaussian source, and .* 1 of 2 dimensions"):
        train([narrow], tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"latent": LearnedPriorSpec(**LATENT)}, "a flow has no generator: use the gaussian"),
        ({"start": "target"}, "use start='random', not 'target'"),
        (
            {"training": WGAN},
            "WGANSpec trains a GANSpec or a MolGANSpec or a GraphGANSpec, not a FlowSpec",
        ),
        (
            {"model": GANSpec(generator=NETWORK, critic=NETWORK)},
            "FlowMatchingSpec trains a FlowSpec, not a GANSpec",
        ),
        (
            {"data": MoleculesSpec(name="a", sha256="0" * 64, num_atoms=9, elements=("C",))},
            "'a' are graphs of molecules, and a flow makes vectors",
        ),
    ],
)
def test_runs_that_no_flow_can_have_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(RUN, **change)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"num_steps": 0}, ValueError, "num_steps must be at least 1, not 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size is an integer, not 2.0"),
        ({"path": "cosine"}, ValueError, "straight, variance_preserving, not 'cosine'"),
        ({"coupling": "sinkhorn"}, ValueError, "'optimal_transport', not 'sinkhorn'"),
        ({"sigma_min": -1.0}, ValueError, "finite number >= 0, not -1.0"),
        ({"path": "variance_preserving", "sigma_min": 0.1}, ValueError, "set sigma_min=0"),
        (
            {"path": "variance_preserving", "coupling": "optimal_transport"},
            ValueError,
            "set coupling='independent'",
        ),
        ({"averaging": 1.0}, ValueError, r"averaging is in \[0, 1\), not 1.0"),
        ({"decay": 2.0}, ValueError, "a share of the steps"),
        ({"precision": "float16"}, ValueError, "not 'float16'"),
        ({"divergence_threshold": 0.0}, ValueError, "finite number > 0, not 0.0"),
    ],
)
def test_bad_settings_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(TRAINING, **change)


@pytest.mark.parametrize("kind", KINDS)
def test_specs_come_back_from_json_and_every_setting_names_the_run(kind):
    run = KINDS[kind]
    content = json.loads(json.dumps(run.to_json()))
    assert (content["model"]["kind"], content["training"]["kind"]) == ("flow", "flow_matching")
    assert RunSpec.from_json(content) == run
    assert len({one.digest for one in KINDS.values()}) == len(KINDS)
    dopri5 = replace(MODEL, solver=SolverSpec(name="dopri5", rtol=1e-3, atol=1e-3))
    assert replace(RUN, model=dopri5).digest != RUN.digest
    del content["training"]["coupling"]
    with pytest.raises(ValueError, match=r"spec.training lacks \['coupling'\]"):
        RunSpec.from_json(content)


def test_a_gan_says_nothing_of_its_kind():
    gan = replace(RUN, model=GANSpec(generator=NETWORK, critic=NETWORK), training=WGAN)
    content = gan.to_json()
    assert "kind" not in content["model"]
    assert "kind" not in content["training"]
    assert RunSpec.from_json(content) == gan


def test_the_coupling_is_the_optimal_assignment():
    """scipy solves the same assignment by another algorithm."""
    noise = stream(0, "test").generator()
    for dim, kind in ((2, "normal"), (6, "bits")):
        x1 = noise.normal(size=(64, dim))
        x0 = noise.normal(size=x1.shape) if kind == "normal" else noise.integers(0, 2, x1.shape)
        costs = ((x0[:, None] - x1[None]) ** 2).sum(2)
        places = transported(x0, x1)
        assert sorted(places) == list(range(64))
        rows, columns = linear_sum_assignment(costs)
        assert np.isclose(costs[np.arange(64), places].sum(), costs[rows, columns].sum())
        assert costs[np.arange(64), places].sum() < costs.trace()


def test_a_coupling_that_was_not_found_is_no_coupling(monkeypatch):
    monkeypatch.setattr(coupling_module, "_MAX_ITERATIONS", 1)
    noise = np.random.default_rng(0)
    with (
        pytest.warns(UserWarning),
        pytest.raises(RuntimeError, match="found no optimal coupling"),
    ):
        transported(noise.normal(size=(64, 2)), noise.normal(size=(64, 2)))


@pytest.mark.parametrize("path", PATHS)
def test_a_velocity_is_the_slope_of_its_path(path):
    x0, x1 = torch.randn(2, 5, 3, dtype=torch.float64)
    t = torch.tensor([0.01, 0.3, 0.5, 0.9, 0.999], dtype=torch.float64)[:, None]
    h = 1e-6
    ahead, behind = (point_on(path, x0, x1, t + s, None).x for s in (h, -h))
    at = point_on(path, x0, x1, t, None)
    assert torch.allclose((ahead - behind) / (2 * h), at.velocity, rtol=1e-5, atol=1e-5)
    start, end = (torch.full((5, 1), s, dtype=torch.float64) for s in (0.0, end_of(path)))
    # Lipman et al.'s path starts 0.66 % of the way to the data, and ends 0.1 % before them.
    assert torch.allclose(point_on(path, x0, x1, start, None).x, x0, atol=0.05)
    assert torch.allclose(point_on(path, x0, x1, end, None).x, x1, atol=0.01)


def test_the_gaussian_path_keeps_the_variance():
    x0, x1 = torch.randn(2, 50_000, 1, generator=torch.Generator().manual_seed(0))
    for time in (0.0, 0.4, 0.8, 1 - 1e-5):
        x = point_on("variance_preserving", x0, x1, torch.full_like(x0, time), None).x
        assert abs(float(x.var()) - 1) < 0.03
