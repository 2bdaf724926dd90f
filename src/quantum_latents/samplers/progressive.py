"""Progressive measurement of time-bin interferometers: exact, at a cost linear in m.

Notation: m bins, n photons, loops of delays d_1 .. d_L. A bin is *held* from the first coupler
that touches it to its measurement. w modes are held at a time with k photons in them, so that
a state has ``D(w, k) = C(w + k - 1, k)`` amplitudes.

Bin t is final once all couplers of the last loop that touch it have acted. These ask for
couplers of the loops before, in the light cone of t, which ends at bin ``t + d_1 + ... + d_L``.
So bin t is measured as soon as it is final, the state is projected onto what was found, and no
more than ``d_1 + ... + d_L + 1`` modes are ever held. The probability of each count given those
before is Born's rule: their product is the law of the whole shot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from quantum_latents.circuits.time_bin import couplers
from quantum_latents.samplers.kernels.progressive import (
    COUPLE,
    COUPLE_AND_MEASURE,
    ENTER,
    ENTER_AND_COUPLE,
    MEASURE,
    Tables,
    fill_gather,
    fill_rotations,
    fill_transfers,
    progressive_shots,
)
from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS, MAX_PHOTONS, Occupation

__all__ = [
    "MAX_BYTES",
    "OPERATIONS_PER_AMPLITUDE",
    "Cost",
    "ProgressiveMeasurement",
    "Step",
    "check_progressive",
    "estimated_cost",
    "schedule",
]

OPERATIONS_PER_AMPLITUDE = 100
"""What a coupler costs for each amplitude held, in the time of Clifford and Clifford's
operations. Fixed once for all machines: timed for delays 1-1 to 1-3-9 on one core with AVX2 it
was between 36 and 290."""

MAX_BYTES = 2**31
"""Most memory for the states and tables of one interferometer."""

_MAX_TRANSFER = 512
"""Entries up to which the matrices of a segment pay: beyond, its steps are faster."""

_FIRST_HELD = 10
_FIRST_AMPLITUDES = 20_000
"""Photons for which tables are made at first, or fewer where their states would be larger."""

_GROWING = Lock()
"""Held while tables grow: threads that wait for the same ones need not make them again."""


class Step(NamedTuple):
    """One step of a progressive measurement.

    Attributes:
        kind: what happens: one of `ENTER` .. `MEASURE` of the kernel.
        coupler: index of the coupler that acts, -1 for none.
        mode: the bin that enters or is measured, -1 for none.
        order: how the step wants the modes held before it: place v takes the mode that was in
            place ``order[v]``.
    """

    kind: int
    coupler: int
    mode: int
    order: tuple[int, ...]

    @property
    def enters(self) -> bool:
        """Whether a bin enters with this step."""
        return self.kind in (ENTER, ENTER_AND_COUPLE)

    @property
    def measures(self) -> bool:
        """Whether a bin is measured with this step."""
        return self.kind in (COUPLE_AND_MEASURE, MEASURE)

    @property
    def num_held(self) -> int:
        """Modes held at its end, the one that is measured included."""
        return len(self.order) + self.enters


class Cost(NamedTuple):
    """What a shot is expected to cost.

    Attributes:
        operations: number of operations a shot.
        num_held: most modes held at a time.
        photons_held: most photons expected in them.
        num_bytes: memory that states and tables take for that many.
    """

    operations: float
    num_held: int
    photons_held: float
    num_bytes: int


def schedule(num_modes: int, delays: Sequence[int]) -> list[Step]:
    """Return the steps that measure bin 0, 1, ..., m - 1, each as soon as it is final.

    Couplers act in an order that the light cones allow, the photons cannot tell it from the
    order in which `couplers` lists them. A bin enters with the first coupler that touches it.

    >>> [(step.kind, step.coupler, step.mode) for step in schedule(3, (1,))]
    [(0, -1, 0), (1, 0, 1), (4, -1, 0), (1, 1, 2), (4, -1, 1), (4, -1, 2)]
    """
    first_coupler = np.cumsum([0] + [num_modes - delay for delay in delays]).tolist()
    # Couplers of a loop that share bins are a delay apart: they act in their order.
    pending = [list(range(delay)) for delay in delays]
    held: list[int] = []
    steps: list[Step] = []

    def enter(mode: int) -> None:
        if mode not in held:
            steps.append(Step(ENTER, -1, mode, tuple(range(len(held)))))
            held.append(mode)

    def bring_last(*modes: int) -> tuple[int, ...]:
        order = [v for v, mode in enumerate(held) if mode not in modes]
        order += [held.index(mode) for mode in modes]
        held[:] = [held[v] for v in order]
        return tuple(order)

    def act(loop: int, early: int) -> None:
        late = early + delays[loop]
        enter(early)
        coupler = first_coupler[loop] + early
        if late in held:
            steps.append(Step(COUPLE, coupler, -1, bring_last(late, early)))
        else:
            steps.append(Step(ENTER_AND_COUPLE, coupler, late, bring_last(early)))
            held[-1:] = [late, early]

    def finish(loop: int, mode: int) -> None:
        """Let every coupler of a loop act that touches the bin, and all that these need."""
        if loop > 0:
            finish(loop - 1, mode)  # perhaps no coupler of this loop touches it
        delay = delays[loop]
        last = min(mode, num_modes - delay - 1)
        while (early := pending[loop][mode % delay]) <= last:
            pending[loop][mode % delay] += delay
            if loop > 0:
                finish(loop - 1, early)
                finish(loop - 1, early + delay)
            act(loop, early)

    for mode in range(num_modes):
        finish(len(delays) - 1, mode)
        enter(mode)
        if steps[-1].kind == COUPLE and held[-1] == mode:
            steps[-1] = steps[-1]._replace(kind=COUPLE_AND_MEASURE, mode=mode)
        else:
            steps.append(Step(MEASURE, -1, mode, bring_last(mode)))
        held.pop()
    return steps


def estimated_cost(num_modes: int, delays: Sequence[int], occupation: Occupation) -> Cost:
    """Return what a shot is expected to cost, from the sizes and the input alone.

    Every coupler is taken to share the mean photon numbers of its bins evenly, whatever its
    angle. That gives the mean number of photons k held when it acts, and

        operations = OPERATIONS_PER_AMPLITUDE * sum over couplers of min(1, k) D(w, k)

    with the gamma function in D's binomial, as k is not a whole number; a coupler that no photon
    reaches costs nothing. States with more photons than the mean weigh more, so that the sum is
    low: by a factor of 1.0 (delays 1-1) to 2.2 (1-3-9) at 16 photons in 32 bins.

    Args:
        num_modes: number of bins m.
        delays: delay of each loop.
        occupation: photons that enter each bin, (m,).

    >>> short, long = (estimated_cost(32, delays, [1, 0] * 16) for delays in [(1, 1), (1, 3, 9)])
    >>> short.num_held, round(short.photons_held, 2), long.num_held, round(long.photons_held, 2)
    (3, 2.0, 14, 7.48)
    >>> f"{long.operations / short.operations:.0e}"
    '2e+04'
    """
    mean = [float(photons) for photons in occupation]
    pairs = [(i, i + delay) for delay in delays for i in range(num_modes - delay)]
    amplitudes, most_modes, most_photons = 0.0, 0, 0.0
    held = 0.0
    steps = schedule(num_modes, delays)
    for step in steps:
        if step.enters:
            held += mean[step.mode]
        most_modes = max(most_modes, step.num_held)
        most_photons = max(most_photons, held)
        if step.coupler >= 0:
            amplitudes += min(1.0, held) * _real_dimension(step.num_held, held)
            early, late = pairs[step.coupler]
            mean[early] = mean[late] = (mean[early] + mean[late]) / 2
        if step.measures:
            held -= mean[step.mode]
    return Cost(
        operations=OPERATIONS_PER_AMPLITUDE * amplitudes,
        num_held=most_modes,
        photons_held=most_photons,
        num_bytes=_num_bytes(steps, len(pairs), math.ceil(most_photons)),
    )


def check_progressive(recipe: Mapping[str, Any], occupation: Occupation) -> Cost:
    """Refuse what cannot be measured progressively; returns the estimate.

    Raises:
        ValueError: a recipe of another kind than time-bin, or so many photons held at once
            that they fill the memory.
    """
    if recipe.get("kind") != "time-bin":
        raise ValueError(
            f"an interferometer of kind {recipe.get('kind')!r} cannot be measured progressively: "
            "its modes are final all at once, only time bins one by one"
        )
    cost = estimated_cost(recipe["num_modes"], recipe["delays"], occupation)
    _refuse_beyond_memory(recipe, cost.num_held, math.ceil(cost.photons_held), cost.num_bytes)
    return cost


class ProgressiveMeasurement:
    """Progressive measurement of one time-bin interferometer, ready to draw any shots.

    The tables are made for a few photons held and grow when a shot holds more; no shot depends
    on how large they are.

    Args:
        recipe: the recipe of an interferometer made by `time_bin`.
        occupation: photons that enter each bin, (m,), of an input as large as any to come.

    Raises:
        ValueError: a recipe of another kind, or an input that fills the memory.
    """

    def __init__(self, recipe: Mapping[str, Any], occupation: Occupation) -> None:
        self._num_held = check_progressive(recipe, occupation).num_held
        self._recipe = recipe
        self._couplers = couplers(recipe)
        self._steps = schedule(recipe["num_modes"], recipe["delays"])
        self._orders = _orders(self._steps)
        most = _FIRST_HELD
        while most > 2 and _dimension(self._num_held, most) > _FIRST_AMPLITUDES:
            most -= 1
        self._tables = self._with_transfers(self._tables_for(most))

    def fill(self, occupations: np.ndarray, key: np.uint64, start: int, counts: np.ndarray) -> None:
        """Fill rows with shots `start`, ``start + 1``, ... of the stream of a key.

        Args:
            occupations: photons that enter each bin, uint8 (num_shots, m), or (1, m) for all.
            key: names the stream, see `random.numba.kernel_key`.
            start: index of the first shot.
            counts: uint8 (num_shots, m), where the shots are written.

        Raises:
            ValueError: a shot holds so many photons that they fill the memory.
        """
        done = 0
        while True:
            tables = self._tables
            mine = occupations[done:] if len(occupations) > 1 else occupations
            done += progressive_shots(tables, mine, key, start + done, counts[done:])
            if done == len(counts):
                return
            with _GROWING:
                if self._tables is tables:
                    self._tables = self._grown(tables)

    def _grown(self, tables: Tables) -> Tables:
        most = tables.dimensions.shape[1] - 2
        narrow = _dimension(self._num_held, 2 * most) <= _FIRST_AMPLITUDES
        more = max(most + 1, min(2 * most, MAX_PHOTONS)) if narrow else most + 1
        if _num_bytes(self._steps, len(self._couplers), more) > MAX_BYTES:
            more = most + 1
        number = _num_bytes(self._steps, len(self._couplers), more)
        _refuse_beyond_memory(self._recipe, self._num_held, more, number)
        # The matrices of segments stay as they are: which steps a shot takes is settled.
        return self._tables_for(more)._replace(
            transfers=tables.transfers, transfer_start=tables.transfer_start
        )

    def _tables_for(self, most: int) -> Tables:
        widths = range(self._num_held + 1)
        dimensions = np.array(
            [[0] + [_dimension(w, k) for k in range(most + 1)] for w in widths], dtype=np.int64
        )
        place = {order: o for o, order in enumerate(self._orders)}
        steps = [
            (step.kind, step.coupler, len(step.order), place.get(step.order, 0))
            for step in self._steps
        ]
        sizes = dimensions[[len(order) for order in self._orders], 1:]
        ends = np.cumsum(sizes).reshape(sizes.shape)
        gather = np.empty(ends[-1, -1], dtype=np.int32)
        for o, order in enumerate(self._orders):
            for k, (end, size) in enumerate(zip(ends[o], sizes[o], strict=True)):
                fill_gather(np.array(order), k, dimensions, gather[end - size : end])
        rotations = np.empty((len(self._couplers), _num_rotations(most)))
        turns = np.ones((len(self._couplers) + 1, most + 1), dtype=np.complex128)
        for c, coupler in enumerate(self._couplers):
            fill_rotations(coupler.theta, most, rotations[c])
            for p in range(most + 1):
                turns[c, p] = complex(math.cos(coupler.phi * p), math.sin(coupler.phi * p))
        return Tables(
            dimensions=dimensions,
            steps=np.array(steps, dtype=np.int64),
            segments=np.array(self._segments(), dtype=np.int64),
            rotations=rotations,
            turns=turns.view(np.float64),
            gather=gather,
            gather_start=ends - sizes,
            transfers=np.empty(0),
            transfer_start=np.empty((0, 0, 0), dtype=np.int64),
        )

    def _segments(self) -> list[tuple[int, ...]]:
        segments = []
        begin = 0
        for index, step in enumerate(self._steps):
            rest = self._steps[index + 1 : index + 2]
            if step.measures or not rest or rest[0].enters:
                first = self._steps[begin]
                enters = first.mode if first.enters else -1
                measured = step.mode if step.measures else -1
                sizes = (len(first.order), step.num_held)
                segments.append((begin, index + 1, enters, measured, *sizes))
                begin = index + 1
        return segments

    def _with_transfers(self, tables: Tables) -> Tables:
        most = tables.dimensions.shape[1] - 2
        transfer_start = np.full((len(tables.segments), 2, most + 1), -1, dtype=np.int64)
        made = []
        size = 0
        for segment, (_, _, enters, _, before, after) in enumerate(tables.segments.tolist()):
            for photons in range(1 if enters < 0 else 2):
                for held in range(most + 1 - photons):
                    columns = _dimension(before, held)
                    entries = columns * _dimension(after, held + photons)
                    if 0 < entries <= _MAX_TRANSFER:
                        transfer_start[segment, photons, held] = size
                        made.append((segment, photons, held, slice(size, size + 2 * entries)))
                        size += 2 * entries
        transfers = np.empty(size)
        for segment, photons, held, part in made:
            fill_transfers(tables, segment, photons, held, transfers[part])
        return tables._replace(transfers=transfers, transfer_start=transfer_start)


def _orders(steps: Sequence[Step]) -> list[tuple[int, ...]]:
    """The reorderings that need tables, each once: most bins repeat those of the bin before."""
    return list(dict.fromkeys(step.order for step in steps if step.order))


def _num_bytes(steps: Sequence[Step], num_couplers: int, most: int) -> int:
    """Memory of two states of complex numbers, of int32 reorderings and of the rotations."""
    states = 2 * 16 * _dimension(max(step.num_held for step in steps), most)
    gather = 4 * sum(_dimension(len(order) + 1, most) for order in _orders(steps))
    return states + gather + 8 * num_couplers * _num_rotations(most)


def _refuse_beyond_memory(
    recipe: Mapping[str, Any], num_held: int, photons: int, num_bytes: int
) -> None:
    if num_bytes <= MAX_BYTES and photons <= MAX_PHOTONS:
        return
    delays = "-".join(str(delay) for delay in recipe["delays"])
    raise ValueError(
        f"progressive measurement of delays {delays} holds {photons} photons in {num_held} bins "
        f"at once, {_dimension(num_held, photons):.3g} amplitudes: with tables "
        f"{num_bytes / 2**30:.3g} GiB, of {MAX_BYTES / 2**30:.3g} GiB and {MAX_PHOTONS} photons "
        "at most; use fewer photons or shorter delays, or path='clifford-clifford' up to "
        f"{MAX_BOSON_PHOTONS} photons"
    )


def _dimension(width: int, photons: int) -> int:
    """D(w, k): occupations of w modes with k photons; one of no modes with no photon."""
    return math.comb(width + photons - 1, photons) if width else int(photons == 0)


def _real_dimension(width: int, photons: float) -> float:
    logarithm = math.lgamma(width + photons) - math.lgamma(width) - math.lgamma(photons + 1)
    return math.exp(logarithm)


def _num_rotations(most: int) -> int:
    """Entries of square matrices of 1, 2, ..., `most` + 1 rows."""
    return (most + 1) * (most + 2) * (2 * most + 3) // 6
