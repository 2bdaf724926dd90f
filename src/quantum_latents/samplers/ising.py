"""Ising spins on a periodic square lattice, sampled exactly by transfer matrices.

Notation: L x L spins s = +1 or -1 with two bonds each, to the right and downwards, periodic (on
L = 2 every pair is bound twice), energy ``E = -J sum_bonds s s'``, temperature T in units of J/k_B,
``beta = 1 / T``. A row of spins is one of 2**L states; bit j of its number is 1 where spin j is -1.
The symmetric transfer matrix is ``S = V^(1/2) W V^(1/2)`` with V the weight of the bonds inside a
row, W of those between two rows, so ``Z = tr S^L`` and L rows have the weight of a closed path. The
first row has the law ``diag S^L / Z``, each next one, given the row before it (r) and the first,
weights ``S[r, .] S^(L - i)[., first]``. Bits are ``(1 - s) / 2``.

Sources: Kramers, Wannier, Phys. Rev. 60 (1941) 252, for the transfer matrix; Onsager, Phys. Rev. 65
(1944) 117, for the critical temperature ``2 / ln(1 + sqrt 2)``.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.kernels.tables import spin_shots
from quantum_latents.samplers.shots import draw_shots

__all__ = ["CRITICAL_TEMPERATURE", "MAX_SIDE", "IsingSampler", "check_ising", "ising_law"]

CRITICAL_TEMPERATURE = 2 / math.log(1 + math.sqrt(2))
"""Of the infinite square lattice, in units of J/k_B: about 2.269."""

MAX_SIDE = 10
"""Largest L: 2**10 states a row, transfer matrices of 75 MB."""

_MAX_ENUMERATED_SIDE = 4


def check_ising(side: int, temperature: float) -> None:
    """Refuse a lattice that cannot be sampled exactly, or no temperature.

    Raises:
        TypeError, ValueError: a side that is no whole number from 2 to 10, or a temperature that is
            no finite number above 0.

    >>> check_ising(8, CRITICAL_TEMPERATURE)
    """
    if isinstance(side, bool) or not isinstance(side, int | np.integer):
        raise TypeError(f"side is a whole number of spins, not {side!r}")
    if not 2 <= side <= MAX_SIDE:
        raise ValueError(
            f"side is from 2 to {MAX_SIDE} spins, not {side}: a row has 2**side states, and larger "
            "lattices would need a Markov chain, which is not exact"
        )
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise TypeError(f"temperature is a number, in units of J/k_B, not {temperature!r}")
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature is finite and above 0, in units of J/k_B: not {temperature}")


class IsingSampler:
    """Ising spins of one lattice and temperature, as bits, ready to draw any shots.

    Args:
        side: L, from 2 to 10.
        temperature: T in units of J/k_B.

    Attributes:
        num_spins: L**2, the coordinates of a shot, row by row.
        log_partition: ln Z at J = 1.

    Raises:
        TypeError, ValueError: as in `check_ising`.

    >>> from quantum_latents.random import stream
    >>> sampler = IsingSampler(4, CRITICAL_TEMPERATURE)
    >>> sampler.sample(3, stream(0, "shots")).shape, round(sampler.energy, 4)
    ((3, 16), -25.05)
    """

    path = "transfer-matrix"

    def __init__(self, side: int, temperature: float = CRITICAL_TEMPERATURE) -> None:
        check_ising(side, temperature)
        self.side, self.temperature, self.num_spins = int(side), float(temperature), int(side) ** 2
        self._beta = 1 / self.temperature
        self._spins = 1 - 2 * ((np.arange(2**side)[:, None] >> np.arange(side)) & 1)
        inside = (self._spins * np.roll(self._spins, -1, axis=1)).sum(axis=1)
        # A bond that is satisfied weighs 1, so nothing overflows at any temperature.
        self._root = np.exp(0.5 * self._beta * (inside - side))
        powers = [self._times_transfer(np.eye(2**side))]
        for _ in range(side - 2):
            powers.append(self._times_transfer(powers[-1]))
        self._powers = np.stack(powers)
        self._closed = np.einsum("ij,ji->i", powers[0], powers[-1])
        self.log_partition = float(np.log(self._closed.sum()) + 2 * self._beta * self.num_spins)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, L**2)."""
        key = kernel_key(stream.child("ising"))
        first_row = np.cumsum(self._closed)

        def kernel(first: int, rows: np.ndarray) -> None:
            spin_shots(first_row, self._powers, key, first, rows)

        return draw_shots(kernel, num_samples, self.num_spins, start=start, num_threads=num_threads)

    @cached_property
    def correlation(self) -> np.ndarray:
        """``<s_00 s_dc>`` of spins d rows and c columns apart, exact, float64 (L, L)."""
        spins, side = self._spins.astype(np.float64), self.side
        found = np.empty((side, side))
        weights = self._closed / self._closed.sum()
        found[0] = (weights[:, None] * spins[:, :1] * spins).sum(axis=0)
        for rows in range(1, side):
            joint = self._powers[rows - 1] * self._powers[side - rows - 1]
            joint /= joint.sum()
            found[rows] = np.einsum("i,ij,jc->c", spins[:, 0], joint, spins, optimize=True)
        return found

    @property
    def energy(self) -> float:
        """``<E>`` of the whole lattice in units of J, exact."""
        return float(-self.num_spins * (self.correlation[0, 1] + self.correlation[1, 0]))

    @property
    def mean(self) -> np.ndarray:
        """Mean of every bit: a half, as flipping all spins changes no energy, float64 (L**2,)."""
        return np.full(self.num_spins, 0.5)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the bits, a quarter of the spins' correlation, float64 (L**2, L**2)."""
        row, column = np.divmod(np.arange(self.num_spins), self.side)
        down = (row[:, None] - row) % self.side
        right = (column[:, None] - column) % self.side
        return self.correlation[down, right] / 4

    @property
    def collision_probability(self) -> float:
        """The probability that two shots are equal, ``Z(2 beta) / Z(beta)**2``."""
        colder = IsingSampler(self.side, self.temperature / 2)
        return math.exp(colder.log_partition - 2 * self.log_partition)

    def _times_transfer(self, matrix: np.ndarray) -> np.ndarray:
        """Return S times a matrix (2**L, 2**L); W is a product over the spins, so are its sums."""
        num_columns = len(matrix)
        made = self._root[:, None] * matrix
        unlike = math.exp(-2 * self._beta)
        for spin in range(self.side):
            pairs = made.reshape(-1, 2, 2**spin, num_columns)
            up, down = pairs[:, 0] + unlike * pairs[:, 1], pairs[:, 1] + unlike * pairs[:, 0]
            made = np.stack([up, down], axis=1).reshape(-1, num_columns)
        return self._root[:, None] * made


def ising_law(side: int, temperature: float = CRITICAL_TEMPERATURE) -> np.ndarray:
    """Return the probability of every state by its number, float64 (2**(L * L),).

    Bit k of the number is coordinate k of a shot.

    Raises:
        TypeError, ValueError: as in `check_ising`, or more than 4 x 4 spins.

    >>> law = ising_law(2, 2.0)
    >>> bool(law[0] == law[-1] == law.max()), round(float(law.sum()), 12)
    (True, 1.0)
    """
    check_ising(side, temperature)
    if side > _MAX_ENUMERATED_SIDE:
        raise ValueError(
            f"{side} x {side} spins have 2**{side * side} states; a law is written out up to "
            f"{_MAX_ENUMERATED_SIDE} x {_MAX_ENUMERATED_SIDE}: use the moments of IsingSampler"
        )
    states = np.arange(2 ** (side * side))
    spins = 1 - 2 * ((states[:, None] >> np.arange(side * side)) & 1).reshape(-1, side, side)
    bonds = spins * (np.roll(spins, -1, axis=1) + np.roll(spins, -1, axis=2))
    satisfied = bonds.sum(axis=(1, 2)) - 2 * side * side
    weights = np.exp(satisfied / temperature)
    return weights / weights.sum()
