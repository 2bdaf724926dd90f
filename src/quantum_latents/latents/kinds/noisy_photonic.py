"""The interference dial, and loss: the quantum latent with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quantum_latents.latents.sources import Card, NoisyPhotonicSource, noisy_card
from quantum_latents.latents.spec import InterferometerLatentSpec
from quantum_latents.samplers import Noise

__all__ = ["NoisyPhotonicSpec", "noisy_name"]


@dataclass(frozen=True, kw_only=True)
class NoisyPhotonicSpec(InterferometerLatentSpec):
    """The quantum latent of a seed with one thing changed: how far its photons interfere or get
    lost. Its interferometer is the quantum latent's.

    Further attributes than those of `InterferometerLatentSpec`:
        name: `noisy_name` of the next two, such as `interference:0.5`.
        interference: x in [0, 1], see `samplers.Noise`: 1 is boson sampling, 0 distinguishable.
        transmission: probability that a photon gets into the interferometer, in (0, 1].
    """

    name: str
    interference: float = 1.0
    transmission: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.interference <= 1:
            raise ValueError(f"interference is in [0, 1], not {self.interference}")
        if not 0 < self.transmission <= 1:
            raise ValueError(f"transmission is in (0, 1], not {self.transmission}")
        if self.name != (name := noisy_name(self.interference, self.transmission)):
            raise ValueError(f"this latent's name is {name!r}, not {self.name!r}")

    @property
    def noise(self) -> Noise:
        """What differs from the quantum latent, as samplers name it."""
        return Noise(interference=self.interference, input_transmission=self.transmission)

    def source(self, seed: int, cache: Path) -> NoisyPhotonicSource:
        """Return the law of the interferometer at a seed."""
        return NoisyPhotonicSource(self.interferometer_at(seed), self.occupation, self.noise)

    @property
    def card(self) -> Card:
        """What photons with this overlap and this loss share with the quantum latent."""
        return noisy_card(self.noise)


def noisy_name(interference: float, transmission: float = 1.0) -> str:
    """Return what a latent with this overlap and transmission is called.

    >>> noisy_name(0.5), noisy_name(1.0, 0.9), noisy_name(0.25, 0.9)
    ('interference:0.5', 'transmission:0.9', 'interference:0.25,transmission:0.9')
    """
    loss = f"transmission:{transmission:g}"
    if transmission == 1:
        return f"interference:{interference:g}"
    return loss if interference == 1 else f"interference:{interference:g},{loss}"
