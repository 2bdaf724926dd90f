"""A latent's cost as plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantum_latents.results.wording import interval_text, number_text
from quantum_latents.theory.speeds import Estimate

if TYPE_CHECKING:
    from quantum_latents.theory.crossing import Crossing
    from quantum_latents.theory.latent_cost import AlgorithmCost, SimulationCost

__all__ = ["cost_text", "time_text"]

_UNITS = (
    (365.25 * 86_400, "years"),
    (86_400.0, "days"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
    (1e-9, "ns"),
)

_SCOPES = {
    "family": "NOT IN Q: an exact sampler is polynomial for the whole family",
    "size": "easy at this size",
    "approximate": "approximately simulable",
}


def time_text(seconds: float) -> str:
    """Return a length of time with two digits, in the unit that suits it.

    >>> time_text(1.5e-4), time_text(0.25), time_text(7200), time_text(3e10)
    ('150 µs', '250 ms', '2.0 h', '951 years')
    """
    for size, unit in _UNITS:
        if seconds >= 0.995 * size or unit == "ns":
            value = float(f"{seconds / size:.{2 if seconds < 10 * size else 3}g}")
            text = f"{value:.1f}" if value < 10 else f"{value:.10g}" if value < 1e6 else ""
            return f"{text or f'{value:.1e}'} {unit}"
    raise AssertionError("every time has a unit")


def cost_text(cost: SimulationCost) -> str:
    """Return the table, the crossing and the warnings.

    Args:
        cost: what `simulation_cost` returned.
    """
    lines = [_head(cost), ""]
    lines += _table(cost)
    lines += ["", *_notes(cost), "", *_against(cost)]
    for one in cost.simulabilities:
        lines += ["", f"{_SCOPES[one.scope]} ({one.reason}): {one.claim}. [{one.source}]"]
    if cost.interference * cost.transmission < 1 and not cost.is_in_no_hard_family:
        lines += [
            "",
            "Cheaper approximations of such photons are published (Renema et al., arXiv "
            "1707.02793 and 1809.01953); none is implemented here, and none is counted.",
        ]
    if not cost.is_in_no_hard_family:
        lines += [
            "",
            "No polynomial exact sampler of this family is known here: the cost is exponential in "
            "the photons. That boson sampling is in Q is a conjecture (Aaronson & Arkhipov, arXiv "
            "1011.3245) on families of growing n; no single size proves or refutes it.",
        ]
    return "\n".join(lines)


def _head(cost: SimulationCost) -> str:
    noise = ""
    if cost.interference != 1:
        noise += f", interference {cost.interference:g}"
    if cost.transmission != 1:
        noise += f", transmission {cost.transmission:g}"
    return (
        f"{sum(cost.occupation)} photons in {len(cost.occupation)} modes, {cost.interferometer}"
        f"{noise}; {cost.num_samples:,} shots on {cost.num_threads} "
        f"{'core' if cost.num_threads == 1 else 'cores'} of {cost.machine}"
    )


def _table(cost: SimulationCost) -> list[str]:
    header = ("exact algorithm", "operations a shot", "a shot, one core", "all shots", "")
    rows = [header, *(_row(one) for one in cost.algorithms)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(one: AlgorithmCost) -> tuple[str, ...]:
    return (
        one.algorithm,
        number_text(one.operations, 2),
        f"{time_text(one.shot.seconds)} {_range(one.shot)}",
        f"{time_text(one.expected.seconds)} {_range(one.expected)}",
        one.how + (", refused" if one.refusal else ""),
    )


def _range(estimate: Estimate) -> str:
    if estimate.low == estimate.high:
        return ""
    return f"[{time_text(estimate.low)}, {time_text(estimate.high)}]"


def _notes(cost: SimulationCost) -> list[str]:
    notes = []
    for one in cost.algorithms:
        once = f"; once {number_text(one.once, 2)}" if one.once else ""
        notes.append(f"{one.algorithm}: operations are {one.unit}{once}.")
        if one.refusal:
            notes.append(f"{one.algorithm} is refused at this size: {one.refusal}.")
    if cost.drawn_by and cost.drawn_by != cost.best.algorithm:
        notes.append(f"qlat sample draws by {cost.drawn_by}, by a rule that knows no machine.")
    hows = {one.how for one in cost.algorithms}
    if hows & {"interpolated", "extrapolated"}:
        notes.append(
            "Times not measured at this size follow the formula, fitted to smaller sizes; their "
            "intervals hold the refits and the worst misfit, no confidence level."
        )
    if cost.interference not in (0, 1) or cost.transmission < 1:
        notes.append("Drawing which photons enter and interfere is not counted.")
    if cost.num_threads > 1:
        notes.append("Cores draw shots independently: the time of all shots is divided by them.")
    return notes


def _against(cost: SimulationCost) -> list[str]:
    processor, crossing = cost.processor, cost.crossing
    here, there = cost.best.expected.seconds, cost.processor_seconds
    faster = "this machine" if here < there else "the processor"
    factor = max(here, there) / min(here, there)
    return [
        f"{processor.name}: {number_text(processor.shots_per_second)} shots/s "
        f"({processor.source}).",
        f"At this size it takes {time_text(there)} for all shots and the best algorithm here "
        f"{time_text(here)}{' (extrapolated)' if cost.best.how == 'extrapolated' else ''}: "
        f"{faster} is faster, {number_text(factor, 2)} times.",
        _crossing_text(crossing),
        "The processor is taken to keep "
        + (
            "its time for a bin"
            if cost.interferometer.startswith("time-bin")
            else "its rate at every size"
        )
        + ", whatever it loses; and to have this interferometer.",
    ]


def _crossing_text(crossing: Crossing) -> str:
    extrapolated = " (classical time extrapolated)" if crossing.extrapolated else ""
    if crossing.outcome == "not found":
        return (
            f"{crossing.family}: the processor is slower at every size up to "
            f"{crossing.searched_to} photons{extrapolated}."
        )
    if crossing.outcome == "never":
        assert crossing.factor_at_most is not None
        return (
            f"{crossing.family}: the processor is slower at every size, however many bins. The "
            "classical time is linear in them and stays below "
            f"{_factor(crossing)} of the processor's{extrapolated}." + _slow_end(crossing)
        )
    low, high = (str(n) if n is not None else "never" for n in crossing.interval)
    between = "" if low == high else f", between {low} and {high} by the interval"
    text = (
        f"{crossing.family}: the processor is faster from {crossing.num_photons} photons in "
        f"{crossing.num_modes} modes on{between}{extrapolated}."
    )
    if crossing.factor_at_most is not None:
        text += (
            " But the classical time is linear in the bins: the processor is never more than "
            f"{_factor(crossing)} times as fast, at any size."
        )
    return text


def _factor(crossing: Crossing) -> str:
    assert crossing.factor_at_most is not None
    return f"{number_text(crossing.factor_at_most, 2)} {interval_text(crossing.factor_interval)}"


def _slow_end(crossing: Crossing) -> str:
    slow = crossing.interval[0]
    if slow is None:
        return ""
    return f" At the slow end of the interval the processor is faster from {slow} photons on."
