"""Progressive measurement compiled for the CPU.

Notation: m bins, of which w are *held* at a time: entered, not yet measured. k photons are in
them. ``D(w, k) = C(w + k - 1, k)`` occupations of w modes have k photons; they are numbered as
in `samplers.enumeration`, so that those with p photons in the last mode are the slice of
``D(w - 1, k - p)`` numbers from ``D(w, k) - D(w, k - p)``, in the order of the other modes. A
*state* is the amplitudes in that order, float64 (2 D(w, k),), real and imaginary parts in turn.

So a coupler of the last two modes is a small real matrix over contiguous slices, one slice for
each way to split the photons between the two; to measure the last mode is to keep one slice, to
bring a mode in is to make one. What is left is to bring the modes of a step to the end, by a
table.

A *segment* is a run of steps in which at most one bin enters, first, and at most one is measured,
last. Where few photons are held in few modes, a segment with one outcome is one small complex
matrix, made beforehand: no step is taken at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from quantum_latents.random.numba import uniform_pair
from quantum_latents.simd import multiply_add

__all__ = [
    "COUPLE",
    "COUPLE_AND_MEASURE",
    "ENTER",
    "ENTER_AND_COUPLE",
    "MEASURE",
    "Tables",
    "fill_gather",
    "fill_rotations",
    "fill_transfers",
    "progressive_shots",
]

ENTER, ENTER_AND_COUPLE, COUPLE, COUPLE_AND_MEASURE, MEASURE = range(5)


class Tables(NamedTuple):
    """What the kernel knows of an interferometer, for up to K photons held.

    Attributes:
        dimensions: ``dimensions[w, k + 1]`` is D(w, k), int64 (W + 1, K + 2).
        steps: kind, coupler (-1 for none), modes held before and reordering o of each step,
            int64 (num_steps, 4). The early mode of a coupler is brought last, the late one
            before it unless it enters with this step.
        segments: first step, step behind the last, bin that enters (-1 for none), bin that is
            measured (-1 for none), modes held before, and modes held at the end but before the
            measurement, int64 (num_segments, 6).
        rotations: a row for each coupler, see `fill_rotations`.
        turns: ``exp(i phi p)`` for p photons, real and imaginary parts in turn, a row for each
            coupler and a last one of ones for steps without.
        gather: the tables of all reorderings, int32, see `fill_gather`.
        gather_start: where in `gather` that of reordering o and k photons starts, (o, K + 1).
        transfers: the matrices of segments, one after the other, see `fill_transfers`.
        transfer_start: where those of a segment with s photons entering and k held before
            start, int64 (num_segments, s, k); -1 where there are none.
    """

    dimensions: np.ndarray
    steps: np.ndarray
    segments: np.ndarray
    rotations: np.ndarray
    turns: np.ndarray
    gather: np.ndarray
    gather_start: np.ndarray
    transfers: np.ndarray
    transfer_start: np.ndarray


_LEAST_WEIGHT = 1e-100
"""Squared norm below which a state is scaled up, long before it could underflow."""

_SHORT = 8
"""Numbers below which a slice is summed in registers, not added up in memory."""


@numba.njit(nogil=True, cache=True)
def fill_rotations(theta, most, rotations):
    """Write the matrices R_N of a coupler between Fock states, for N = 0 .. `most` photons.

    ``rotations[N (N + 1) (2 N + 1) / 6 + p' (N + 1) + p]`` is the amplitude that of N photons, p
    of them early, p' leave early; the phase is not in it. From one photon more to the next,
    averaged over which photon is the last,

        N R_N[p', p] = sum_(i, o) sqrt(n_i n'_o) R_1[o, i] R_(N-1)[p' - (o early), p - (i early)]

    where i and o are the early or the late mode and n_i and n'_o the photons in them. That is
    ``R_1 x R_(N-1)`` between two isometries, so rounding errors add up and never grow.
    Source: Risbo, J. Geodesy 70 (1996) 383.
    """
    c = math.cos(theta)
    s = math.sin(theta)
    rotations[0] = 1.0
    below = 0
    for total in range(1, most + 1):
        at = below + total * total
        for out in range(total + 1):
            early = below + (out - 1) * total
            late = below + out * total
            for p in range(total + 1):
                value = 0.0
                if out > 0 and p > 0:
                    value += math.sqrt(out * p) * c * rotations[early + p - 1]
                if out > 0 and p < total:
                    value -= math.sqrt(out * (total - p)) * s * rotations[early + p]
                if out < total and p > 0:
                    value += math.sqrt((total - out) * p) * s * rotations[late + p - 1]
                if out < total and p < total:
                    value += math.sqrt((total - out) * (total - p)) * c * rotations[late + p]
                rotations[at + out * (total + 1) + p] = value / total
        below = at


@numba.njit(nogil=True, cache=True)
def fill_gather(order, num_photons, dimensions, gather):
    """Write to entry i of `gather` the old number of what is occupation i in a new order.

    Mode v of the new order was mode ``order[v]`` of the old one.
    """
    width = order.size
    new = np.zeros(width, np.int64)
    old = np.zeros(width, np.int64)
    new[0] = num_photons
    for index in range(gather.size):
        for v in range(width):
            old[order[v]] = new[v]
        rank = 0
        left = num_photons
        for v in range(width - 1, -1, -1):
            rank += dimensions[v + 1, left + 1] - dimensions[v + 1, left - old[v] + 1]
            left -= old[v]
        gather[index] = rank
        v = 0
        while v < width and new[v] == 0:
            v += 1
        if v + 1 < width:
            moved = new[v]
            new[v] = 0
            new[v + 1] += 1
            new[0] = moved - 1


@numba.njit(nogil=True, cache=True)
def _squared_norm(state, start, stop):
    # Four sums: one alone would wait for its own last addition.
    a = b = c = d = 0.0
    i = start
    while i + 4 <= stop:
        a = multiply_add(state[i], state[i], a)
        b = multiply_add(state[i + 1], state[i + 1], b)
        c = multiply_add(state[i + 2], state[i + 2], c)
        d = multiply_add(state[i + 3], state[i + 3], d)
        i += 4
    if i < stop:  # amplitudes have two parts: two are left, or none
        a = multiply_add(state[i], state[i], a)
        b = multiply_add(state[i + 1], state[i + 1], b)
    return (a + b) + (c + d)


@numba.njit(nogil=True, cache=True)
def _enter(state, held, photons, row, grown):
    """Bring in a mode with some photons behind the others."""
    size = 2 * row[held + 1]
    begin = 2 * (grown[held + photons + 1] - grown[held + 1])
    for i in range(size - 1, -1, -1):
        state[begin + i] = state[i]
    state[:begin] = 0.0
    state[begin + size : 2 * grown[held + photons + 1]] = 0.0


@numba.njit(nogil=True, cache=True)
def _bring(state, moved, held, row, gather, table, turns):
    """Reorder the modes, and turn the last one by its phase for every photon in it."""
    size = row[held + 1]
    for p in range(held + 1):
        c = turns[2 * p]
        s = turns[2 * p + 1]
        for i in range(size - row[held - p + 1], size - row[held - p]):
            j = 2 * gather[table + i]
            x = state[j]
            y = state[j + 1]
            moved[2 * i] = multiply_add(c, x, -s * y)
            moved[2 * i + 1] = multiply_add(c, y, s * x)


@numba.njit(nogil=True, cache=True)
def _enter_and_couple(moved, state, held, photons, below, row, grown, matrices):
    """Bring in a mode with some photons and couple it with the last one, which stays last.

    The entering mode holds one number of photons, so of each matrix one column is used.
    """
    total = held + photons
    for on_pair in range(photons):  # fewer than entered: out of reach
        for q in range(on_pair + 1):
            at = 2 * (grown[total + 1] - grown[total - q] - row[total - on_pair + 1])
            state[at : at + 2 * below[total - on_pair + 1]] = 0.0
    for p in range(held + 1):
        begin = 2 * (row[held + 1] - row[held - p + 1])
        length = 2 * below[held - p + 1]
        on_pair = p + photons
        matrix = on_pair * (on_pair + 1) * (2 * on_pair + 1) // 6 + p
        for q in range(on_pair + 1):
            c = matrices[matrix + q * (on_pair + 1)]
            at = 2 * (grown[total + 1] - grown[total - q] - row[held - p + 1])
            for i in range(length):
                state[at + i] = c * moved[begin + i]


@numba.njit(nogil=True, cache=True)
def _combine(moved, state, at, length, held, on_pair, out, below, row, matrices):
    """Write the slice of one split: a row of the coupler's matrix times the slices of all.

    Split p of the pair's `on_pair` photons is the slice from number
    ``D(w, k) - D(w, k - p - 1) - D(w - 1, j)``, j photons being elsewhere.
    """
    base = row[held + 1] - below[held - on_pair + 1]
    matrix = on_pair * (on_pair + 1) * (2 * on_pair + 1) // 6 + out * (on_pair + 1)
    if length < _SHORT:
        for i in range(0, length, 2):
            x = 0.0
            y = 0.0
            for p in range(on_pair + 1):
                c = matrices[matrix + p]
                j = 2 * (base - row[held - p]) + i
                x = multiply_add(c, moved[j], x)
                y = multiply_add(c, moved[j + 1], y)
            state[at + i] = x
            state[at + i + 1] = y
        return
    begin = 2 * (base - row[held])
    for i in range(length):
        state[at + i] = matrices[matrix] * moved[begin + i]
    for p in range(1, on_pair + 1):
        begin = 2 * (base - row[held - p])
        for i in range(length):
            state[at + i] = multiply_add(matrices[matrix + p], moved[begin + i], state[at + i])


@numba.njit(nogil=True, cache=True)
def _couple(moved, state, held, rest, below, row, matrices):
    """Couple the last two modes; `rest`, `below`, `row` are D(w - 2, .), D(w - 1, .), D(w, .)."""
    for on_pair in range(held + 1):
        others = held - on_pair
        for out in range(on_pair + 1):
            at = 2 * (row[held + 1] - row[held - out] - below[others + 1])
            length = 2 * rest[others + 1]
            _combine(moved, state, at, length, held, on_pair, out, below, row, matrices)


@numba.njit(nogil=True, cache=True)
def _project(moved, state, held, out, couple, rest, below, row, matrices):
    """Keep what has `out` photons in the last mode, coupled first or not; its squared norm."""
    size = 2 * below[held - out + 1]
    if not couple:
        begin = 2 * (row[held + 1] - row[held - out + 1])
        for i in range(size):
            state[i] = moved[begin + i]
    else:
        for others in range(held - out + 1):
            at = size - 2 * below[others + 1]
            length = 2 * rest[others + 1]
            _combine(moved, state, at, length, held, held - others, out, below, row, matrices)
    return _squared_norm(state, 0, size)


@numba.njit(nogil=True, cache=True)
def _walk(tables, begin, end, photons, held, state, moved):
    """Take steps [begin, end); of a step that measures only the reordering, into `moved`."""
    dimensions = tables.dimensions
    for step in range(begin, end):
        kind = tables.steps[step, 0]
        coupler = tables.steps[step, 1]
        width = tables.steps[step, 2]
        row = dimensions[width]
        if kind == ENTER:
            _enter(state, held, photons, row, dimensions[width + 1])
            held += photons
            continue
        table = tables.gather_start[tables.steps[step, 3], held]
        _bring(state, moved, held, row, tables.gather, table, tables.turns[coupler])
        below = dimensions[width - 1]
        matrices = tables.rotations[coupler]
        if kind == ENTER_AND_COUPLE:
            grown = dimensions[width + 1]
            _enter_and_couple(moved, state, held, photons, below, row, grown, matrices)
            held += photons
        elif kind == COUPLE:
            _couple(moved, state, held, dimensions[width - 2], below, row, matrices)


@numba.njit(nogil=True, cache=True)
def _measure(tables, step, total, out, moved, state):
    """Project after `_walk`, for a measuring step with `total` photons; the squared norm."""
    coupler = tables.steps[step, 1]
    width = tables.steps[step, 2]
    row = tables.dimensions[width]
    below = tables.dimensions[width - 1]
    rest = tables.dimensions[width - 2]  # not looked at without a coupler
    matrices = tables.rotations[coupler]
    return _project(moved, state, total, out, coupler >= 0, rest, below, row, matrices)


@numba.njit(nogil=True, cache=True)
def fill_transfers(tables, segment, photons, held, transfer):
    """Write the matrices of a segment, one for each outcome 0, 1, ..., one after the other.

    A matrix has a row for each amplitude after and a column for each before, complex numbers
    as two float64 each, row by row. `held` photons are there before and `photons` enter; a
    segment that measures nothing has one matrix.
    """
    begin = tables.segments[segment, 0]
    end = tables.segments[segment, 1]
    measures = tables.segments[segment, 3] >= 0
    columns = tables.dimensions[tables.segments[segment, 4], held + 1]
    width = tables.segments[segment, 5]
    total = held + photons
    state = np.empty(2 * max(columns, tables.dimensions[width, total + 1]))
    moved = np.empty(state.size)
    for column in range(columns):
        state[: 2 * columns] = 0.0
        state[2 * column] = 1.0
        _walk(tables, begin, end, photons, held, state, moved)
        at = 2 * column
        for out in range(total + 1 if measures else 1):
            rows = tables.dimensions[width, total + 1]
            if measures:
                rows = tables.dimensions[width - 1, total - out + 1]
                _measure(tables, end - 1, total, out, moved, state)
            for i in range(rows):
                transfer[at] = state[2 * i]
                transfer[at + 1] = state[2 * i + 1]
                at += 2 * columns


@numba.njit(nogil=True, cache=True)
def _transfer(transfers, at, columns, rows, state, moved):
    """Write a matrix times the state to `moved`; its squared norm."""
    weight = 0.0
    for i in range(rows):
        x = 0.0
        y = 0.0
        for j in range(columns):
            a = transfers[at]
            b = transfers[at + 1]
            at += 2
            x = multiply_add(a, state[2 * j], multiply_add(-b, state[2 * j + 1], x))
            y = multiply_add(a, state[2 * j + 1], multiply_add(b, state[2 * j], y))
        moved[2 * i] = x
        moved[2 * i + 1] = y
        weight = multiply_add(x, x, multiply_add(y, y, weight))
    return weight


@numba.njit(nogil=True, cache=True)
def progressive_shots(tables, occupations, key, start, counts):
    """Shots of a time-bin interferometer, bin by bin; returns how many rows were filled.

    `occupations`, uint8 (num_shots, m) or (1, m), holds the photons that enter each bin, so that
    inputs may differ from shot to shot. Bin t is measured with draw t of the shot: outcomes
    0, 1, ... are projected onto until their probabilities exceed the draw. Fewer rows than asked
    for are filled if the next shot holds more photons than the tables are made for.
    """
    dimensions, segments, transfers = tables.dimensions, tables.segments, tables.transfers
    transfer_start = tables.transfer_start
    most = dimensions.shape[1] - 2
    state = np.empty(2 * dimensions[-1, -1])
    moved = np.empty(2 * dimensions[-1, -1])
    for shot in range(counts.shape[0]):
        entering = occupations[shot if occupations.shape[0] > 1 else 0]
        counts[shot] = 0
        held = 0
        state[0] = 1.0
        state[1] = 0.0
        weight = 1.0  # the state's squared norm
        first = 0.0
        second = 0.0
        drawn = -1
        for segment in range(segments.shape[0]):
            enters = segments[segment, 2]
            photons = np.int64(entering[enters]) if enters >= 0 else 0
            total = held + photons
            if total == 0:
                continue
            if total > most:
                return shot
            begin = segments[segment, 0]
            end = segments[segment, 1]
            mode = segments[segment, 3]
            columns = dimensions[segments[segment, 4], held + 1]
            width = segments[segment, 5]
            at = -1
            if photons < transfer_start.shape[1] and held < transfer_start.shape[2]:
                at = transfer_start[segment, photons, held]
            if at < 0:
                _walk(tables, begin, end, photons, held, state, moved)
            if mode < 0:
                if at >= 0:
                    rows = dimensions[width, total + 1]
                    _transfer(transfers, at, columns, rows, state, moved)
                    state[: 2 * rows] = moved[: 2 * rows]
                held = total
                continue

            if mode // 2 != drawn:
                drawn = mode // 2
                first, second = uniform_pair(key, start + shot, drawn)
            target = weight * (second if mode % 2 == 1 else first)
            running = 0.0
            likely = 0
            out = 0
            while True:
                rows = dimensions[width - 1, total - out + 1]
                if at >= 0:
                    # Behind the rows of the outcomes before, which leave more photons.
                    skipped = dimensions[width, total + 1] - dimensions[width, total - out + 1]
                    weight = _transfer(
                        transfers, at + 2 * skipped * columns, columns, rows, state, moved
                    )
                else:
                    weight = _measure(tables, end - 1, total, out, moved, state)
                running += weight
                if weight > 0.0:
                    likely = out
                if target < running:
                    break
                out += 1
                if out > total:  # target was rounded up: the last outcome that can be
                    out = likely
                    target = -1.0
            if at >= 0:
                for i in range(2 * rows):
                    state[i] = moved[i]
            counts[shot, mode] = out
            held = total - out
            if weight < _LEAST_WEIGHT:
                state[: 2 * rows] /= math.sqrt(weight)
                weight = 1.0
    return counts.shape[0]
