"""An autoregressive network of photon counts, compiled: shots, likelihoods, the whole law.

Notation and formulas: `quantum_latents.latents.autoregressive`. Shot i reads draw k of (key, i)
for mode k, and nothing else.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from quantum_latents.random import numba as philox
from quantum_latents.samplers.kernels import numba as plain
from quantum_latents.samplers.kernels.numba import fill_uniforms
from quantum_latents.simd import multiply_add, subroutine, vectors
from quantum_latents.simd.cache import fingerprint

__all__ = ["CountNetwork", "log_probabilities", "write_law", "write_shots"]


class CountNetwork(NamedTuple):
    """The weights W, b, V and B, float64 (m - 2, n + 1, H), (H,), (m - 1, H, n + 1) and
    (m - 1, n + 1, n + 1).
    """

    inputs: np.ndarray
    bias: np.ndarray
    outputs: np.ndarray
    totals: np.ndarray


@subroutine
def _conditional(network, hidden, mode, left, law):
    """Write P(s_k = c | s_<k), c = 0..left, of the hidden sum a to `law`."""
    for c in range(left + 1):
        law[c] = network.totals[mode, left, c]
    outputs = network.outputs[mode]
    for h in range(hidden.size):
        a = hidden[h]
        if a > 0:
            for c in range(left + 1):
                law[c] = multiply_add(a, outputs[h, c], law[c])
    highest = law[0]
    for c in range(1, left + 1):
        highest = max(highest, law[c])
    total = 0.0
    for c in range(left + 1):
        law[c] = math.exp(law[c] - highest)
        total += law[c]
    for c in range(left + 1):
        law[c] /= total


@subroutine
def _write_shots(network, num_photons, key, start, counts):
    num_modes = counts.shape[1]
    hidden, law = np.empty(network.bias.size), np.empty(num_photons + 1)
    uniforms = np.empty(num_modes - 1)
    for row in range(counts.shape[0]):
        fill_uniforms(key, start + row, uniforms)
        hidden[:] = network.bias
        counts[row] = 0
        left = num_photons
        for mode in range(num_modes - 1):
            if left == 0:
                break
            _conditional(network, hidden, mode, left, law)
            # Rounding may leave the running sum short of 1: the most that is left takes the rest.
            count, reached = 0, law[0]
            while count < left and uniforms[mode] >= reached:
                count += 1
                reached += law[count]
            counts[row, mode] = np.uint8(count)
            left -= count
            if mode < num_modes - 2:
                hidden += network.inputs[mode, count]
        counts[row, num_modes - 1] = np.uint8(left)


@subroutine
def _log_probabilities(network, num_photons, counts, found):
    num_modes = counts.shape[1]
    hidden, law = np.empty(network.bias.size), np.empty(num_photons + 1)
    for row in range(counts.shape[0]):
        hidden[:] = network.bias
        left, total = num_photons, 0.0
        for mode in range(num_modes - 1):
            count = np.intp(counts[row, mode])
            if left == 0 or count > left:
                break
            _conditional(network, hidden, mode, left, law)
            total += math.log(law[count])
            left -= count
            if mode < num_modes - 2:
                hidden += network.inputs[mode, count]
        found[row] = total if counts[row].sum() == num_photons else -np.inf


@subroutine
def _write_law(network, num_photons, binomial, law, mean, second):
    num_modes = len(mean)
    hidden = np.empty((num_modes, network.bias.size))
    conditional = np.empty((num_modes, num_photons + 1))
    counts = np.zeros(num_modes, np.int64)
    left, rank = np.zeros(num_modes + 1, np.int64), np.zeros(num_modes + 1, np.int64)
    weight = np.ones(num_modes + 1)
    left[0], hidden[0], counts[0] = num_photons, network.bias, -1
    _conditional(network, hidden[0], 0, num_photons, conditional[0])
    mode = 0
    while mode >= 0:
        counts[mode] += 1
        count = counts[mode]
        if count > left[mode]:
            counts[mode] = 0
            mode -= 1
            continue
        placed = num_photons - left[mode]
        rank[mode + 1] = rank[mode]
        for photon in range(placed + 1, placed + count + 1):
            rank[mode + 1] += binomial[mode + photon - 1, photon]
        left[mode + 1] = left[mode] - count
        weight[mode + 1] = weight[mode] * conditional[mode, count]
        if left[mode + 1] > 0 and mode < num_modes - 2:
            hidden[mode + 1] = hidden[mode] + network.inputs[mode, count]
            mode += 1
            _conditional(network, hidden[mode], mode, left[mode], conditional[mode])
            counts[mode] = -1
            continue
        # What is left of the photons is in the last mode.
        last, at = left[mode + 1], rank[mode + 1]
        for photon in range(num_photons - last + 1, num_photons + 1):
            at += binomial[num_modes + photon - 2, photon]
        p = weight[mode + 1]
        law[at] = p
        counts[num_modes - 1] = last
        for i in range(num_modes):
            if counts[i]:
                s = np.float64(counts[i])
                mean[i] = multiply_add(p, s, mean[i])
                for j in range(i + 1):
                    if counts[j]:
                        second[i, j] = multiply_add(p, s * counts[j], second[i, j])
        counts[num_modes - 1] = 0


def _cached(sources: str):
    """Compile under a key that changes with the files that this one is built from."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def write_shots(network, num_photons, key, start, counts):
        """Fill the rows of `counts`, uint8 (num_shots, m), with shots start, start + 1, ..."""
        if sources:
            _write_shots(network, num_photons, key, start, counts)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def log_probabilities(network, num_photons, counts, found):
        """Write log P(s) of every row of `counts`, uint8 (N, m), to `found`, float64 (N,)."""
        if sources:
            _log_probabilities(network, num_photons, counts, found)

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def write_law(network, num_photons, binomial, law, mean, second):
        """Write every outcome's probability at its rank, and add up the moments, from zeros.

        `binomial[c, k]` is C(c, k); `law` (K,), E s (m,) and the lower half of E s s^T (m, m).
        """
        if sources:
            _write_law(network, num_photons, binomial, law, mean, second)

    return write_shots, log_probabilities, write_law


write_shots, log_probabilities, write_law = _cached(fingerprint(philox, plain, vectors))
