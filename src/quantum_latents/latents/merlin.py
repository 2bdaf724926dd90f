"""A latent as a `merlin.LatentDistribution`, for the generators of MerLin (merlinquantum).

MerLin is imported when `as_merlin` is called: its releases ask for an older torch than this
library is tested with, so they live in an environment of their own.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from quantum_latents.banks import SampleBank
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.rows import LatentRows, latent_of, rows_named_by
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream

__all__ = ["as_merlin", "merlin_sample"]

_DRAWS = "merlin"


def as_merlin(latent: Latent | SampleBank, draws: Stream, *, scaling: Scaling = "centred") -> Any:
    """Return a latent, or a bank, as a `merlin.LatentDistribution` of dimension d_z.

    Its `sample` gives successive rows of the stream. With a `generator`, one number of it names
    the rows of the call instead: the same state gives the same z on every device.

    Args:
        latent: of a bank, shots are drawn with replacement.
        draws: names the draws where MerLin passes no generator.
        scaling: of a bank's shots; a latent has its own.

    Raises:
        ImportError: MerLin is not installed.
        TypeError: neither a latent nor a bank, or no stream.
    """
    rows = LatentRows(latent_of(latent, scaling), draws)
    return _latent_class()(rows)


def merlin_sample(
    rows: LatentRows,
    start: int,
    batch_size: int,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return z (batch_size, d_z) as MerLin's protocol wants it.

    Args:
        rows: where z comes from without a generator.
        start: the first row then.
        batch_size: how many, at least 1.
        device: None is the latent's.
        dtype: None is torch's default.
        generator: names the draws if it is given, and moves on by one number.

    Raises:
        TypeError: a batch size that is no int.
        ValueError: a batch size below 1.
    """
    if type(batch_size) is not int:
        raise TypeError(f"batch_size is an int, not {batch_size!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, not {batch_size}")
    if generator is not None:
        rows, start = rows_named_by(generator, rows.latent, _DRAWS), 0
    z = rows.between(start, start + batch_size)
    return z.to(device=device, dtype=dtype or torch.get_default_dtype())


@functools.cache
def _latent_class() -> type:
    """Return the class, made when MerLin is there: MerLin insists on its own base class."""
    try:
        from merlin import LatentDistribution  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError(
            "as_merlin needs MerLin, in an environment with the torch that it asks for: "
            "pip install merlinquantum"
        ) from error

    class BankLatent(LatentDistribution):
        def __init__(self, rows: LatentRows) -> None:
            super().__init__(rows.latent.dim)
            self.rows, self.position = rows, 0

        def sample(self, batch_size: int, *, device=None, dtype=None, generator=None) -> Tensor:
            z = merlin_sample(
                self.rows,
                self.position,
                batch_size,
                device=device,
                dtype=dtype,
                generator=generator,
            )
            if generator is None:
                self.position += batch_size
            return z

    return BankLatent
