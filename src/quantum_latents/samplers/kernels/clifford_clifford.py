"""Boson sampling photon by photon, compiled for the CPU.

Notation: m modes, n photons, input columns c_1 .. c_n (a column repeated for a bunched
input), ``A = U[:, c]`` (m, n). Per shot the columns are put in a random order alpha; then for
k = 1 .. n mode z_k is drawn with weight ``|sum_l A[i, alpha_l] p_l|**2``, where p_l is the
permanent of the rows drawn so far and columns alpha_1 .. alpha_k without alpha_l.
Sources: Clifford and Clifford, arXiv 1706.01260 and 2005.04214.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.random import numba as philox
from quantum_latents.samplers.kernels import minors as minors_module
from quantum_latents.samplers.kernels import numba as plain
from quantum_latents.samplers.kernels.minors import MOST_LANE_BYTES, add_minors
from quantum_latents.samplers.kernels.numba import fill_uniforms
from quantum_latents.simd import memory, multiply_add, subroutine, vectors
from quantum_latents.simd.cache import fingerprint
from quantum_latents.simd.memory import aligned_empty

__all__ = ["clifford_clifford_shots"]


@subroutine
def _weights(columns, order, minors, k, amplitude, weights):
    """Write ``|sum_l A[i, alpha_l] p_l|**2`` for every mode; return their sum."""
    num_modes = weights.size
    real, imaginary = amplitude[:num_modes], amplitude[num_modes:]
    real[:] = 0.0
    imaginary[:] = 0.0
    for j in range(k):
        x, y = minors[j, 0], minors[j, 1]
        a, b = columns[order[j], 0], columns[order[j], 1]
        for i in range(num_modes):
            real[i] = multiply_add(a[i], x, multiply_add(-b[i], y, real[i]))
        for i in range(num_modes):
            imaginary[i] = multiply_add(a[i], y, multiply_add(b[i], x, imaginary[i]))
    total = 0.0
    for i in range(num_modes):
        weights[i] = real[i] * real[i] + imaginary[i] * imaginary[i]
        total += weights[i]
    return total


@subroutine
def _draw_mode(weights, target):
    running, last = 0.0, 0
    for i in range(weights.size):
        if weights[i] > 0.0:
            last = i
            running += weights[i]
            if target < running:
                return i
    return last


def _cached(sources: str):
    """Compile the sampler under a key that changes with the files it is built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def clifford_clifford_shots(columns, entries, photons, key, start, counts):
        """Fill the rows of `counts` with shots start, start + 1, ... of a stream.

        Shot i reads draws (key, i, 0), (key, i, 1), ... and nothing else, so shots are the
        same in any chunks and on any number of threads.

        Args:
            columns: float64 (n, 2, m), the real and imaginary parts of A transposed.
            entries: (n, m, 2), the same numbers, float64 or float32: the type in which
                permanents are computed.
            photons: int64 (num_shots, n) or (1, n), the columns that carry a photon in each
                shot, filled up with -1 at the end, so that inputs may differ between shots.
            key: of the stream.
            start: the first shot.
            counts: uint8 (num_shots, m), written.
        """
        if not sources:  # never: the key of the compiled code
            return
        most_photons, _, num_modes = columns.shape
        lanes = MOST_LANE_BYTES // entries.itemsize
        uniforms = np.empty(2 * most_photons)
        order = np.empty(most_photons, np.int64)
        row_of_mode = np.empty(num_modes, np.int64)
        multiplicity = np.empty(most_photons, np.int64)
        digits = np.empty((5, most_photons + 1), np.int64)
        minors = np.empty((most_photons, 2))
        amplitude = np.empty(2 * num_modes)
        weights = np.empty(num_modes)
        rows = np.empty((most_photons, most_photons, 2), entries.dtype)
        total = np.empty((most_photons, 2), entries.dtype)
        numbers = aligned_empty(most_photons + 2 + 3 * lanes, entries.dtype)
        work = aligned_empty(8 * most_photons * lanes, entries.dtype).reshape(4, -1)
        lane_digits = aligned_empty(8 * lanes, np.int64).reshape(8, -1)

        for shot in range(counts.shape[0]):
            fill_uniforms(key, start + shot, uniforms)
            counts[shot] = 0
            present = photons[shot if photons.shape[0] > 1 else 0]
            num_photons = 0
            while num_photons < most_photons and present[num_photons] >= 0:
                order[num_photons] = present[num_photons]
                num_photons += 1
            for i in range(num_photons - 1, 0, -1):  # Fisher and Yates
                j = int(uniforms[most_photons + i] * (i + 1))
                order[i], order[j] = order[j], order[i]
            row_of_mode[:] = -1
            total[:] = 0
            num_rows = 0
            for k in range(1, num_photons + 1):
                if k == 1:
                    minors[0, 0], minors[0, 1] = 1.0, 0.0
                else:
                    add_minors(
                        work,
                        rows,
                        total,
                        multiplicity,
                        num_rows,
                        k,
                        digits,
                        numbers,
                        lane_digits,
                        minors,
                    )
                whole = _weights(columns, order, minors, k, amplitude, weights)
                mode = _draw_mode(weights, uniforms[k - 1] * whole)
                counts[shot, mode] += np.uint8(1)
                if row_of_mode[mode] < 0:
                    row_of_mode[mode] = num_rows
                    multiplicity[num_rows] = 0
                    for j in range(num_photons):
                        rows[num_rows, j, 0] = entries[order[j], mode, 0]
                        rows[num_rows, j, 1] = entries[order[j], mode, 1]
                    num_rows += 1
                r = row_of_mode[mode]
                multiplicity[r] += 1
                for j in range(num_photons):
                    total[j, 0] += rows[r, j, 0]
                    total[j, 1] += rows[r, j, 1]

    return clifford_clifford_shots


clifford_clifford_shots = _cached(fingerprint(philox, vectors, memory, plain, minors_module))
