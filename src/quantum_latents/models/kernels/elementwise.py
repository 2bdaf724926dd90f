"""tanh and exp of numbers in loops that LLVM turns into vector operations.

Notation: y = k ln 2 + r with k the nearest integer, so |r| <= ln 2 / 2, and
expm1(y) = 2^k p + (2^k - 1) with p the Taylor polynomial of expm1(r): no number near 0 loses
its last digits, because k is 0 there. tanh(x) = expm1(2 x) / (expm1(2 x) + 2).

Only float32 is written out, to 2 units in the last place; float64, where exactness matters more
than speed, takes the C library's functions.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba.core import types
from numba.extending import overload

from quantum_latents.simd import intrinsic, multiply_add

__all__ = ["exp", "tanh"]

_MAGIC = np.float32(1.5 * 2**23)
"""Added to a small number it leaves the nearest integer in the low bits of the sum."""
_PER_LN2 = np.float32(1 / math.log(2))
_LN2_HIGH = np.float32(355 / 512)
_LN2_LOW = np.float32(math.log(2) - 355 / 512)
_COEFFICIENTS = tuple(np.float32(1 / math.factorial(i)) for i in range(2, 8))
_C2, _C3, _C4, _C5, _C6, _C7 = _COEFFICIENTS
_ONE, _TWO = np.float32(1), np.float32(2)
_MOST_TANH, _MOST_EXP = np.float32(18), np.float32(87)


@intrinsic
def _power_of_two(typing_context, shifted):
    """Return 2^k from the float32 whose low bits hold k."""

    def generate(context, builder, signature, arguments):
        integer = context.get_value_type(types.int32)
        bits = builder.bitcast(arguments[0], integer)
        exponent = builder.shl(bits, integer(23))
        return builder.bitcast(
            builder.add(exponent, integer(127 << 23)), context.get_value_type(types.float32)
        )

    return types.float32(types.float32), generate


def tanh(x):
    """The hyperbolic tangent, inside a kernel only."""
    raise NotImplementedError


def exp(x):
    """The exponential of a number of at most 87 in size, inside a kernel only."""
    raise NotImplementedError


@numba.njit(inline="always")
def _reduced(y):
    """Return p and 2^k of a float32."""
    shifted = multiply_add(y, _PER_LN2, _MAGIC)
    k = shifted - _MAGIC
    r = multiply_add(k, -_LN2_LOW, multiply_add(k, -_LN2_HIGH, y))
    p = multiply_add(r, multiply_add(r, multiply_add(r, _C7, _C6), _C5), _C4)
    p = multiply_add(r, multiply_add(r, p, _C3), _C2)
    p = multiply_add(r * r, p, r)
    return p, _power_of_two(shifted)


@overload(tanh)
def _overload_tanh(x):
    if x != types.float32:
        return lambda x: math.tanh(x)

    def tanh32(x):
        y = _TWO * x
        y = _MOST_TANH if y > _MOST_TANH else y
        y = -_MOST_TANH if y < -_MOST_TANH else y
        p, power = _reduced(y)
        e = multiply_add(power, p, power - _ONE)
        return e / (e + _TWO)

    return tanh32


@overload(exp)
def _overload_exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)

    def exp32(x):
        y = _MOST_EXP if x > _MOST_EXP else x
        y = -_MOST_EXP if y < -_MOST_EXP else y
        p, power = _reduced(y)
        return multiply_add(power, p, power)

    return exp32
