"""Mean-field bosons: one macroscopic wave function with random phases.

Notation: m modes, n particles, occupation t of the inputs. In each shot the occupied input modes
get phases theta_j, uniform and independent; the wave function leaves in mode k with amplitude
``psi_k = sum_j sqrt(t_j / n) exp(i theta_j) U[k, j]``, and all n particles are drawn
independently from ``|psi_k|**2``. It bunches as bosons do, without their many-particle
interference, and is cheap.

Source: Tichy, Mayer, Buchleitner, Molmer, *Stringent and efficient assessment of boson-sampling
devices*, PRL 113, 020502 (2014), arXiv 1312.3080.
"""

from __future__ import annotations

import itertools

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.enumeration import independent_law, num_outcomes, outcome_table
from quantum_latents.samplers.kernels.waves import mean_field_shots
from quantum_latents.samplers.occupation import Occupation, check_photons, checked_occupation
from quantum_latents.samplers.probabilities import Law
from quantum_latents.samplers.shots import draw_shots

__all__ = ["MAX_MEAN_FIELD_TERMS", "MeanFieldSampler", "mean_field_law"]

MAX_MEAN_FIELD_TERMS = 20_000_000
"""Most outcomes times phases of a law that is written out: some seconds."""


class MeanFieldSampler:
    """Mean-field bosons of one interferometer and input, ready to draw any shots.

    Moments: `mean_occupancy`, and `covariance` of statistics ``"mean_field"``.

    Args:
        interferometer: m modes.
        occupation: particles in each input mode, (m,); bunched inputs and none are fine.

    Raises:
        TypeError, ValueError: a bad occupation.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> sampler = MeanFieldSampler(haar(4, stream(0, "interferometer")), [1, 1, 0, 0])
    >>> sampler.sample(3, stream(0, "shots")).sum(axis=1).tolist()
    [2, 2, 2]
    """

    path = "mean-field"

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        self.num_modes = interferometer.num_modes
        self.occupation = checked_occupation(occupation, self.num_modes)
        check_photons(self.occupation)
        columns = _waves(interferometer, self.occupation)
        self._columns = np.stack([np.real(columns), np.imag(columns)], axis=1)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m)."""
        key = kernel_key(stream.child("mean field"))
        num_particles = sum(self.occupation)

        def kernel(first: int, rows: np.ndarray) -> None:
            mean_field_shots(self._columns, num_particles, key, first, rows)

        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)


def mean_field_law(interferometer: Interferometer, occupation: Occupation) -> Law:
    """Return the exact law of mean-field bosons.

    Given the phases the law is multinomial, a trigonometric polynomial of degree n in each
    phase. Its average over n + 1 equally spaced phases is the integral; the first phase is
    global and stays 0.

    Args:
        interferometer: m modes.
        occupation: particles in each input mode, (m,).

    Returns:
        Outcomes, uint8 (K, m), and probabilities, float64 (K,), with K = C(m + n - 1, n).

    Raises:
        TypeError, ValueError: a bad occupation, or more than 20,000,000 outcomes times phases,
            ``K (n + 1)**(r - 1)`` for r occupied modes.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> mean_field_law(splitter, [1, 1])[1].round(12).tolist()
    [0.375, 0.25, 0.375]
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    check_photons(t)
    columns = _waves(interferometer, t)
    n, num_free = sum(t), max(len(columns) - 1, 0)
    num_phases, number = (n + 1) ** num_free, num_outcomes(len(t), n)
    if number * num_phases > MAX_MEAN_FIELD_TERMS:
        raise ValueError(
            f"{n} particles in {len(t)} modes have {number:,} outcomes and, from "
            f"{len(columns)} input modes, {num_phases:,} phases to average over; a law is written "
            f"out up to a product of {MAX_MEAN_FIELD_TERMS:,}: use the closed-form moments"
        )
    probabilities = np.zeros(number)
    circle = np.exp(2j * np.pi * np.arange(n + 1) / (n + 1))
    for phases in itertools.product(circle, repeat=num_free):
        psi = np.array([1, *phases])[: len(columns)] @ columns
        probabilities += independent_law(np.tile(np.abs(psi) ** 2, (n, 1)))
    return outcome_table(len(t), n), probabilities / num_phases


def _waves(interferometer: Interferometer, occupation: tuple[int, ...]) -> np.ndarray:
    """Return ``sqrt(t_j / n) U[:, j]`` for every occupied mode j, complex128 (r, m)."""
    t = np.array(occupation, dtype=np.float64)
    occupied = t > 0
    shares = t[occupied] / max(t.sum(), 1.0)
    return np.sqrt(shares)[:, None] * interferometer.unitary[:, occupied].T
