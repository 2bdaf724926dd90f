"""Certify a generator: does Theorem 1 of the paper apply to it, and do its samples give z back?

A generator that widens to the end can have a Lipschitz inverse, and then its samples are as hard to
draw as its latent. One that narrows on the way has none. The reduction is the proof on samples:
generate, invert, round, and test the counts against the boson sampler's law.

    needs    pip install .
    run      python examples/certify_generator.py

It prints:

    widening 8-16-24: certified, Lipschitz constant of the inverse at most ...
    narrowing 8-4-24: not certified
    counts that come back from ... samples: share ..., in float64
    tests of the counts against the boson sampler: consistent
"""

from itertools import pairwise

import torch
from torch import nn

from quantum_latents.latents import quantum_latent
from quantum_latents.random import stream
from quantum_latents.theory import certify, reduce_to_counts

torch.manual_seed(0)
latent = quantum_latent(8, 4)
z = latent.sample(64, stream(0, "z")).numpy()


def generator(*widths):
    first, second = (nn.Linear(a, b) for a, b in pairwise(widths))
    return nn.Sequential(first, nn.LeakyReLU(0.5), second, nn.LeakyReLU(0.5))


widening, narrowing = generator(8, 16, 24), generator(8, 4, 24)
made = certify(widening, z, stream(0, "search")).generator
print(
    f"widening 8-16-24: {made.verdict}, "
    f"Lipschitz constant of the inverse at most {made.route.bound.value:.1f}"
)
print(f"narrowing 8-4-24: {certify(narrowing, z, stream(0, 'search')).verdict}")

reduction = reduce_to_counts(widening, latent, stream(0, "reduction"), num_samples=2000)
exact = reduction.levels[0]
print(
    f"counts that come back from {reduction.num_samples} samples: "
    f"share {exact.success_rate:.3f}, in {exact.precision}"
)
print(f"tests of the counts against the boson sampler: {reduction.recovered.verdict}")
