"""Blobs on a circle with polar noise: the two-dimensional mixture of the paper's demo.

Notation: K modes (`num_modes`), radius R, mode k at the angle theta_k = 2 pi k / K. A sample is

    k uniform on 0, ..., K - 1,    r ~ N(R, s_r^2),    theta ~ N(theta_k, s_a^2),
    x = (r cos theta, r sin theta).

R and s_r are in the unit of the plane, s_a in radians. Along the circle a blob's standard
deviation is the arc R s_a, across it s_r: at the defaults 0.25 and 0.2.

Source: the authors' released demo for Fig. 2 of arXiv 2508.19857, which gives every default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import drawn
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream

__all__ = ["MixtureSpec", "load_mixture"]


@dataclass(frozen=True, kw_only=True)
class MixtureSpec:
    """The mixture of blobs on a circle.

    Attributes:
        num_modes: K >= 1.
        radius: R > 0.
        radial_sd: s_r > 0, in the unit of R.
        angular_sd: s_a > 0, in radians.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number that must be an integer is not.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "mixture"

    num_modes: int = 7
    radius: float = 5.0
    radial_sd: float = 0.2
    angular_sd: float = 0.05
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_modes", self.num_modes, 1)
        check_sizes(self.num_train, self.num_held_out)
        for name in ("radius", "radial_sd", "angular_sd"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} is a number > 0, not {value}")


def load_mixture(spec: MixtureSpec, stream: Stream) -> DataSet:
    """Draw the mixture; row i of each set depends on the stream and i alone.

    Facts: `mode_centres` (K, 2), at (R, theta_k); `mode_weights`, all 1 / K;
    `mode_sigma` = max(s_r, R s_a), the larger of a blob's two standard deviations (0.25 at the
    defaults), so that a disc of 3 sigma holds the whole blob: the reproduction's definition;
    `mode_minimum_share` = 1 / (10 K), from which a mode counts as found.

    >>> from quantum_latents.random import stream
    >>> load_mixture(MixtureSpec(num_train=100, num_held_out=50), stream(0, "data")).train.shape
    (100, 2)
    """
    angles = 2 * np.pi * np.arange(spec.num_modes) / spec.num_modes

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        modes = generator.integers(spec.num_modes, size=num_rows)
        r = generator.normal(spec.radius, spec.radial_sd, size=num_rows)
        theta = generator.normal(angles[modes], spec.angular_sd)
        return _plane(r, theta)

    return drawn(
        spec,
        lambda part, num_samples: stream.child(part).rows(0, num_samples, draw),
        metrics=(
            "share_outside",
            "mode_coverage",
            "mode_weight_error",
            "energy_distance",
            "mmd",
            "sliced_wasserstein",
            *(("share_between",) if spec.num_modes > 1 else ()),
        ),
        facts={
            "mode_centres": _plane(np.full(spec.num_modes, spec.radius), angles),
            "mode_sigma": max(spec.radial_sd, spec.radius * spec.angular_sd),
            "mode_weights": np.full(spec.num_modes, 1 / spec.num_modes),
            "mode_minimum_share": 1 / (10 * spec.num_modes),
        },
    )


def _plane(r: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return polar coordinates as points of the plane, (N, 2)."""
    return np.stack([r * np.cos(theta), r * np.sin(theta)], axis=1)
