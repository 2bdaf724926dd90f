"""All minors of a chain-rule step at once, in vector registers.

Notation: k - 1 photons have left through rows r of A, row r taken s_r times; k columns.
p_l is the permanent of the k - 1 rows and the columns without column l. Glynn's formula,
summed over how many copies g_r of each row carry a minus sign, gives all of them together,

    p_l ~ sum_g (-1)^(sum g) C(s_f - 1, g_f) prod_{r != f} C(s_r, g_r) prod_{j != l} v_j,
    v_j = sum_r (s_r - 2 g_r) A[r, j],

where one copy of a row f of smallest multiplicity keeps its plus sign; the factor
2^-(k - 2), common to all, is left out. So there are T = s_f prod_{r != f} (s_r + 1) *patterns*
g instead of 2^(k - 2). Sources: Glynn, European J. Combin. 31 (2010); Clifford and Clifford,
arXiv 2005.04214.

The lanes of a vector are patterns of the rows of smallest multiplicity (those too many carry
weight 0); the other rows run through the reflected mixed-radix Gray code of Knuth, TAOCP
7.2.1.1, Algorithm H, which changes one g_r by one at a time: a multiple of A[r, .] is added to
every v_j. The products without one factor come from a sweep with two ends: left products up
to the middle beside right products down to it, two independent chains, then each goes on
through the other half and meets the products stored there. It takes 22 k - 32 operations a
pattern in 14 k vector instructions.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from llvmlite import ir
from numba.core import types

from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS
from quantum_latents.simd import VECTOR_BYTES, Vectors, intrinsic, subroutine, trailing_zeros

__all__ = ["MOST_LANE_BYTES", "add_minors"]

_BINOMIAL = np.array(
    [
        [float(math.comb(s, g)) for g in range(MAX_BOSON_PHOTONS + 1)]
        for s in range(MAX_BOSON_PHOTONS + 1)
    ]
)

_V, _SIDE, _SUM = 0, 1, 2
"""Places in a workspace: the v_j, the products stored half-way, and the sums p_j."""

_MANY_PATTERNS = 128
"""Patterns from which on two vectors are worked on side by side: a chain of products waits for
itself, but with few patterns the second vector would be mostly padding."""

MOST_LANE_BYTES = 2 * VECTOR_BYTES
"""Bytes of the patterns that are worked on at once, one number each."""

_REFRESH = 256
"""Patterns after which float32 works v out anew: the updates drift otherwise."""


class _Complex(Vectors):
    """Complex numbers in one or two vectors: real and imaginary part of each, in turn."""

    def __init__(self, context, builder, dtype, num_groups):
        super().__init__(context, builder, dtype)
        self.groups = range(num_groups)
        self.size = 2 * num_groups

    def parts(self, pointer):
        """Return the addresses of a number's vectors."""
        offsets = (part * VECTOR_BYTES for part in range(self.size))
        return [self.step(pointer, self.number(offset)) for offset in offsets]

    def load_all(self, pointer):
        return [self.load(part) for part in self.parts(pointer)]

    def store_all(self, value, pointer):
        for part, place in zip(value, self.parts(pointer), strict=True):
            self.store(part, place)

    def multiply(self, x, y):
        product = []
        for a, b, c, d in self._by_group(x, y):
            negative = self.builder.fneg(self.builder.fmul(b, d))
            product.append(self.multiply_add(a, c, negative))
            product.append(self.multiply_add(a, d, self.builder.fmul(b, c)))
        return product

    def add_product(self, x, y, pointer):
        """Add x y, summed over the groups, to the vectors of one number at `pointer`."""
        real, imaginary = self.load(pointer), self.load(pointer, VECTOR_BYTES)
        for a, b, c, d in self._by_group(x, y):
            real = self.multiply_add(a, c, real)
            imaginary = self.multiply_add(a, d, imaginary)
            real = self.multiply_add(self.builder.fneg(b), d, real)
            imaginary = self.multiply_add(b, c, imaginary)
        self.store(real, pointer)
        self.store(imaginary, pointer, VECTOR_BYTES)

    def _by_group(self, x, y):
        return [(*x[2 * g : 2 * g + 2], *y[2 * g : 2 * g + 2]) for g in self.groups]

    def place(self, start, index):
        """Return the address of number `index` of those from `start` on."""
        return self._at(start, index, self.size * VECTOR_BYTES)

    def summed_place(self, start, index):
        """Return the address of number `index` of those in one vector for all groups."""
        return self._at(start, index, 2 * VECTOR_BYTES)

    def _at(self, start, index, num_bytes):
        return self.step(start, self.builder.mul(index, self.number(num_bytes)))

    def loop(self, count, carried, body):
        """Emit `carried = body(i, carried)` for i in range(count), count >= 1; return carried."""
        builder = self.builder
        entry = builder.block
        block, after = (builder.append_basic_block(name) for name in ("loop", "after"))
        builder.branch(block)
        builder.position_at_end(block)
        index = builder.phi(self.intp)
        phis = [builder.phi(value.type) for value in carried]
        following = body(index, phis)
        counted = builder.add(index, self.number(1))
        for phi, start, new in zip(
            [index, *phis], [self.number(0), *carried], [counted, *following], strict=True
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(new, builder.block)
        builder.cbranch(builder.icmp_signed("<", counted, count), block, after)
        builder.position_at_end(after)
        return following


def _updated(vectors, place, row, j, factors):
    """Return v_j + factors A[r, j]."""
    entry = vectors.builder.mul(j, vectors.number(2 * vectors.itemsize))
    number = vectors.step(row, entry)
    real = vectors.broadcast(number)
    imaginary = vectors.broadcast(vectors.step(number, vectors.number(vectors.itemsize)))
    old = vectors.load_all(place)
    return [
        vectors.multiply_add(factors[part // 2], imaginary if part % 2 else real, old[part])
        for part in range(vectors.size)
    ]


def _row_adder(num_groups: int):
    """Return the compiled update of v by one row."""

    @intrinsic
    def add_row(typing_context, work, k, rows, r, factors):
        """Add factors (lanes,) A[r, j] to v_j, j < k, lane by lane."""
        signature = types.void(work, types.intp, rows, types.intp, factors)

        def generate(context, builder, signature, arguments):
            work, k, rows, r, factors = arguments
            vectors = _Complex(context, builder, signature.args[0].dtype, num_groups)
            zero = vectors.number(0)
            v = vectors.address(signature.args[0], work, vectors.number(_V), zero)
            row = vectors.address(signature.args[2], rows, r, zero, zero)
            factor = vectors.address(signature.args[4], factors, zero)
            factors = [vectors.load(factor, group * VECTOR_BYTES) for group in vectors.groups]

            def body(j, carried):
                place = vectors.place(v, j)
                vectors.store_all(_updated(vectors, place, row, j, factors), place)
                return carried

            vectors.loop(k, [], body)
            return context.get_dummy_value()

        return signature, generate

    return add_row


def _pattern_adder(num_groups: int):
    """Return the compiled sweep over the columns."""

    @intrinsic
    def add_patterns(typing_context, work, k, rows, r, step, weights):
        """Add step[0] A[r, j] to every v_j, then the patterns' terms to the sums, k >= 2.

        The terms of the lanes have the weights step[1] weights (lanes,).
        """
        signature = types.void(work, types.intp, rows, types.intp, step, weights)

        def generate(context, builder, signature, arguments):
            work, k, rows, r, step, weights = arguments
            work_type, _, rows_type, _, step_type, weights_type = signature.args
            vectors = _Complex(context, builder, work_type.dtype, num_groups)
            zero, one = vectors.number(0), vectors.number(1)
            v, side, sums = (
                vectors.address(work_type, work, vectors.number(which), zero)
                for which in (_V, _SIDE, _SUM)
            )
            row = vectors.address(rows_type, rows, r, zero, zero)
            factor = vectors.broadcast(vectors.address(step_type, step, zero))
            factors = [factor] * num_groups
            scale = vectors.broadcast(vectors.address(step_type, step, one))
            weight = vectors.address(weights_type, weights, zero)
            none = ir.Constant(vectors.type, [0.0] * vectors.lanes)
            unit = ir.Constant(vectors.type, [1.0] * vectors.lanes)
            left, right = [], []
            for group in vectors.groups:
                lanes = vectors.load(weight, group * VECTOR_BYTES)
                left += [builder.fmul(scale, lanes), none]
                right += [unit, none]
            size = vectors.size
            half = builder.lshr(k, one)
            last = builder.sub(k, one)

            def inwards(i, carried):
                chains = carried[:size], carried[size:]
                moved = []
                for j, chain in zip((i, builder.sub(last, i)), chains, strict=True):
                    place = vectors.place(v, j)
                    new = _updated(vectors, place, row, j, factors)
                    vectors.store_all(new, place)
                    vectors.store_all(chain, vectors.place(side, j))
                    moved += vectors.multiply(chain, new)
                return moved

            chains = vectors.loop(half, [*left, *right], inwards)

            # An odd k has a column in the middle, which both chains pass.
            before = builder.block
            middle, outside = (builder.append_basic_block(name) for name in ("middle", "outside"))
            builder.cbranch(builder.trunc(k, ir.IntType(1)), middle, outside)
            builder.position_at_end(middle)
            place = vectors.place(v, half)
            new = _updated(vectors, place, row, half, factors)
            vectors.store_all(new, place)
            middle_sum = vectors.summed_place(sums, half)
            vectors.add_product(chains[:size], chains[size:], middle_sum)
            moved = vectors.multiply(chains[:size], new) + vectors.multiply(chains[size:], new)
            builder.branch(outside)
            builder.position_at_end(outside)
            both = []
            for chain, passed in zip(chains, moved, strict=True):
                phi = builder.phi(vectors.type)
                phi.add_incoming(chain, before)
                phi.add_incoming(passed, middle)
                both.append(phi)

            def outwards(i, carried):
                after = builder.add(builder.sub(k, half), i)
                before = builder.sub(builder.sub(half, one), i)
                chains = carried[:size], carried[size:]
                moved = []
                for j, chain in zip((after, before), chains, strict=True):
                    stored = vectors.load_all(vectors.place(side, j))
                    vectors.add_product(chain, stored, vectors.summed_place(sums, j))
                    moved += vectors.multiply(chain, vectors.load_all(vectors.place(v, j)))
                return moved

            vectors.loop(half, both, outwards)
            return context.get_dummy_value()

        return signature, generate

    return add_patterns


@subroutine
def _lay_out(multiplicity, num_rows, row, limit):
    """Write the digits of a pattern, rows by rising multiplicity; return their number.

    The first row, of smallest multiplicity, keeps one copy's plus sign.
    """
    for r in range(num_rows):
        place = r
        while place > 0 and multiplicity[row[place - 1]] > multiplicity[r]:
            row[place] = row[place - 1]
            place -= 1
        row[place] = r
    if num_rows == 0:
        return 0
    shift = 1 if multiplicity[row[0]] == 1 else 0
    for d in range(num_rows - shift):
        row[d] = row[d + shift]
        limit[d] = multiplicity[row[d]] - (1 if d + shift == 0 else 0)
    return num_rows - shift


def _summation(num_groups: int):
    """Return the compiled sum over all patterns, `num_groups` vectors of them at a time."""
    add_row, add_patterns = _row_adder(num_groups), _pattern_adder(num_groups)

    @numba.njit(error_model="numpy", inline="always")
    def fill(work, k, rows, total, row, value, first, num_digits, lane_digits, factors):
        """Work v out: the lanes' own patterns of digits [0, first), `value` for the others."""
        lanes = factors.size
        width = lanes // num_groups
        v = work[_V]
        at = 0
        for j in range(k):
            for part in range(2 * num_groups):
                for e in range(width):
                    v[at + e] = total[j, part % 2]
                at += width
        for d in range(num_digits):
            if d >= first and value[d] == 0:
                continue
            for e in range(lanes):
                factors[e] = -2 * (lane_digits[d, e] if d < first else value[d])
            add_row(work, k, rows, row[d], factors)

    @subroutine
    def summation(work, rows, total, k, num_digits, digits, numbers, lane_digits):
        value, limit, row, focus, direction = (
            digits[0],
            digits[1],
            digits[2],
            digits[3],
            digits[4],
        )
        lanes = num_groups * (VECTOR_BYTES // work.itemsize)
        factors = numbers[:lanes]
        weights = numbers[lanes : 2 * lanes]
        step = numbers[2 * lanes : 2 * lanes + 2]
        # below[d] is the product of the binomials of digits d, d + 1, ...
        below = numbers[2 * lanes + 2 :]

        first, patterns = 0, 1
        while first < num_digits and patterns * (limit[first] + 1) <= lanes:
            patterns *= limit[first] + 1
            value[first] = 0
            first += 1
        for e in range(lanes):
            weight = 1.0 if e < patterns else 0.0
            for d in range(first):
                lane_digits[d, e] = value[d]
                weight *= _BINOMIAL[limit[d], value[d]] * (1 - 2 * (value[d] & 1))
            weights[e] = weight
            for d in range(first):  # the next pattern
                value[d] += 1
                if value[d] <= limit[d]:
                    break
                value[d] = 0
        for d in range(first, num_digits + 1):
            focus[d] = d
            below[d] = 1
            value[d] = 0
            direction[d] = 1
        # Binary digits come first and change fastest: the ruler sequence needs no branches,
        # and their binomials are 1. Running through it again runs them back.
        others = first
        while others < num_digits and limit[others] == 1:
            others += 1
        inside = (1 << (others - first)) - 1

        fill(work, k, rows, total, row, value, first, num_digits, lane_digits, factors)
        work[_SUM, : 2 * lanes * k] = 0
        step[0], step[1] = 0, 1
        sign, scale = 1, 1.0
        changed = 0
        count = 0
        while True:
            add_patterns(work, k, rows, row[changed], step, weights)
            count += 1
            ruler = count & inside
            if ruler != 0:
                changed = first + trailing_zeros(ruler)
                step[0] = 4 * value[changed] - 2
                value[changed] = 1 - value[changed]
            else:
                changed = focus[others]
                if changed == num_digits:
                    break
                focus[others] = others
                value[changed] += direction[changed]
                step[0] = -2 * direction[changed]
                if value[changed] == 0 or value[changed] == limit[changed]:
                    direction[changed] = -direction[changed]
                    focus[changed] = focus[changed + 1]
                    focus[changed + 1] = changed + 1
                for d in range(changed, others - 1, -1):
                    below[d] = below[d + 1] * _BINOMIAL[limit[d], value[d]]
                scale = below[others]
            sign = -sign
            step[1] = sign * scale
            if work.itemsize == 4 and count % _REFRESH == 0:
                fill(work, k, rows, total, row, value, first, num_digits, lane_digits, factors)
                step[0] = 0

    return summation


_sum_one, _sum_two = _summation(1), _summation(2)


@numba.njit(error_model="numpy")
def add_minors(work, rows, total, multiplicity, num_rows, k, digits, numbers, lane_digits, minors):
    """Write p_1 .. p_k, k >= 2, to `minors`.

    Args:
        work: (3, 2 n lanes), of the type of rows, overwritten: v, side products, sums.
        rows: (n, n, 2), A[r, alpha_j] of the rows drawn so far.
        total: (n, 2), sum_r s_r A[r, alpha_j].
        multiplicity: (n,), s_r.
        num_rows: different rows.
        k: columns.
        digits: int64 (5, n + 1), overwritten.
        numbers: (n + 2 + 3 lanes,), of the type of rows, overwritten.
        lane_digits: int64 (8, lanes), overwritten.
        minors: float64 (n, 2), written.

    There are MOST_LANE_BYTES / itemsize lanes.
    """
    num_digits = _lay_out(multiplicity, num_rows, digits[2], digits[1])
    patterns = 1
    for d in range(num_digits):
        patterns *= digits[1, d] + 1
    lanes = VECTOR_BYTES // work.itemsize
    if patterns < _MANY_PATTERNS:
        _sum_one(work, rows, total, k, num_digits, digits, numbers, lane_digits)
    else:
        _sum_two(work, rows, total, k, num_digits, digits, numbers, lane_digits)
    sums = work[_SUM]
    for j in range(k):
        x, y = 0.0, 0.0
        for e in range(lanes):
            x += sums[2 * j * lanes + e]
            y += sums[(2 * j + 1) * lanes + e]
        minors[j, 0], minors[j, 1] = x, y
