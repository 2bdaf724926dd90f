"""Thermal light in an interferometer: classical waves that bunch as bosons do.

Notation: m modes, t_j the mean number of photons in input mode j. In each shot
``alpha = U diag(sqrt(t)) xi`` with independent complex normal xi, ``<|xi_j|**2> = 1``, and the
count of mode k is Poisson with mean ``|alpha_k|**2``. ``C = U diag(t) U^dagger`` (m, m) is the
coherence of the output, so the count of mode k is geometric with mean ``C_kk``. The number of
photons differs from shot to shot.

Source: Glauber, Phys. Rev. 131 (1963) 2766; Rahimi-Keshari, Lund, Ralph, *What can quantum optics
say about computational complexity theory?*, PRL 114, 060501 (2015), for the permanents.
"""

from __future__ import annotations

import math

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.kernels.waves import thermal_shots
from quantum_latents.samplers.occupation import (
    MAX_PHOTONS,
    Occupation,
    checked_occupation,
    input_columns,
)
from quantum_latents.samplers.permanent import MAX_PERMANENT, glynn
from quantum_latents.samplers.probabilities import mean_occupancy
from quantum_latents.samplers.shots import draw_shots

__all__ = ["MAX_OVERFLOW", "ThermalSampler", "thermal_probability"]

MAX_OVERFLOW = 1e-12
"""Largest probability of a shot that uint8 counts cannot hold."""


class ThermalSampler:
    """Thermal light of one interferometer and input, ready to draw any shots.

    Moments: `mean_occupancy`, and `covariance` of statistics ``"thermal"``. Counts have no upper
    bound, but uint8 has: an input that leaves more than 255 photons in a mode with probability
    above 1e-12 a shot (a mean of about 8 in one mode) is refused. With at most one photon
    in each input mode the probability is below 2**-256 a mode. Should such a shot be drawn all
    the same, it is refused as well: no count is ever cut off.

    Args:
        interferometer: m modes.
        occupation: mean photon number of each input mode, (m,); whole numbers, none is fine.

    Raises:
        TypeError, ValueError: a bad occupation, or light too bright for uint8 counts.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> sampler = ThermalSampler(haar(4, stream(0, "interferometer")), [1, 1, 0, 0])
    >>> counts = sampler.sample(10_000, stream(0, "shots"))
    >>> round(float(counts.sum(axis=1).mean()), 1)
    2.0
    """

    path = "thermal"

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        self.num_modes = interferometer.num_modes
        self.occupation = checked_occupation(occupation, self.num_modes)
        mean = mean_occupancy(interferometer, self.occupation)
        overflow = float(((mean / (1 + mean)) ** (MAX_PHOTONS + 1)).sum())
        if overflow > MAX_OVERFLOW:
            raise ValueError(
                f"counts are uint8: thermal light with a mean of {mean.max():.3g} photons in one "
                f"output mode leaves more than {MAX_PHOTONS} in a mode with probability "
                f"{overflow:.1e} a shot, above {MAX_OVERFLOW:g}; put fewer photons into one "
                "input mode"
            )
        t = np.array(self.occupation, dtype=np.float64)
        columns = (interferometer.unitary[:, t > 0] * np.sqrt(t[t > 0])).T
        self._columns = np.stack([np.real(columns), np.imag(columns)], axis=1)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m).

        Raises:
            ValueError: a shot with more than 255 photons in a mode (see `ThermalSampler`).
        """
        key = kernel_key(stream.child("thermal"))

        def kernel(first: int, rows: np.ndarray) -> None:
            filled = thermal_shots(self._columns, key, first, rows)
            if filled < len(rows):
                raise ValueError(
                    f"shot {first + filled} of {stream.path} has more than {MAX_PHOTONS} photons "
                    "in a mode, and counts are uint8: use another stream or fewer photons"
                )

        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)


def thermal_probability(
    interferometer: Interferometer, occupation: Occupation, outcome: Occupation
) -> float:
    """Return the probability of one outcome of thermal light, in about n 2**n operations.

    ``Per B[s, s] / (prod s_k! det(1 + C))`` with ``B = C (1 + C)**-1``, rows and columns
    repeated by the counts s of n photons.

    Args:
        interferometer: m modes.
        occupation: mean photon number of each input mode, (m,).
        outcome: photons in each output mode, (m,).

    Raises:
        TypeError, ValueError: a bad occupation or outcome, or more than 30 photons in the
            outcome.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> round(thermal_probability(splitter, [1, 1], [2, 1]), 12)  # independent: 1/8 and 1/4
    0.03125
    """
    t = np.array(checked_occupation(occupation, interferometer.num_modes), dtype=np.float64)
    s = checked_occupation(outcome, interferometer.num_modes)
    if sum(s) > MAX_PERMANENT:
        raise ValueError(
            f"a permanent of {sum(s)} photons takes 2**{sum(s)} operations; "
            f"use an outcome of at most {MAX_PERMANENT} photons"
        )
    rows = interferometer.unitary[input_columns(s)]
    B = (rows * (t / (1 + t))) @ rows.conj().T
    norm = float(np.prod(1 + t)) * math.prod(math.factorial(k) for k in s)
    return float(glynn(B).real) / norm
