"""Vector registers in numba kernels, through LLVM's own vector operations.

Notation: a *vector* is `VECTOR_BYTES` of numbers of one type, its *lanes*; the widest that
this processor has. Loops that LLVM does not vectorise by itself are written with `Vectors`
inside an `intrinsic`, and no compiler is needed where the library is installed.
"""

from __future__ import annotations

from typing import Any

import numba.extending
from llvmlite import binding, ir
from numba.core import cgutils, types

__all__ = ["VECTOR_BYTES", "Vectors", "intrinsic", "multiply_add", "trailing_zeros"]

intrinsic: Any = numba.extending.intrinsic  # it takes the typing context away from callers


def _vector_bytes() -> int:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


VECTOR_BYTES = _vector_bytes()
"""Bytes of a vector: 64 with AVX-512, 32 with AVX, otherwise 16."""


class Vectors:
    """Emits loads and stores of vectors of one array's numbers into a function being built."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder = context, builder
        self.scalar = context.get_data_type(dtype)
        self.itemsize = dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.itemsize
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.intp = context.get_value_type(types.intp)
        self.byte = ir.IntType(8).as_pointer()

    def number(self, n: int):
        return ir.Constant(self.intp, n)

    def strides(self, array_type, array):
        made = self.context.make_array(array_type)(self.context, self.builder, array)
        return cgutils.unpack_tuple(self.builder, made.strides)

    def address(self, array_type, array, *index):
        """Return the address of array[index] as a byte pointer."""
        made = self.context.make_array(array_type)(self.context, self.builder, array)
        pointer = self.builder.bitcast(made.data, self.byte)
        for i, stride in zip(index, self.strides(array_type, array), strict=True):
            pointer = self.step(pointer, self.builder.mul(i, stride))
        return pointer

    def step(self, pointer, num_bytes):
        return self.builder.gep(pointer, [num_bytes])

    def load(self, pointer, offset: int = 0):
        pointer = self.step(pointer, self.number(offset))
        loaded = self.builder.load(self.builder.bitcast(pointer, self.type.as_pointer()))
        loaded.align = self.itemsize
        return loaded

    def store(self, value, pointer, offset: int = 0):
        pointer = self.step(pointer, self.number(offset))
        stored = self.builder.store(value, self.builder.bitcast(pointer, self.type.as_pointer()))
        stored.align = self.itemsize

    def broadcast(self, pointer):
        """Return the number at `pointer` in every lane."""
        number = self.builder.load(self.builder.bitcast(pointer, self.scalar.as_pointer()))
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def multiply_add(self, x, y, z):
        kind = ir.FunctionType(self.type, [self.type] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.itemsize}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [x, y, z])


@intrinsic
def multiply_add(typing_context, x, y, z):
    """Return x y + z of three floats of one type, rounded once where the processor can.

    Kernels write it out, and never let the compiler choose which products to fuse
    (`fastmath={"contract"}`): in a b + c d it may fuse either, and its choice in a process that
    compiles a kernel was seen to differ from that in the file that the next process loads.
    """

    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        name = f"llvm.fmuladd.f{x.bitwidth}"
        function_type = ir.FunctionType(kind, [kind] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        return builder.call(function, arguments)

    return x(x, x, x), generate


@intrinsic
def trailing_zeros(typing_context, number):
    """Return the number of zero bits below the lowest one of an integer that is not 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.intp(types.intp), generate
