"""Exact samples of distinguishable photons.

Notation: m modes, n photons, input columns c_1 .. c_n. Photon k leaves in mode j with
probability ``|U[j, c_k]|**2``, whatever the others do.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.kernels.numba import independent_shots
from quantum_latents.samplers.occupation import (
    Occupation,
    check_photons,
    checked_occupation,
    input_columns,
)
from quantum_latents.samplers.shots import draw_shots

__all__ = ["DistinguishableSampler", "sample_distinguishable"]


class DistinguishableSampler:
    """Distinguishable photons of one interferometer and input, ready to draw any shots.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,); bunched inputs and none are fine.

    Raises:
        ValueError: a bad occupation.
    """

    path = "independent"

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        self.num_modes = interferometer.num_modes
        self.occupation = checked_occupation(occupation, self.num_modes)
        check_photons(self.occupation)
        columns = interferometer.unitary[:, input_columns(self.occupation)].T
        self._cumulative = np.cumsum(np.abs(columns) ** 2, axis=1)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m)."""
        key = kernel_key(stream.child("distinguishable"))

        def kernel(first: int, rows: np.ndarray) -> None:
            independent_shots(self._cumulative, key, first, rows)

        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)


def sample_distinguishable(
    interferometer: Interferometer,
    occupation: Occupation,
    num_samples: int,
    stream: Stream,
    *,
    start: int = 0,
    num_threads: int | None = None,
) -> np.ndarray:
    """Return counts of distinguishable photons, uint8 (num_samples, m).

    Row i is shot start + i of the stream, as in `sample_boson`. A stream passed to both
    samplers gives independent shots.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        num_samples: number of shots.
        stream: names the shots.
        start: index of the first shot.
        num_threads: threads to use; None is one for each core.

    Raises:
        TypeError, ValueError: a bad occupation or number.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(6, stream(0, "interferometer"))
    >>> sample_distinguishable(device, [1, 0, 1, 0, 1, 0], 1000, stream(0, "shots")).shape
    (1000, 6)
    """
    sampler = DistinguishableSampler(interferometer, occupation)
    return sampler.sample(num_samples, stream, start=start, num_threads=num_threads)
