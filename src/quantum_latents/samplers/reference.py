"""Photons by definition: slow, plain, and the oracle of every kernel.

Notation: `U` (m, m) is a unitary, t the occupation of its inputs, s that of its outputs, n
photons in both. ``U[s, t]`` is the n by n matrix with row i of U taken s_i times and column j
taken t_j times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement, permutations

import numpy as np

__all__ = [
    "boson_probability",
    "distinguishable_probability",
    "gram_probability",
    "outcomes",
    "permanent",
    "sample_boson_once",
    "sample_distinguishable_once",
]


def permanent(matrix: np.ndarray) -> complex:
    """Return ``sum over permutations p of prod_i matrix[i, p(i)]``; n! terms.

    >>> permanent(np.array([[1, 2], [3, 4]])).real
    10.0
    """
    size = len(matrix)
    terms = (
        math.prod(complex(matrix[i, p[i]]) for i in range(size)) for p in permutations(range(size))
    )
    return sum(terms, 0j)


def boson_probability(U: np.ndarray, t: Sequence[int], s: Sequence[int]) -> float:
    """Return ``|Per U[s, t]|**2 / (prod s_i! prod t_j!)``.

    Source: Scheel, arXiv quant-ph/0406127; Aaronson & Arkhipov, arXiv 1011.3245.
    """
    norm = math.prod(math.factorial(k) for k in [*s, *t])
    return abs(permanent(_repeated(U, s, t))) ** 2 / norm


def distinguishable_probability(U: np.ndarray, t: Sequence[int], s: Sequence[int]) -> float:
    """Return ``Per |U[s, t]|**2 / prod s_i!``: photons that take their ways independently."""
    norm = math.prod(math.factorial(k) for k in s)
    return permanent(np.abs(_repeated(U, s, t)) ** 2).real / norm


def gram_probability(U: np.ndarray, t: Sequence[int], s: Sequence[int], gram: np.ndarray) -> float:
    """Return the probability of counts of photons whose internal states overlap.

    ``sum over permutations p, q of prod_i conj(A[i, p(i)]) A[i, q(i)] S[p(i), q(i)]`` with
    ``A = U[s, t]`` and ``S_kl = <phi_k | phi_l>``, over prod s_i! and the norm of the input, the
    permanent of S between photons of the same input mode.
    Source: Shchesnovich, arXiv 1410.1506; Tichy, arXiv 1410.7687.
    """
    A, S = _repeated(U, s, t), np.asarray(gram)
    size = len(S)
    total = 0j
    for p in permutations(range(size)):
        for q in permutations(range(size)):
            total += math.prod(
                complex(np.conj(A[i, p[i]]) * A[i, q[i]] * S[p[i], q[i]]) for i in range(size)
            )
    column = np.repeat(np.arange(len(U)), t)
    norm = permanent(np.where(column[:, None] == column[None, :], S, 0)).real
    return total.real / norm / math.prod(math.factorial(k) for k in s)


def outcomes(num_modes: int, num_photons: int) -> list[tuple[int, ...]]:
    """Return every way to put n photons in m modes.

    >>> outcomes(2, 1)
    [(1, 0), (0, 1)]
    """
    return [
        tuple(modes.count(mode) for mode in range(num_modes))
        for modes in combinations_with_replacement(range(num_modes), num_photons)
    ]


def sample_boson_once(
    U: np.ndarray, t: Sequence[int], generator: np.random.Generator
) -> tuple[int, ...]:
    """Return one shot of indistinguishable photons, drawn from the whole law."""
    possible = outcomes(len(U), sum(t))
    law = np.array([boson_probability(U, t, s) for s in possible])
    return possible[generator.choice(len(possible), p=law / law.sum())]


def sample_distinguishable_once(
    U: np.ndarray, t: Sequence[int], generator: np.random.Generator
) -> tuple[int, ...]:
    """Return one shot of distinguishable photons, each sent on its way alone."""
    counts = [0] * len(U)
    for column in np.repeat(np.arange(len(U)), t):
        law = np.abs(U[:, column]) ** 2
        counts[generator.choice(len(U), p=law / law.sum())] += 1
    return tuple(counts)


def _repeated(U: np.ndarray, s: Sequence[int], t: Sequence[int]) -> np.ndarray:
    modes = np.arange(len(U))
    return np.asarray(U)[np.ix_(np.repeat(modes, s), np.repeat(modes, t))]
