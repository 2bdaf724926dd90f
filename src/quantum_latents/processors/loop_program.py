"""A time-bin interferometer in the settings of ORCA's PT series.

Notation: m bins, loops of length d. A *program* lists one beam-splitter angle theta for every
meeting of bins (i, i + d), loop by loop, ``m - d`` of them a loop, as `time_bin.couplers` does;
theta = 0 leaves both bins where they are, pi / 2 swaps them. Where a machine has phase shifters,
one acts on bin i *after* it met bin i + d; in `time_bin` the phase of bin i acts *before*.

A phase before the first loop does nothing to photons that enter one by one, and one after the
last does nothing to their detection. The rest can be moved from before to after, as long as no
loop is shorter than the one before it: the last d bins of a loop of length d leave it without
having been the early bin, so without a shifter.

Real splitters, ``[[cos, -sin], [sin, cos]]``, are assumed. If a machine's have the opposite sign,
odd loops hide it (multiply every second bin by -1). With ``i sin`` instead, loops of equal length
hide it (multiply bin k by i**k); `1-3-9` does not, and `SPLITTERS` stands in every manifest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from quantum_latents.circuits.time_bin import Coupler, couplers

__all__ = ["SPLITTERS", "LoopProgram", "loop_program"]

SPLITTERS = (
    "real beam splitters [[cos, -sin], [sin, cos]] on bins (i, i + d), then the phase of bin i"
)
"""The convention in which angles and phases are sent."""


@dataclass(frozen=True)
class LoopProgram:
    """The settings of a machine of fibre loops.

    Attributes:
        num_modes: m, the number of time bins.
        loop_lengths: in bins, in the order in which they act.
        bs_angles: beam-splitter angles in radians, loop by loop.
        ps_angles: phases of the early bins after their splitters, in radians, in the same
            order; empty if no phase is needed.
    """

    num_modes: int
    loop_lengths: tuple[int, ...]
    bs_angles: tuple[float, ...]
    ps_angles: tuple[float, ...]


def loop_program(recipe: dict[str, Any]) -> LoopProgram:
    """Return the program whose counts have the law of a time-bin interferometer.

    For photons that enter each bin in a number of their own (Fock states) and detectors that
    count them. The unitary itself may differ by phases of its inputs and outputs.

    Args:
        recipe: of an interferometer made by `time_bin`.

    Raises:
        ValueError: another interferometer; phases that matter, where a loop is shorter than
            the one before it.

    >>> from quantum_latents.circuits import time_bin
    >>> swap = time_bin(3, (1,), angles=[1.5, 0.0], phases=[2.0, 1.0])
    >>> loop_program(swap.recipe)
    LoopProgram(num_modes=3, loop_lengths=(1,), bs_angles=(1.5, 0.0), ps_angles=())
    """
    if recipe.get("kind") != "time-bin":
        raise ValueError(
            "a PT-series processor is a time-bin interferometer, such as time-bin:32:1,1; it "
            f"cannot run one of kind {recipe.get('kind')!r}"
        )
    num_modes, lengths = int(recipe["num_modes"]), tuple(int(d) for d in recipe["delays"])
    acting = couplers(recipe)
    return LoopProgram(
        num_modes=num_modes,
        loop_lengths=lengths,
        bs_angles=tuple(coupler.theta for coupler in acting),
        ps_angles=_phases_after(num_modes, lengths, acting),
    )


def _phases_after(
    num_modes: int, lengths: tuple[int, ...], acting: list[Coupler]
) -> tuple[float, ...]:
    """The phases after the splitters that do what those before them did; () if they are all 0."""
    if not any(math.remainder(coupler.phi, math.tau) for coupler in acting):
        return ()
    if any(later < earlier for earlier, later in pairwise(lengths)):
        raise ValueError(
            f"the phases of loops {'-'.join(map(str, lengths))} cannot be set: a loop is shorter "
            "than the one before it; order the loops by length, or leave out the phases"
        )
    loops, first = [], 0
    for length in lengths:
        loops.append(acting[first : first + num_modes - length])
        first += num_modes - length
    after: list[float] = []
    # relative[k]: phase of bin k in the machine against `time_bin`, on entering a loop. At a
    # splitter the early bin has to be ahead by the phase that acts there: what both share is
    # carried through. Before the first loop any phase is as good as another.
    relative = [0.0] * num_modes
    for place, (length, loop) in enumerate(zip(lengths, loops, strict=True)):
        if place == 0:
            for coupler in reversed(loop):
                relative[coupler.early] = relative[coupler.late] + coupler.phi
        leaving = [relative[k + length] for k in range(num_modes - length)]
        leaving += relative[num_modes - length :]
        wanted = list(leaving)
        if place + 1 < len(loops):
            for coupler in reversed(loops[place + 1]):
                wanted[coupler.early] = wanted[coupler.late] + coupler.phi
        shifts = [a - b for a, b in zip(wanted, leaving, strict=True)]
        after += [shift % math.tau for shift in shifts[: num_modes - length]]
        relative = wanted
    return tuple(after) if any(math.remainder(p, math.tau) for p in after) else ()
