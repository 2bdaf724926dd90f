"""The most multiply-adds a core makes in float64, measured.

Notation: a *chain* is a vector register x that becomes x f + t again and again; f and t are
vectors. Chains do not wait for each other, and `NUM_CHAINS` of them hide the latency of a
fused multiply-add (4 cycles, two a cycle, so 8 would do) within 16 registers.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from quantum_latents.simd import VECTOR_BYTES, Vectors, intrinsic

__all__ = ["NUM_CHAINS", "Burst", "fma_burst", "fma_chains"]

NUM_CHAINS = 12
_LANES = VECTOR_BYTES // 8


class Burst:
    """One short measurement: operations, and operations a second by either clock."""

    def __init__(self, num_flops: float, cpu_seconds: float, wall_seconds: float) -> None:
        self.per_cpu_second = num_flops / cpu_seconds
        self.per_second = num_flops / wall_seconds


@intrinsic
def _run_chains(typing_context, sums, factor, term, num_steps):
    signature = types.void(sums, factor, term, types.intp)

    def generate(context, builder, signature, arguments):
        sums_type, factor_type, term_type, _ = signature.args
        sums, factor, term, num_steps = arguments
        vectors = Vectors(context, builder, sums_type.dtype)
        zero = vectors.number(0)
        at = vectors.address(sums_type, sums, zero)
        f = vectors.load(vectors.address(factor_type, factor, zero))
        t = vectors.load(vectors.address(term_type, term, zero))
        chains = range(NUM_CHAINS)
        before = [vectors.load(at, c * VECTOR_BYTES) for c in chains]
        entry = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("steps", "after"))
        builder.branch(loop)  # num_steps is at least 1

        builder.position_at_end(loop)
        count = builder.phi(vectors.intp)
        x = [builder.phi(vectors.type) for _ in chains]
        changed = [vectors.multiply_add(x[c], f, t) for c in chains]
        counted = builder.add(count, vectors.number(1))
        for phi, start, following in (
            (count, zero, counted),
            *((x[c], before[c], changed[c]) for c in chains),
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", counted, num_steps), loop, after)

        builder.position_at_end(after)
        for c in chains:
            vectors.store(changed[c], at, c * VECTOR_BYTES)
        return context.get_dummy_value()

    return signature, generate


@cache
def _compiled() -> Any:
    @numba.njit(nogil=True)
    def run(sums, factor, term, num_steps):
        _run_chains(sums, factor, term, num_steps)

    return run


def fma_chains(start: np.ndarray, factor: float, term: float, num_steps: int) -> np.ndarray:
    """Return what `num_steps` of x -> x factor + term make of `start`.

    Args:
        start: float64 (`NUM_CHAINS` * lanes,); lanes are the numbers of a vector.
        factor: f, the same in all lanes.
        term: t, the same in all lanes.
        num_steps: at least 1.

    >>> lanes = VECTOR_BYTES // 8
    >>> set(fma_chains(np.zeros(NUM_CHAINS * lanes), 0.5, 1.0, 3).tolist())
    {1.75}
    """
    sums = np.array(start, dtype=np.float64)
    if sums.shape != (NUM_CHAINS * _LANES,) or num_steps < 1:
        raise ValueError(f"{sums.shape} numbers and {num_steps} steps are not {NUM_CHAINS} chains")
    _compiled()(sums, np.full(_LANES, factor), np.full(_LANES, term), num_steps)
    return sums


def fma_burst(num_steps: int = 2_000_000) -> Burst:
    """Return one burst of some ten milliseconds on this thread."""
    start = np.linspace(0.0, 1.0, NUM_CHAINS * _LANES)
    fma_chains(start, 0.5, 1.0, 1)
    cpu, wall = time.process_time(), time.perf_counter()
    fma_chains(start, 0.5, 1.0, num_steps)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Burst(2.0 * NUM_CHAINS * _LANES * num_steps, cpu, wall)
