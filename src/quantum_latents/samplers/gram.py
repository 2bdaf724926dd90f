"""Photons whose internal states overlap in any way: a Gram matrix.

Notation: m modes, n photons in input columns c_1 .. c_n, ``S_kl = <phi_k | phi_l>`` (n, n) of
rank r. In an orthonormal basis of the internal states photon k is created by
``sum_ij U[i, c_k] phi_k[j] a^dagger_ij``, i a mode and j one of r internal states, so all n photons
are bosons in m r modes; detectors see i only.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.enumeration import amplitudes, num_outcomes, outcome_table
from quantum_latents.samplers.occupation import (
    Occupation,
    check_boson_photons,
    checked_occupation,
    input_columns,
)

__all__ = ["MAX_GRAM_OUTCOMES", "gram_law", "internal_states", "merged"]

MAX_GRAM_OUTCOMES = 1_000_000
"""Most outcomes in modes and internal states that are enumerated for a Gram matrix."""


def gram_law(
    interferometer: Interferometer,
    occupation: Occupation,
    gram: np.ndarray,
    *,
    num_seen: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact law of photons with the overlaps of a Gram matrix.

    The law of bosons in ``m r`` modes is enumerated and summed over the internal states. Photons
    that share an input mode are put there by their creation operators; the state is normalised.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        gram: the overlaps, (n, n), in the order of the input columns.
        num_seen: only the first so many modes are looked at; None is all.

    Returns:
        Outcomes, uint8 (K, num_seen), and probabilities, float64 (K,).

    Raises:
        ValueError: a bad occupation, a matrix of another size, or more than 1,000,000 outcomes
            in modes and internal states.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> outcomes, probabilities = gram_law(splitter, [1, 1], np.array([[1, 0.5], [0.5, 1]]))
    >>> dict(zip(map(tuple, outcomes.tolist()), probabilities.round(6).tolist()))
    {(0, 2): 0.3125, (1, 1): 0.375, (2, 0): 0.3125}
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    check_boson_photons(t)
    columns = input_columns(t)
    overlaps = np.asarray(gram, dtype=np.complex128)
    if overlaps.shape != (len(columns),) * 2:
        raise ValueError(
            f"the Gram matrix of {len(columns)} photons has shape {(len(columns),) * 2}, "
            f"not {overlaps.shape}"
        )
    num_seen = len(t) if num_seen is None else num_seen
    phi = internal_states(overlaps)
    rank = phi.shape[1]
    number = num_outcomes(len(t) * rank, len(columns))
    if number > MAX_GRAM_OUTCOMES:
        raise ValueError(
            f"a Gram matrix of {len(columns)} photons and rank {rank} in {len(t)} modes (loss "
            f"modes included) has {number:,} outcomes; at most {MAX_GRAM_OUTCOMES:,} are "
            "enumerated: give interference, the same overlap for all pairs"
        )
    forms = np.einsum("ik,kj->kij", interferometer.unitary[:, columns], phi)
    forms = np.ascontiguousarray(forms.reshape(len(columns), -1))
    # Every photon is a column of its own: the state is then normalised by hand.
    weight = np.abs(amplitudes(forms, np.arange(len(columns)))) ** 2
    outcomes = outcome_table(len(t) * rank, len(columns))
    seen = outcomes.reshape(number, len(t), rank).sum(axis=2, dtype=np.uint8)[:, :num_seen]
    return merged(seen, weight / weight.sum())


def internal_states(gram: np.ndarray) -> np.ndarray:
    """Return states with given overlaps, complex128 (n, r): ``sum_j conj(phi_kj) phi_lj = S_kl``.

    >>> internal_states(np.ones((3, 3))).shape
    (3, 1)
    """
    if not len(gram):
        return np.zeros((0, 1), dtype=np.complex128)
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * len(gram)
    return np.conj(vectors[:, kept]) * np.sqrt(values[kept])


def merged(outcomes: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a law with equal outcomes listed once, in lexicographic order.

    >>> merged(np.array([[1], [0], [1]], dtype=np.uint8), np.array([0.25, 0.5, 0.25]))[1].tolist()
    [0.5, 0.5]
    """
    rows = np.ascontiguousarray(outcomes, dtype=np.uint8)
    # Rows as strings of bytes sort a hundred times as fast as rows of numbers.
    keys = rows.view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], np.bincount(inverse.reshape(-1), weights=probabilities)
