"""A data set through an autoencoder: generators make its codes, metrics see what is decoded.

Notation: x (N, d) rows of the data, c = e(x) their codes (N, k), h the decoder
(`quantum_latents.data.autoencoder`). Model units are codes, standardised coordinate by coordinate
on the training rows; data units are the data's own, reached through the decoder. So a sample of
any size takes a generator of k numbers.

Held-out rows are the data as they are, never decoded codes: what the autoencoder loses counts
against every latent alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantum_latents.data.array import ArraySpec, load_array
from quantum_latents.data.autoencoder import Autoencoder, AutoencoderSpec, fitted_autoencoder
from quantum_latents.data.dataset import DataSet, Decoder
from quantum_latents.data.digits import DigitsSpec, load_digits

__all__ = ["EncodedSpec", "load_encoded"]


@dataclass(frozen=True, kw_only=True)
class EncodedSpec:
    """Data that exist once, through an autoencoder of them.

    Attributes:
        data: the digits, or a user's own rows.
        autoencoder: which is fitted to the rows that are trained on.
    """

    data: DigitsSpec | ArraySpec
    autoencoder: AutoencoderSpec

    @property
    def name(self) -> str:
        """The data's own, and that they are encoded."""
        return f"encoded_{self.data.name}"

    @property
    def dim(self) -> int:
        """K."""
        return self.autoencoder.code_dim


def load_encoded(spec: EncodedSpec, cache: Path) -> DataSet:
    """Load the data, fit their autoencoder unless the cache has it, and encode them.

    Facts are the data's own, and `reconstructed` float32 (M, d): the rows of `floor_reference`
    there and back. What they score is the best that a generator of codes can hope for.

    Args:
        spec: which.
        cache: where autoencoders are kept.

    Raises:
        ValueError, ImportError: as `load_digits`, `load_array` and `fitted_autoencoder`; or a code
            is the same for all rows.
    """
    data = load_digits(spec.data) if isinstance(spec.data, DigitsSpec) else _array(spec, cache)
    fitted = fitted_autoencoder(spec.autoencoder, data.train, data.name, cache)
    codes = fitted.encode(data.train)
    offset, scale = codes.mean(0), codes.std(0)
    if not (scale > 0).all():
        raise ValueError(
            f"{int((scale == 0).sum())} of {spec.dim} codes of {data.name!r} are the same for all "
            "rows: set code_dim or code_penalty lower, or num_steps higher"
        )
    decoder = Decoder(fitted.weights, data.offset, data.scale)
    rows = (data.floor_reference.astype(np.float64) - data.offset) / data.scale
    there_and_back = decoder(fitted.encode(rows))
    return DataSet(
        name=spec.name,
        train=((codes - offset) / scale).astype(np.float32),
        held_out=np.array(data.held_out),
        floor_reference=np.array(data.floor_reference),
        metrics=data.metrics,
        facts={**data.facts, "reconstructed": there_and_back.astype(np.float32)},
        notes=(*data.notes, _note(spec, fitted, data, there_and_back)),
        offset=offset,
        scale=scale,
        decoder=decoder,
    )


def _array(spec: EncodedSpec, cache: Path) -> DataSet:
    assert isinstance(spec.data, ArraySpec)
    return load_array(spec.data, cache)


def _note(spec: EncodedSpec, fitted: Autoencoder, data: DataSet, back: np.ndarray) -> str:
    error = ((back - data.floor_reference) ** 2).mean()
    spread = data.floor_reference.var(0, dtype=np.float64).mean()
    sha = hashlib.sha256(b"".join(fitted.weights[n].tobytes() for n in sorted(fitted.weights)))
    return (
        f"Generators make codes of {spec.dim} numbers, which the decoder of an autoencoder "
        f"(weights {sha.hexdigest()[:12]}), fitted to the training rows alone, takes to samples. "
        f"Of rows that it never saw it loses {error / spread:.1%} of the variance."
    )
