"""The fixed split of data that exist once and cannot be drawn anew: a file's rows, images.

Rows are put in a random order that a seed of the split fixes, never a run's seed: every run and
every latent meets one split. The last rows of that order are held out, half for the metrics and
half for their sampling floor.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.data.sizes import check_integer
from quantum_latents.random import stream as root_stream

__all__ = ["split_rows"]


def split_rows(
    values: np.ndarray, num_held_out: int, split_seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, those for the metrics and those for their floor.

    Args:
        values: (N, d), one row a sample.
        num_held_out: rows of each of the last two parts, >= 2; N - 2 num_held_out, at least 2,
            are left to train on.
        split_seed: which random order of the rows is split, >= 0.

    Raises:
        TypeError, ValueError: a number is no integer, too small, or leaves too little.

    >>> train, held_out, floor_reference = split_rows(np.arange(20).reshape(10, 2), 3, 0)
    >>> len(train), len(held_out), len(floor_reference)
    (4, 3, 3)
    """
    check_integer("num_held_out", num_held_out, 2)
    check_integer("split_seed", split_seed, 0)
    num_train = len(values) - 2 * num_held_out
    if num_train < 2:
        raise ValueError(
            f"twice num_held_out={num_held_out} of {len(values)} rows leaves {max(0, num_train)} "
            "to train on; at least 2 are needed"
        )
    order = root_stream(split_seed, "split").generator(0).permutation(len(values))
    held_out = order[num_train : num_train + num_held_out]
    return values[order[:num_train]], values[held_out], values[order[num_train + num_held_out :]]
