"""Rows of a table: those that torch's indexing gives, whatever the table's memory looks like."""

import numpy as np
import pytest
import torch

from quantum_latents.random.torch import take_rows


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(7, 3), (7, 1), (7, 2, 4, 4), (7,)])
def test_rows_are_those_of_indexing(shape, dtype):
    table = torch.arange(2 * np.prod(shape)).view(7, 2, -1).to(dtype)
    contiguous = table[:, 0].reshape(shape).contiguous()
    strided = table[:, 1].reshape(shape) if len(shape) == 1 else table[:, 1]
    rows = np.array([6, 0, 0, 3])
    for some in (contiguous, strided):
        taken = take_rows(some, rows)
        assert taken.dtype == dtype and torch.equal(taken, some[torch.from_numpy(rows)])
        taken[:] = 0  # a copy: the table is as it was
    assert contiguous.any() and strided.any()


def test_a_row_that_there_is_not_is_an_error():
    for table in (torch.zeros(4, 2), torch.zeros(4, 4)[:, ::2]):
        with pytest.raises(IndexError):
            take_rows(table, np.array([4]))
