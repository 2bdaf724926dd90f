"""Rows of a latent by their place: what every adapter draws from.

Notation: row i of a latent under a stream is one z, float32 (d_z,). It depends on the latent, the
stream and i alone: never on how many rows are asked for at once, nor by whom. Rows are drawn in
blocks of `BLOCK_ROWS`; block b is `latent.sample(BLOCK_ROWS, stream.child("block", b))`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from quantum_latents.banks import SampleBank
from quantum_latents.latents.kinds.bank import StoredSource
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream, stream

__all__ = ["BLOCK_ROWS", "LatentRows", "latent_of", "rows_named_by"]

BLOCK_ROWS = 1024
"""Rows that are drawn together; part of every row."""


def latent_of(latent: Latent | SampleBank, scaling: Scaling = "centred") -> Latent:
    """Return a latent as it is, and a bank as the latent that draws its shots with replacement.

    Args:
        latent: either.
        scaling: of a bank, by the moments that all its shots have; a latent has its own.

    Raises:
        TypeError: neither.

    >>> import tempfile
    >>> import numpy as np
    >>> from quantum_latents.banks import import_bank
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     latent_of(import_bank(np.eye(3), f"{folder}/mine", {})).dim
    3
    """
    if isinstance(latent, Latent):
        return latent
    if isinstance(latent, SampleBank):
        held_out = Stream((0, "held-out latents", "bank"))
        return Latent(StoredSource(latent), scaling, held_out)
    raise TypeError(
        f"this is neither a latent nor a bank but a {type(latent).__name__}: quantum_latent(16), "
        "or open_bank(FOLDER)"
    )


class LatentRows:
    """The endless table of a latent's rows under a stream.

    Args:
        latent: where the rows come from.
        stream: names them.

    >>> from quantum_latents.latents import quantum_latent
    >>> from quantum_latents.random import stream
    >>> rows = LatentRows(quantum_latent(4, 2), stream(0, "z"))
    >>> bool((rows.between(1000, 1100)[50:] == rows.between(1050, 1100)).all())
    True
    """

    def __init__(self, latent: Latent, stream: Stream) -> None:
        if not isinstance(stream, Stream):
            raise TypeError(f"stream is a Stream, such as stream(0, 'z'), not {stream!r}")
        self.latent, self.stream = latent, stream
        self._kept: tuple[int, Tensor] | None = None

    def between(self, start: int, stop: int) -> Tensor:
        """Return rows [start, stop), float32 (stop - start, d_z), a new tensor."""
        if not 0 <= start <= stop:
            raise ValueError(f"rows need 0 <= start <= stop, not start={start}, stop={stop}")
        parts = []
        while start < stop:
            block, offset = divmod(start, BLOCK_ROWS)
            size = min(stop - start, BLOCK_ROWS - offset)
            parts.append(self._block(block)[offset : offset + size])
            start += size
        if not parts:
            return torch.empty(0, self.latent.dim, device=self.latent.device)
        return torch.cat(parts)

    def _block(self, block: int) -> Tensor:
        device = self.latent.device
        if self._kept is None or self._kept[0] != block or self._kept[1].device != device:
            rows = self.latent.sample(BLOCK_ROWS, self.stream.child("block", block))
            self._kept = (block, rows)
        return self._kept[1]


def rows_named_by(generator: torch.Generator, latent: Latent, name: str) -> LatentRows:
    """Return the rows that the next number of torch's generator names, and `name` with it.

    >>> from quantum_latents.latents import quantum_latent
    >>> rows = rows_named_by(torch.Generator().manual_seed(7), quantum_latent(4, 2), "noise")
    >>> rows.between(0, 3).shape
    torch.Size([3, 4])
    """
    seed = torch.randint(
        2**63 - 1, (), generator=generator, device=generator.device, dtype=torch.int64
    )
    return LatentRows(latent, stream(int(seed), name))
