"""The compiled matrix products against numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_latents.models.kernels.product import add_product, panel_size, set_product
from quantum_latents.random import stream

TOLERANCE = {np.float32: 2e-6, np.float64: 4e-15}
BLOCKS = st.sampled_from([1, 2, 3, 5, 6, 7, 8, 15, 16, 17, 31, 33, 96, 192, 193, 257])
"""Heights and widths on both sides of every tile, panel and block."""


def laid_out(matrix: np.ndarray, layout: str) -> np.ndarray:
    """Return the same numbers with contiguous rows, contiguous columns, or neither."""
    if layout == "rows":
        return np.ascontiguousarray(matrix)
    if layout == "columns":
        return np.asfortranarray(matrix)
    wide = np.full((2 * matrix.shape[0], 3 * matrix.shape[1]), np.nan, dtype=matrix.dtype)
    wide[::2, ::3] = matrix
    return wide[::2, ::3]


def matrices(rows, columns, depth, dtype):
    draw = stream(rows, str(columns), str(depth)).generator()
    return [
        draw.normal(size=size).astype(dtype)
        for size in ((rows, columns), (rows, depth), (depth, columns))
    ]


def workspace(dtype):
    return np.full(panel_size(np.dtype(dtype).itemsize), np.nan, dtype=dtype)


@settings(max_examples=150, deadline=None)
@given(
    rows=BLOCKS,
    columns=BLOCKS,
    depth=BLOCKS,
    layouts=st.tuples(*[st.sampled_from(["rows", "columns", "neither"])] * 2),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_products_are_those_of_numpy(rows, columns, depth, layouts, dtype):
    c, a, b = matrices(rows, columns, depth, dtype)
    expected = c + a.astype(np.float64) @ b.astype(np.float64)
    scale = np.abs(c) + np.abs(a).astype(np.float64) @ np.abs(b)
    add_product(c, laid_out(a, layouts[0]), laid_out(b, layouts[1]), workspace(dtype))
    assert (np.abs(c - expected) <= TOLERANCE[dtype] * scale).all()


@settings(max_examples=150, deadline=None)
@given(
    rows=BLOCKS,
    columns=BLOCKS,
    depth=st.one_of(st.just(0), BLOCKS),
    layouts=st.tuples(*[st.sampled_from(["rows", "columns", "neither"])] * 2),
    dtype=st.sampled_from([np.float32, np.float64]),
    has_start=st.booleans(),
)
def test_a_product_that_starts_anew_is_one_added_to_its_start(
    rows, columns, depth, layouts, dtype, has_start
):
    _, a, b = matrices(rows, columns, depth, dtype)
    start = stream(columns, "start").generator().normal(size=columns * has_start).astype(dtype)
    added = np.zeros((rows, columns), dtype)
    if has_start:
        added[:] = start
    a, b = laid_out(a, layouts[0]), laid_out(b, layouts[1])
    add_product(added, a, b, workspace(dtype))
    c = np.full_like(added, np.nan)  # never read
    set_product(c, start, a, b, workspace(dtype))
    assert c.tobytes() == added.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (13, 40), (200, 3), (6, 16)])
def test_nothing_beside_the_result_is_touched(rows, columns, dtype):
    _, a, b = matrices(rows, columns, 19, dtype)
    surrounding = np.full((rows + 2, columns + 40), 7, dtype=dtype)
    c = surrounding[1:-1, 20:-20]
    c[:] = 0
    add_product(c, a, b, workspace(dtype))
    assert np.allclose(c, a @ b, rtol=1e-4, atol=1e-4)
    c[:] = 7
    assert (surrounding == 7).all()
    set_product(c, np.ones(columns, dtype), a, b, workspace(dtype))
    assert np.allclose(c, 1 + a @ b, rtol=1e-4, atol=1e-4)
    c[:] = 7
    assert (surrounding == 7).all()


def test_a_row_does_not_depend_on_the_rows_around_it():
    # Which of the tiles' heights a row falls in decides nothing about its rounding.
    c, a, b = matrices(200, 70, 300, np.float32)
    whole, alone = c.copy(), c[90:91].copy()
    add_product(whole, a, b, workspace(np.float32))
    add_product(alone, a[90:91], b, workspace(np.float32))
    assert np.array_equal(whole[90:91], alone)


def test_what_is_not_a_number_stays_in_its_rows_and_columns():
    c, a, b = matrices(20, 20, 20, np.float32)
    a[3, 5] = np.nan
    b[7, 11] = np.inf
    add_product(c, a, b, workspace(np.float32))
    finite = np.isfinite(c)
    assert not finite[3].any()
    assert not finite[:, 11].any()
    assert finite[np.ix_(np.arange(20) != 3, np.arange(20) != 11)].all()
