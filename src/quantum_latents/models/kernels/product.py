"""Matrix products for one core: C += A B and C = s + A B, with a tile of C held in registers.

Notation: C (M, N) with contiguous rows, A (M, K) and B (K, N) of any strides, so that a
transpose costs nothing; s (N,) is added to every row. A *tile* is R rows by two vectors of C; its
2 R accumulators, the two vectors of B and one broadcast number of A fill the registers of the
processor (R = 6 with 16 registers, 12 with the 32 of AVX-512). A *panel* is K by two vectors of
B, packed so that a tile reads it in order; it stays in the first cache while the rows of A pass
by. Where B is small, or one tile reads all that is read of it, tiles read B as it lies.

A number of C is the same however tiles, panels and copies are chosen: it is summed in the order
of k, in blocks of `_DEPTH` where C is narrower than a tile or its last columns are.

Why not the BLAS that torch brings: at the sizes of small networks (96 x 256 x 256) a call of
it, with what torch does around the call, costs a third of the arithmetic, and numba can call
only SciPy's, which is slower here than either (docs/speed.md). The layout of the loops is
Goto and van de Geijn, *Anatomy of high-performance matrix multiplication*, ACM TOMS 2008,
without packing A: the matrices are small enough to be read as they lie.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import overload

from quantum_latents.simd import VECTOR_BYTES, Vectors, by_address, intrinsic, subroutine

__all__ = ["add_product", "panel_size", "set_product"]

_TILE_BYTES = 2 * VECTOR_BYTES
_TILE_ROWS = 12 if VECTOR_BYTES == 64 else 6
_DEPTH = 16384 // _TILE_BYTES
"""Rows of a panel: half of a first cache of 32 KiB."""
_BLOCK_ROWS = 192
"""Rows of A that each pass over the columns of B reads again: 192 KiB, in the second cache."""

_GATHER_COLUMNS = 4
"""Panels of B for which it pays to copy a transposed block of A first."""

_NEAR_BYTES = 1 << 18
"""Size of a B that stays in the second cache, from where tiles read it as fast as a panel."""
_HELD = -1
"""Stands for the place in s where a tile goes on from what C holds."""
_PACKED = -1
"""Stands for the row of B where a tile reads the panel."""


def panel_size(itemsize: int) -> int:
    """Return the length of the workspace of a product, for numbers of so many bytes."""
    return (1 + _DEPTH + _BLOCK_ROWS) * _TILE_BYTES // itemsize + _BLOCK_ROWS * _DEPTH


def _emit_tile(vectors, num_rows, c, c_row, is_held, start, a, a_row, a_column, b, b_row, depth):
    """Emit the sum over k for one tile; the builder is left behind its loop."""
    builder = vectors.builder
    rows, halves = range(num_rows), range(2)
    c_rows = [vectors.step(c, builder.mul(vectors.number(r), c_row)) for r in rows]
    names = "held", "started", "depth", "after"
    held, started, loop, after = (builder.append_basic_block(name) for name in names)
    builder.cbranch(is_held, held, started)

    builder.position_at_end(held)
    before = [[vectors.load(c_rows[r], v * VECTOR_BYTES) for v in halves] for r in rows]
    builder.branch(loop)  # depth is at least 1

    builder.position_at_end(started)
    in_all_rows = [vectors.load(start, v * VECTOR_BYTES) for v in halves]
    builder.branch(loop)

    builder.position_at_end(loop)
    count = builder.phi(vectors.intp)
    at_a, at_b = builder.phi(vectors.byte), builder.phi(vectors.byte)
    sums = [[builder.phi(vectors.type) for _ in halves] for _ in rows]
    of_b = [vectors.load(at_b, v * VECTOR_BYTES) for v in halves]
    added = []
    for r in rows:
        x = vectors.broadcast(vectors.step(at_a, builder.mul(vectors.number(r), a_row)))
        added.append([vectors.multiply_add(x, of_b[v], sums[r][v]) for v in halves])
    counted = builder.add(count, vectors.number(1))
    for phi, from_held, from_start, following in (
        (count, vectors.number(0), vectors.number(0), counted),
        (at_a, a, a, vectors.step(at_a, a_column)),
        (at_b, b, b, vectors.step(at_b, b_row)),
        *((sums[r][v], before[r][v], in_all_rows[v], added[r][v]) for r in rows for v in halves),
    ):
        phi.add_incoming(from_held, held)
        phi.add_incoming(from_start, started)
        phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", counted, depth), loop, after)

    builder.position_at_end(after)
    for r in rows:
        for v in halves:
            vectors.store(added[r][v], c_rows[r], v * VECTOR_BYTES)


@intrinsic
def _write_tile(typing_context, num_rows, c, i, j, start, at_start, a, h, k, panel, b, d, e, depth):
    """Write C[i : i + num_rows, j : j + tile].

    It becomes what it was, or with at_start >= 0 in every row start[at_start : at_start + tile],
    plus A[h : h + num_rows, k : k + depth] times the panel, or with d >= 0 times
    B[d : d + depth, e : e + tile].
    """
    at = types.intp
    signature = types.void(at, c, at, at, start, at, a, at, at, panel, b, at, at, at)

    def generate(context, builder, signature, arguments):
        num_rows, c, i, j, start, at_start, a, h, k, panel, b, d, e, depth = arguments
        _, c_type, _, _, start_type, _, a_type, _, _, panel_type, b_type, _, _, _ = signature.args
        vectors = Vectors(context, builder, c_type.dtype)
        zero = vectors.number(0)
        is_packed = builder.icmp_signed("<", d, zero)
        packed, lying = vectors.address(panel_type, panel, zero), vectors.address(b_type, b, d, e)
        row, _ = vectors.strides(b_type, b)
        a_row, a_column = vectors.strides(a_type, a)
        tile = (
            vectors.address(c_type, c, i, j),
            vectors.strides(c_type, c)[0],
            builder.icmp_signed("<", at_start, zero),
            vectors.address(start_type, start, at_start),
            vectors.address(a_type, a, h, k),
            a_row,
            a_column,
            builder.select(is_packed, packed, lying),
            builder.select(is_packed, vectors.number(_TILE_BYTES), row),
            depth,
        )
        done = builder.append_basic_block("done")
        choice = builder.switch(num_rows, done)
        for rows in range(1, _TILE_ROWS + 1):
            block = builder.append_basic_block(f"rows{rows}")
            choice.add_case(vectors.number(rows), block)
            builder.position_at_end(block)
            _emit_tile(vectors, rows, *tile)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _copy_row(typing_context, panel, at, b, k, j):
    """Write B[k, j : j + tile], contiguous, to panel[at : at + tile]."""
    signature = types.void(panel, types.intp, b, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        panel, at, b, k, j = arguments
        vectors = Vectors(context, builder, signature.args[0].dtype)
        source = vectors.address(signature.args[2], b, k, j)
        target = vectors.address(signature.args[0], panel, at)
        for half in range(2):
            vectors.store(vectors.load(source, half * VECTOR_BYTES), target, half * VECTOR_BYTES)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _transpose_block(typing_context, panel, at, b, k, j):
    """Write B[k : k + lanes, j : j + lanes], contiguous columns, as rows of a panel at `at`.

    Exchanges the off-diagonal halves of ever larger blocks: lane e of row i moves to lane i
    of row e in log2(lanes) rounds of shuffles (Eklundh, IEEE Trans. Computers 1972).
    """
    signature = types.void(panel, types.intp, b, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        panel, at, b, k, j = arguments
        vectors = Vectors(context, builder, signature.args[0].dtype)
        _, column = vectors.strides(signature.args[2], b)
        source = vectors.address(signature.args[2], b, k, j)
        target = vectors.address(signature.args[0], panel, at)
        lanes = vectors.lanes
        rows = [
            vectors.load(vectors.step(source, builder.mul(vectors.number(r), column)))
            for r in range(lanes)
        ]
        mask_type = ir.VectorType(ir.IntType(32), lanes)
        size = 1
        while size < lanes:
            # Lanes of the second operand are numbered from `lanes` on.
            low = [e if not e & size else lanes + e - size for e in range(lanes)]
            high = [e + size if not e & size else lanes + e for e in range(lanes)]
            for r in range(lanes):
                if not r & size:
                    pair = rows[r], rows[r + size]
                    rows[r] = builder.shuffle_vector(*pair, ir.Constant(mask_type, low))
                    rows[r + size] = builder.shuffle_vector(*pair, ir.Constant(mask_type, high))
            size *= 2
        for r in range(lanes):
            vectors.store(rows[r], target, r * _TILE_BYTES)
        return context.get_dummy_value()

    return signature, generate


@subroutine
def _pack(panel, b, k, j, depth, width, tile):
    """Write B[k : k + depth, j : j + width] to the panel, zero where the tile is wider."""
    lanes = tile // 2
    row, column = b.strides
    if width == tile and column == panel.itemsize:
        for d in range(depth):
            _copy_row(panel, d * tile, b, k + d, j)
        return
    if width == tile and row == panel.itemsize:
        whole = depth - depth % lanes
        for half in range(2):
            for d in range(0, whole, lanes):
                _transpose_block(panel, d * tile + half * lanes, b, k + d, j + half * lanes)
    else:
        whole = 0
    for d in range(whole, depth):
        for w in range(tile):
            panel[d * tile + w] = b[k + d, j + w] if w < width else 0


@subroutine
def _gather(block, a, i, k, height, depth, tile):
    """Copy A[i : i + height, k : k + depth], columns contiguous, to the rows of `block`."""
    transposed = a.T
    whole = height - height % tile
    for d in range(depth):
        for h in range(0, whole, tile):
            _copy_row(block, d * _BLOCK_ROWS + h, transposed, k + d, i + h)
        for h in range(whole, height):
            block[d * _BLOCK_ROWS + h] = a[i + h, k + d]


@subroutine
def _write_rows(c, i, j, start, at_start, a, h, k, num_rows, panel, b, d, e, depth):
    """Write `num_rows` rows of C from (i, j) on, in tiles as equally high as can be."""
    num_tiles = -(-num_rows // _TILE_ROWS)
    top = 0
    for t in range(num_tiles):
        stop = (t + 1) * num_rows // num_tiles
        _write_tile(
            stop - top, c, i + top, j, start, at_start, a, h + top, k, panel, b, d, e, depth
        )  # fmt: skip
        top = stop


@subroutine
def _is_read_as_it_lies(b, num_rows, width, tile):
    """Return whether tiles need no panel of B: they are whole, and it is near or read once."""
    if width < tile or b.strides[1] != b.itemsize:
        return False
    return num_rows <= _TILE_ROWS or b.size * b.itemsize <= _NEAR_BYTES


@subroutine
def _start(c, s):
    """Write s to every row of C, or 0."""
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] = 0
        for j in range(len(s)):
            c[i, j] = s[j]


@subroutine
def _write_narrow(c, s, adds, a, b, zeros, panel, edge, tile):
    """Write C with fewer columns than a vector, as C^T = ... + B^T A^T."""
    num_rows, num_columns = c.shape
    zero = np.intp(0)  # a literal 0 would be compiled for by itself
    if not adds:
        _start(c, s)
    for k in range(0, a.shape[1], _DEPTH):
        depth = min(_DEPTH, a.shape[1] - k)
        for i in range(0, num_rows, tile):
            width = min(tile, num_rows - i)
            d = k
            if not _is_read_as_it_lies(a.T, num_columns, width, tile):
                _pack(panel, a.T, k, i, depth, width, tile)
                d = _PACKED
            _write_rows(
                edge, zero, zero, zeros, zero, b.T, zero, k, num_columns, panel, a.T, d, i, depth
            )  # fmt: skip
            for w in range(width):
                for r in range(num_columns):
                    c[i + w, r] += edge[r, w]


_SIGNATURES = [
    numba.void(matrix, vector, numba.boolean, matrix, matrix, vector)
    for matrix, vector in (
        (types.Array(number, 2, "A"), types.Array(number, 1, "C"))
        for number in (numba.float32, numba.float64)
    )
]


@numba.njit(_SIGNATURES, nogil=True, cache=True, error_model="numpy")
def _product(c, s, adds, a, b, workspace):
    num_rows, num_columns = c.shape
    zero = np.intp(0)  # a literal 0 would be compiled for by itself
    tile = _TILE_BYTES // c.itemsize
    in_panel, in_edge = (1 + _DEPTH) * tile, (1 + _DEPTH + _BLOCK_ROWS) * tile
    zeros = workspace[:tile]
    zeros[:] = 0
    panel = workspace[tile:in_panel]
    edge = workspace[in_panel:in_edge].reshape(_BLOCK_ROWS, tile)
    block = workspace[in_edge : in_edge + _DEPTH * _BLOCK_ROWS]
    if not adds and a.shape[1] == 0:
        _start(c, s)
    if 2 * num_columns <= tile and num_columns < num_rows:
        _write_narrow(c, s, adds, a, b, zeros, panel, edge, tile)
        return
    # Columns of A that lie a power of two apart would share few lines of the first cache.
    scattered = a.strides[0] == c.itemsize and num_columns >= _GATHER_COLUMNS * tile
    for k in range(0, a.shape[1], _DEPTH):
        depth = min(_DEPTH, a.shape[1] - k)
        for i in range(0, num_rows, _BLOCK_ROWS):
            height = min(_BLOCK_ROWS, num_rows - i)
            rows, top, left = a, i, k
            if scattered:
                _gather(block, a, i, k, height, depth, tile)
                rows, top, left = block.reshape(_DEPTH, _BLOCK_ROWS).T, 0, 0
            for j in range(0, num_columns, tile):
                width = min(tile, num_columns - j)
                d = k
                if not _is_read_as_it_lies(b, height, width, tile):
                    _pack(panel, b, k, j, depth, width, tile)
                    d = _PACKED
                if width == tile:
                    start, at = (zeros, _HELD) if adds or k else (zeros, 0)
                    if len(s) and at == 0:
                        start, at = s, j
                    _write_rows(c, i, j, start, at, rows, top, left, height, panel, b, d, j, depth)
                    continue
                _write_rows(
                    edge, zero, zero, zeros, zero, rows, top, left, height, panel, b, d, j, depth
                )  # fmt: skip
                if not adds and k == 0:
                    _start(c[i : i + height, j:], s[j:])
                for r in range(height):
                    for w in range(width):
                        c[i + r, j + w] += edge[r, w]


_compiled_once = by_address(_product, "product")


def add_product(c, a, b, workspace):
    """Add A B to C.

    Args:
        c: (M, N), changed in place; rows are contiguous.
        a: (M, K).
        b: (K, N); fastest if its rows or its columns are contiguous.
        workspace: (panel_size(itemsize),), overwritten; fastest if it starts on a cache line, as
            the rows of C and B are (`simd.aligned_zeros`).

    >>> import numpy as np
    >>> c, a, b = np.ones((2, 3)), np.ones((2, 4)), np.full((4, 3), 2.0)
    >>> add_product(c, a, b, np.empty(panel_size(8)))
    >>> c
    array([[9., 9., 9.],
           [9., 9., 9.]])
    """
    _product(c, workspace[:0], True, a, b, workspace)


def set_product(c, s, a, b, workspace):
    """Write s + A B to C, which is not read.

    Args:
        c: (M, N), written; rows are contiguous.
        s: (N,), contiguous, added to every row; (0,) for nothing.
        a: (M, K).
        b: (K, N).
        workspace: as of `add_product`.

    >>> import numpy as np
    >>> c, a, b = np.full((2, 3), np.nan), np.ones((2, 4)), np.full((4, 3), 2.0)
    >>> set_product(c, np.array([0.0, 1.0, 2.0]), a, b, np.empty(panel_size(8)))
    >>> c
    array([[ 8.,  9., 10.],
           [ 8.,  9., 10.]])
    """
    _product(c, s, False, a, b, workspace)


@overload(add_product)
def _overload_add_product(c, a, b, workspace):
    return lambda c, a, b, workspace: _compiled_once(c, workspace[:0], True, a, b, workspace)


@overload(set_product)
def _overload_set_product(c, s, a, b, workspace):
    return lambda c, s, a, b, workspace: _compiled_once(c, s, False, a, b, workspace)
