"""Vector registers in numba kernels, and how kernels call functions."""

from quantum_latents.simd.calls import by_address, subroutine
from quantum_latents.simd.memory import aligned_zeros
from quantum_latents.simd.vectors import (
    VECTOR_BYTES,
    Vectors,
    intrinsic,
    multiply_add,
    trailing_zeros,
)

__all__ = [
    "VECTOR_BYTES",
    "Vectors",
    "aligned_zeros",
    "by_address",
    "intrinsic",
    "multiply_add",
    "subroutine",
    "trailing_zeros",
]
