"""Correlated bits: strings of a commuting quantum circuit (IQP), and Ising spins.

Notation: n qubits with a circuit of the data's own (`circuits.commuting`); L x L spins at a
temperature T in units of J/k_B (`samplers.ising`). The two are opposites: bits of a random circuit
have next to no correlations of few bits and an irregular law of whole strings, spins near
criticality are correlated over the whole lattice and classically easy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantum_latents.circuits import random_commuting_circuit
from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import drawn
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream
from quantum_latents.samplers import CommutingSampler, IsingSampler
from quantum_latents.samplers.commuting import check_qubits
from quantum_latents.samplers.ising import CRITICAL_TEMPERATURE, check_ising

__all__ = ["IQPSpec", "IsingSpec", "load_iqp", "load_ising"]

_METRICS = ("l1_to_integer", "energy_distance", "mmd", "sliced_wasserstein", "outcome_distance")


@dataclass(frozen=True, kw_only=True)
class IQPSpec:
    """Bit strings of a random commuting circuit as a data set.

    Attributes:
        num_qubits: n, from 1 to 20, the number of coordinates.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "iqp"

    num_qubits: int = 16
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_qubits", self.num_qubits, 1)
        check_qubits(self.num_qubits)
        check_sizes(self.num_train, self.num_held_out)


def load_iqp(spec: IQPSpec, stream: Stream) -> DataSet:
    """Draw the bits, as 0.0 and 1.0; row i of each set depends on the stream and i alone.

    Facts: `collision_probability`.

    Args:
        spec: what to draw.
        stream: its child "circuit" gives the circuit; three others the shots.

    >>> from quantum_latents.random import stream
    >>> load_iqp(IQPSpec(num_train=100, num_held_out=50), stream(0, "data")).train.shape
    (100, 16)
    """
    circuit = random_commuting_circuit(spec.num_qubits, stream.child("circuit"))
    sampler = CommutingSampler(circuit)
    return drawn(
        spec,
        lambda part, num_samples: sampler.sample(num_samples, stream.child(part)),
        metrics=_METRICS,
        facts={"collision_probability": sampler.collision_probability},
    )


@dataclass(frozen=True, kw_only=True)
class IsingSpec:
    """Spins of a periodic square Ising lattice as a data set, bits row by row.

    Attributes:
        side: L, from 2 to 10; a sample has L**2 coordinates.
        temperature: T in units of J/k_B, > 0; the infinite lattice is critical at 2.269.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number is not one.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "ising"

    side: int = 8
    temperature: float = CRITICAL_TEMPERATURE
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_ising(self.side, self.temperature)
        check_sizes(self.num_train, self.num_held_out)


def load_ising(spec: IsingSpec, stream: Stream) -> DataSet:
    """Draw the spins, as 0.0 and 1.0; row i of each set depends on the stream and i alone.

    Facts: `collision_probability`.

    >>> from quantum_latents.random import stream
    >>> load_ising(IsingSpec(num_train=100, num_held_out=50), stream(0, "data")).train.shape
    (100, 64)
    """
    sampler = IsingSampler(spec.side, spec.temperature)
    return drawn(
        spec,
        lambda part, num_samples: sampler.sample(num_samples, stream.child(part)),
        metrics=_METRICS,
        facts={"collision_probability": sampler.collision_probability},
    )
