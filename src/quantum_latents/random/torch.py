"""Streams for torch: the only module of this room that imports it."""

from __future__ import annotations

import torch

from quantum_latents.random.streams import Stream

__all__ = ["torch_generator"]


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
