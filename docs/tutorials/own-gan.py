# %% [markdown]
# # A quantum latent in your own GAN
#
# Here is a plain GAN in PyTorch, with no training code of ours. One line draws its z from a boson
# sampler instead of `torch.randn`. It needs `pip install .` and takes well under a minute. What a
# latent is, and what it can change, is in [What a latent is](../explain/latents.md).

# %% [markdown]
# ## The data: eight blobs on a ring

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from quantum_latents.latents import quantum_latent
from quantum_latents.metrics import energy_distance
from quantum_latents.random import stream

torch.set_num_threads(1)
torch.manual_seed(0)
numbers = np.random.default_rng(0)
angles = numbers.integers(8, size=4000) * np.pi / 4
ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) + numbers.normal(0, 0.05, (4000, 2))
data = torch.from_numpy(ring).float()

# %% [markdown]
# ## The latent
#
# 8 photons in 16 modes, centred: a float32 tensor, as `torch.randn(3, 16)` is. It draws afresh
# whenever it is asked, and names its randomness by a `stream`.

# %%
latent = quantum_latent(16)
print(latent.sample(3, stream(0, "a look")).shape, latent.card.what)

# %% [markdown]
# ## The GAN
#
# Two small perceptrons and the usual loss. The only line that is not in every tutorial is marked.


# %%
def perceptron(*widths):
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def train(draw, num_steps=1500, batch=128):
    torch.manual_seed(0)  # the same initial weights and batches, whatever the latent
    generator, critic = perceptron(16, 128, 128, 2), perceptron(2, 128, 128, 1)
    descent, ascent = (
        torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.9)) for net in (generator, critic)
    )
    for step in range(num_steps):
        z = draw(batch, stream(0, "training").child(step))  # instead of torch.randn(batch, 16)
        real, fake = data[torch.randint(len(data), (batch,))], generator(z)
        loss = softplus(-critic(real)).mean() + softplus(critic(fake.detach())).mean()
        ascent.zero_grad()
        loss.backward()
        ascent.step()
        descent.zero_grad()
        softplus(-critic(fake)).mean().backward()
        descent.step()
    return generator


trained = train(latent.sample)

# %% [markdown]
# ## Its samples
#
# Draw z under a name that training did not use, and look.

# %% alt="Left: the data, eight blobs on a ring. Right: samples of the trained generator, on the same ring; points between some of the blobs are left."
with torch.no_grad():
    made = trained(latent.sample(2000, stream(0, "evaluation"))).numpy()

figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), dpi=130, layout="constrained")
for axis, points, title in zip(axes, (ring[:2000], made), ("data", "quantum latent")):
    axis.scatter(*points.T, s=3, alpha=0.4, color="#4051b5")
    axis.set(title=title, xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
plt.show()

# %%
print(f"energy distance to the data: {energy_distance(made, ring[:2000]):.4f}")
print(f"between two halves of the data: {energy_distance(ring[2000:], ring[:2000]):.4f}")

# %% [markdown]
# Points between the blobs are what a smooth generator leaves
# ([how deep a generator must be](../depth.md)). The second number is the *floor*: what a perfect generator would score at this sample size.
#
# Whether the quantum latent did better than a Gaussian, this run cannot say, and neither can two
# runs: GANs differ more between seeds than between latents. A comparison takes the same seeds on
# every latent, ten at least, and paired statistics: `compare_latents` on
# [the start page](../../README.md#in-python) does that on your own array, and
# [How to read the statistics](../explain/reading-statistics.md) reads its page with you.
