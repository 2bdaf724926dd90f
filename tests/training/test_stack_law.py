"""Stacked and alone, a run follows one law: twenty seeds, the metric that tables are made of.

With the compiled kernel they are equal bit for bit (`test_wgan.py`). With torch's, rounding follows
the stack, and a long training amplifies it: then only the law is the same.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantum_latents.latents import GaussianSource, Latent
from quantum_latents.metrics import energy_distance
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.training import GANStack, OptimiserSpec, StackMember, WGANSpec

SEEDS = range(20)
NETWORK = MLPSpec(
    hidden=(16, 16), activation="leaky_relu", negative_slope=0.2, initialisation="pytorch"
)
MODEL = GANSpec(generator=NETWORK, critic=NETWORK)
TRAINING = WGANSpec(
    num_steps=32,
    batch_size=20,
    critic_steps=1,
    gradient_penalty=1.0,
    optimiser=OptimiserSpec(name="adam", learning_rate=2e-3, betas=(0.0, 0.9)),
)


def data(seed: int) -> np.ndarray:
    generator = stream(seed, "data").generator()
    centres = generator.integers(2, size=(500, 1)) * [[2.0, 1.0]]
    return (centres + 0.3 * generator.normal(size=(500, 2))).astype(np.float32)


def metrics_of(training: WGANSpec, size: int) -> np.ndarray:
    """The final metric of each seed, trained in stacks of so many runs."""
    values = []
    for first in range(0, len(SEEDS), size):
        seeds = SEEDS[first : first + size]
        latents = [Latent(GaussianSource(4), "raw", stream(seed, "held out")) for seed in seeds]
        members = [
            StackMember(torch.from_numpy(data(seed)), latent, stream(seed, "training"))
            for seed, latent in zip(seeds, latents, strict=True)
        ]
        stack = GANStack(members, MODEL, training, kernel="torch")
        while stack.step < training.num_steps:
            stack.train_block()
        made = stack.generate([latent.held_out(300) for latent in latents])
        values += [
            energy_distance(samples.numpy(), data(1000 + seed)[:300])
            for seed, samples in zip(seeds, made, strict=True)
        ]
    return np.array(values)


def test_a_short_training_ends_where_it_ends_alone():
    alone, stacked = metrics_of(TRAINING, 1), metrics_of(TRAINING, len(SEEDS))
    spread = np.ptp(alone)
    assert np.abs(np.subtract.outer(alone, alone))[np.triu_indices(20, 1)].min() > 1e-5 * spread
    # Rounding alone: a hundred thousandth of what seeds differ by, and no seed in another's place.
    assert np.abs(stacked - alone).max() < 1e-5 * spread


@pytest.mark.slow
def test_a_long_training_follows_the_same_law():
    training = replace(TRAINING, num_steps=1600, critic_steps=2)
    alone, stacked = metrics_of(training, 1), metrics_of(training, len(SEEDS))
    differences = stacked - alone
    spread = alone.std(ddof=1)
    # Not shifted: a 90 % interval of the mean difference lies within half a deviation of the seeds.
    low, high = stats.t.interval(
        0.9, len(SEEDS) - 1, differences.mean(), max(stats.sem(differences), 1e-300)
    )
    assert -0.5 * spread < low <= high < 0.5 * spread
    assert stats.ks_2samp(alone, stacked).pvalue > 0.05
    # The same instrument sees another law: that of a training with a tenth of the learning rate.
    slower = replace(training.optimiser, learning_rate=training.optimiser.learning_rate / 10)
    other = metrics_of(replace(training, optimiser=slower), len(SEEDS))
    assert stats.ks_2samp(alone, other).pvalue < 0.01
