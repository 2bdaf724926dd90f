"""A flow in another library's loop: diffusers' U-Net and flow scheduler start from photon counts.

The latent stands in the place of noise, in training and as the first sample of a chain. This is
right with FlowMatchEulerDiscreteScheduler, which takes any source. DDPMScheduler would take one
without a word, too, and be wrong, since its steps add Gaussian noise: docs/other-loops.md says
more. Images are the 8 x 8 digits of scikit-learn, one mode a pixel.

    needs    pip install ".[data]" diffusers
    run      python examples/flow_diffusers.py

It prints the energy distance between images and digits, the smaller the better:

    before training ...
    after 120 steps ...
    between two sets of digits ...
"""

try:
    from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DModel
except ImportError as error:
    raise SystemExit(
        f'this example needs diffusers: pip install ".[data]" diffusers ({error})'
    ) from None

import numpy as np
import torch

from quantum_latents.data.digits import DigitsSpec, load_digits
from quantum_latents.latents import as_randn, quantum_latent
from quantum_latents.metrics import energy_distance
from quantum_latents.random import stream

NUM_STEPS, BATCH, NUM_EVALUATIONS = 120, 32, 10

torch.manual_seed(0)
digits = load_digits(DigitsSpec(threshold=None))
images = torch.from_numpy(digits.train.copy()).reshape(-1, 1, 8, 8) * 2 - 1
randn = as_randn(quantum_latent(64, 8, scaling="standardised"), stream(0, "source"))


def source(num_images):  # instead of torch.randn(num_images, 1, 8, 8)
    z = randn(num_images, 1, 8, 8)
    return z + 0.3 * torch.randn_like(z)  # dequantised, since a flow cannot split a point


unet = UNet2DModel(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    layers_per_block=1,
    block_out_channels=(16, 32),
    norm_num_groups=8,
    down_block_types=("DownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "UpBlock2D"),
    add_attention=False,
)
training, sampling = FlowMatchEulerDiscreteScheduler(), FlowMatchEulerDiscreteScheduler()
# Equal steps; of set_timesteps(10) the last would lead from 1/1000 to 0 and be wasted.
sampling_sigmas = np.linspace(1, 1 / NUM_EVALUATIONS, NUM_EVALUATIONS).tolist()


@torch.no_grad()
def distance():
    sampling.set_timesteps(sigmas=sampling_sigmas)
    x = source(100)
    for t in sampling.timesteps:
        x = sampling.step(unet(x, t).sample, t, x).prev_sample
    return energy_distance((x.flatten(1) + 1).numpy() / 2, digits.held_out / 16)


print(f"before training {distance():.3f}")
optimiser = torch.optim.AdamW(unet.parameters(), 2e-3)
for _ in range(NUM_STEPS):
    x1, noise = images[torch.randint(len(images), (BATCH,))], source(BATCH)
    t = training.timesteps[torch.randint(len(training.timesteps), (BATCH,))]
    xt = training.scale_noise(x1, t, noise)
    loss = (unet(xt, t).sample - (noise - x1)).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print(f"after {NUM_STEPS} steps {distance():.3f}")
floor = energy_distance(digits.floor_reference / 16, digits.held_out / 16)
print(f"between two sets of digits {floor:.3f}")
