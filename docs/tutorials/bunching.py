# %% [markdown]
# # See photons bunch
#
# A quantum latent is what detectors count behind an interferometer. In this tutorial you draw one,
# hold it against photons that do not interfere, and see the difference that a generator will see.
# It needs `pip install .` and takes seconds. What lies behind it is in
# [What boson sampling is](../explain/boson-sampling.md).

# %% [markdown]
# ## Two photons, one beam splitter
#
# The smallest interferometer is a balanced beam splitter: two modes, each photon stays or crosses
# with probability 1/2. Send one photon into each mode. `boson` photons interfere, `distinguishable`
# ones do not.

# %%
import matplotlib.pyplot as plt
import numpy as np

from quantum_latents.circuits import from_unitary
from quantum_latents.latents import PhotonicSource, quantum_latent
from quantum_latents.random import stream

splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
for statistics in ("boson", "distinguishable"):
    counts = PhotonicSource(splitter, [1, 1], statistics).draw(10_000, stream(0, "splitter"))
    outcomes, times = np.unique(counts, axis=0, return_counts=True)
    print(statistics, {tuple(map(int, row)): int(n) for row, n in zip(outcomes, times)})

# %% [markdown]
# Distinguishable photons part ways in half of the shots, like two coins. Photons that interfere
# never do: the two ways of leaving apart have amplitudes +1/2 and -1/2, and cancel. This is the
# effect of Hong, Ou and Mandel, and all of boson sampling is made of it.
#
# `stream(0, "splitter")` names the randomness: the same name gives the same shots, on any machine.

# %% [markdown]
# ## Eight photons, sixteen modes
#
# `quantum_latent(16)` is a random (Haar) interferometer of 16 modes with 8 photons: the latent of
# the paper's Table I. `raw` leaves the counts as they are; the default centres them.

# %%
latent = quantum_latent(16, scaling="raw")
z = latent.sample(10_000, stream(0, "z")).numpy()
print(z[:4].astype(int))

# %% [markdown]
# Every row is a shot: whole numbers that sum to 8. The paper's control uses the same
# interferometer and the same input, with photons that do not interfere.

# %%
control = PhotonicSource(latent.source.interferometer, latent.source.occupation, "distinguishable")
counts = control.draw(10_000, stream(0, "control"))

fano = {
    "quantum": z.var(axis=0) / z.mean(axis=0),
    "control": counts.var(axis=0) / counts.mean(axis=0),
}
for name, shots in (("quantum", z), ("control", counts)):
    print(
        f"{name}: {shots.sum(axis=1).mean():.0f} photons a shot, "
        f"{(shots > 0).sum(axis=1).mean():.2f} of 16 modes lit, "
        f"Fano factor {fano[name].mean():.2f}"
    )

# %% [markdown]
# The same photons crowd into fewer modes when they interfere, and a single mode fluctuates more
# (the Fano factor is variance over mean). Both have the same *mean* in every mode, up to the noise
# of 10,000 shots:

# %% alt="Left: the mean counts of the 16 modes, equal for quantum and control. Right: the share of shots by the number of lit modes; the quantum latent's lies to the left of the control's."
colours = {"quantum": "#4051b5", "control": "#c2571a"}
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), dpi=130, layout="constrained")
modes = np.arange(16)
left.bar(modes - 0.2, z.mean(axis=0), 0.4, color=colours["quantum"], label="quantum")
left.bar(modes + 0.2, counts.mean(axis=0), 0.4, color=colours["control"], label="control")
left.set(xlabel="mode", ylabel="mean photons", xticks=modes[::3])
for name, shots in (("quantum", z), ("control", counts)):
    lit = np.bincount((shots > 0).sum(axis=1).astype(int), minlength=9)[1:] / len(shots)
    right.plot(range(1, 9), lit, "o-", color=colours[name], label=name)
right.set(xlabel="lit modes", ylabel="share of shots")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# So a generator that does better on the quantum latent than on this control has not shown that
# interference helps: the laws of single modes differ, too, and those are cheap to imitate. That is
# [why the control matters](../explain/control.md). Next:
# [put the latent into your own GAN](own-gan.ipynb).
