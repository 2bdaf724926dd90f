"""Molecules from a quantum latent, in a loop of your own: SMILES to graphs, z to SMILES.

The loss is the energy distance between batches, short enough for an example; qlat run table2 trains
a MolGAN, with Fréchet ChemNet distances and all else. Validity alone means little: random graphs
that respect valences have it, too, without having learned anything.

    needs    pip install ".[molecules]"
    run      python examples/molecules.py

It prints:

    ... molecules of up to ... atoms, and 1 dropped: charged
    valid of 1000 before training ..., after 600 steps ..., of different molecules ...
    valid of 1000 random graphs that respect valences: ...
"""

try:
    from rdkit import Chem  # noqa: F401 - what reading and writing molecules needs
except ImportError as error:
    raise SystemExit(f'this example needs rdkit: pip install ".[molecules]" ({error})') from None

import torch
from torch import nn

from quantum_latents.latents import quantum_latent
from quantum_latents.molecules import graphs_from_smiles
from quantum_latents.molecules.baseline import random_valence_graphs
from quantum_latents.molecules.decode import decode
from quantum_latents.random import stream

NUM_STEPS, BATCH, NUM_GENERATED = 600, 128, 1000
SMILES = "CCO CCN CC=O CC#N OCCO NCC=O CC(C)=O CC(=O)O CCOC C1CC1 C1CO1 CNC=O C#CCO N#CC#N [NH4+]"

graphs = graphs_from_smiles(SMILES.split())
layout, ((why, num_dropped),) = graphs.layout, graphs.dropped.items()
print(
    f"{len(graphs.smiles)} molecules of up to {layout.num_atoms} atoms, "
    f"and {num_dropped} dropped: {why}"
)
data = torch.from_numpy(layout.to_one_hot(graphs.codes)).float()

torch.manual_seed(0)
latent = quantum_latent(16, scaling="standardised")
generator = nn.Sequential(
    nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, data.shape[1])
)
num_bonds = 4 * layout.num_pairs  # scores of four bond classes a pair, then of each place's atoms


def one_hot(scores):
    groups = (
        scores[:, :num_bonds].unflatten(1, (-1, 4)),
        scores[:, num_bonds:].unflatten(1, (layout.num_atoms, -1)),
    )
    return torch.cat([group.softmax(-1).flatten(1) for group in groups], dim=1)


@torch.no_grad()
def generated():
    scores = generator(latent.sample(NUM_GENERATED, stream(0, "evaluation")))
    return decode(layout, layout.to_codes(scores.numpy()))


before = generated().num_valid
optimiser = torch.optim.Adam(generator.parameters(), 2e-3)
for step in range(NUM_STEPS):
    made = one_hot(generator(latent.sample(BATCH, stream(0, "training").child(step))))
    real = data[torch.randint(len(data), (BATCH,))]
    pairs = torch.cdist(made[: BATCH // 2], made[BATCH // 2 :]).mean()
    loss = 2 * torch.cdist(made, real).mean() - pairs
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
after = generated()
print(
    f"valid of {NUM_GENERATED} before training {before}, after {NUM_STEPS} steps "
    f"{after.num_valid}, of different molecules {len(after.molecules)}"
)
rival = random_valence_graphs(NUM_GENERATED, layout, graphs.codes, stream(0, "rival").generator())
print(
    f"valid of {NUM_GENERATED} random graphs that respect valences: "
    f"{decode(layout, rival).num_valid}"
)
