"""Streams and rows for torch: the only module of this room that imports it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from quantum_latents.random.streams import Stream

__all__ = ["take_rows", "torch_generator"]


def torch_generator(stream: Stream, index: int = 0) -> torch.Generator:
    """Return a CPU generator at draw `index` of a stream; never torch's global one.

    torch reads 32 bits of a seed, so two streams in four billion share their numbers.

    >>> from quantum_latents.random import stream
    >>> a = torch.rand(2, generator=torch_generator(stream(0, "init")))
    >>> b = torch.rand(2, generator=torch_generator(stream(0, "init")))
    >>> bool((a == b).all())
    True
    """
    seed = stream.generator(index).integers(2**63)
    return torch.Generator().manual_seed(int(seed))


def take_rows(table: Tensor, rows: np.ndarray) -> Tensor:
    """Return the rows (N, ...) of a table (M, ...) at indices (N,), on the table's device.

    numpy's `take` copies rows of a large table several times as fast as torch's indexing, which
    goes number by number; of a table that is not contiguous it would copy all first.

    >>> take_rows(torch.arange(6).view(3, 2), np.array([2, 0]))
    tensor([[4, 5],
            [0, 1]])
    """
    if table.device.type == "cpu" and table.is_contiguous():
        return torch.from_numpy(table.numpy().take(rows, axis=0))
    return table.index_select(0, torch.from_numpy(rows).to(table.device))
