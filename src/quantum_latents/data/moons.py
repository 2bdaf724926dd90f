"""Two moons: two half circles that reach into one another.

Notation: t uniform on [0, pi], e ~ N(0, s^2 I) in two dimensions. A sample is, with probability
1/2 each, of the upper or of the lower moon:

    x = (cos t, sin t) + e    or    x = (1 - cos t, 1/2 - sin t) + e.

Hence E x = (1/2, 1/4), var x_1 = 3/4 + s^2, var x_2 = 9/16 - 1/pi + s^2 and
cov(x_1, x_2) = 1/8 - 1/pi. Lengths have the radius of a moon as their unit.

Source: `make_moons` of scikit-learn, which puts t on an even grid and half of all samples on each
moon; here both are drawn, so that samples are independent. Data of the flow matching of
arXiv 2508.19857, Appendix G.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import drawn
from quantum_latents.data.sizes import check_sizes
from quantum_latents.random import Stream

__all__ = ["MoonsSpec", "load_moons"]


@dataclass(frozen=True, kw_only=True)
class MoonsSpec:
    """Two moons.

    Attributes:
        noise: s >= 0, in the radius of a moon; 0.05 as in scikit-learn's gallery.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number that must be an integer is not.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "moons"
    dim: ClassVar[int] = 2

    noise: float = 0.05
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_sizes(self.num_train, self.num_held_out)
        if not (np.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(f"noise is a number >= 0, not {self.noise}")


def load_moons(spec: MoonsSpec, stream: Stream) -> DataSet:
    """Draw the moons; row i of each set depends on the stream and i alone.

    >>> from quantum_latents.random import stream
    >>> load_moons(MoonsSpec(num_train=100, num_held_out=50), stream(0, "data")).train.shape
    (100, 2)
    """

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        is_lower = generator.integers(2, size=num_rows).astype(bool)
        t = generator.uniform(0.0, np.pi, size=num_rows)
        upper = np.stack([np.cos(t), np.sin(t)], axis=1)
        moons = np.where(is_lower[:, None], np.array([1.0, 0.5]) - upper, upper)
        return moons + generator.normal(0.0, spec.noise, size=(num_rows, 2))

    return drawn(
        spec,
        lambda part, num_samples: stream.child(part).rows(0, num_samples, draw),
        metrics=("energy_distance", "mmd", "sliced_wasserstein"),
        facts={},
    )
