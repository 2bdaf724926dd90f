"""Bit strings of a random commuting circuit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quantum_latents.circuits import random_commuting_circuit
from quantum_latents.latents.correlated import COMMUTING_CARD, SampledSource, commuting_source
from quantum_latents.latents.sources import Card
from quantum_latents.latents.spec import LatentSpec
from quantum_latents.random import stream
from quantum_latents.samplers.commuting import check_qubits

__all__ = ["CommutingSpec"]


@dataclass(frozen=True, kw_only=True)
class CommutingSpec(LatentSpec):
    """Bit strings of a random commuting circuit (IQP) drawn for the run's seed.

    Attributes as in `LatentSpec`; `dim`, the number of qubits, is at most 20.
    """

    name: Literal["iqp"] = "iqp"

    def __post_init__(self):
        super().__post_init__()
        check_qubits(self.dim)

    def source(self, seed: int, cache: Path) -> SampledSource:
        """Return the law of the circuit at a seed."""
        return commuting_source(random_commuting_circuit(self.dim, stream(seed, "circuit")))

    @property
    def card(self) -> Card:
        """The same for every circuit."""
        return COMMUTING_CARD
