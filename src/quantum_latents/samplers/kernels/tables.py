"""Samplers that look shots up in laws that were written out, compiled for the CPU.

Notation: m coordinates; a *rank* numbers the outcomes of a table. A kernel fills rows of `counts`,
uint8 (num_shots, m), with shots ``start``, ``start + 1``, ... of a stream; shot i reads draws
(key, i, 0), (key, i, 1), ... and nothing else. A cumulative table is the running sum of weights,
which need no norm.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.random import numba as philox
from quantum_latents.random.numba import uniform_pair
from quantum_latents.samplers.kernels import numba as plain
from quantum_latents.samplers.kernels.numba import fill_uniforms, guided_search, search
from quantum_latents.simd.cache import fingerprint

__all__ = ["bit_string_shots", "shell_shots", "spin_shots"]


@numba.njit
def _write_outcome(rank, num_photons, binomial, row):
    """Write the outcome of a rank, see `samplers.enumeration`."""
    row[:] = 0
    c = row.size + num_photons - 2
    for k in range(num_photons, 0, -1):
        while binomial[c, k] > rank:
            c -= 1
        rank -= binomial[c, k]
        row[c - k + 1] += np.uint8(1)
        c -= 1


@numba.njit
def _write_bits(rank, row):
    for place in range(row.size):
        row[place] = np.uint8((rank >> place) & 1)


@numba.njit
def _shells(totals, photons, cumulative, offsets, binomial, key, start, counts):
    for row in range(counts.shape[0]):
        first, second = uniform_pair(key, start + row, 0)
        shell = search(totals, first)
        rank = search(cumulative[offsets[shell] : offsets[shell + 1]], second)
        _write_outcome(rank, photons[shell], binomial, counts[row])


@numba.njit
def _bit_strings(cumulative, guide, key, start, counts):
    for row in range(counts.shape[0]):
        uniform, _ = uniform_pair(key, start + row, 0)
        _write_bits(guided_search(cumulative, guide, uniform), counts[row])


@numba.njit
def _spins(first_row, powers, key, start, counts):
    side, num_states = powers.shape[0] + 1, first_row.size
    uniforms = np.empty(side)
    running = np.empty(num_states)
    for row in range(counts.shape[0]):
        fill_uniforms(key, start + row, uniforms)
        first = search(first_row, uniforms[0])
        _write_bits(first, counts[row, :side])
        state = first
        for line in range(1, side):
            bonds, closing = powers[0, state], powers[side - 1 - line, first]
            total = 0.0
            for after in range(num_states):
                total += bonds[after] * closing[after]
                running[after] = total
            state = search(running, uniforms[line])
            _write_bits(state, counts[row, line * side : (line + 1) * side])


def _cached(sources: str):
    """Compile the samplers under a key that changes with the files they are built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def shell_shots(totals, photons, cumulative, offsets, binomial, key, start, counts):
        """Counts whose total is drawn first, by draw 0, then the outcome, by draw 1.

        `totals` (S,) is the cumulative law of the total, shell s holding `photons[s]`;
        ``cumulative[offsets[s]:offsets[s + 1]]`` that of the outcomes of shell s by rank, and
        `binomial[c, k]` is C(c, k).
        """
        if sources:
            _shells(totals, photons, cumulative, offsets, binomial, key, start, counts)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def bit_string_shots(cumulative, guide, key, start, counts):
        """Bit strings: `cumulative` (2**m,) and its guide, bit j of a rank is coordinate j."""
        if sources:
            _bit_strings(cumulative, guide, key, start, counts)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def spin_shots(first_row, powers, key, start, counts):
        """Spins of a torus line by line, each given the line before it and the first one.

        `powers[k - 1]` (2**L, 2**L) is the symmetric transfer matrix to the power k, k from 1 to
        L - 1, `first_row` (2**L,) the cumulative diagonal of its power L.
        """
        if sources:
            _spins(first_row, powers, key, start, counts)

    return shell_shots, bit_string_shots, spin_shots


shell_shots, bit_string_shots, spin_shots = _cached(fingerprint(philox, plain))
