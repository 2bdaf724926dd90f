"""Samplers compiled for the CPU.

Notation: m modes, n photons, input columns c_1 .. c_n (a column repeated for a bunched
input), ``A = U[:, c]`` (m, n). A kernel fills rows of `counts`, uint8 (num_shots, m), with
shots ``start``, ``start + 1``, ... of a stream; shot i reads draws (key, i, 0), (key, i, 1),
... and nothing else, so shots are the same in any chunks and on any number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.random.numba import uniform_pair

__all__ = [
    "enumeration_shots",
    "fill_uniforms",
    "guide_of",
    "guided_search",
    "independent_shots",
    "search",
]


@numba.njit(nogil=True, cache=True)
def fill_uniforms(key, shot, uniforms):
    for pair in range((uniforms.size + 1) // 2):
        first, second = uniform_pair(key, shot, pair)
        uniforms[2 * pair] = first
        if 2 * pair + 1 < uniforms.size:
            uniforms[2 * pair + 1] = second


@numba.njit(nogil=True, cache=True)
def search(cumulative, uniform):
    """Index i with probability proportional to cumulative[i] - cumulative[i - 1]."""
    total = cumulative[-1]
    index = np.searchsorted(cumulative, uniform * total, side="right")
    if index == cumulative.size:  # uniform * total was rounded up to total
        index = np.searchsorted(cumulative, total, side="left")
    return index


@numba.njit(nogil=True, cache=True)
def guide_of(cumulative):
    """Where `guided_search` starts in a running sum of K weights, int32 (G,).

    Entry j is the first index whose sum lies beyond the share j / G of the total; G is the
    least power of two that is no less than K. Source: Chen and Asau, AIIE Transactions 6 (1974).
    """
    size = 1
    while size < cumulative.size:
        size *= 2
    guide = np.empty(size, np.int32)
    total = cumulative[-1]
    index = 0
    for bucket in range(size):
        while index < cumulative.size and cumulative[index] <= bucket / size * total:
            index += 1
        guide[bucket] = index
    return guide


@numba.njit(nogil=True, cache=True)
def guided_search(cumulative, guide, uniform):
    """What `search` returns, in K / G steps on average and one more, whatever the law.

    A power of two G makes ``uniform G`` exact, and rounding keeps the order of ``uniform total``,
    so that no index before the bucket's first can be the one.
    """
    total = cumulative[-1]
    target = uniform * total
    index = np.int64(guide[int(uniform * guide.size)])
    while index < cumulative.size and cumulative[index] <= target:
        index += 1
    if index == cumulative.size:  # uniform * total was rounded up to total
        index = np.searchsorted(cumulative, total, side="left")
    return index


@numba.njit(nogil=True, cache=True)
def independent_shots(cumulative, key, start, counts):
    """Distinguishable photons: each takes its own way.

    `cumulative` (n, m): row k is the running sum over j of ``|U[j, c_k]|**2``.
    """
    num_photons = cumulative.shape[0]
    uniforms = np.empty(num_photons)
    for row in range(counts.shape[0]):
        fill_uniforms(key, start + row, uniforms)
        counts[row] = 0
        for k in range(num_photons):
            counts[row, search(cumulative[k], uniforms[k])] += np.uint8(1)


@numba.njit(nogil=True, cache=True)
def enumeration_shots(cumulative, guide, outcomes, key, start, counts):
    """Shots looked up in an enumerated law (see `samplers.enumeration` for the order).

    `cumulative` (K,) is the running sum of the law and `guide` what `guide_of` makes of it;
    `outcomes` (K, n) holds the modes of the photons of every outcome.
    """
    for row in range(counts.shape[0]):
        uniform, _ = uniform_pair(key, start + row, 0)
        rank = guided_search(cumulative, guide, uniform)
        counts[row] = 0
        for k in range(outcomes.shape[1]):
            counts[row, outcomes[rank, k]] += np.uint8(1)
