"""Free fermions in an interferometer: the opposite statistics, exactly samplable.

Notation: m modes, n fermions, one in each input mode c_1 .. c_n, ``A = U[:, c]`` (m, n). A set S
of n output modes has probability ``|det A[S]|**2``: a determinantal point process whose kernel
``K = A A^dagger`` is a projection.

Source: Hough, Krishnapur, Peres, Virag, *Determinantal processes and independence*, Probability
Surveys 3 (2006) 206, arXiv math/0503110, for the sampler.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.kernels.waves import fermion_shots
from quantum_latents.samplers.occupation import (
    Occupation,
    check_fermions,
    checked_occupation,
    input_columns,
)
from quantum_latents.samplers.probabilities import MAX_LAW_OUTCOMES, Law
from quantum_latents.samplers.shots import draw_shots

__all__ = ["FermionSampler", "fermion_law"]

_BLOCK = 65_536
"""Determinants that are in memory at once."""


class FermionSampler:
    """Free fermions of one interferometer and input, ready to draw any shots.

    About ``4 m n**2`` operations a shot. Moments: `mean_occupancy`, and `covariance` of
    statistics ``"fermion"``.

    Args:
        interferometer: m modes.
        occupation: fermions in each input mode, (m,); none or one.

    Raises:
        TypeError, ValueError: a bad occupation, or one with two fermions in a mode.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> sampler = FermionSampler(haar(4, stream(0, "interferometer")), [1, 1, 1, 0])
    >>> counts = sampler.sample(100, stream(0, "shots"))
    >>> set(counts.sum(axis=1).tolist()), int(counts.max())
    ({3}, 1)
    """

    path = "determinantal"

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        self.num_modes = interferometer.num_modes
        self.occupation = checked_occupation(occupation, self.num_modes)
        check_fermions(self.occupation)
        columns = interferometer.unitary[:, input_columns(self.occupation)].T
        self._columns = np.stack([np.real(columns), np.imag(columns)], axis=1)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m)."""
        key = kernel_key(stream.child("fermion"))

        def kernel(first: int, rows: np.ndarray) -> None:
            fermion_shots(self._columns, key, first, rows)

        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)


def fermion_law(interferometer: Interferometer, occupation: Occupation) -> Law:
    """Return the exact law of free fermions, by a determinant an outcome.

    Args:
        interferometer: m modes.
        occupation: fermions in each input mode, (m,); none or one.

    Returns:
        Outcomes without two fermions in a mode, uint8 (K, m), and probabilities, float64 (K,),
        with K = C(m, n).

    Raises:
        TypeError, ValueError: a bad occupation, one with two fermions in a mode, or more than
            3,000,000 outcomes.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> outcomes, probabilities = fermion_law(splitter, [1, 1])
    >>> outcomes.tolist(), probabilities.round(12).tolist()
    ([[1, 1]], [1.0])
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    check_fermions(t)
    m, n = len(t), sum(t)
    number = math.comb(m, n)
    if number > MAX_LAW_OUTCOMES:
        raise ValueError(
            f"{n} fermions in {m} modes have {number:,} outcomes; a law is written out up to "
            f"{MAX_LAW_OUTCOMES:,}: use the closed-form moments"
        )
    A = interferometer.unitary[:, input_columns(t)]
    outcomes = np.zeros((number, m), dtype=np.uint8)
    probabilities = np.empty(number)
    sets = itertools.combinations(range(m), n)
    for first in range(0, number, _BLOCK):
        block = list(itertools.islice(sets, _BLOCK))
        chosen = np.array(block, dtype=np.int64).reshape(len(block), n)
        np.put_along_axis(outcomes[first : first + len(block)], chosen, 1, axis=1)
        probabilities[first : first + len(block)] = np.abs(np.linalg.det(A[chosen])) ** 2
    return outcomes, probabilities
