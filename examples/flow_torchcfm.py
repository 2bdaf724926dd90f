"""A flow in another library's loop: torchcfm starts it from photon counts.

The loop is that of torchcfm's examples; ours are the source, and the map that puts moons into as
many dimensions as the latent has modes. The counts are dequantised by noise that fills the gaps
between them, since a flow cannot split a point. docs/other-loops.md says which matchers take such
a source, and which silently use another.

    needs    pip install ".[flow]" && pip install --no-deps torchcfm
    run      python examples/flow_torchcfm.py

It prints the energy distance between samples and moons, the smaller the better:

    before training ...
    after 600 steps of ExactOptimalTransportConditionalFlowMatcher ...
    between two draws of the moons ...
"""

try:
    from torchcfm import ExactOptimalTransportConditionalFlowMatcher
    from torchcfm.models import MLP
except ImportError as error:
    raise SystemExit(
        'this example needs torchcfm: pip install ".[flow]" && pip install --no-deps torchcfm '
        f"({error})"
    ) from None

import numpy as np
import torch

from quantum_latents.data.moons import MoonsSpec, load_moons
from quantum_latents.latents import as_randn, quantum_latent
from quantum_latents.metrics import energy_distance
from quantum_latents.models import Embedding
from quantum_latents.random import stream

NUM_STEPS, BATCH, MODES = 600, 128, 16

torch.manual_seed(0)
np.random.seed(0)  # noqa: NPY002 - torchcfm draws its pairs from numpy's global generator
moons = load_moons(MoonsSpec(num_train=8000, num_held_out=1000), stream(0, "moons"))
space = Embedding("orthonormal", MODES, 2, stream(0, "embedding").generator())
data = space.data(torch.from_numpy(moons.train.copy()))
randn = as_randn(quantum_latent(MODES), stream(0, "source"))


def source(num_samples):  # instead of torch.randn(num_samples, MODES)
    return randn(num_samples, MODES) + torch.rand(num_samples, MODES) - 0.5


@torch.no_grad()
def distance(num_evaluations=50):
    x = source(1000)
    for k in range(num_evaluations):  # Euler's rule
        t = torch.full((len(x), 1), k / num_evaluations)
        x = x + network(torch.cat([x, t], dim=1)) / num_evaluations
    return energy_distance(space.sample(x).numpy(), moons.held_out)


matcher = ExactOptimalTransportConditionalFlowMatcher(sigma=0.0)
network = MLP(dim=MODES, time_varying=True, w=128)
optimiser = torch.optim.Adam(network.parameters(), 2e-3)
print(f"before training {distance():.4f}")
for _ in range(NUM_STEPS):
    x0, x1 = source(BATCH), data[torch.randint(len(data), (BATCH,))]
    t, xt, ut = matcher.sample_location_and_conditional_flow(x0, x1)
    loss = (network(torch.cat([xt, t[:, None]], dim=1)) - ut).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print(f"after {NUM_STEPS} steps of {type(matcher).__name__} {distance():.4f}")
floor = energy_distance(moons.floor_reference, moons.held_out)
print(f"between two draws of the moons {floor:.4f}")
