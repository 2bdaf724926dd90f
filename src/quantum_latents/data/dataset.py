"""A data set, ready to train on and to be measured against.

Notation: N training rows, M held-out rows, d coordinates; one row a sample. *Model units* are
what a generator is trained to make; *data units* are the user's. They differ by an affine map
per coordinate, data = model * scale + offset, which is the identity for synthetic data; or, for
graphs, model units are one-hot rows and data units the codes of classes
(`quantum_latents.molecules.graphs`), and the class of the highest score is taken; or a decoder
follows the affine map, and a row to train on is a code (N, k) of a sample (M, d).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantum_latents.data.autoencoder import Autoencoder
from quantum_latents.molecules import GraphLayout
from quantum_latents.random import Stream

__all__ = ["DataSet", "Decoder"]

_VALIDATION_NOTE = (
    "Validation: metrics compare with {num_aside:,} rows set aside of those to train on; the "
    "held-out rows are not looked at."
)


@dataclass(frozen=True, eq=False)
class Decoder:
    """The way from codes to data units.

    Attributes:
        weights: those of `Autoencoder`; only its decoder is used.
        offset: float64 (d,), from what it decodes to data units.
        scale: float64 (d,), as `offset`.
    """

    weights: Mapping[str, np.ndarray]
    offset: np.ndarray
    scale: np.ndarray

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Return rows float64 (N, d), in data units, of codes (N, k)."""
        return Autoencoder(self.weights).decode(codes) * self.scale + self.offset


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
        layout: of graphs, whose arrays are all uint8: `train` one-hot (N, d), the others codes.
            `offset` and `scale` are then empty. None for everything else.
        decoder: what takes codes to data units, after `offset` and `scale`; None where rows to
            train on are samples themselves.
        generator: the perceptron that made the data of a latent, float64 weights and biases by the
            names of `quantum_latents.models.StackedMLP.views`; None where there is none.
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
    layout: GraphLayout | None = None
    decoder: Decoder | None = None
    generator: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        assert self.train.ndim == 2
        if self.layout is None:
            assert self.held_out.shape == self.floor_reference.shape
            assert self.offset.shape == self.scale.shape == (self.dim,)
            assert self.held_out.shape[1:] == (self.sample_dim,)
        else:
            width = self.layout.code_width
            assert self.held_out.shape[1:] == self.floor_reference.shape[1:] == (width,)
            assert self.dim == self.layout.one_hot_width
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
        generator: Mapping[str, np.ndarray] | None = None,
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
            generator=generator,
        )

    @classmethod
    def of_graphs(
        cls,
        *,
        name: str,
        layout: GraphLayout,
        train: np.ndarray,
        held_out: np.ndarray,
        floor_reference: np.ndarray,
        metrics: tuple[str, ...],
        facts: Mapping[str, Any],
        notes: tuple[str, ...] = (),
    ) -> DataSet:
        """Return a data set of graphs from codes uint8 (., P + n), see `GraphLayout`."""
        return cls(
            name=name,
            train=layout.to_one_hot(train),
            held_out=np.array(held_out, dtype=np.uint8),
            floor_reference=np.array(floor_reference, dtype=np.uint8),
            metrics=metrics,
            facts=facts,
            notes=notes,
            offset=np.zeros(0),
            scale=np.zeros(0),
            layout=layout,
        )

    @property
    def dim(self) -> int:
        """The numbers of a row to train on: d of a sample, or k of a code."""
        return self.train.shape[1]

    @property
    def sample_dim(self) -> int:
        """The numbers of a sample in data units."""
        return self.held_out.shape[1] if self.decoder is None else len(self.decoder.offset)

    def validation(self, stream: Stream) -> DataSet:
        """Return the set with rows to train on in place of the held-out ones.

        As many random rows of `train` as are held out, and as many again for the floor, are set
        aside; the others are left to train on. No row of `held_out` or `floor_reference` is looked
        at, so that whatever is chosen on the result is chosen without them.

        Args:
            stream: which rows.

        Raises:
            ValueError: fewer than half of the rows would be left; the set is one of graphs, whose
                statistics are cached for the held-out molecules alone; or it is encoded.

        >>> from quantum_latents.data.bits import BitsSpec, load_bits
        >>> from quantum_latents.random import stream
        >>> bits = load_bits(BitsSpec(num_train=100, num_held_out=20), stream(0, "data"))
        >>> aside = bits.validation(stream(0, "data").child("validation"))
        >>> len(aside.train), len(aside.held_out), len(aside.floor_reference)
        (60, 20, 20)
        """
        if self.layout is not None:
            raise ValueError(f"{self.name!r} is a set of molecules: they have no validation split")
        if self.decoder is not None:
            raise ValueError(
                f"{self.name!r} is encoded by an autoencoder that has seen all rows to train on: "
                "it has no validation split"
            )
        num_rows, num_aside = len(self.train), len(self.held_out)
        if 4 * num_aside > num_rows:
            raise ValueError(
                f"{self.name!r} has {num_rows} rows to train on, too few to set twice {num_aside} "
                "aside for validation: hold out fewer"
            )
        order = stream.generator().permutation(num_rows)
        aside = self.to_data_units(self.train[order[: 2 * num_aside]]).astype(np.float32)
        return replace(
            self,
            train=self.train[np.sort(order[2 * num_aside :])],
            held_out=aside[:num_aside],
            floor_reference=aside[num_aside:],
            notes=(*self.notes, _VALIDATION_NOTE.format(num_aside=num_aside)),
        )

    def to_data_units(self, samples: np.ndarray) -> np.ndarray:
        """Return samples given in model units in data units: float64, or uint8 codes of graphs.

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
        if self.layout is not None:
            return self.layout.to_codes(samples)
        rows = samples * self.scale + self.offset
        return rows if self.decoder is None else self.decoder(rows)
