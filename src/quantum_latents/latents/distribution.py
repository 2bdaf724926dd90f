"""A latent as a `torch.distributions.Distribution`.

Notation: d_z is the length of z, the event; row i is as in `latents.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from quantum_latents.banks import SampleBank
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.rows import LatentRows, latent_of
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream

__all__ = ["LatentDistribution", "as_distribution"]


class LatentDistribution(Distribution):
    """The law of z, of event shape (d_z,), to sample from; `as_distribution` makes one.

    torch's generator plays no part: successive calls of `sample` return successive rows of the
    stream. Two distributions of one latent and stream give the same z in the same order, however
    the calls are cut, on any device; `torch.manual_seed` changes nothing. `position` says how many
    rows were given, and may be set: to 0 to begin again, to a checkpoint's to go on.

    Attributes:
        latent: where z comes from.
        position: the next row.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = False

    def __init__(
        self, rows: LatentRows, batch_shape: Size | tuple[()] = (), cursor: Any = None
    ) -> None:
        self._rows = rows
        # Shared with what `expand` returns: no row is given twice.
        self._cursor = [0] if cursor is None else cursor
        super().__init__(Size(batch_shape), Size([rows.latent.dim]), validate_args=False)

    @property
    def latent(self) -> Latent:
        """Where z comes from."""
        return self._rows.latent

    @property
    def position(self) -> int:
        """The next row."""
        return self._cursor[0]

    @position.setter
    def position(self, row: int) -> None:
        if isinstance(row, bool) or not isinstance(row, int) or row < 0:
            raise ValueError(f"position is a row, 0 or more, not {row!r}")
        self._cursor[0] = row

    @property
    def support(self) -> constraints.Constraint:
        """Vectors of real numbers: scaled counts are no whole numbers."""
        return constraints.real_vector

    @property
    def mean(self) -> Tensor:
        """E z by the law's exact moments (a bank's: of all its shots), float64."""
        return self._moment(0)

    @property
    def variance(self) -> Tensor:
        """Var z of every coordinate by the law's exact moments, float64."""
        return self._moment(1)

    def sample(self, sample_shape: Size | Sequence[int] = ()) -> Tensor:
        """Return the next rows as z, float32 (*sample_shape, *batch_shape, d_z)."""
        shape = self._extended_shape(Size(sample_shape))
        start = self.position
        stop = start + shape[:-1].numel()
        z = self._rows.between(start, stop).reshape(shape)
        self.position = stop
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: there is no density that could be computed.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "a latent has no log_prob: the probability of a count of photons is a permanent, "
            "exponential in the photons, and that of a bank's shots is unknown; "
            "samplers.probabilities writes out the law of small interferometers"
        )

    def expand(self, batch_shape: Size | Sequence[int], _instance: Any = None) -> Distribution:
        """Return independent copies, which take their rows from the same stream in turn."""
        return LatentDistribution(self._rows, Size(batch_shape), self._cursor)

    def _moment(self, which: int) -> Tensor:
        moment = torch.from_numpy(self.latent.moments[which].copy()).to(self.latent.device)
        return moment.expand(self._extended_shape())

    def __repr__(self) -> str:
        path = ", ".join(map(repr, self._rows.stream.path))
        return f"LatentDistribution(dim={self.latent.dim}, stream=({path}), row={self.position})"


def as_distribution(
    latent: Latent | SampleBank, stream: Stream, *, scaling: Scaling = "centred"
) -> LatentDistribution:
    """Return a latent, or a bank, as a distribution of torch.

    Args:
        latent: of a bank, shots are drawn with replacement.
        stream: names the draws, in the place of torch's generator; see `LatentDistribution`.
        scaling: of a bank's shots; a latent has its own.

    Raises:
        TypeError: neither a latent nor a bank, or no stream.

    >>> from quantum_latents.latents import quantum_latent
    >>> from quantum_latents.random import stream
    >>> prior = as_distribution(quantum_latent(4, 2, scaling="raw"), stream(0, "prior"))
    >>> prior.sample((5, 2)).shape, prior.event_shape, round(float(prior.mean.sum()), 6)
    (torch.Size([5, 2, 4]), torch.Size([4]), 2.0)
    """
    return LatentDistribution(LatentRows(latent_of(latent, scaling), stream))
