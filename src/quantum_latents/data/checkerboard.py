"""A checkerboard: uniform on the dark squares of a board, nothing between them.

Notation: K squares a side (even), half width w, so that a square's side is s = 2 w / K. Column c
and row r count from 0 at the lower left; the square (c, r) is dark where c + r is even. A sample is

    c uniform on 0, ..., K - 1,    r uniform on the K / 2 rows with c + r even,
    x = (-w + s (c + u), -w + s (r + v)),    u, v uniform on [0, 1).

Both coordinates are uniform on [-w, w]: means 0, variances w^2 / 3; cov(x_1, x_2) = s^2 / 4.
Dark squares touch at their corners alone.

Source: the toy density of Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud, *FFJORD*, ICLR 2019
(K = 4, w = 4, the defaults), in use since as a test of generative models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.drawn import drawn
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.random import Stream

__all__ = ["CheckerboardSpec", "load_checkerboard"]


@dataclass(frozen=True, kw_only=True)
class CheckerboardSpec:
    """The checkerboard.

    Attributes:
        num_squares: K, squares a side, even and >= 2; half of the K^2 squares are dark.
        half_width: w > 0.
        num_train: samples to train on, >= 2.
        num_held_out: samples for the metrics, >= 2, and as many again for their floor.

    Raises:
        TypeError: a number that must be an integer is not.
        ValueError: a number is out of its range.
    """

    name: ClassVar[str] = "checkerboard"
    dim: ClassVar[int] = 2

    num_squares: int = 4
    half_width: float = 4.0
    num_train: int
    num_held_out: int

    def __post_init__(self) -> None:
        check_integer("num_squares", self.num_squares, 2)
        if self.num_squares % 2:
            raise ValueError(
                f"num_squares is even, not {self.num_squares}: an odd board has columns of "
                "different weights"
            )
        check_sizes(self.num_train, self.num_held_out)
        if not (np.isfinite(self.half_width) and self.half_width > 0):
            raise ValueError(f"half_width is a number > 0, not {self.half_width}")


def load_checkerboard(spec: CheckerboardSpec, stream: Stream) -> DataSet:
    """Draw the board; row i of each set depends on the stream and i alone.

    Facts: `board_squares` = K and `board_half_width` = w.

    >>> from quantum_latents.random import stream
    >>> board = CheckerboardSpec(num_train=100, num_held_out=50)
    >>> load_checkerboard(board, stream(0, "data")).train.shape
    (100, 2)
    """
    side = 2 * spec.half_width / spec.num_squares

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        column = generator.integers(spec.num_squares, size=num_rows)
        row = 2 * generator.integers(spec.num_squares // 2, size=num_rows) + column % 2
        corner = np.stack([column, row], axis=1)
        return side * (corner + generator.random((num_rows, 2))) - spec.half_width

    return drawn(
        spec,
        lambda part, num_samples: stream.child(part).rows(0, num_samples, draw),
        metrics=(
            "share_off_board",
            "energy_distance",
            "mmd",
            "sliced_wasserstein",
        ),
        facts={"board_squares": spec.num_squares, "board_half_width": spec.half_width},
    )
