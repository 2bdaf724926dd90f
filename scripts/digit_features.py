"""Train the network whose features measure generated digits, and write its weights.

.venv/bin/python scripts/digit_features.py

A perceptron, 64 - 256 - 32 - 10, on the digits that every study of `grey_digits` trains on (split
seed 0) and their shifts by a pixel; it prints its accuracy on those held out. The same network
measures every study, as Inception does for the FID: another one would be another metric.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from sklearn.datasets import load_digits as load_images

from quantum_latents.data import DigitsSpec
from quantum_latents.data.digits import FEATURES_FILE
from quantum_latents.data.split import split_rows

__all__ = ["main"]

_WIDTHS = (64, 256, 32, 10)
_NUM_STEPS = 12_000
_BATCH = 128


def main() -> int:
    """Train and write."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    images = load_images()
    spec = DigitsSpec(threshold=None)
    rows = np.arange(len(images.data))[:, None]
    train, *held_out = (part[:, 0] for part in split_rows(rows, spec.num_held_out, spec.split_seed))
    pixels = torch.tensor(images.data / 16, dtype=torch.float32)
    labels = torch.tensor(images.target)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(_WIDTHS)]
    optimiser = torch.optim.AdamW([p for layer in layers for p in layer.parameters()], lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _NUM_STEPS)

    def scores(x: torch.Tensor) -> torch.Tensor:
        for layer in layers[:-1]:
            x = torch.relu(layer(x))
        return layers[-1](x)

    for _ in range(_NUM_STEPS):
        chosen = torch.from_numpy(train)[torch.randint(len(train), (_BATCH,))]
        x = pixels[chosen].view(-1, 8, 8)
        down, right = torch.randint(-1, 2, (2,)).tolist()
        x = torch.roll(x, (down, right), (1, 2)).reshape(-1, 64)
        loss = torch.nn.functional.cross_entropy(scores(x), labels[chosen], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        for name, part in (("trained on", train), ("held out", np.concatenate(held_out))):
            right_ones = scores(pixels[part]).argmax(1) == labels[part]
            print(f"{name}: {right_ones.float().mean():.4f} of {len(part)} named right")
    weights = {}
    for place, layer in enumerate(layers[:-1], start=1):
        weights[f"weight{place}"] = layer.weight.detach().numpy()
        weights[f"bias{place}"] = layer.bias.detach().numpy()
    save_file(weights, Path(FEATURES_FILE))
    print(f"wrote {Path(FEATURES_FILE).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
