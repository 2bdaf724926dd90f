"""Runs whose training is the user's own: what names them, and the z that they draw.

Notation: d_z = `dim`, the length of z; rows z are numpy arrays float32 (., d_z).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.data import DataSpec
from quantum_latents.latents import Latent, LatentRows, LatentSpec
from quantum_latents.random import stream
from quantum_latents.training.spec import EvaluationSpec, RunSpec, decode, digest_of, encode

__all__ = ["LatentDraws", "OwnRunSpec", "OwnTrainingSpec", "any_run_spec"]


@dataclass(frozen=True, kw_only=True)
class OwnTrainingSpec:
    """A training that this library does not know but by its name.

    Attributes:
        name: of the user's function.
        version: what tells it from the same function changed: `sha256:` and the hash of its source
            file, or whatever the user says.
    """

    name: str
    version: str

    def __post_init__(self):
        for field in ("name", "version"):
            if not isinstance(value := getattr(self, field), str) or not value.strip():
                raise ValueError(f"{field} of a training is text, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class OwnRunSpec:
    """One run of the user's own training; attributes as of `RunSpec`, which has a model besides.

    >>> from quantum_latents.data import BitsSpec
    >>> from quantum_latents.latents import GaussianSpec
    >>> run = OwnRunSpec(
    ...     data=BitsSpec(num_train=100, num_held_out=50),
    ...     latent=GaussianSpec(dim=4, scaling="centred", bank_size=None, num_held_out=50),
    ...     training=OwnTrainingSpec(name="train", version="1"),
    ...     evaluation=EvaluationSpec(num_samples=50),
    ...     seed=0,
    ... )
    >>> OwnRunSpec.from_json(run.to_json()) == run
    True
    """

    data: DataSpec
    latent: LatentSpec
    training: OwnTrainingSpec
    evaluation: EvaluationSpec
    seed: int

    def __post_init__(self):
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"a seed is an integer >= 0, not {self.seed!r}")
        if self.latent.num_held_out < self.evaluation.num_samples:
            raise ValueError(
                f"evaluation.num_samples={self.evaluation.num_samples} needs as many held-out "
                f"latents, not latent.num_held_out={self.latent.num_held_out}"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON values."""
        return encode(self, OwnRunSpec)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> OwnRunSpec:
        """Read what `to_json` wrote; raises as `RunSpec.from_json`."""
        return decode(cls, content, "spec")

    @property
    def digest(self) -> str:
        """The run's name, as `RunSpec.digest`."""
        return digest_of(self.to_json())


def any_run_spec(content: Mapping[str, Any]) -> RunSpec | OwnRunSpec:
    """Read the spec of a row, whoever trained its run; raises as `RunSpec.from_json`."""
    training = content.get("training")
    is_own = isinstance(training, Mapping) and training.get("kind") == "own_training"
    return (OwnRunSpec if is_own else RunSpec).from_json(content)


class LatentDraws:
    """The latent of one run, as the user's training sees it.

    Row i that `sample` gives depends on latent, seed and i alone, however the calls are cut: the
    same training draws the same z again.

    Args:
        latent: where z comes from.
        name: the latent's, as rows and tables have it.
        seed: the run's.
        num_held_out: length of `held_out`.

    Attributes:
        name: as given.
        dim: d_z.
        latent: as given: for `as_randn`, `as_distribution` and other adapters.
        position: rows that `sample` has given so far.

    >>> from quantum_latents.latents import quantum_latent
    >>> draws = LatentDraws(quantum_latent(4, 2, scaling="raw"), "quantum", seed=0, num_held_out=3)
    >>> draws.sample(2).sum(axis=1), draws.held_out.shape, draws.position
    (array([2., 2.], dtype=float32), (3, 4), 2)
    """

    def __init__(self, latent: Latent, name: str, seed: int, num_held_out: int) -> None:
        self.latent, self.name, self.dim, self.position = latent, name, latent.dim, 0
        self._num_held_out = num_held_out
        self._rows = LatentRows(latent, stream(seed, "training").child("latent"))

    def sample(self, num_samples: int) -> np.ndarray:
        """Return the next rows, float32 (num_samples, d_z)."""
        if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 0:
            raise ValueError(f"num_samples is an integer >= 0, not {num_samples!r}")
        rows = self._rows.between(self.position, self.position + num_samples)
        self.position += num_samples
        return rows.numpy()

    @property
    def held_out(self) -> np.ndarray:
        """Rows that `sample` never gives, float32 (num_samples, d_z), to make the samples of."""
        return self.latent.held_out(self._num_held_out).numpy().copy()
