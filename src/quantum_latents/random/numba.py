"""Philox4x32-10 for compiled kernels: the same numbers on every device.

Notation: `key` is one 64-bit word (`kernel_key` of a stream), `shot` the index of a shot,
`draw` the index of a number within the shot. One call of the cipher makes two uniform
doubles, so draws 2j and 2j + 1 share counter (j, 0, shot_low, shot_high).

Source: Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011;
tested against the known answers published with it.
"""

from __future__ import annotations

import numba
import numpy as np

from quantum_latents.random.streams import Stream

__all__ = ["kernel_key", "philox4x32", "uniform_pair"]

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint32(0x9E3779B9)
_W1 = np.uint32(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_ROUNDS = 10


def kernel_key(stream: Stream) -> np.uint64:
    """Return the 64-bit Philox key of a stream, to pass to a kernel."""
    return np.uint64(stream.key[0])


@numba.njit(inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Encrypt the counter (c0..c3) under the key (k0, k1); all uint32; ten rounds."""
    for _ in range(_ROUNDS):
        p0 = _M0 * np.uint64(c0)
        p1 = _M1 * np.uint64(c2)
        c0, c1, c2, c3 = (
            np.uint32(p1 >> _32) ^ c1 ^ k0,
            np.uint32(p1 & _LOW),
            np.uint32(p0 >> _32) ^ c3 ^ k1,
            np.uint32(p0 & _LOW),
        )
        k0 = np.uint32(k0 + _W0)
        k1 = np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@numba.njit(inline="always")
def _unit(high, low):
    """53 bits of two uint32 as a double in [0, 1)."""
    bits = ((np.uint64(high) << _32) | np.uint64(low)) >> np.uint64(11)
    return np.float64(bits) * (1.0 / 9007199254740992.0)


@numba.njit
def uniform_pair(key, shot, pair):
    """Return draws 2 * pair and 2 * pair + 1 of a shot: two doubles in [0, 1)."""
    shot = np.uint64(shot)
    r0, r1, r2, r3 = philox4x32(
        np.uint32(pair),
        np.uint32(0),
        np.uint32(shot & _LOW),
        np.uint32(shot >> _32),
        np.uint32(key & _LOW),
        np.uint32(key >> _32),
    )
    return _unit(r0, r1), _unit(r2, r3)
