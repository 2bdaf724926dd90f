"""A latent: where a generator's z comes from, as torch tensors.

Notation: r is a raw draw of a source, z what the generator sees, d_z = `dim`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from quantum_latents.latents.sources import Card, Source
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream
from quantum_latents.random.torch import take_rows

__all__ = ["Latent", "Moments"]


class Moments(NamedTuple):
    """Exact mean and variance of every coordinate of z, float64 (d_z,)."""

    mean: np.ndarray
    variance: np.ndarray


class Latent:
    """Draws z of a source, from a bank of kept draws or afresh.

    Args:
        source: the law of raw draws.
        scaling: how raw draws become z.
        held_out_stream: names the draws that training never sees, when there is no bank.
        bank: kept raw draws (bank_size + num_held_out, d_z); None draws afresh.
        bank_size: rows of the bank that `sample` uses; the rest are held out.
        card: None takes the source's.

    Attributes:
        dim: d_z.
        card: what it is, what it shares with the quantum latent, what simulation costs.
        moments: exact mean and variance of z.

    >>> from quantum_latents.latents import GaussianSource
    >>> from quantum_latents.random import stream
    >>> latent = Latent(GaussianSource(4), "raw", stream(0, "held out"))
    >>> latent.sample(3, stream(0, "latent")).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        source: Source,
        scaling: Scaling,
        held_out_stream: Stream,
        *,
        bank: np.ndarray | None = None,
        bank_size: int | None = None,
        card: Card | None = None,
    ) -> None:
        self.source, self.scaling, self.dim = source, scaling, source.dim
        self._card = source.card if card is None else card
        self._held_out_stream = held_out_stream
        shift, scale = _shift_and_scale(source, scaling)
        self.moments = Moments((source.mean - shift) / scale, source.variance / scale**2)
        self._shift = torch.from_numpy(shift).float()
        self._scale = torch.from_numpy(scale).float()
        self._bank = None if bank is None else torch.from_numpy(np.array(bank))
        self._bank_size = bank_size

    @property
    def card(self) -> Card:
        """What this latent is, what it shares with the quantum one, what simulation costs."""
        return self._card

    @property
    def device(self) -> torch.device:
        """Where `sample` puts z."""
        return self._shift.device

    def to(self, device: torch.device | str) -> Latent:
        """Move the bank and all later samples to a device; return self."""
        self._shift, self._scale = self._shift.to(device), self._scale.to(device)
        if self._bank is not None:
            self._bank = self._bank.to(device)
        return self

    def sample(self, num_samples: int, stream: Stream) -> Tensor:
        """Return z float32 (num_samples, d_z); the same stream gives the same z.

        With a bank, rows are drawn from it uniformly with replacement.
        """
        if self._bank is None:
            return self._to_z(torch.from_numpy(self.source.draw(num_samples, stream)))
        assert self._bank_size is not None
        rows = stream.generator().integers(self._bank_size, size=num_samples)
        return self._to_z(take_rows(self._bank, rows))

    def held_out(self, num_samples: int) -> Tensor:
        """Return z float32 (num_samples, d_z) that `sample` never returned from the bank.

        Raises:
            ValueError: the bank holds out fewer.
        """
        if self._bank is None:
            return self._to_z(
                torch.from_numpy(self.source.draw(num_samples, self._held_out_stream))
            )
        assert self._bank_size is not None
        available = len(self._bank) - self._bank_size
        if num_samples > available:
            raise ValueError(
                f"{num_samples} held-out draws asked for and {available} kept: "
                f"set num_held_out={num_samples}"
            )
        return self._to_z(self._bank[self._bank_size : self._bank_size + num_samples])

    def to_raw(self, z: np.ndarray) -> np.ndarray:
        """Return the raw draws r, float64 (N, d_z), whose z these are: the scaling undone.

        >>> from quantum_latents.latents import BernoulliSource
        >>> from quantum_latents.random import stream
        >>> Latent(BernoulliSource(2), "centred", stream(0, "")).to_raw(np.array([[-0.5, 0.5]]))
        array([[0., 1.]])
        """
        return np.asarray(z, np.float64) * self.scale + self.shift

    @property
    def shift(self) -> np.ndarray:
        """Where r = z scale + shift puts z = 0: float64 (d_z,)."""
        return self._shift.cpu().double().numpy()

    @property
    def scale(self) -> np.ndarray:
        """How far z moves a raw draw, r = z scale + shift: float64 (d_z,)."""
        return self._scale.cpu().double().numpy()

    def _to_z(self, raw: Tensor) -> Tensor:
        # Never in place: raw may be a view of the bank.
        return (raw.to(self.device).float() - self._shift) / self._scale


def _shift_and_scale(source: Source, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
    ones = np.ones(source.dim)
    if scaling == "raw":
        return np.zeros(source.dim), ones
    if scaling == "minus_half":
        return 0.5 * ones, ones
    if scaling == "centred":
        return source.mean, ones
    deviation = np.sqrt(source.variance)
    # A mode that light cannot reach never varies: leave it at 0 rather than divide by 0.
    return source.mean, np.where(deviation > 1e-12, deviation, 1.0)
