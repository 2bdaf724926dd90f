"""Named, counter-based random streams.

Notation: a *stream* is named by a root seed and a path of names, such as
``(0, "latent", "quantum")``. A *draw* is addressed by its index i. Draw i of a stream
depends on (seed, path, i) alone: never on what was drawn before, by how many threads, or
in what chunks. The generator is Philox (Salmon et al., SC 2011), keyed by the first 128
bits of the SHA-256 of the path, with the index in the upper half of the counter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["BLOCK_ROWS", "Stream", "stream"]

BLOCK_ROWS = 4096
"""Rows that share one Philox counter block in `Stream.rows`; part of every result."""

_MAX_INDEX = 2**63


@dataclass(frozen=True)
class Stream:
    """A stream of random numbers, addressed by index.

    Build one with `stream`; derive others with `child`.

    Attributes:
        path: the root seed followed by the names.
    """

    path: tuple[int | str, ...]

    @property
    def key(self) -> tuple[int, int]:
        """Two 64-bit words, the first 128 bits of the SHA-256 of the path."""
        digest = hashlib.sha256(json.dumps(self.path).encode()).digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")

    def child(self, *names: int | str) -> Stream:
        """Return the stream whose path continues with `names`.

        >>> stream(0).child("latent", "quantum") == stream(0, "latent", "quantum")
        True
        """
        for name in names:
            if isinstance(name, bool) or not isinstance(name, (int, str)):
                raise TypeError(f"a stream's name is a str or an int, not {name!r}")
        return Stream(self.path + names)

    def generator(self, index: int = 0) -> np.random.Generator:
        """Return numpy's generator at draw `index`, 2**128 numbers away from its neighbours.

        >>> a = stream(0, "init").generator(3).normal(size=2)
        >>> b = stream(0, "init").generator(3).normal(size=2)
        >>> bool((a == b).all())
        True
        """
        if not 0 <= index < _MAX_INDEX:
            raise ValueError(f"a draw's index is in [0, 2**63), not {index}")
        key = np.array(self.key, dtype=np.uint64)
        counter = np.array([0, 0, index, 0], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))

    def rows(
        self,
        start: int,
        stop: int,
        draw: Callable[[np.random.Generator, int], np.ndarray],
    ) -> np.ndarray:
        """Return rows [start, stop) of an endless table whose row i depends on i alone.

        The table is drawn in blocks of `BLOCK_ROWS` rows: ``draw(generator, BLOCK_ROWS)``
        returns one block, shape (BLOCK_ROWS, ...).

        >>> normal = lambda generator, num_rows: generator.normal(size=(num_rows, 2))
        >>> table = stream(0, "latent").rows(0, 9000, normal)
        >>> bool((stream(0, "latent").rows(4000, 5000, normal) == table[4000:5000]).all())
        True
        """
        if not 0 <= start <= stop:
            raise ValueError(f"rows need 0 <= start <= stop, not start={start}, stop={stop}")
        first, last = start // BLOCK_ROWS, max(start, stop - 1) // BLOCK_ROWS
        blocks = [draw(self.generator(block), BLOCK_ROWS) for block in range(first, last + 1)]
        offset = first * BLOCK_ROWS
        return np.concatenate(blocks)[start - offset : stop - offset]


def stream(seed: int, *names: int | str) -> Stream:
    """Return the stream named `names` under the root `seed` (any integer >= 0; 0 is a seed).

    Raises:
        ValueError: the seed is negative.
        TypeError: the seed is not an integer, or a name is neither str nor int.

    >>> stream(0, "data").key != stream(1, "data").key
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"a seed is an integer, not {seed!r}")
    if seed < 0:
        raise ValueError(f"a seed is >= 0, not {seed}")
    return Stream((int(seed),)).child(*names)
