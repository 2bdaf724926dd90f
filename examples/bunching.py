"""Draw a quantum latent and see photons bunch.

Two photons that meet on a balanced beam splitter always leave it together; distinguishable ones do
so half the time. In 16 modes, too, photons that interfere crowd into fewer modes, which is what a
generator sees of them in z.

    needs    pip install .
    run      python examples/bunching.py

It prints:

    two photons on a beam splitter leave it together: quantum ..., distinguishable ...
    modes with light, of 16: quantum ..., distinguishable ...
    photons in every shot: ... to ...
"""

import numpy as np

from quantum_latents.circuits import from_unitary
from quantum_latents.latents import PhotonicSource, quantum_latent
from quantum_latents.random import stream

NUM_SHOTS = 10_000

splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
together = {}
for name, statistics in (("quantum", "boson"), ("distinguishable", "distinguishable")):
    counts = PhotonicSource(splitter, [1, 1], statistics).draw(NUM_SHOTS, stream(0, "splitter"))
    together[name] = (counts.max(axis=1) == 2).mean()

latent = quantum_latent(16, scaling="raw")  # 8 photons in 16 modes
control = PhotonicSource(latent.source.interferometer, latent.source.occupation, "distinguishable")
z = latent.sample(NUM_SHOTS, stream(0, "z")).numpy()
counts = control.draw(NUM_SHOTS, stream(0, "control"))
lit = {"quantum": (z > 0).sum(axis=1).mean(), "distinguishable": (counts > 0).sum(axis=1).mean()}

print(
    "two photons on a beam splitter leave it together: "
    f"quantum {together['quantum']:.3f}, distinguishable {together['distinguishable']:.3f}"
)
print(
    f"modes with light, of 16: quantum {lit['quantum']:.3f}, "
    f"distinguishable {lit['distinguishable']:.3f}"
)
totals = z.sum(axis=1)
print(f"photons in every shot: {totals.min():.0f} to {totals.max():.0f}")
