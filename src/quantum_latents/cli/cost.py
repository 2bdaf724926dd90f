"""`qlat cost`: what a latent costs classically."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quantum_latents.cli.photons import device_of

__all__ = ["COMMANDS", "Cost"]


@dataclass(frozen=True)
class Cost:
    """Say what exact sampling of an interferometer costs here, and whether a processor is faster.

    It measures for a few seconds, and says of every time whether it was measured or extrapolated.
    """

    interferometer: str
    """haar:MODES, time-bin:MODES:1,3,9 or FILE.npy (a unitary)."""
    photons: int | None = None
    """Photons, spread evenly over the input modes; or give --input or --fill."""
    input: str | None = None
    """Photons in each input mode, such as 1,0,1,0."""
    fill: Literal["all"] | None = None
    """all: one photon in every input mode."""
    seed: int = 0
    """Names the interferometer."""
    interference: float = 1.0
    """Overlap of two photons' states, 0 to 1, as in qlat sample."""
    transmission: float = 1.0
    """Probability that a photon gets from its source to the detectors, above 0, at most 1."""
    num_samples: int = 500_000
    """Shots whose time is told."""
    rate: float | None = None
    """Shots a second of your processor at this size; left out, the paper's PT-2 (208)."""
    threads: int | None = None
    """Cores that draw; left out, all that this process may use."""
    json: bool = False
    """Print machine-readable output alone."""


def _cost(command: Cost, arguments: Sequence[str]) -> int:
    from quantum_latents.theory import simulation_cost

    if command.rate is not None and not 0 < command.rate < float("inf"):
        raise ValueError(f"--rate is a positive number of shots a second, not {command.rate}")
    if command.threads is not None and command.threads < 1:
        raise ValueError(f"--threads is at least 1, not {command.threads}")
    if command.num_samples < 1:
        raise ValueError(f"--num-samples is at least 1, not {command.num_samples}")
    device, occupation = device_of(command, command.interferometer)

    def note(text: str) -> None:
        if not command.json:
            print(text, file=sys.stderr, flush=True)

    cost = simulation_cost(
        device,
        occupation,
        interference=command.interference,
        transmission=command.transmission,
        num_samples=command.num_samples,
        rate=command.rate,
        num_threads=command.threads,
        note=note,
    )
    print(json.dumps(cost.to_json(), indent=1, allow_nan=False) if command.json else cost.text())
    return 0


COMMANDS = {"cost": (Cost, _cost)}
