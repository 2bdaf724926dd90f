# %% [markdown]
# # Compare latents on your own data
#
# You have an array; does a quantum latent help a GAN to learn it? Here the same network is trained
# on two latents, from the same initial weights, and the pairs are compared. It needs
# `pip install ".[data]"` and takes under a minute with the smallest preset, which shows the way and
# decides nothing.

# %% [markdown]
# ## Your array
#
# One row a sample, one column a number. Rows are split and columns are standardised for you. (From a file:
# `qlat run compare --data FILE.csv`, npy, npz or parquet.)

# %%
import numpy as np

from quantum_latents.execution import compare_latents
from quantum_latents.report import table, write_report
from quantum_latents.results import frame, read_study

numbers = np.random.default_rng(0)
heights = numbers.normal(170, 10, size=400)
my_array = np.stack([heights, 0.9 * heights - 85 + numbers.normal(0, 8, size=400)], axis=1)
my_array[:3].round(1)

# %% [markdown]
# ## The study
#
# `latents` names who takes part; left out, it is the paper's four. `smoke` has two seeds.

# %%
rows = compare_latents(my_array, "my-study", preset="smoke", latents=("quantum", "gaussian"))
print(len(rows), "runs")

# %% [markdown]
# A row is a finished run: its settings, metrics, machine and commit, kept in `my-study/rows.jsonl`. Called again, the same line
# trains nothing and returns the same rows; after Ctrl-C it goes on.

# %%
columns = ["seed", "latent", "energy_distance"]
frame("my-study")[columns].sort_values(columns[:2], ignore_index=True).round(3)

# %% [markdown]
# ## The verdict

# %%
(section,) = table(rows, read_study("my-study")).sections
for comparison in section.comparisons["energy_distance"]:
    print(comparison.verdict.sentence)

# %% [markdown]
# That is all that two seeds can say, however far apart they lie: this preset trains for a moment only,
# and by then a network may show its start rather than its latent. `preset="quick"` has ten and
# all four latents, and takes minutes. Before it runs, decide what you will look at: a study is
# [frozen before its first run](../statistics.md#frozen-before-the-first-run).
#
# ## Where the numbers lie
#
# Each line joins the runs of one seed: the comparison is between their ends.

# %% alt="Energy distance of the runs on the quantum and on the Gaussian latent, a line for each of the two seeds."
import matplotlib.pyplot as plt

runs = frame("my-study").pivot(index="seed", columns="latent", values="energy_distance")
figure, axis = plt.subplots(figsize=(4, 3), dpi=130, layout="constrained")
for seed, run in runs.iterrows():
    axis.plot([0, 1], [run["quantum"], run["gaussian"]], "o-", label=f"seed {seed}")
axis.set(xticks=[0, 1], xticklabels=["quantum", "gaussian"], xlim=(-0.3, 1.3), ylim=(0, None))
axis.set(ylabel="energy distance (lower is better)")
axis.legend(frameon=False)
plt.show()

# %%
print(write_report("my-study"))

# %% [markdown]
# The page has it all: tables, figures, single seeds, and what was declared. How to read it is in
# [How to read the statistics](../explain/reading-statistics.md); which rivals to add, in
# [Why the control matters](../explain/control.md).
