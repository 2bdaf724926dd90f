"""Noise compiled for the CPU.

Notation: m modes, n sources (photons of the occupation). A kernel handles the shots of a list,
int64 (N,), one a row; shot i reads draws (key, i, 0), (key, i, 1), ... of the keys it is given
and nothing else, so shots are the same in any lists and on any number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.random.numba import uniform_pair
from quantum_latents.samplers.kernels.numba import search

__all__ = ["add_independent", "detect", "emit", "look_up"]


@numba.njit(nogil=True, cache=True)
def emit(
    emission, double, survival, interference, common_extra, num_asked, key, shots, common, classical
):
    """Draw which photons of each shot reach the interferometer, and which of them interfere.

    `emission`, `double` and `survival` (n,) are probabilities: that a source emits, that it then
    emits two photons, and that each photon arrives. `num_asked` sources are asked, chosen
    uniformly (Knuth, TAOCP 3.4.2, Algorithm S). A photon interferes with probability
    `interference`; a second photon always if `common_extra`, else never. Fills `common` (N, .),
    where n + k is the second photon of source k, and `classical` (N, 2n), where both photons
    of source k are k; lists end with -1. Source k reads draws 6k to 6k + 5.
    """
    num_sources = emission.size
    # Every draw has its address, so those that decide nothing are not made.
    chancy = num_asked < num_sources or emission.min() < 1.0 if num_sources > 0 else False
    doubles = double.max() > 0.0 if num_sources > 0 else False
    lossy = survival.min() < 1.0 if num_sources > 0 else False
    partial = 0.0 < interference < 1.0
    choice = emitted = doubled = first_survives = second_survives = interferes = 0.0
    if interference == 0.0:
        interferes = 1.0
    for row in range(shots.size):
        shot = shots[row]
        num_common = 0
        num_classical = 0
        still_asked = num_asked
        for k in range(num_sources):
            if chancy:
                choice, emitted = uniform_pair(key, shot, 3 * k)
            if doubles or lossy:
                doubled, first_survives = uniform_pair(key, shot, 3 * k + 1)
            if doubles or partial:
                second_survives, interferes = uniform_pair(key, shot, 3 * k + 2)
            if choice * (num_sources - k) >= still_asked:
                continue
            still_asked -= 1
            if emitted >= emission[k]:
                continue
            if first_survives < survival[k]:
                if interferes < interference:
                    common[row, num_common] = k
                    num_common += 1
                else:
                    classical[row, num_classical] = k
                    num_classical += 1
            if doubled < double[k] and second_survives < survival[k]:
                if common_extra:
                    common[row, num_common] = num_sources + k
                    num_common += 1
                else:
                    classical[row, num_classical] = k
                    num_classical += 1
        common[row, num_common:] = -1
        classical[row, num_classical:] = -1


@numba.njit(nogil=True, cache=True)
def add_independent(cumulative, photons, key, shots, counts):
    """Add photons that each take their own way.

    `cumulative` (n, m): row k is the running sum over j of ``|U[j, c_k]|**2``. `photons` (N, .)
    lists the sources of each shot's photons and ends with -1.
    """
    for row in range(shots.size):
        second = 0.0
        for place in range(photons.shape[1]):
            source = photons[row, place]
            if source < 0:
                break
            if place % 2 == 0:
                uniform, second = uniform_pair(key, shots[row], place // 2)
            else:
                uniform = second
            counts[row, search(cumulative[source], uniform)] += np.uint8(1)


@numba.njit(nogil=True, cache=True)
def look_up(cumulative, outcomes, key, shots, counts):
    """Look shots up in a law: `outcomes` (K, m) with running sums `cumulative` (K,)."""
    for row in range(shots.size):
        uniform, _ = uniform_pair(key, shots[row], 0)
        counts[row] = outcomes[search(cumulative, uniform)]


@numba.njit(nogil=True, cache=True)
def detect(efficiency, dark, threshold, light_key, dark_key, shots, light, counts):
    """Turn the photons in the first m modes of `light` (N, .) into `counts` (N, m).

    Each photon of mode j is seen with probability ``efficiency[j]``; then dark counts are added,
    ``dark[j]`` (K,) being the running sum of their law; with `threshold` counts are clipped
    at 1. The photons of a shot read the draws of `light_key` in the order of their modes, mode j
    reads draw j of `dark_key`.
    """
    num_modes = efficiency.size
    any_dark = dark.shape[1] > 1
    for row in range(shots.size):
        num_draws = 0
        second = 0.0
        dark_second = 0.0
        for mode in range(num_modes):
            number = np.int64(light[row, mode])
            if efficiency[mode] < 1.0:
                seen = 0
                for _ in range(number):
                    if num_draws % 2 == 0:
                        uniform, second = uniform_pair(light_key, shots[row], num_draws // 2)
                    else:
                        uniform = second
                    num_draws += 1
                    if uniform < efficiency[mode]:
                        seen += 1
                number = seen
            if any_dark:
                if mode % 2 == 0:
                    uniform, dark_second = uniform_pair(dark_key, shots[row], mode // 2)
                else:
                    uniform = dark_second
                extra = 0
                while uniform >= dark[mode, extra]:
                    extra += 1
                number += extra
            if threshold and number > 1:
                number = 1
            counts[row, mode] = np.uint8(number)
