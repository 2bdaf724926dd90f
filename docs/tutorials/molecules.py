# %% [markdown]
# # Molecules
#
# Here molecules become graphs, a MolGAN learns them from a quantum and from a Gaussian latent, and
# what it makes is drawn and measured. It needs `pip install ".[molecules,data]"` and takes under a
# minute on two quiet cores, with a few hundred molecules that it writes itself. The study that it
# stands for, Table II on all of QM9, takes hours: [the paper's tables beside ours](../paper-tables.md).

# %% [markdown]
# ## SMILES are graphs
#
# A molecule is written as a line of text, its SMILES. The generator never sees it: it makes a
# *graph*, an element (or nothing) for each of n places and a bond (or none) for each pair of them.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from rdkit import Chem
from rdkit.Chem import Draw

from quantum_latents.data import molecules_spec
from quantum_latents.evaluation import read_samples
from quantum_latents.execution import run_study
from quantum_latents.molecules import graphs_from_smiles
from quantum_latents.molecules.decode import decode
from quantum_latents.recipes import table2, with_num_steps
from quantum_latents.report import table, write_report
from quantum_latents.results import read_rows, read_study

graphs = graphs_from_smiles(["OCC#N", "C1CC1", "[NH4+]"])
print("kept:", graphs.smiles, "dropped:", graphs.dropped)
print("places:", graphs.layout.num_atoms, "elements:", graphs.layout.elements)
print(graphs.codes)

# %% [markdown]
# A row of codes is a molecule: first the bond of each pair of places (0 none, 1 single, 2 double,
# 3 triple), then what stands at each place (0 nothing, then the elements in the order above).
# Charged molecules are dropped, and counted.

# %% [markdown]
# ## A file of molecules
#
# Any file of SMILES will do. This one holds every skeleton with every pair of groups.

# %%
skeletons = [
    "C{}{}",
    "C{}C{}",
    "C{}CC{}",
    "C{}=C{}",
    "C{}OC{}",
    "C{}NC{}",
    "C1{}CC1{}",
    "C1{}OC1{}",
]
groups = ["", *["(C)", "(O)", "(N)", "(F)", "(C#N)", "(C=O)", "(C#C)", "(OC)"]]
written = {
    Chem.CanonSmiles(skeleton.format(*pair))
    for skeleton in skeletons
    for pair in itertools.product(groups, repeat=2)
}
Path("mine.smi").write_text("\n".join(sorted(written)))
data = molecules_spec("mine.smi", Path("cache"))
print(len(written), "molecules of up to", data.num_atoms, "heavy atoms of", data.elements)

# %% [markdown]
# ## The study
#
# `table2` is the recipe behind the paper's Table II: a MolGAN whose generator gets z again at every
# layer. Preset `smoke` shrinks its networks; set-up `tuned` is what makes it learn quickly, the same
# for both latents. A share of the molecules, chosen by a hash of each, is kept from training.
# (On the command line: `qlat run table2 --data mine.smi --preset smoke --setup tuned
# --latents quantum,gaussian --num-steps 600`.)

# %%
study = table2(data, "smoke", latents=("quantum", "gaussian"), setup="tuned")
study = with_num_steps(study, 600)
command = (
    "qlat run table2 --data mine.smi --preset smoke --setup tuned --latents quantum,gaussian "
    "--num-steps 600"
)
run_study(study, Path("study"), command=command, cache=Path("cache"))
rows = read_rows("study")
print(len(rows), "runs of", study.runs[0].training.num_steps, "steps")

# %% [markdown]
# ## What came of it
#
# Above, molecules of the file; below, the first that the quantum latent's generator of seed 0 made:
# every valid one in the order of its draws, each once, none chosen.

# %% alt="Two rows of eight drawn molecules: above from the file, below made by the generator; those below are small molecules of the same elements."
quantum = next(
    row for row in rows if row["spec"]["latent"]["name"] == "quantum" and row["spec"]["seed"] == 0
)
made = decode(data.layout, read_samples(Path("study"), quantum["run"]))
shown = [
    [Chem.MolFromSmiles(smiles) for smiles in sorted(written)[::40][:8]],
    list(made.molecules.values())[:8],
]
figure, axes = plt.subplots(2, 8, figsize=(9, 2.6), dpi=130, layout="constrained")
for line, molecules, label in zip(axes, shown, ("file", "generated")):
    for axis, molecule in zip(line, molecules):
        axis.imshow(Draw.MolToImage(molecule, size=(300, 300)))
    for axis in line:
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(label)
plt.show()

# %%
reasons = pd.Series(made.reasons).replace("", "a molecule").value_counts()
print(f"of {len(made.smiles)} graphs:")
print(reasons.to_string())

# %% [markdown]
# A graph is a molecule if every atom has the bonds that its valence allows and all is one piece.
# Most are not after so short a training.
#
# ## Numbers beside their floors
#
# A metric alone says little. The *floor* is what fresh molecules of the same kind score, the best
# that can be asked for; *random valence* is a trivial sampler that draws random graphs which keep
# to the valences, and has learned nothing else.

# %%
names = [
    "validity",
    "uniqueness",
    "novel",
    "bond_type_distance",
    "ring_distance",
    "nearest_similarity",
]
lines = {}
for name in names:
    first = rows[0]["metrics"][name]
    line = {"better": first["direction"]}
    for row in rows:
        spec = row["spec"]
        line[f"{spec['latent']['name']} {spec['seed']}"] = row["metrics"][name]["value"]
    line |= {"floor": first["floor"], "random valence": first["trivial"]}
    lines[name] = line
pd.DataFrame.from_dict(lines, orient="index").round(2)

# %% [markdown]
# Read the last column first. Random graphs are nearly all valid and mostly new: validity and novelty
# alone are no merit of a generator. What they have less of is the data's rings and likeness, and
# only there has a generator something to show. A floor is missing where too few
# molecules were kept from training to make as many as are asked for.
#
# ## What so small a run cannot show

# %%
print("Fréchet ChemNet distance:", quantum["metrics"]["fcd_unique"]["reason"])
(section,) = table(rows, read_study("study")).sections
for comparison in section.comparisons["valid_and_unique"]:
    print(comparison.verdict.sentence)

# %% [markdown]
# It shows the way from a file to a page, and that the generator has begun to learn. It cannot say
# which latent is better: seeds differ as latents do. It has no Fréchet ChemNet
# distance, the paper's first metric, because so few molecules leave its covariance undefined. And a
# few hundred molecules that one rule wrote are not chemistry. For that take QM9, more seeds and
# the paper's networks: `qlat run table2 --preset quick --data qm9`, and read
# [what was found](../paper-tables.md).

# %%
print(write_report("study"))

# %% [markdown]
# The page has all metrics, the drawn molecules of every run, valid or not, and the distributions of
# bonds, rings and properties. `qlat generate study/runs/RUN --num-samples 1000 --out made.smi`
# writes more molecules from a trained run, also as .sdf and .csv. A loop of your own with molecules
# is in [the examples](../../examples/README.md).
