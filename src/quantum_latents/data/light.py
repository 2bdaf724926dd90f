"""Counts of other light: squeezed vacua (Gaussian boson sampling) and thermal light.

Notation: m modes, K of them lit, spread evenly (`circuits.occupation.evenly_spread`), in an
interferometer of the data's own. The number of photons differs from sample to sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import check_interferometer, drawn, own_interferometer
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream
from quantum_latents.samplers import SqueezedSampler, ThermalSampler
from quantum_latents.samplers.squeezed import check_squeezed, equal_squeezing, squeezed_total_law

__all__ = [
    "MIN_KEPT",
    "GaussianBosonSpec",
    "ThermalSpec",
    "load_gaussian_boson",
    "load_thermal",
]

MIN_KEPT = 0.9
"""Least share of its shots that data called Gaussian boson sampling keep below their cap."""


@dataclass(frozen=True, kw_only=True)
class GaussianBosonSpec:
    """Gaussian boson sampling as a data set, post-selected on at most `max_photons`.

    Attributes:
        num_modes: m >= 1, the number of coordinates.
        num_squeezed: K, from 1 to m: input modes of equal squeezing.
        mean_photons: mean total before the post-selection, > 0.
        max_photons: largest total that is kept; at least nine tenths of the shots have to be.
        interferometer: "haar", or "time-bin:DELAYS" such as "time-bin:1,3,9" with random angles.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range, too many outcomes (`check_squeezed`), or less
            than nine tenths of the shots kept.
    """

    name: ClassVar[str] = "gbs"

    num_modes: int = 16
    num_squeezed: int = 16
    mean_photons: float = 4.0
    max_photons: int = 10
    interferometer: str = "haar"
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        for name in ("num_modes", "num_squeezed"):
            check_integer(name, getattr(self, name), 1)
        check_integer("max_photons", self.max_photons, 2)
        check_sizes(self.num_train, self.num_held_out)
        lit = evenly_spread(self.num_modes, self.num_squeezed)
        check_interferometer(self.interferometer)
        check_squeezed(self.num_modes, self.max_photons)
        squeezing = equal_squeezing(lit, self.mean_photons)
        kept = float(squeezed_total_law(squeezing, self.max_photons).sum())
        if kept < MIN_KEPT:
            raise ValueError(
                f"at most max_photons={self.max_photons} are {kept:.3g} of the shots at "
                f"mean_photons={self.mean_photons:g}, less than {MIN_KEPT:g}: what is left would "
                "be another law; take a smaller mean or keep more photons"
            )


def load_gaussian_boson(spec: GaussianBosonSpec, stream: Stream) -> DataSet:
    """Draw the counts; row i of each set depends on the stream and i alone.

    Facts: `collision_probability`. A note tells the share of the shots that are kept.

    Args:
        spec: what to draw.
        stream: its child "interferometer" gives the interferometer; three others the shots.

    >>> from quantum_latents.random import stream
    >>> spec = GaussianBosonSpec(num_modes=4, num_squeezed=4, mean_photons=1.0, max_photons=6,
    ...                          num_train=100, num_held_out=50)
    >>> load_gaussian_boson(spec, stream(0, "data")).notes
    ('Post-selected on at most 6 photons: 99.32 % of the shots of a lossless device.',)
    """
    device = own_interferometer(spec.interferometer, spec.num_modes, stream)
    lit = evenly_spread(spec.num_modes, spec.num_squeezed)
    squeezing = equal_squeezing(lit, spec.mean_photons)
    sampler = SqueezedSampler(device, squeezing, max_photons=spec.max_photons)
    return drawn(
        spec,
        lambda part, num_samples: sampler.sample(num_samples, stream.child(part)),
        metrics=(
            "l1_to_integer",
            "energy_distance",
            "mmd",
            "sliced_wasserstein",
            "outcome_distance",
        ),
        facts={"collision_probability": sampler.collision_probability},
        notes=(
            f"Post-selected on at most {spec.max_photons} photons: "
            f"{math.floor(1e4 * sampler.acceptance) / 100} % of the shots of a lossless device.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class ThermalSpec:
    """Thermal light as a data set: strongly correlated counts that are classically easy.

    Attributes:
        num_modes: m >= 1, the number of coordinates.
        num_lit: K, from 1 to m: input modes of one photon in the mean.
        interferometer: "haar", or "time-bin:DELAYS" such as "time-bin:1,3,9" with random angles.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range, or the interferometer is of no known kind.
    """

    name: ClassVar[str] = "thermal"

    num_modes: int = 16
    num_lit: int = 8
    interferometer: str = "haar"
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        for name in ("num_modes", "num_lit"):
            check_integer(name, getattr(self, name), 1)
        check_sizes(self.num_train, self.num_held_out)
        evenly_spread(self.num_modes, self.num_lit)
        check_interferometer(self.interferometer)


def load_thermal(spec: ThermalSpec, stream: Stream) -> DataSet:
    """Draw the counts; row i of each set depends on the stream and i alone.

    Args:
        spec: what to draw.
        stream: its child "interferometer" gives the interferometer; three others the shots.

    >>> from quantum_latents.random import stream
    >>> spec = ThermalSpec(num_modes=4, num_lit=2, num_train=100, num_held_out=50)
    >>> load_thermal(spec, stream(0, "data")).train.shape
    (100, 4)
    """
    device = own_interferometer(spec.interferometer, spec.num_modes, stream)
    sampler = ThermalSampler(device, evenly_spread(spec.num_modes, spec.num_lit))
    return drawn(
        spec,
        lambda part, num_samples: sampler.sample(num_samples, stream.child(part)),
        metrics=("l1_to_integer", "energy_distance", "mmd", "sliced_wasserstein"),
        facts={},
    )
