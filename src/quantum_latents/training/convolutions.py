"""Convolutions on a GPU as a row says that they are: float32, and the same at every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["exact_convolutions"]


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Let cuDNN neither round factors to TensorFloat-32, its default, nor choose by speed.

    An algorithm that is chosen by its speed, or adds in any order, would give other bits after a
    resume. The CPU's convolutions do not change.

    >>> with exact_convolutions():
    ...     torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    (False, True)
    """
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield
