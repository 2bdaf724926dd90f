"""How a kernel calls the functions it is made of: as a part of it, or at their address.

numba copies every function that a kernel calls into the kernel, and into whatever the kernel
calls on the way, and optimises each copy anew. For a large function that nobody would inline,
such as a matrix product, this is most of the time of compiling, and gains nothing.
"""

from __future__ import annotations

import inspect
from typing import Any

import numba
from llvmlite import binding
from numba.core import cgutils, types

from quantum_latents.simd.vectors import intrinsic

__all__ = ["by_address", "subroutine"]

_njit: Any = numba.njit  # its signature leaves out what it takes

subroutine = _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Decorates a function that only kernels call, with numpy's rules for divisions by zero.

It has no entry from Python. To unpack the arguments there, if these are views of a network,
takes longer to compile than most functions, and every kernel above it would compile it again.
"""


def by_address(function: Any, name: str) -> Any:
    """Return `function` for calls inside kernels, compiled once and never copied.

    A kernel on disk holds only the name: the module that calls `by_address` is imported before
    the kernel is loaded, which it is if the kernel's module imports it.

    Args:
        function: of `numba.njit` with explicit signatures that return nothing and differ in the
            number type of their first array.
        name: of the function among all of these.

    >>> import numba, numpy as np
    >>> @numba.njit(["void(f8[:])", "void(f4[:])"])
    ... def double(x):
    ...     x *= 2
    >>> doubled = by_address(double, "an example")
    >>> @numba.njit
    ... def twice(x):
    ...     doubled(x)
    ...     doubled(x)
    >>> x = np.ones(2, np.float32)
    >>> twice(x)
    >>> x
    array([4., 4.], dtype=float32)
    """
    signatures = {}
    for arguments, compiled in function.overloads.items():
        dtype = arguments[0].dtype
        symbol = f"quantum_latents {name} {dtype}"
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        binding.add_symbol(symbol, address)
        signatures[dtype] = types.void(*arguments), symbol

    def typed(typing_context, *arguments):
        signature, symbol = signatures[arguments[0].dtype]

        def generate(context, builder, signature, values):
            convention = context.call_conv
            kind = convention.get_function_type(signature.return_type, signature.args)
            called = cgutils.get_or_insert_function(builder.module, kind, symbol)
            status, _ = convention.call_function(
                builder, called, signature.return_type, signature.args, values
            )
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return context.get_dummy_value()

        return signature, generate

    # numba asks for the names of arguments.
    own = inspect.signature(function.py_func).parameters.values()
    context = inspect.Parameter("typing_context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    typed.__signature__ = inspect.Signature([context, *own])
    return intrinsic(typed)
