"""Samplers compiled for the CPU.

Notation: m modes, n photons, input columns c_1 .. c_n (a column repeated for a bunched
input), ``A = U[:, c]`` (m, n). A kernel fills rows of `counts`, uint8 (num_shots, m), with
shots ``start``, ``start + 1``, ... of a stream; shot i reads draws (key, i, 0), (key, i, 1),
... and nothing else, so shots are the same in any chunks and on any number of threads.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from quantum_latents.random.numba import uniform_pair
from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS

__all__ = ["clifford_clifford_shots", "enumeration_shots", "independent_shots"]

_BINOMIAL = np.array(
    [
        [float(math.comb(s, g)) for g in range(MAX_BOSON_PHOTONS + 1)]
        for s in range(MAX_BOSON_PHOTONS + 1)
    ]
)


@numba.njit(nogil=True, cache=True)
def _fill_uniforms(key, shot, uniforms):
    for pair in range((uniforms.size + 1) // 2):
        first, second = uniform_pair(key, shot, pair)
        uniforms[2 * pair] = first
        if 2 * pair + 1 < uniforms.size:
            uniforms[2 * pair + 1] = second


@numba.njit(nogil=True, cache=True)
def _search(cumulative, uniform):
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
        _fill_uniforms(key, start + row, uniforms)
        counts[row] = 0
        for k in range(num_photons):
            counts[row, _search(cumulative[k], uniforms[k])] += np.uint8(1)


@numba.njit(nogil=True, cache=True)
def enumeration_shots(cumulative, binomial, num_photons, key, start, counts):
    """Shots looked up in an enumerated law (see `samplers.enumeration` for the order).

    `cumulative` (K,) is the running sum of the law; `binomial[c, k]` is C(c, k).
    """
    num_modes = counts.shape[1]
    for row in range(counts.shape[0]):
        uniform, _ = uniform_pair(key, start + row, 0)
        rank = _search(cumulative, uniform)
        counts[row] = 0
        c = num_modes + num_photons - 2
        for k in range(num_photons, 0, -1):
            while binomial[c, k] > rank:
                c -= 1
            rank -= binomial[c, k]
            counts[row, c - k + 1] += np.uint8(1)
            c -= 1


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def clifford_clifford_shots(columns_re, columns_im, photons, key, start, counts):
    """Boson sampling by Clifford and Clifford's chain rule, with Glynn's minors by collisions.

    `columns_re` and `columns_im` (n, m) are the parts of A transposed. `photons` (num_shots,
    n) or (1, n) lists the columns that carry a photon in each shot, filled up with -1 at the
    end, so that inputs may differ from shot to shot. Per shot the columns
    are put in a random order alpha; then for k = 1 .. n mode z_k is drawn with weight
    ``|sum_l A[i, alpha_l] p_l|**2``, where p_l is the permanent of the rows drawn so far
    and columns alpha_1 .. alpha_k without alpha_l.
    Sources: Clifford & Clifford, arXiv 1706.01260 and 2005.04214.
    """
    most_photons, num_modes = columns_re.shape
    uniforms = np.empty(2 * most_photons)
    order = np.empty(most_photons, np.int64)
    row_of_mode = np.empty(num_modes, np.int64)
    multiplicity = np.empty(most_photons, np.int64)
    rows_re = np.empty((most_photons, most_photons))
    rows_im = np.empty((most_photons, most_photons))
    minors_re = np.empty(most_photons)
    minors_im = np.empty(most_photons)
    amplitude_re = np.empty(num_modes)
    amplitude_im = np.empty(num_modes)
    scratch = np.empty((4, most_photons))
    digits = np.empty((5, most_photons + 1), np.int64)
    weights = np.empty(most_photons + 1)

    for shot in range(counts.shape[0]):
        _fill_uniforms(key, start + shot, uniforms)
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
        num_rows = 0

        for k in range(1, num_photons + 1):
            if k == 1:
                minors_re[0] = 1.0
                minors_im[0] = 0.0
            else:
                _minors(
                    rows_re,
                    rows_im,
                    multiplicity,
                    num_rows,
                    k,
                    minors_re,
                    minors_im,
                    scratch,
                    digits,
                    weights,
                )
            amplitude_re[:] = 0.0
            amplitude_im[:] = 0.0
            for j in range(k):
                column = order[j]
                x = minors_re[j]
                y = minors_im[j]
                for i in range(num_modes):
                    a = columns_re[column, i]
                    b = columns_im[column, i]
                    amplitude_re[i] += a * x - b * y
                    amplitude_im[i] += a * y + b * x
            mode = _draw_mode(amplitude_re, amplitude_im, uniforms[k - 1])

            counts[shot, mode] += np.uint8(1)
            if row_of_mode[mode] >= 0:
                multiplicity[row_of_mode[mode]] += 1
            else:
                row_of_mode[mode] = num_rows
                multiplicity[num_rows] = 1
                for j in range(num_photons):
                    rows_re[num_rows, j] = columns_re[order[j], mode]
                    rows_im[num_rows, j] = columns_im[order[j], mode]
                num_rows += 1


@numba.njit(nogil=True, cache=True)
def _draw_mode(amplitude_re, amplitude_im, uniform):
    total = 0.0
    for i in range(amplitude_re.size):
        weight = amplitude_re[i] ** 2 + amplitude_im[i] ** 2
        amplitude_re[i] = weight
        total += weight
    target = uniform * total
    running = 0.0
    last = 0
    for i in range(amplitude_re.size):
        if amplitude_re[i] > 0.0:
            last = i
            running += amplitude_re[i]
            if target < running:
                return i
    return last


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _minors(
    rows_re,
    rows_im,
    multiplicity,
    num_rows,
    k,
    minors_re,
    minors_im,
    scratch,
    digits,
    weights,
):
    """Permanents of k - 1 rows (with multiplicities) and k columns, each column left out once.

    Glynn's formula summed over how many of each row's copies carry a minus sign:

        p_l ~ sum_g (-1)**(sum g) C(s_f - 1, g_f) prod_{r != f} C(s_r, g_r) prod_{j != l} v_j

    with ``v_j = sum_r (s_r - 2 g_r) A[r, alpha_j]``; one copy of a row f of smallest
    multiplicity keeps its plus sign. The g run through the reflected mixed-radix Gray code
    of Knuth, TAOCP 7.2.1.1, Algorithm H. The factor ``2**-(k - 2)``, common to all, is left out.
    """
    v_re, v_im, left_re, left_im = scratch[0], scratch[1], scratch[2], scratch[3]
    value, limit, row, focus, direction = digits[0], digits[1], digits[2], digits[3], digits[4]

    fixed = 0
    for r in range(1, num_rows):
        if multiplicity[r] < multiplicity[fixed]:
            fixed = r
    num_digits = 0
    for r in range(num_rows):
        copies = multiplicity[r] - 1 if r == fixed else multiplicity[r]
        if copies > 0:
            row[num_digits] = r
            limit[num_digits] = copies
            num_digits += 1
    for d in range(num_digits + 1):
        focus[d] = d
        weights[d] = 1.0
        if d < num_digits:
            value[d] = 0
            direction[d] = 1

    for j in range(k):
        minors_re[j] = 0.0
        minors_im[j] = 0.0
        v_re[j] = 0.0
        v_im[j] = 0.0
        for r in range(num_rows):
            v_re[j] += multiplicity[r] * rows_re[r, j]
            v_im[j] += multiplicity[r] * rows_im[r, j]

    sign = 1.0
    while True:
        x = 1.0
        y = 0.0
        for j in range(k):
            left_re[j] = x
            left_im[j] = y
            x, y = x * v_re[j] - y * v_im[j], x * v_im[j] + y * v_re[j]
        x = sign * weights[0]
        y = 0.0
        for j in range(k - 1, -1, -1):
            minors_re[j] += left_re[j] * x - left_im[j] * y
            minors_im[j] += left_re[j] * y + left_im[j] * x
            x, y = x * v_re[j] - y * v_im[j], x * v_im[j] + y * v_re[j]

        d = focus[0]
        if d == num_digits:
            return
        focus[0] = 0
        step = direction[d]
        value[d] += step
        if value[d] == 0 or value[d] == limit[d]:
            direction[d] = -step
            focus[d] = focus[d + 1]
            focus[d + 1] = d + 1
        for e in range(d, -1, -1):
            weights[e] = weights[e + 1] * _BINOMIAL[limit[e], value[e]]
        sign = -sign
        change = -2.0 * step
        r = row[d]
        for j in range(k):
            v_re[j] += change * rows_re[r, j]
            v_im[j] += change * rows_im[r, j]
