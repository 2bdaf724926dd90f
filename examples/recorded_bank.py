"""Import photon counts that somebody recorded, and use them as a latent.

    needs    pip install .
    run      python examples/recorded_bank.py

It prints, of a file of counts that it writes itself:

    a bank of ... shots in ... modes, ... photons in all
    mean of z ..., largest deviation of a mode's variance from 1 ...
    the first batch of two loaders is the same: True
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from quantum_latents.banks import import_file
from quantum_latents.latents import as_data_loader, as_distribution, quantum_latent
from quantum_latents.random import stream

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "shots.csv"  # one line a shot, one column a mode
    shots = quantum_latent(8, 4, scaling="raw").sample(2000, stream(0, "recorded"))
    np.savetxt(file, shots.numpy(), fmt="%d", delimiter=",")

    bank = import_file(file, Path(folder) / "bank", provenance={"device": "this example"})
    num_shots, num_modes = bank.counts.shape
    print(f"a bank of {num_shots} shots in {num_modes} modes, {bank.counts.sum()} photons in all")

    prior = as_distribution(bank, stream(0, "prior"), scaling="standardised")
    z = prior.sample((20_000,))  # a torch.distributions.Distribution
    spread = (z.var(dim=0) - 1).abs().max()
    print(f"mean of z {z.mean():.3f}, largest deviation of a mode's variance from 1 {spread:.3f}")

    first, second = (next(iter(as_data_loader(bank, 500, stream(0, "z")))) for _ in range(2))
    print(f"the first batch of two loaders is the same: {torch.equal(first, second)}")
