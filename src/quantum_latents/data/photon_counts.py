"""Photon counts: boson sampling as the data to learn.

Notation: m modes, n photons. The data are the counts that n indistinguishable photons leave in
the m modes of an interferometer of the data's own, drawn apart from any latent's; photons enter
one a mode, spread evenly (`circuits.occupation.evenly_spread`: 1, 0, 1, 0, ... at n = m / 2).

Source: the "quantum" data of Table I of arXiv 2508.19857 (Appendix D), with n = 8, m = 16 and
a Haar-random interferometer drawn anew for every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import (
    boson_counts,
    check_interferometer,
    drawn,
    own_interferometer,
)
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream

__all__ = ["PhotonCountsSpec", "load_photon_counts"]


@dataclass(frozen=True, kw_only=True)
class PhotonCountsSpec:
    """Boson sampling as a data set.

    Attributes:
        num_modes: m >= 1, the number of coordinates.
        num_photons: n, from 1 to m: every sample's total.
        interferometer: "haar", or "time-bin:DELAYS" such as "time-bin:1,3,9" with random angles.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range, or the interferometer is of no known kind.
    """

    name: ClassVar[str] = "quantum"

    num_modes: int = 16
    num_photons: int = 8
    interferometer: str = "haar"
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_modes", self.num_modes, 1)
        check_integer("num_photons", self.num_photons, 1)
        check_sizes(self.num_train, self.num_held_out)
        evenly_spread(self.num_modes, self.num_photons)
        check_interferometer(self.interferometer)


def load_photon_counts(spec: PhotonCountsSpec, stream: Stream, cache: Path) -> DataSet:
    """Draw the counts into banks under `cache`, or re-use the banks that are there.

    Row i of each set depends on the stream and i alone. Facts: `photon_total` = n.

    Args:
        spec: what to draw.
        stream: its child "interferometer" gives the interferometer; three others the shots.
        cache: the folder of banks; made if missing.
    """
    interferometer = own_interferometer(spec.interferometer, spec.num_modes, stream)
    return drawn(
        spec,
        lambda part, num_samples: boson_counts(
            interferometer, spec.num_photons, num_samples, stream.child(part), cache
        ),
        metrics=(
            "l1_to_integer",
            "total_photon_error",
            "energy_distance",
            "mmd",
            "sliced_wasserstein",
        ),
        facts={"photon_total": spec.num_photons},
    )
