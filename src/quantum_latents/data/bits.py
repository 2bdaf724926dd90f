"""Uniform bits: discrete data without any correlation.

Every one of the 2^d strings of d bits has the same probability.

Source: the "Bernoulli" data of Table I of arXiv 2508.19857 (Appendix D), with d = 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import drawn
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream

__all__ = ["BitsSpec", "load_bits"]


@dataclass(frozen=True, kw_only=True)
class BitsSpec:
    """Uniform bit strings.

    Attributes:
        num_bits: d >= 1.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "bernoulli"

    num_bits: int = 16
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_bits", self.num_bits, 1)
        check_sizes(self.num_train, self.num_held_out)


def load_bits(spec: BitsSpec, stream: Stream) -> DataSet:
    """Draw the bits, as 0.0 and 1.0; row i of each set depends on the stream and i alone.

    >>> from quantum_latents.random import stream
    >>> load_bits(BitsSpec(num_train=100, num_held_out=50), stream(0, "data")).train.shape
    (100, 16)
    """

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        return generator.integers(2, size=(num_rows, spec.num_bits), dtype=np.uint8)

    return drawn(
        spec,
        lambda part, num_samples: stream.child(part).rows(0, num_samples, draw),
        metrics=("l1_to_integer", "energy_distance", "mmd", "sliced_wasserstein"),
        facts={},
    )
