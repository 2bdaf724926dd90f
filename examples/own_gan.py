"""Put a quantum latent into a GAN of your own: a plain PyTorch loop, one line of it ours.

    needs    pip install .
    run      python examples/own_gan.py

It prints the energy distance between samples and data, the smaller the better:

    before training ...
    after 300 steps ...
    between two halves of the data ...
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from quantum_latents.latents import quantum_latent
from quantum_latents.metrics import energy_distance
from quantum_latents.random import stream

NUM_STEPS, BATCH = 300, 128

torch.manual_seed(0)
numbers = np.random.default_rng(0)
angles = numbers.integers(8, size=4000) * np.pi / 4
ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) + numbers.normal(0, 0.05, (4000, 2))
data = torch.from_numpy(ring).float()


def perceptron(*widths):
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.LeakyReLU(0.2))][:-1])


latent = quantum_latent(16, scaling="standardised")
generator, critic = perceptron(16, 64, 64, 2), perceptron(2, 64, 64, 1)
optimisers = [torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.9)) for net in (generator, critic)]


def distance():
    with torch.no_grad():
        made = generator(latent.sample(2000, stream(0, "evaluation")))
    return energy_distance(made.numpy(), ring[:2000])


print(f"before training {distance():.4f}")
for step in range(NUM_STEPS):
    z = latent.sample(BATCH, stream(0, "training").child(step))  # instead of torch.randn(BATCH, 16)
    real, fake = data[torch.randint(len(data), (BATCH,))], generator(z)
    loss = softplus(-critic(real)).mean() + softplus(critic(fake.detach())).mean()
    optimisers[1].zero_grad()
    loss.backward()
    optimisers[1].step()
    optimisers[0].zero_grad()
    softplus(-critic(fake)).mean().backward()
    optimisers[0].step()
print(f"after {NUM_STEPS} steps {distance():.4f}")
print(f"between two halves of the data {energy_distance(ring[2000:], ring[:2000]):.4f}")
