"""A generator on the latents that really occur.

Notation: z (N, d_z) are draws of a latent, y what the generator makes of them. A latent of whole
numbers lives on a finite set, its support, and a map that is not injective on all of R^(d_z) may
still be injective there: two different draws with one output are what proves that it is not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Support", "on_support"]


@dataclass(frozen=True)
class Support:
    """What was seen of a generator on draws of its latent.

    Attributes:
        is_discrete: whether the latent's raw draws are whole numbers.
        num_latents: different draws.
        num_outputs: different outputs of them; fewer prove that the generator is not injective
            on its latent's support.
    """

    is_discrete: bool
    num_latents: int
    num_outputs: int

    @property
    def meets(self) -> bool:
        """Whether two different draws gave one output."""
        return self.num_outputs < self.num_latents

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict."""
        return asdict(self)


def on_support(raw: np.ndarray, outputs: np.ndarray) -> Support:
    """Count different draws and different outputs.

    Args:
        raw: the latent's raw draws (N, d_z), up to rounding in float32.
        outputs: what was made of them (N, ...): codes of graphs, or vectors in float64.

    Raises:
        ValueError: no draw, or not as many outputs as draws.

    >>> on_support(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), np.array([[5], [5], [5]]))
    Support(is_discrete=True, num_latents=2, num_outputs=1)
    """
    if not len(raw) or len(raw) != len(outputs):
        raise ValueError(f"{len(raw)} draws and {len(outputs)} outputs: give as many, at least 1")
    whole = np.rint(raw)
    is_discrete = bool(np.abs(raw - whole).max() < 1e-3)
    _, first = np.unique(whole if is_discrete else raw, axis=0, return_index=True)
    different = outputs.reshape(len(outputs), -1)[first]
    return Support(is_discrete, len(first), len(np.unique(different, axis=0)))
