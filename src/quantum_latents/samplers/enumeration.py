"""Exact output laws of small systems, all outcomes at once.

Notation: m modes, n photons, input columns c_1 .. c_n. An outcome is a multiset of n modes
``z_1 <= ... <= z_n``; its *rank* is ``sum_k C(z_k + k - 1, k)`` (k from 1), which numbers all
``K = C(m + n - 1, n)`` outcomes from 0 without gaps (the combinatorial number system).
"""

from __future__ import annotations

import math

import numba
import numpy as np

__all__ = [
    "amplitudes",
    "binomial_table",
    "independent_law",
    "num_outcomes",
    "outcome_modes",
    "outcome_table",
]

_SATURATED = 2**62


def num_outcomes(num_modes: int, num_photons: int) -> int:
    """Return ``C(m + n - 1, n)``, the number of ways to put n photons in m modes.

    >>> num_outcomes(16, 8)
    490314
    """
    return math.comb(num_modes + num_photons - 1, num_photons)


def binomial_table(num_modes: int, num_photons: int) -> np.ndarray:
    """Return C(c, k), int64 (m + n, n + 1), clipped at 2**62: clipped entries are no rank."""
    table = np.zeros((num_modes + num_photons, num_photons + 1), dtype=np.int64)
    table[:, 0] = 1
    for k in range(1, num_photons + 1):
        value = 0  # C(c, k) as c grows
        for c in range(k, num_modes + num_photons):
            value = 1 if c == k else value * c // (c - k)
            if value >= _SATURATED:
                table[c:, k] = _SATURATED
                break
            table[c, k] = value
    return table


def amplitudes(columns: np.ndarray, column_index: np.ndarray) -> np.ndarray:
    """Return the amplitude of every outcome, complex128 (K,), by the SLOS recursion.

    Photon k is added to the state of k - 1 photons by its creation operator,

        psi_k(s) = sum_i A[i, k] sqrt(s_i) psi_(k-1)(s - e_i) / sqrt(t_k),

    where t_k counts the photons put into that input mode so far, so that every psi_k is a
    normalised state. Source: Heurtel et al., arXiv 2206.10549.

    Args:
        columns: ``A`` transposed, complex128 (n, m): row k is column c_k of U.
        column_index: c_k, (n,), to count photons in the same input mode.
    """
    num_photons = columns.shape[0]
    repeats = np.array([np.sum(column_index[: k + 1] == c) for k, c in enumerate(column_index)])
    scale = 1 / np.sqrt(repeats.astype(np.float64))
    roots = np.sqrt(np.arange(num_photons + 1, dtype=np.float64))
    return _recursion(
        columns * scale[:, None], roots, binomial_table(columns.shape[1], num_photons)
    )


def independent_law(probabilities: np.ndarray) -> np.ndarray:
    """Return the probability of every outcome when photons travel independently, (K,).

    Args:
        probabilities: float64 (n, m), row k the law of the mode of photon k.
    """
    num_photons, num_modes = probabilities.shape
    return _recursion(
        probabilities, np.ones(num_photons + 1), binomial_table(num_modes, num_photons)
    )


def outcome_table(num_modes: int, num_photons: int) -> np.ndarray:
    """Return all outcomes in the order of their ranks, uint8 (K, m).

    >>> outcome_table(2, 2).tolist()
    [[2, 0], [1, 1], [0, 2]]
    """
    modes = outcome_modes(num_modes, num_photons)
    table = np.zeros((len(modes), num_modes), dtype=np.uint8)
    _count(modes, table)
    return table


def outcome_modes(num_modes: int, num_photons: int) -> np.ndarray:
    """Return the modes of the photons of all outcomes in the order of their ranks, (K, n).

    The numbers are of the smallest unsigned type that holds them.

    >>> outcome_modes(2, 2).tolist()
    [[0, 0], [0, 1], [1, 1]]
    """
    table = np.empty(
        (num_outcomes(num_modes, num_photons), num_photons), np.min_scalar_type(num_modes)
    )
    _fill_modes(table)
    return table


@numba.njit(cache=True)
def _advance(modes):
    """Turn a multiset into the one of the next rank."""
    k = 0
    while k + 1 < modes.size and modes[k] == modes[k + 1]:
        k += 1
    modes[k] += 1
    modes[:k] = 0


@numba.njit(cache=True)
def _count(modes, table):
    for rank in range(modes.shape[0]):
        for k in range(modes.shape[1]):
            table[rank, modes[rank, k]] += np.uint8(1)


@numba.njit(cache=True)
def _fill_modes(table):
    modes = np.zeros(table.shape[1], np.int64)
    for rank in range(table.shape[0]):
        for k in range(modes.size):
            table[rank, k] = modes[k]
        if modes.size > 0:
            _advance(modes)


@numba.njit(nogil=True, cache=True)
def _recursion(forms, roots, binomial):
    """psi_k(s) = sum_i forms[k, i] roots[s_i] psi_(k-1)(s - e_i), over all outcomes s."""
    num_photons, num_modes = forms.shape
    previous = np.ones(1, forms.dtype)
    for k in range(1, num_photons + 1):
        size = binomial[num_modes + k - 1, k]
        current = np.empty(size, forms.dtype)
        modes = np.zeros(k, np.int64)
        below = np.zeros(k + 1, np.int64)  # rank of the first p modes
        for rank in range(size):
            for p in range(k):
                below[p + 1] = below[p] + binomial[modes[p] + p, p + 1]
            above = 0  # what the modes after p add to the rank once mode p is taken out
            total = previous[0] * 0
            p = k
            while p > 0:
                q = p
                while q > 0 and modes[q - 1] == modes[p - 1]:
                    q -= 1
                total += forms[k - 1, modes[p - 1]] * roots[p - q] * previous[below[p - 1] + above]
                for j in range(max(q, 1), p):
                    above += binomial[modes[j] + j - 1, j]
                p = q
            current[rank] = total
            _advance(modes)
        previous = current
    return previous
