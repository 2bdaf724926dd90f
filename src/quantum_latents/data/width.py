"""How many numbers a row to train on has, from its data set's spec."""

from __future__ import annotations

from typing import Any

from quantum_latents.data.array import ArraySpec
from quantum_latents.data.bits import BitsSpec
from quantum_latents.data.correlated_bits import IQPSpec, IsingSpec
from quantum_latents.data.light import GaussianBosonSpec, ThermalSpec
from quantum_latents.data.mixture import MixtureSpec
from quantum_latents.data.photon_counts import PhotonCountsSpec
from quantum_latents.data.tables import read_table

__all__ = ["width_of"]


def width_of(spec: Any) -> int:
    """Return d_x, the numbers of one row to train on; a user's file is read for it.

    Args:
        spec: of a data set of vectors.

    Raises:
        TypeError: it is no such spec.

    >>> width_of(BitsSpec(num_bits=5, num_train=100, num_held_out=50))
    5
    """
    match spec:
        case MixtureSpec():
            return 2
        case PhotonCountsSpec() | GaussianBosonSpec() | ThermalSpec():
            return spec.num_modes
        case BitsSpec():
            return spec.num_bits
        case IQPSpec():
            return spec.num_qubits
        case IsingSpec():
            return spec.side**2
        case ArraySpec():
            return read_table(spec.path).values.shape[1]
    if type(dim := getattr(spec, "dim", None)) is int:
        return dim
    raise TypeError(f"{spec!r} is no spec of a data set of vectors")
