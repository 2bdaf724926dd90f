"""Vector registers in numba kernels."""

from quantum_latents.simd.address import by_address
from quantum_latents.simd.vectors import (
    VECTOR_BYTES,
    Vectors,
    intrinsic,
    multiply_add,
    trailing_zeros,
)

__all__ = ["VECTOR_BYTES", "Vectors", "by_address", "intrinsic", "multiply_add", "trailing_zeros"]
