"""Going on from a larger stack's checkpoint, and states that do not fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.data import BitsSpec
from quantum_latents.latents import BernoulliSpec, GaussianSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.training import (
    Earlier,
    EvaluationSpec,
    OptimiserSpec,
    RunSpec,
    WGANSpec,
    rehearse_stack,
    train_stack,
)
from quantum_latents.training.checkpoint import read_checkpoint, write_checkpoint

LATENT = {"dim": 4, "scaling": "centred", "bank_size": 300, "num_held_out": 50}
NETWORK = MLPSpec(hidden=(8, 6), activation="relu", negative_slope=0.0, initialisation="pytorch")
RUN = RunSpec(
    data=BitsSpec(num_bits=3, num_train=300, num_held_out=50),
    latent=GaussianSpec(**LATENT),
    model=GANSpec(generator=NETWORK, critic=NETWORK),
    training=WGANSpec(
        num_steps=40,
        batch_size=4,
        critic_steps=2,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9)),
        averaging=0.9,
    ),
    evaluation=EvaluationSpec(num_samples=50, milestones=(0.4,)),
    seed=0,
)
RMSPROP = OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99)


def runs_of(training: WGANSpec) -> list[RunSpec]:
    runs = [RUN, replace(RUN, latent=BernoulliSpec(**LATENT)), replace(RUN, seed=1)]
    return [replace(run, training=training) for run in (*runs, replace(RUN, seed=2))]


def digests(runs) -> tuple[str, ...]:
    return tuple(run.digest for run in runs)


def train(runs, folder, name="stack.st", **settings):
    return train_stack(runs, cache=folder, checkpoint=folder / name, **settings)


def stopped(runs, folder, blocks: int = 1) -> Earlier:
    """Train so many blocks and leave a checkpoint."""
    answers = iter([False] * blocks + [True])
    assert train(runs, folder, "whole.st", should_stop=lambda: next(answers)) is None
    return Earlier(folder / "whole.st", digests(runs))


@pytest.mark.parametrize(
    "training",
    [RUN.training, replace(RUN.training, optimiser=RMSPROP, averaging=0.0)],
    ids=["adam, averaged", "rmsprop"],
)
def test_a_part_goes_on_as_the_whole_would_have(tmp_path, training):
    runs = runs_of(training)
    whole = train(runs, tmp_path)
    (tmp_path / "stack.st").unlink(missing_ok=True)
    earlier = stopped(runs, tmp_path)
    for place, places in enumerate([(0, 1), (2, 3), (3,)]):
        part, steps = [runs[place] for place in places], []
        outcomes = train(
            part, tmp_path, f"{place}.st", split_from=[earlier], on_progress=steps.append
        )
        assert steps[0] == 16
        for ours, theirs in zip(outcomes, (whole[place] for place in places), strict=True):
            assert ours.curves == theirs.curves
            assert np.array_equal(ours.samples, theirs.samples)
            assert np.array_equal(ours.milestones[16], theirs.milestones[16])
            assert all(torch.equal(ours.weights[name], w) for name, w in theirs.weights.items())


def test_the_latest_checkpoint_that_is_there_counts(tmp_path):
    runs = runs_of(RUN.training)
    first, half, steps = stopped(runs, tmp_path), runs[:2], []
    answers = iter([False, True])
    train(half, tmp_path, "half.st", split_from=[first], should_stop=lambda: next(answers))
    second = Earlier(tmp_path / "half.st", digests(half))
    train(half[1:], tmp_path, split_from=[second, first], on_progress=steps.append)
    assert steps[0] == 32
    second.checkpoint.unlink()
    train(half[1:], tmp_path, "again.st", split_from=[second, first], on_progress=steps.append)
    assert steps[steps.index(40) + 1] == 16


CRAFTED = {
    "a tensor is missing": lambda s: s.pop("critic.exp_avg"),
    "a moment is short": lambda s: s.update({"critic.exp_avg": torch.zeros(3)}),
    "weights are long": lambda s: s.update(generator=torch.zeros(10_000)),
    "a step from beyond": lambda s: s.update(step=torch.tensor(10**12)),
    "a step that is many": lambda s: s.update(step=torch.zeros(2)),
    "no step": lambda s: s.pop("step"),
    "fewer losses": lambda s: s.update(losses=s["losses"][:3]),
    "a milestone is missing": lambda s: s.pop("milestone.16"),
    "a milestone of fewer runs": lambda s: s.update({"milestone.16": s["milestone.16"][:1]}),
    "a stranger": lambda s: s.update(stranger=torch.zeros(1)),
}


@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED.keys())
@pytest.mark.parametrize("is_part", [False, True], ids=["own", "part"])
def test_a_state_that_does_not_fit_is_refused_by_name(tmp_path, change, is_part):
    """A file that says it is these runs' and holds something else."""
    runs = runs_of(RUN.training)[:2]
    path, of_runs = stopped(runs, tmp_path)
    state = read_checkpoint(path, {"runs": list(of_runs)})
    change(state)
    write_checkpoint(path, state, {"runs": list(of_runs)})
    with pytest.raises(ValueError, match=r"whole.st is damaged \(it .*: delete it"):
        if is_part:
            train(runs[1:], tmp_path, split_from=[Earlier(path, of_runs)])
        else:
            train(runs, tmp_path, "whole.st")


def test_a_rehearsal_leaves_nothing_behind(tmp_path):
    rehearse_stack(runs_of(RUN.training)[:2], cache=tmp_path, checkpoint=tmp_path / "stack.st")
    assert not list(tmp_path.glob("*.st*"))
