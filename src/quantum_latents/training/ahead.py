"""Drawing the random numbers of the next block of steps while this one is trained.

A GPU waits for its host between two blocks of steps. What the next block needs depends on streams
and on the block's index alone, so a thread can draw it meanwhile, and nothing that comes out knows
who drew it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

__all__ = ["DrawsAhead"]

_Draws = tuple[Tensor, ...]


class DrawsAhead:
    """Hands out the draws of blocks, each drawn by a thread while the block before is trained.

    On CUDA the thread copies and gathers in a stream of its own, so that it does not wait behind
    the steps, and the stream of whoever takes the draws waits for it.

    Args:
        draw: returns a block's draws, a function of the block's index alone, from what is on the
            device already.
        device: where they lie.
        is_ahead: False draws each block when it is taken; None draws ahead on a GPU alone, as on a
            CPU the thread would take somebody's core. The numbers are the same.

    >>> ahead = DrawsAhead(lambda block: (torch.full((2,), block),), torch.device("cpu"), True)
    >>> ahead.take(3, following=4)
    (tensor([3, 3]),)
    >>> ahead.take(4, following=None)  # drawn already
    (tensor([4, 4]),)
    """

    def __init__(
        self, draw: Callable[[int], _Draws], device: torch.device, is_ahead: bool | None = None
    ) -> None:
        self._draw, self._device = draw, device
        self._is_ahead = device.type == "cuda" if is_ahead is None else is_ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draws")
        self._begun: tuple[int, Future[_Draws]] | None = None
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        if self._stream is not None:  # what is drawn from may have been moved there just before
            self._stream.wait_stream(torch.cuda.current_stream(device))

    def take(self, block: int, *, following: int | None) -> _Draws:
        """Return the draws of a block, and have those of the following one begun.

        Args:
            block: whose draws are wanted.
            following: the block whose draws are likely to be wanted next; None for the last.

        Raises:
            Exception: whatever the drawing of `block` raised, in the thread or not.
        """
        if not self._is_ahead:
            return self._draw(block)
        if self._begun is None or self._begun[0] != block:
            self._begin(block)
        begun, self._begun = self._begun, None  # a fault is raised once and not kept
        assert begun is not None
        draws = begun[1].result()
        if self._stream is not None:
            here = torch.cuda.current_stream(self._device)
            here.wait_stream(self._stream)
            for part in draws:  # or its memory could be written anew before the steps have read it
                part.record_stream(here)
        if following is not None:
            self._begin(following)
        return draws

    def _begin(self, block: int) -> None:
        self._begun = block, self._thread.submit(self._drawn, block)

    def _drawn(self, block: int) -> _Draws:
        with torch.no_grad():
            if self._stream is None:
                return self._draw(block)
            with torch.cuda.stream(self._stream):
                return self._draw(block)
