"""Bit strings of commuting quantum circuits (IQP), from the whole state vector.

Notation: n qubits, circuit and amplitudes as in `circuits.commuting`; bit j of the number of a
bit string y is its coordinate j. The amplitudes are a Walsh-Hadamard transform of 2**n phases,
n 2**n sums.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from quantum_latents.circuits.commuting import CommutingCircuit
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.kernels.numba import guide_of
from quantum_latents.samplers.kernels.tables import bit_string_shots
from quantum_latents.samplers.shots import draw_shots

__all__ = [
    "MAX_QUBITS",
    "CommutingSampler",
    "check_qubits",
    "commuting_law",
    "walsh_hadamard",
]

MAX_QUBITS = 20
"""Most qubits whose state vector is written out: 2**20 amplitudes."""


def check_qubits(num_qubits: int) -> None:
    """Refuse more qubits than are written out.

    Raises:
        ValueError: more than 20, or none.

    >>> check_qubits(16)
    """
    if not 1 <= num_qubits <= MAX_QUBITS:
        raise ValueError(
            f"a commuting circuit is simulated by its whole state vector, 1 to {MAX_QUBITS} "
            f"qubits, not {num_qubits}"
        )


def walsh_hadamard(values: np.ndarray) -> np.ndarray:
    """Return ``sum_x (-1)**(x . y) values[x]`` for all y, shape (2**n,).

    Args:
        values: (2**n,), real or complex.

    Raises:
        ValueError: the length is no power of 2.

    >>> walsh_hadamard(np.array([1.0, 0.0, 0.0, 1.0])).tolist()
    [2.0, 0.0, 0.0, 2.0]
    """
    size = len(values)
    if size & (size - 1) or size == 0:
        raise ValueError(f"a Walsh-Hadamard transform has 2**n values, not {size}")
    values, half = np.array(values), 1
    while half < size:
        pairs = values.reshape(-1, 2, half)
        pairs[:] = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1)
        half *= 2
    return values


def commuting_law(circuit: CommutingCircuit) -> np.ndarray:
    """Return the probability of every bit string by its number, float64 (2**n,).

    Raises:
        ValueError: more than 20 qubits.

    >>> law = commuting_law(CommutingCircuit(fields=(4, 0), couplings=(0,)))
    >>> law.round(12).tolist()  # exp(i pi/2 Z) flips the first qubit
    [0.0, 1.0, 0.0, 0.0]
    """
    n = circuit.num_qubits
    check_qubits(n)
    couplings = circuit.coupling_matrix()
    sixteenths = np.zeros(1, dtype=np.int8)  # of a turn, built up qubit by qubit, modulo 16
    for qubit, own in enumerate(circuit.fields):
        local = np.full(1, own, dtype=np.int16)
        for other in range(qubit):
            weight = int(couplings[qubit, other])
            local = np.concatenate([local + weight, local - weight]) % 16
        sixteenths = np.concatenate([sixteenths + local, sixteenths - local]) % 16
    phases = np.exp(1j * np.pi / 8 * np.arange(16))
    psi = walsh_hadamard(phases[sixteenths]) / 2**n
    return psi.real**2 + psi.imag**2


class CommutingSampler:
    """Bit strings of one commuting circuit, ready to draw any shots.

    Args:
        circuit: n qubits, the coordinates.

    Attributes:
        probabilities: of every bit string by its number, float64 (2**n,).

    Raises:
        ValueError: more than 20 qubits.

    >>> from quantum_latents.circuits import random_commuting_circuit
    >>> from quantum_latents.random import stream
    >>> sampler = CommutingSampler(random_commuting_circuit(6, stream(0, "circuit")))
    >>> sampler.sample(3, stream(0, "shots")).shape
    (3, 6)
    """

    path = "state-vector"

    def __init__(self, circuit: CommutingCircuit) -> None:
        self.circuit = circuit
        self.num_qubits = circuit.num_qubits
        self.probabilities = commuting_law(circuit)
        self._cumulative = np.cumsum(self.probabilities)
        assert abs(self._cumulative[-1] - 1) < 1e-9, "the law does not sum to 1"
        self._guide = guide_of(self._cumulative)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, n)."""
        key = kernel_key(stream.child("commuting"))

        def kernel(first: int, rows: np.ndarray) -> None:
            bit_string_shots(self._cumulative, self._guide, key, first, rows)

        return draw_shots(
            kernel, num_samples, self.num_qubits, start=start, num_threads=num_threads
        )

    @cached_property
    def _parities(self) -> np.ndarray:
        """``E prod_{j in S} (-1)**y_j`` by the number of S."""
        return walsh_hadamard(self.probabilities)

    @property
    def mean(self) -> np.ndarray:
        """E y, exact, float64 (n,)."""
        return (1 - self._parities[1 << np.arange(self.num_qubits)]) / 2

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the bits, exact, float64 (n, n)."""
        sets = 1 << np.arange(self.num_qubits)
        spins = self._parities[sets]
        # The two-spin set of a qubit with itself is empty: its parity is 1.
        return (self._parities[sets[:, None] ^ sets[None]] - np.outer(spins, spins)) / 4

    @property
    def collision_probability(self) -> float:
        """The probability that two shots are equal."""
        return float((self.probabilities**2).sum())
