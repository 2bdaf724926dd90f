"""Commuting quantum circuits (IQP): all gates are diagonal between two layers of Hadamards.

Notation: n qubits, spins ``z_i = 1 - 2 x_i`` of a bit string x, weights w_ij (i < j) and v_i, whole
numbers modulo 16. The circuit is ``H^n D H^n`` on ``|0...0>``, with

    D |x> = exp(i pi/8 (sum_{i<j} w_ij z_i z_j + sum_i v_i z_i)) |x>,

so the probability of a bit string y is a partition function of an Ising model at an imaginary
temperature, ``|2**-n sum_x (-1)**(x . y) exp(i pi/8 (...))|**2``.

Source: Bremner, Montanaro, Shepherd, *Average-case complexity versus approximate simulation of
commuting quantum computations*, PRL 117, 080501 (2016), arXiv 1504.07999.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantum_latents.random import Stream

__all__ = ["CommutingCircuit", "random_commuting_circuit"]


@dataclass(frozen=True)
class CommutingCircuit:
    """A commuting circuit of n qubits.

    Attributes:
        fields: v_i, n whole numbers from 0 to 15.
        couplings: w_ij of the pairs (0, 1), (0, 2), ..., (n - 2, n - 1), from 0 to 15.

    Raises:
        ValueError: no qubit, another number of couplings than pairs, or a weight out of range.

    >>> CommutingCircuit(fields=(0, 4), couplings=(2,)).num_qubits
    2
    """

    fields: tuple[int, ...]
    couplings: tuple[int, ...]

    def __post_init__(self) -> None:
        n = len(self.fields)
        if n < 1:
            raise ValueError("a circuit has at least one qubit: give one field a qubit")
        if len(self.couplings) != n * (n - 1) // 2:
            raise ValueError(
                f"{n} qubits have {n * (n - 1) // 2} pairs, not {len(self.couplings)} couplings"
            )
        for weight in (*self.fields, *self.couplings):
            if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight < 16:
                raise ValueError(f"a weight is a whole number from 0 to 15, not {weight!r}")

    @property
    def num_qubits(self) -> int:
        """The number n of qubits."""
        return len(self.fields)

    def coupling_matrix(self) -> np.ndarray:
        """Return w_ij, int64 (n, n), symmetric, 0 on the diagonal.

        >>> CommutingCircuit(fields=(0, 4), couplings=(2,)).coupling_matrix().tolist()
        [[0, 2], [2, 0]]
        """
        n = self.num_qubits
        matrix = np.zeros((n, n), dtype=np.int64)
        matrix[np.triu_indices(n, 1)] = self.couplings
        return matrix + matrix.T


def random_commuting_circuit(num_qubits: int, stream: Stream) -> CommutingCircuit:
    """Return a circuit whose weights are uniform on 0, ..., 7 and independent.

    For these, sampling within a small total variation distance is hard on a classical computer if
    two conjectures hold (Bremner, Montanaro, Shepherd, conjecture 2).

    Args:
        num_qubits: n >= 1.
        stream: names the circuit.

    Raises:
        ValueError: no qubit.

    >>> from quantum_latents.random import stream
    >>> len(random_commuting_circuit(4, stream(0, "circuit")).couplings)
    6
    """
    if isinstance(num_qubits, bool) or not isinstance(num_qubits, int) or num_qubits < 1:
        raise ValueError(f"num_qubits is a whole number from 1 on, not {num_qubits!r}")
    pairs = num_qubits * (num_qubits - 1) // 2
    weights = stream.generator().integers(8, size=num_qubits + pairs).tolist()
    return CommutingCircuit(tuple(weights[:num_qubits]), tuple(weights[num_qubits:]))
