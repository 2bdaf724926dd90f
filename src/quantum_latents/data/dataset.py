"""A data set, ready to train on and to be measured against.

Notation: N training rows, M held-out rows, d coordinates; one row a sample. *Model units* are
what a generator is trained to make; *data units* are the user's. They differ by an affine map
per coordinate, data = model * scale + offset, which is the identity for synthetic data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DataSet"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples of one distribution, split into three disjoint sets, with what belongs to them.

    Arrays are made read-only.

    Attributes:
        name: the data set's name in rows and tables.
        train: float32 (N, d), in model units.
        held_out: float32 (M, d), in data units: what metrics compare generated samples with.
        floor_reference: float32 (M, d), in data units, disjoint from both: stands in for
            generated samples when a metric's sampling floor is measured.
        metrics: names of the metrics that belong to the data set, in the order of its tables.
        facts: what metrics and pages need to know (mode centres, photon total, ...).
        notes: treatments of the data that a reader must be told of, one sentence each.
        offset: float64 (d,), see the module's first lines.
        scale: float64 (d,), > 0.
    """

    name: str
    train: np.ndarray
    held_out: np.ndarray
    floor_reference: np.ndarray
    metrics: tuple[str, ...]
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
    offset: np.ndarray
    scale: np.ndarray

    def __post_init__(self) -> None:
        assert self.train.ndim == 2
        assert self.held_out.shape == self.floor_reference.shape
        assert self.held_out.shape[1:] == self.offset.shape == self.scale.shape == (self.dim,)
        for array in (self.train, self.held_out, self.floor_reference, self.offset, self.scale):
            array.setflags(write=False)

    @classmethod
    def in_data_units(
        cls,
        *,
        name: str,
        train: np.ndarray,
        held_out: np.ndarray,
        floor_reference: np.ndarray,
        metrics: tuple[str, ...],
        facts: Mapping[str, Any],
        notes: tuple[str, ...] = (),
    ) -> DataSet:
        """Return a data set whose model units are its data units; arrays become float32."""
        dim = train.shape[1]
        return cls(
            name=name,
            train=train.astype(np.float32),
            held_out=held_out.astype(np.float32),
            floor_reference=floor_reference.astype(np.float32),
            metrics=metrics,
            facts=facts,
            notes=notes,
            offset=np.zeros(dim),
            scale=np.ones(dim),
        )

    @property
    def dim(self) -> int:
        """The number of coordinates d of a sample."""
        return self.train.shape[1]

    def to_data_units(self, samples: np.ndarray) -> np.ndarray:
        """Return samples given in model units as float64 in data units.

        Args:
            samples: (..., d) in model units.

        Raises:
            ValueError: the last axis is not d.

        >>> from quantum_latents.data.bits import BitsSpec, load_bits
        >>> from quantum_latents.random import stream
        >>> bits = load_bits(BitsSpec(num_bits=2, num_train=4, num_held_out=4), stream(0, "data"))
        >>> bits.to_data_units(np.array([[0.5, 2.0]]))
        array([[0.5, 2. ]])
        """
        samples = np.asarray(samples)
        if samples.shape[-1:] != (self.dim,):
            raise ValueError(
                f"samples of {self.name!r} have {self.dim} coordinates on the last axis, "
                f"not shape {samples.shape}"
            )
        return samples * self.scale + self.offset
