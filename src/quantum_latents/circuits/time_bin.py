"""Time-bin interferometers: a train of pulses through fibre loops.

Notation: m time bins are the modes; a loop of delay d couples bin i to bin i + d. Coupler
(i, i + d) has a beam-splitter angle theta and a phase phi (both radians) and acts as

    a_i     ->  exp(i phi) cos(theta) a_i - sin(theta) a_(i+d)
    a_(i+d) ->  exp(i phi) sin(theta) a_i + cos(theta) a_(i+d)

so bin i is delayed with phase phi, meets bin i + d, and is swapped with it by a
transmission ``sin(theta)**2``.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from quantum_latents.circuits.haar import checked_num_modes
from quantum_latents.circuits.interferometer import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random import stream as named_stream

__all__ = ["Coupler", "couplers", "lossy_time_bin", "num_couplers", "time_bin"]


class Coupler(NamedTuple):
    """One meeting of two bins.

    Attributes:
        early: the bin that comes from the loop, i.
        late: the bin that it meets, i + d.
        theta: beam-splitter angle in radians.
        phi: phase of the early bin in radians.
    """

    early: int
    late: int
    theta: float
    phi: float


def num_couplers(num_modes: int, delays: Sequence[int]) -> int:
    """Return the number of couplers, ``sum(m - d for d in delays)``.

    >>> num_couplers(32, (1, 1))
    62
    """
    return sum(num_modes - delay for delay in delays)


def time_bin(
    num_modes: int,
    delays: Sequence[int],
    *,
    stream: Stream | None = None,
    angles: Sequence[float] | np.ndarray | None = None,
    phases: Sequence[float] | np.ndarray | None = None,
) -> Interferometer:
    """Return the interferometer of m time bins through loops of the given delays.

    The loops act one after the other; a loop of delay d couples bins (0, d), (1, 1 + d), ...,
    (m - 1 - d, m - 1) in that order. `angles` and `phases` list the couplers in the order in
    which they act. The configuration `1-1` is ``delays=(1, 1)``, `1-3-9` is ``(1, 3, 9)``.

    What is not given is drawn from `stream`, independently for every coupler: ``sin(theta)**2``
    uniform on [0, 1] with theta in [0, pi / 2], and phi uniform on [0, 2 pi). So each coupler
    alone is Haar-random up to phases at its outputs. (The law of the couplings in
    arXiv 2508.19857 is not stated; this one is the library's choice.)

    Args:
        num_modes: number of time bins m.
        delays: delay of each loop, in bins, each in [1, m - 1].
        stream: where to draw the angles or phases that are not given.
        angles: beam-splitter angles theta in radians, one a coupler.
        phases: phases phi in radians, one a coupler.

    Raises:
        ValueError: a delay out of range, the wrong number of angles or phases, one that is
            not finite, or neither `stream` nor the values.

    >>> swap = time_bin(2, (1,), angles=[np.pi / 2], phases=[0.0])
    >>> np.abs(swap.unitary).round(6).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    num_modes = checked_num_modes(num_modes)
    delays = _checked_delays(num_modes, delays)
    recipe: dict[str, Any] = {"kind": "time-bin", "num_modes": num_modes, "delays": list(delays)}
    if stream is not None:
        if not isinstance(stream, Stream):
            raise TypeError(f"time_bin draws from a Stream, not {stream!r}")
        recipe["stream"] = list(stream.path)
    number = num_couplers(num_modes, delays)
    for name, values in (("angles", angles), ("phases", phases)):
        if values is not None:
            recipe[name] = _checked_values(name, values, number)
        elif stream is None:
            raise ValueError(f"time_bin needs {name}= or a stream= to draw them from")
    if angles is not None and phases is not None:
        recipe.pop("stream", None)  # nothing was drawn: the stream is no part of the recipe
    return Interferometer(_compose(num_modes, couplers(recipe)), recipe)


def couplers(recipe: Mapping[str, Any]) -> list[Coupler]:
    """Return the couplers of a time-bin recipe in the order in which they act.

    The unitary of the recipe is composed of this list: whoever follows photons from coupler to
    coupler sees the interferometer itself.

    Args:
        recipe: the recipe of an interferometer made by `time_bin`.

    Raises:
        ValueError: a recipe of another kind.

    >>> swap = time_bin(2, (1,), angles=[1.5], phases=[0.0])
    >>> couplers(swap.recipe)
    [Coupler(early=0, late=1, theta=1.5, phi=0.0)]
    """
    if recipe.get("kind") != "time-bin":
        raise ValueError(f"a recipe of kind {recipe.get('kind')!r} has no couplers; use time_bin")
    num_modes, delays = recipe["num_modes"], recipe["delays"]
    theta, phi = recipe.get("angles"), recipe.get("phases")
    if theta is None:
        theta = [math.asin(math.sqrt(u)) for u in _uniform(recipe, "angles")]
    if phi is None:
        phi = [2 * math.pi * u for u in _uniform(recipe, "phases")]
    pairs = ((i, i + delay) for delay in delays for i in range(num_modes - delay))
    return [
        Coupler(early, late, t, p) for (early, late), t, p in zip(pairs, theta, phi, strict=True)
    ]


def lossy_time_bin(recipe: Mapping[str, Any], loop_transmission: Sequence[float]) -> np.ndarray:
    """Return the transfer matrix of a time-bin interferometer with loss in its loops.

    In a loop of transmission ``eta`` bin i is damped to ``sqrt(eta) a_i`` on its way to meet bin
    i + d, once for every coupler.

    Args:
        recipe: of a time-bin interferometer.
        loop_transmission: probability that a photon survives one passage of the delay line, in
            [0, 1], one number a loop.

    Returns:
        T, complex128 (m, m), with ``a_out = T a_in``; all ones give the unitary.

    Raises:
        ValueError: an interferometer of another kind, the wrong number of loops, or a
            transmission out of range.

    >>> swap = time_bin(2, (1,), angles=[np.pi / 2], phases=[0.0])
    >>> np.abs(lossy_time_bin(swap.recipe, [0.25])).round(6).tolist()
    [[0.0, 1.0], [0.5, 0.0]]
    """
    if recipe.get("kind") != "time-bin":
        raise ValueError(
            "loop_transmission belongs to time-bin interferometers, which have loops, "
            f"not to one of kind {recipe.get('kind')!r}"
        )
    num_modes, delays = recipe["num_modes"], recipe["delays"]
    if len(loop_transmission) != len(delays):
        raise ValueError(
            f"loop_transmission holds one number a loop, {len(delays)} of them, "
            f"not {len(loop_transmission)}"
        )
    for transmission in loop_transmission:
        if not 0 <= transmission <= 1:
            raise ValueError(f"a transmission is between 0 and 1, not {transmission}")
    damping = [
        math.sqrt(transmission)
        for delay, transmission in zip(delays, loop_transmission, strict=True)
        for _ in range(num_modes - delay)
    ]
    return _compose(num_modes, couplers(recipe), damping)


def _compose(
    num_modes: int, acting: Sequence[Coupler], damping: Sequence[float] | None = None
) -> np.ndarray:
    """Product of the couplers; the early bin of coupler c is damped by ``damping[c]`` first."""
    unitary = np.eye(num_modes, dtype=np.complex128)
    losses = [1.0] * len(acting) if damping is None else damping
    for (early, late, t, p), loss in zip(acting, losses, strict=True):
        delayed = (loss * cmath.exp(1j * p)) * unitary[early]
        met = unitary[late].copy()
        unitary[early] = math.cos(t) * delayed - math.sin(t) * met
        unitary[late] = math.sin(t) * delayed + math.cos(t) * met
    return unitary


def _uniform(recipe: Mapping[str, Any], name: str) -> list[float]:
    number = num_couplers(recipe["num_modes"], recipe["delays"])
    return named_stream(*recipe["stream"]).child(name).generator().random(number).tolist()


def _checked_delays(num_modes: int, delays: Sequence[int]) -> tuple[int, ...]:
    try:
        values = tuple(delays)
    except TypeError as error:
        raise TypeError(f"delays is a sequence such as (1, 3, 9), not {delays!r}") from error
    if not values:
        raise ValueError("time_bin needs at least one loop, such as delays=(1, 1)")
    for delay in values:
        if isinstance(delay, bool) or not isinstance(delay, (int, np.integer)):
            raise TypeError(f"a delay is a whole number of time bins, not {delay!r}")
        if not 1 <= delay < num_modes:
            raise ValueError(
                f"a delay in {num_modes} time bins is between 1 and {num_modes - 1}, not {delay}"
            )
    return tuple(int(delay) for delay in values)


def _checked_values(name: str, values: Sequence[float] | np.ndarray, number: int) -> list[float]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (number,):
        raise ValueError(f"{name} holds one value a coupler, shape ({number},), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return array.tolist()
