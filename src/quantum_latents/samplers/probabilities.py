"""Exact laws and moments of the counts.

Notation: m modes, n photons, `U` (m, m), occupation t of the inputs, counts n_i of the
outputs; ``P_ik = |U_ik|**2`` and ``M_ij = sum_k t_k U_ik conj(U_jk)``, so ``<n_i> = M_ii``.

The laws enumerate ``C(m + n - 1, n)`` outcomes and serve small systems; the moments are
closed forms and serve any.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.enumeration import (
    amplitudes,
    independent_law,
    num_outcomes,
    outcome_table,
)
from quantum_latents.samplers.occupation import (
    Occupation,
    check_boson_photons,
    check_fermions,
    checked_occupation,
    input_columns,
)
from quantum_latents.samplers.permanent import MAX_PERMANENT, glynn

__all__ = [
    "MAX_LAW_OUTCOMES",
    "CountStatistics",
    "Law",
    "Statistics",
    "boson_law",
    "covariance",
    "distinguishable_law",
    "fano_factors",
    "mean_occupancy",
    "outcome_probability",
    "pair_correlators",
]

Law = tuple[np.ndarray, np.ndarray]
"""All outcomes, uint8 (K, m), and their probabilities, float64 (K,)."""

Statistics = Literal["boson", "distinguishable"]
"""Indistinguishable photons, which interfere, or distinguishable ones, which do not."""

CountStatistics = Literal["boson", "distinguishable", "mean_field", "fermion", "thermal"]
"""Whatever has a sampler here: photons, and their cheap rivals in the same interferometer."""

MAX_LAW_OUTCOMES = 3_000_000
"""Most outcomes of a law that is written out."""


def boson_law(interferometer: Interferometer, occupation: Occupation) -> Law:
    """Return the exact law of indistinguishable photons.

    Returns:
        Outcomes, uint8 (K, m), and probabilities, float64 (K,), with K = C(m + n - 1, n).

    Raises:
        ValueError: a bad occupation, more than 40 photons, or more than 3,000,000 outcomes.

    Source: the SLOS recursion, Heurtel et al., arXiv 2206.10549.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> outcomes, probabilities = boson_law(splitter, [1, 1])
    >>> outcomes.tolist(), probabilities.round(12).tolist()
    ([[2, 0], [1, 1], [0, 2]], [0.5, 0.0, 0.5])
    """
    t = _enumerable(interferometer, occupation)
    check_boson_photons(t)
    indices = input_columns(t)
    psi = amplitudes(np.ascontiguousarray(interferometer.unitary[:, indices].T), indices)
    return outcome_table(len(t), len(indices)), np.abs(psi) ** 2


def distinguishable_law(interferometer: Interferometer, occupation: Occupation) -> Law:
    """Return the exact law of distinguishable photons; see `boson_law`.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> distinguishable_law(splitter, [1, 1])[1].round(12).tolist()
    [0.25, 0.5, 0.25]
    """
    t = _enumerable(interferometer, occupation)
    indices = input_columns(t)
    ways = np.ascontiguousarray(np.abs(interferometer.unitary[:, indices].T) ** 2)
    return outcome_table(len(t), len(indices)), independent_law(ways)


def outcome_probability(
    interferometer: Interferometer,
    occupation: Occupation,
    outcome: Occupation,
    statistics: Statistics = "boson",
) -> float:
    """Return the probability of one outcome, in about n 2**n operations.

    ``|Per U[s, t]|**2 / (prod s_i! prod t_j!)`` for bosons and ``Per P[s, t] / prod s_i!``
    for distinguishable photons; the permanent is Glynn's formula in a Gray code
    (Glynn, *The permanent of a square matrix*, European J. Combin. 31 (2010)).

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        outcome: photons in each output mode, (m,).
        statistics: ``"boson"`` or ``"distinguishable"``.

    Raises:
        ValueError: a bad occupation or outcome, unknown statistics, or more than 30 photons.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> round(outcome_probability(splitter, [1, 1], [2, 0]), 12)
    0.5
    """
    _check_statistics(statistics, get_args(Statistics))
    t = checked_occupation(occupation, interferometer.num_modes)
    s = checked_occupation(outcome, interferometer.num_modes)
    if sum(s) != sum(t):
        return 0.0
    if sum(t) > MAX_PERMANENT:
        raise ValueError(
            f"a permanent of {sum(t)} photons takes 2**{sum(t)} operations; "
            f"use at most {MAX_PERMANENT} photons"
        )
    matrix = interferometer.unitary[np.ix_(input_columns(s), input_columns(t))]
    norm = math.prod(math.factorial(k) for k in s)
    if statistics == "boson":
        norm *= math.prod(math.factorial(k) for k in t)
        return abs(glynn(np.ascontiguousarray(matrix))) ** 2 / norm
    return float(glynn(np.abs(matrix) ** 2)) / norm


def mean_occupancy(interferometer: Interferometer, occupation: Occupation) -> np.ndarray:
    """Return ``<n_i> = sum_k t_k P_ik``, float64 (m,): the same for all statistics.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> mean_occupancy(splitter, [1, 1]).round(12).tolist()
    [1.0, 1.0]
    """
    t = np.array(checked_occupation(occupation, interferometer.num_modes), dtype=np.float64)
    return np.abs(interferometer.unitary) ** 2 @ t


def covariance(
    interferometer: Interferometer, occupation: Occupation, statistics: CountStatistics = "boson"
) -> np.ndarray:
    """Return the covariance of the counts, float64 (m, m), at any size.

    With Kronecker's delta_ij,

        bosons:           delta_ij <n_i> + |M_ij|**2 - sum_k t_k (t_k + 1) P_ik P_jk
        distinguishable:  delta_ij <n_i> - sum_k t_k P_ik P_jk
        mean field:       delta_ij <n_i> - <n_i> <n_j> / n
                              + (1 - 1/n) (|M_ij|**2 - sum_k t_k**2 P_ik P_jk)
        fermions:         delta_ij <n_i> - |M_ij|**2
        thermal light:    delta_ij <n_i> + |M_ij|**2

    from Wick's contractions of ``a_i^dagger a_j^dagger a_j a_i``; for the mean field from the
    average over its phases. Rows sum to zero where the number of particles is fixed: for all but
    thermal light.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,); bunched inputs are fine but for fermions.
            For thermal light the mean numbers.
        statistics: ``"boson"``, ``"distinguishable"``, ``"mean_field"``, ``"fermion"`` or
            ``"thermal"``.

    Raises:
        ValueError: a bad occupation, unknown statistics, or fermions that share an input mode.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> covariance(splitter, [1, 1]).round(12).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    >>> covariance(splitter, [1, 1], "mean_field").round(12).tolist()
    [[0.75, -0.75], [-0.75, 0.75]]
    """
    _check_statistics(statistics, get_args(CountStatistics))
    values = checked_occupation(occupation, interferometer.num_modes)
    t = np.array(values, dtype=np.float64)
    U = interferometer.unitary
    P = np.abs(U) ** 2
    mean = P @ t
    diagonal = np.diag(mean)
    if statistics == "distinguishable":
        return diagonal - (P * t) @ P.T
    exchange = np.abs((U * t) @ U.conj().T) ** 2
    if statistics == "boson":
        return diagonal + exchange - (P * (t * (t + 1))) @ P.T
    if statistics == "thermal":
        return diagonal + exchange
    if statistics == "fermion":
        check_fermions(values)
        return diagonal - exchange
    n = max(sum(values), 1)  # without photons all is zero
    return diagonal - np.outer(mean, mean) / n + (1 - 1 / n) * (exchange - (P * t**2) @ P.T)


def pair_correlators(
    interferometer: Interferometer, occupation: Occupation, statistics: CountStatistics = "boson"
) -> np.ndarray:
    """Return ``<n_i n_j>``, float64 (m, m): `covariance` plus the product of the means.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> bool(abs(pair_correlators(splitter, [1, 1])[0, 1]) < 1e-12)  # never apart
    True
    """
    mean = mean_occupancy(interferometer, occupation)
    return covariance(interferometer, occupation, statistics) + np.outer(mean, mean)


def fano_factors(
    interferometer: Interferometer, occupation: Occupation, statistics: CountStatistics = "boson"
) -> np.ndarray:
    """Return ``var(n_i) / <n_i>``, float64 (m,); NaN in a mode that no photon reaches.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> fano_factors(splitter, [1, 1], "distinguishable").round(12).tolist()
    [0.5, 0.5]
    """
    variance = np.diag(covariance(interferometer, occupation, statistics))
    mean = mean_occupancy(interferometer, occupation)
    return np.divide(variance, mean, out=np.full_like(mean, np.nan), where=mean > 0)


def _enumerable(interferometer: Interferometer, occupation: Occupation) -> tuple[int, ...]:
    t = checked_occupation(occupation, interferometer.num_modes)
    number = num_outcomes(len(t), sum(t))
    if number > MAX_LAW_OUTCOMES:
        raise ValueError(
            f"{sum(t)} photons in {len(t)} modes have {number:,} outcomes; a law is written out "
            f"up to {MAX_LAW_OUTCOMES:,}: use outcome_probability or the closed-form moments"
        )
    return t


def _check_statistics(statistics: str, known: tuple[str, ...]) -> None:
    if statistics not in known:
        raise ValueError(
            f"statistics is {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, not {statistics!r}"
        )
