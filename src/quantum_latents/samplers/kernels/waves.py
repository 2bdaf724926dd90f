"""Samplers built of single-particle waves, compiled for the CPU.

Notation: m modes, n particles, r occupied input modes c_1 .. c_r, ``A = U[:, c]`` (m, r). A wave
of input amplitudes f (r,) leaves in mode i with intensity ``|sum_j A[i, j] f_j|**2``. A kernel
fills rows of `counts`, uint8 (num_shots, m), with shots ``start``, ``start + 1``, ... of a
stream; shot i reads draws (key, i, 0), (key, i, 1), ... and nothing else.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from quantum_latents.random import numba as philox
from quantum_latents.random.numba import uniform_pair
from quantum_latents.samplers.kernels import numba as plain
from quantum_latents.samplers.kernels.numba import fill_uniforms, search
from quantum_latents.simd import multiply_add, subroutine, vectors
from quantum_latents.simd.cache import fingerprint

__all__ = ["fermion_shots", "mean_field_shots", "thermal_shots"]

_NEGLIGIBLE = 2.0**-60
"""A term of a Poisson law that no longer changes the running sum of a double."""


@subroutine
def _intensities(columns, f, real, imaginary, intensities):
    """Write the intensities (m,) of a wave f (r, 2), with two buffers (m,)."""
    real[:] = 0.0
    imaginary[:] = 0.0
    for j in range(columns.shape[0]):
        x, y = f[j, 0], f[j, 1]
        a, b = columns[j, 0], columns[j, 1]
        for i in range(real.size):
            real[i] = multiply_add(a[i], x, multiply_add(-b[i], y, real[i]))
        for i in range(real.size):
            imaginary[i] = multiply_add(a[i], y, multiply_add(b[i], x, imaginary[i]))
    for i in range(real.size):
        intensities[i] = multiply_add(real[i], real[i], imaginary[i] * imaginary[i])


@subroutine
def _mean_field(columns, num_particles, key, start, counts):
    num_inputs, _, num_modes = columns.shape
    f = np.empty((num_inputs, 2))
    real, imaginary, intensities = np.empty((3, num_modes))
    uniforms = np.empty(num_inputs + num_particles)
    for row in range(counts.shape[0]):
        fill_uniforms(key, start + row, uniforms)
        for j in range(num_inputs):
            phase = 2 * math.pi * uniforms[j]
            f[j, 0], f[j, 1] = math.cos(phase), math.sin(phase)
        _intensities(columns, f, real, imaginary, intensities)
        cumulative = np.cumsum(intensities)
        counts[row] = 0
        for k in range(num_particles):
            counts[row, search(cumulative, uniforms[num_inputs + k])] += np.uint8(1)


@subroutine
def _fermions(columns, key, start, counts):
    num_particles, _, num_modes = columns.shape
    uniforms = np.empty(num_particles)
    basis = np.empty((num_particles, num_particles, 2))
    real, imaginary, intensities = np.empty((3, num_modes))
    occupancy = np.zeros(num_modes)
    for i in range(num_modes):
        for j in range(num_particles):
            occupancy[i] += columns[j, 0, i] ** 2 + columns[j, 1, i] ** 2
    for row in range(counts.shape[0]):
        fill_uniforms(key, start + row, uniforms)
        counts[row] = 0
        weights = occupancy.copy()
        for k in range(num_particles):
            mode = search(np.cumsum(weights), uniforms[k])
            counts[row, mode] = np.uint8(1)
            if k + 1 == num_particles:
                break
            # Conjugates, so that the overlaps with every mode are the amplitudes of a wave.
            f = basis[k]
            for j in range(num_particles):
                f[j, 0], f[j, 1] = columns[j, 0, mode], -columns[j, 1, mode]
            for earlier in range(k):
                g = basis[earlier]
                x = y = 0.0
                for j in range(num_particles):
                    x += g[j, 0] * f[j, 0] + g[j, 1] * f[j, 1]
                    y += g[j, 0] * f[j, 1] - g[j, 1] * f[j, 0]
                for j in range(num_particles):
                    f[j, 0] -= x * g[j, 0] - y * g[j, 1]
                    f[j, 1] -= x * g[j, 1] + y * g[j, 0]
            f /= math.sqrt(np.sum(f * f))
            _intensities(columns, f, real, imaginary, intensities)
            weights[mode] = 0.0  # exactly: Pauli
            for i in range(num_modes):
                weights[i] = max(0.0, weights[i] - intensities[i])


@subroutine
def _poisson(mean, uniform):
    """Number whose running sum first exceeds the uniform number; sums of a double end early."""
    number = 0
    term = total = math.exp(-mean)
    while uniform >= total and (number < mean or term > _NEGLIGIBLE):
        number += 1
        term *= mean / number
        total += term
    return number


@subroutine
def _thermal(columns, key, start, counts):
    num_inputs, _, num_modes = columns.shape
    f = np.empty((num_inputs, 2))
    real, imaginary, intensities = np.empty((3, num_modes))
    for row in range(counts.shape[0]):
        for j in range(num_inputs):  # Box and Muller
            first, second = uniform_pair(key, start + row, j)
            modulus = math.sqrt(-math.log1p(-first))
            f[j, 0] = modulus * math.cos(2 * math.pi * second)
            f[j, 1] = modulus * math.sin(2 * math.pi * second)
        _intensities(columns, f, real, imaginary, intensities)
        second = 0.0
        for i in range(num_modes):
            uniform = second
            if i % 2 == 0:
                uniform, second = uniform_pair(key, start + row, num_inputs + i // 2)
            number = _poisson(intensities[i], uniform)
            if number > 255:
                return row
            counts[row, i] = np.uint8(number)
    return counts.shape[0]


def _cached(sources: str):
    """Compile the samplers under a key that changes with the files they are built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def mean_field_shots(columns, num_particles, key, start, counts):
        """Particles that each follow one wave, whose input phases are drawn for every shot.

        `columns`, float64 (r, 2, m), is the real and imaginary part of A transposed, row j
        times the root of the share of the particles in c_j. Draws: r phases, then n particles.
        """
        if sources:
            _mean_field(columns, num_particles, key, start, counts)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def fermion_shots(columns, key, start, counts):
        """Free fermions, one after the other, each orthogonal to those before.

        `columns`, float64 (n, 2, m), is the real and imaginary part of A transposed. The first
        mode is drawn with weights ``|A[i]|**2``, the squared length of its row; each next with
        what is left of the rows once their parts along the rows drawn so far are taken away.
        """
        if sources:
            _fermions(columns, key, start, counts)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def thermal_shots(columns, key, start, counts):
        """Poisson counts of a wave with normal input amplitudes; returns the rows filled.

        `columns`, float64 (r, 2, m), is the real and imaginary part of A transposed, row j
        times the root of the mean number in c_j. Draws 2j, 2j + 1: amplitude j; then one for
        each mode. Fewer rows than asked for are filled if a count of the next is above 255.
        """
        return _thermal(columns, key, start, counts) if sources else 0

    return mean_field_shots, fermion_shots, thermal_shots


mean_field_shots, fermion_shots, thermal_shots = _cached(fingerprint(philox, vectors, plain))
