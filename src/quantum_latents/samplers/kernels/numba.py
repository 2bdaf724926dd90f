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

__all__ = ["enumeration_shots", "fill_uniforms", "independent_shots", "search"]


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
def enumeration_shots(cumulative, binomial, num_photons, key, start, counts):
    """Shots looked up in an enumerated law (see `samplers.enumeration` for the order).

    `cumulative` (K,) is the running sum of the law; `binomial[c, k]` is C(c, k).
    """
    num_modes = counts.shape[1]
    for row in range(counts.shape[0]):
        uniform, _ = uniform_pair(key, start + row, 0)
        rank = search(cumulative, uniform)
        counts[row] = 0
        c = num_modes + num_photons - 2
        for k in range(num_photons, 0, -1):
            while binomial[c, k] > rank:
                c -= 1
            rank -= binomial[c, k]
            counts[row, c - k + 1] += np.uint8(1)
            c -= 1
