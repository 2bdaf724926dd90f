# %% [markdown]
# # Read a certificate
#
# The paper's Theorem 1 says when a generator's samples are as hard to draw as its latent: if the
# generator can be inverted, smoothly and cheaply. Whether that holds of a given network is checked
# here, on two small ones. It needs `pip install .` and takes well under a minute; the theorem, and
# what was found of the paper's own networks, is in
# [Does the hardness survive?](../theorem.md)

# %% [markdown]
# ## Two generators
#
# Both take z of length 8 to data of length 24. One widens on the way; the other goes through 4.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
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

# %% [markdown]
# ## Is there an inverse?

# %%
for name, network in (("widening", widening), ("narrowing", narrowing)):
    made = certify(network, z, stream(0, "search")).generator
    print(f"{name} {made.widths}: {made.verdict}; {made.reason}")

# %% [markdown]
# *Certified* means that every layer can be undone: its matrix has full column rank, beyond what
# rounding could hide, and its slopes are positive. *Not certified* is a proof that there is no
# inverse. A third word, *undetermined*, says that neither was shown.

# %% [markdown]
# ## Its constants
#
# Every network that has an inverse has *some* constants; the theorem needs them to grow slowly as
# the network grows. So a certificate prints them: what a search found, and a bound that is certain.
# The truth lies between.

# %%
made = certify(widening, z, stream(0, "search")).generator
print(f"Lip(g):         {made.lipschitz_found:.2f} to {made.lipschitz.value:.2f}")
print(f"Lip(inverse):   {made.inverse_lipschitz_found:.1f} to {made.route.bound.value:.1f}")
print(f"condition number at most {made.condition_number:.1f}")

# %% [markdown]
# ## The proof, run on samples
#
# The proof is an algorithm: generate, invert, round to whole counts. If the generator is
# invertible, the counts that come back are the boson sampler's. With noise on the samples they
# come back as long as it stays small against the inverse's constant.

# %%
reduction = reduce_to_counts(widening, latent, stream(0, "reduction"), num_samples=2000)
print(f"tests of the counts that came back: {reduction.recovered.verdict}")
print(f"the control, distinguishable photons sent the same way: {reduction.control.verdict}")

# %% alt="Share of shots recovered against the noise on the samples: all of them at the radius that is guaranteed, fewer with ten times its noise, none with a hundred times."
noisy = [level for level in reduction.levels if level.noise > 0]
figure, axis = plt.subplots(figsize=(5, 3), dpi=130, layout="constrained")
axis.semilogx([level.noise for level in noisy], [level.success_rate for level in noisy], "o-")
axis.axvline(
    reduction.guaranteed_radius, color="0.5", linestyle="--", label="guaranteed up to here"
)
axis.set(xlabel="noise on x (norm)", ylabel="share of shots recovered", ylim=(-0.05, 1.05))
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# So for this generator the law of the samples is as hard to draw as its latent. For 4 photons in 8
# modes that is not hard at all, which [What a latent costs](../theorem-cost.md) would tell you: a
# certificate is about the generator, and the latent needs its own. Of a study,
# `qlat certify DIR` does all this for every run.
