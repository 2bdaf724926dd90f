"""Convolutions on a GPU as a row says that they are: float32, and the same at every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

__all__ = ["exact_convolutions"]


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Let cuDNN neither round factors to TensorFloat-32, its default, nor choose by speed.

    An algorithm that is chosen by its speed, or adds in any order, would give other bits after a
    resume. The CPU's convolutions do not change, and what the process had set is set again.

    >>> with exact_convolutions():
    ...     torch.backends.cudnn.deterministic
    True
    """
    cudnn: Any = torch.backends.cudnn
    flags = [(cudnn, name) for name in ("allow_tf32", "benchmark", "deterministic")]
    # Newer torch has another name beside allow_tf32, which cannot be read where the two disagree.
    if hasattr(cudnn, "conv"):
        flags += [(cudnn.conv, "fp32_precision"), (cudnn.rnn, "fp32_precision")]
    before = []
    for place, name in flags:
        with suppress(RuntimeError):
            before.append((place, name, getattr(place, name)))
    for place, name in flags:
        setattr(place, name, "ieee" if name == "fp32_precision" else name == "deterministic")
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
