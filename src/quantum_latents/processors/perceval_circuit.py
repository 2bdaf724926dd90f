"""An interferometer as perceval understands it, and perceval's samples as counts.

Notation: m modes; `U` is the unitary (m, m) with ``a_out = U a_in``, which is perceval's own
convention: a photon of input mode k leaves in mode j with amplitude ``U[j, k]``. A coupler is
perceval's ``BS.Rx(theta)``, ``[[c, i s], [i s, c]]`` with ``c = cos(theta / 2)``.

perceval is imported where it is used; the extra ``quandela`` brings it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quantum_latents.circuits import Interferometer

if TYPE_CHECKING:
    import perceval

__all__ = ["PHOTON_FILTER", "NotSamples", "experiment", "mesh", "samples_to_counts"]

PHOTON_FILTER = 1
"""Least photons of a shot that is sent back. Quandela counts no shot without a photon, so 1 keeps
all; perceval 1.3.1 serialises a filter of 0 as none, which its simulators take to mean that every
photon must arrive."""

_NEGLIGIBLE = 1e-14
"""An entry this small is a zero of the unitary but for rounding: it needs no coupler."""


class NotSamples(ValueError):
    """A result that is not a list of measured shots; the message says what it is instead."""


def experiment(
    interferometer: Interferometer, occupation: tuple[int, ...], *, decompose: bool = False
) -> perceval.Experiment:
    """Return perceval's experiment: circuit, input, and a filter that keeps every shot.

    The filter, `min_detected_photons_filter`, is `PHOTON_FILTER`: what is discarded is then ours
    to count.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        decompose: send `mesh` of the unitary instead of the matrix itself.

    >>> from quantum_latents.circuits import from_unitary
    >>> hadamard = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> experiment(hadamard, (1, 1)).min_photons_filter
    1
    """
    import perceval

    if decompose:
        circuit = mesh(interferometer.unitary)
    else:
        circuit = perceval.Unitary(np.array(interferometer.unitary))
    built = perceval.Experiment(interferometer.num_modes)
    built.add(0, circuit)
    built.with_input(perceval.BasicState(f"|{','.join(str(n) for n in occupation)}>"))
    built.min_detected_photons_filter(PHOTON_FILTER)
    return built


def mesh(unitary: np.ndarray) -> perceval.Circuit:
    """Return a triangle of couplers and phases of neighbouring modes that is the unitary.

    Column pairs are rotated until ``U T_1^dagger ... T_K^dagger`` is diagonal, with
    ``T = BS.Rx(theta) diag(exp(i phi), 1)``; then ``U`` is the phases left over times
    ``T_K ... T_1``. Zeros of the unitary need no coupler, so time bins give a sparse mesh.

    Args:
        unitary: `U`, complex (m, m).

    Source: Reck et al., Phys. Rev. Lett. 73, 58 (1994).

    >>> hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    >>> bool(np.allclose(mesh(hadamard).compute_unitary(), hadamard))
    True
    """
    import perceval

    rest = np.array(unitary, dtype=np.complex128)
    num_modes = len(rest)
    circuit = perceval.Circuit(num_modes)
    for row in range(num_modes - 1, 0, -1):
        for mode in range(row):
            left, right = rest[row, mode], rest[row, mode + 1]
            if abs(left) < _NEGLIGIBLE:
                continue
            theta = 2 * np.arctan2(abs(left), abs(right))
            phi = np.angle(left) - np.angle(right) - np.pi / 2
            circuit.add(mode, perceval.PS(float(phi)))
            circuit.add(mode, perceval.BS.Rx(float(theta)))
            cosine, sine = np.cos(theta / 2), np.sin(theta / 2)
            coupler = np.array([[cosine, 1j * sine], [1j * sine, cosine]])
            step = coupler * np.array([np.exp(1j * phi), 1])
            rest[:, mode : mode + 2] = rest[:, mode : mode + 2] @ step.conj().T
    for mode in range(num_modes):
        phi = float(np.angle(rest[mode, mode]))
        if phi:
            circuit.add(mode, perceval.PS(phi))
    return circuit


def samples_to_counts(samples: Any) -> np.ndarray:
    """Return perceval's samples as counts, uint8 (N, m), in the order in which they came.

    Args:
        samples: what a finished job of the command ``samples`` holds, a ``BSSamples``.

    Raises:
        NotSamples: anything else (counted outcomes have lost the order of shots), states of
            different lengths, no state at all, or more than 255 photons in a mode.

    >>> import perceval
    >>> shots = perceval.BSSamples([perceval.BasicState([0, 2]), perceval.BasicState([1, 1])])
    >>> samples_to_counts(shots).tolist()
    [[0, 2], [1, 1]]
    """
    import perceval

    if not isinstance(samples, perceval.BSSamples):
        raise NotSamples(f"the result is no list of shots but a {type(samples).__name__}")
    if not len(samples):
        raise NotSamples("the result holds no shot at all")
    rows: dict[Any, int] = {}
    order = [rows.setdefault(state, len(rows)) for state in samples]
    lengths = sorted({state.m for state in rows})
    if len(lengths) > 1:
        raise NotSamples(f"the shots have different numbers of modes: {lengths}")
    outcomes = np.array([list(state) for state in rows], dtype=np.int64)
    if outcomes.size and (outcomes.min() < 0 or outcomes.max() > 255):
        raise NotSamples(f"a mode of a shot has {outcomes.max()} photons, and at most 255 are read")
    return outcomes.astype(np.uint8)[order]
