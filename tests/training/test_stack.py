"""From specs to outcomes: stored samples, exact resume, divergence by the run's own data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.data import BitsSpec, array_spec
from quantum_latents.latents import BernoulliSpec, GaussianSpec, build_latent
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import (
    EvaluationSpec,
    GANStack,
    OptimiserSpec,
    RunSpec,
    WGANSpec,
    data_of,
    milestone_steps,
    train_stack,
)
from quantum_latents.training import stack as training_stack

LATENT = {"dim": 4, "scaling": "centred", "bank_size": 500, "num_held_out": 50}
NETWORK = MLPSpec(hidden=(8, 8), activation="relu", negative_slope=0.0, initialisation="pytorch")
RUN = RunSpec(
    data=BitsSpec(num_bits=3, num_train=500, num_held_out=50),
    latent=GaussianSpec(**LATENT),
    model=GANSpec(generator=NETWORK, critic=NETWORK),
    training=WGANSpec(
        num_steps=40,
        batch_size=4,
        critic_steps=2,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9)),
    ),
    evaluation=EvaluationSpec(num_samples=50),
    seed=0,
)
RUNS = [RUN, replace(RUN, latent=BernoulliSpec(**LATENT)), replace(RUN, seed=1)]


def train(runs, folder, **settings):
    return train_stack(runs, cache=folder / "cache", checkpoint=folder / "stack.st", **settings)


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.spec == b.spec
        assert a.curves == b.curves
        assert np.array_equal(a.samples, b.samples)
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in b.weights)


def test_outcomes(tmp_path):
    steps = []
    outcomes = train(RUNS, tmp_path, on_progress=steps.append)
    assert steps == [0, 16, 32, 40]
    for run, outcome in zip(RUNS, outcomes, strict=True):
        assert outcome.spec is run
        assert outcome.diverged_at is None
        assert outcome.samples.shape == (50, 3)
        assert outcome.samples.dtype == np.float32
        assert outcome.weights["weight1"].shape == (8, 4)
        assert outcome.curves["step"] == list(range(1, 41))
        assert all(len(values) == 40 for values in outcome.curves.values())
        assert all(np.isfinite(values).all() for values in outcome.curves.values())
    # The stored samples are the stored generator's, of latents that training never drew.
    latent = build_latent(RUN.latent, RUN.seed, tmp_path)
    a, w = latent.held_out(50), outcomes[0].weights
    for layer in (1, 2, 3):
        a = a @ w[f"weight{layer}"].mT + w[f"bias{layer}"][0]
        a = a.relu() if layer < 3 else a
    assert np.allclose(a.numpy(), outcomes[0].samples, atol=1e-5)


def test_a_stopped_stack_goes_on_bit_for_bit(tmp_path):
    whole = train(RUNS, tmp_path / "whole") if not (tmp_path / "whole").mkdir() else None
    (tmp_path / "stopped").mkdir()
    answers = iter([False, True])
    assert train(RUNS, tmp_path / "stopped", should_stop=lambda: next(answers)) is None
    assert (tmp_path / "stopped" / "stack.st").exists()
    steps = []
    resumed = train(RUNS, tmp_path / "stopped", on_progress=steps.append)
    assert steps[0] == 16
    assert_same(resumed, whole)


def test_checkpoints_are_written_while_training(tmp_path):
    written = []

    def on_progress(step):
        written.append((tmp_path / "stack.st").exists())

    whole = train(RUNS[:1], tmp_path, seconds_between_checkpoints=0.0, on_progress=on_progress)
    assert written == [False, True, True, True]
    # The last one holds the end: nothing is trained again.
    steps = []
    assert_same(train(RUNS[:1], tmp_path, on_progress=steps.append), whole)
    assert steps == [40]


def test_a_training_that_is_done_is_kept_from_what_fails_after_it(tmp_path, monkeypatch):
    """Such as a want of memory for all samples: the last minute is not trained again."""
    monkeypatch.setattr(training_stack, "_WORTH_KEEPING", 0.0)
    (tmp_path / "whole").mkdir()
    whole = train(RUNS[:1], tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(GANStack, "generate", lambda self, latents: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(RUNS[:1], tmp_path)
    steps = []
    assert_same(train(RUNS[:1], tmp_path, on_progress=steps.append), whole)
    assert steps == [40]


MILESTONES = replace(RUN.evaluation, milestones=(0.01, 0.5, 0.8))
ON_THE_WAY = [replace(run, evaluation=MILESTONES) for run in RUNS]


def test_milestones_lie_at_the_ends_of_blocks():
    # 0.4, 20 and 32 of 40 steps, in blocks of 16: at least one, and the nearest.
    assert milestone_steps(ON_THE_WAY[0]) == (16, 32)
    long = replace(ON_THE_WAY[0], training=replace(RUN.training, num_steps=4000))
    assert milestone_steps(long) == (48, 2000, 3200)
    short = replace(ON_THE_WAY[0], training=replace(RUN.training, num_steps=16))
    assert milestone_steps(short) == milestone_steps(RUN) == ()


def test_a_milestone_is_where_a_shorter_training_ends(tmp_path):
    outcomes = train(ON_THE_WAY, tmp_path)
    for steps in (16, 32):
        shorter = [replace(run, training=replace(run.training, num_steps=steps)) for run in RUNS]
        for outcome, ended in zip(outcomes, train(shorter, tmp_path), strict=True):
            assert np.array_equal(outcome.milestones[steps], ended.samples)
            assert not np.array_equal(outcome.milestones[steps], outcome.samples)
    assert_same(
        [replace(o, spec=r) for o, r in zip(outcomes, RUNS, strict=True)], train(RUNS, tmp_path)
    )


@pytest.mark.parametrize("stop_at", [1, 2])
def test_milestones_survive_a_stop(stop_at, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = train(ON_THE_WAY, tmp_path / "whole")
    answers = iter([False] * stop_at + [True])
    assert train(ON_THE_WAY, tmp_path, should_stop=lambda: next(answers)) is None
    resumed = train(ON_THE_WAY, tmp_path)
    assert_same(resumed, whole)
    for ours, theirs in zip(resumed, whole, strict=True):
        assert ours.milestones.keys() == theirs.milestones.keys() == {16, 32}
        assert all(np.array_equal(ours.milestones[k], v) for k, v in theirs.milestones.items())


@pytest.mark.parametrize(
    ("milestones", "error", "said"),
    [
        ((0.5, 0.5), ValueError, "ascending shares"),
        ((0.5, 0.1), ValueError, "ascending shares"),
        ((-0.1,), ValueError, r"in \[0, 1\), not \(-0.1,\)"),
        ((1.0,), ValueError, "ascending shares"),
        ([0.5], TypeError, "a tuple such as"),
    ],
)
def test_bad_milestones_are_refused(milestones, error, said):
    with pytest.raises(error, match=said):
        EvaluationSpec(num_samples=50, milestones=milestones)


def test_a_run_without_milestones_keeps_its_name():
    assert "milestones" not in RUN.to_json()["evaluation"]
    assert ON_THE_WAY[0].digest != RUN.digest
    assert RunSpec.from_json(ON_THE_WAY[0].to_json()) == ON_THE_WAY[0]


def test_another_stacks_checkpoint_is_refused(tmp_path):
    train(RUNS[:1], tmp_path, seconds_between_checkpoints=0.0)
    before = (tmp_path / "stack.st").read_bytes()
    with pytest.raises(ValueError, match="belongs to other runs"):
        train(RUNS, tmp_path)
    assert (tmp_path / "stack.st").read_bytes() == before


def test_divergence_is_an_outcome_and_the_neighbour_does_not_notice(tmp_path):
    """The same stack twice, but for the data of one run: healthy, and far too large."""
    generator = stream(0, "test").generator()
    healthy = generator.normal(size=(200, 3))
    runs = {}
    for name, values in {"healthy": healthy, "huge": healthy * 1e30}.items():
        np.save(tmp_path / f"{name}.npy", values)
        data = array_spec(tmp_path / f"{name}.npy", scaling="raw", held_out_fraction=0.5)
        runs[name] = replace(RUN, data=data, seed=2)
    good, (_, huge, _) = (
        train([RUN, runs[name], RUNS[2]], tmp_path / name)
        for name in runs
        if not (tmp_path / name).mkdir()
    )
    neighbours = train([RUN, runs["huge"], RUNS[2]], tmp_path)
    assert [outcome.diverged_at for outcome in good] == [None] * 3
    assert [outcome.diverged_at for outcome in neighbours] == [None, 0, None]
    assert huge.samples is None
    assert huge.curves["critic_loss"] == [None] * 40
    assert_same([neighbours[0], neighbours[2]], [good[0], good[2]])


def test_data_do_not_depend_on_the_latent(tmp_path):
    ours, theirs = data_of(RUNS[0], tmp_path), data_of(RUNS[1], tmp_path)
    assert np.array_equal(ours.train, theirs.train)
    assert np.array_equal(ours.held_out, theirs.held_out)
    assert not np.array_equal(ours.train, data_of(RUNS[2], tmp_path).train)


def test_too_little_held_out_data_is_refused_before_training(tmp_path):
    short = replace(RUN, data=replace(RUN.data, num_held_out=49))
    with pytest.raises(ValueError, match=r"num_samples=50 needs .*'bernoulli', which has 49"):
        train([short], tmp_path, on_progress=lambda step: pytest.fail("it trained"))
