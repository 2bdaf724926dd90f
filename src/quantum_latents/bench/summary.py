"""What the rows of a measurement say: ratios, shares, growth, in numbers and in markdown.

Notation: n photons, m modes; a *measurement* is what `bench.samplers.measure` returns. Nothing
is measured here, so old rows can be told again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.bench.gpu_summary import gpu_markdown, gpu_summary
from quantum_latents.bench.training_summary import training_markdown, training_summary
from quantum_latents.samplers.arithmetic import GROWTH, flops_per_shot

__all__ = [
    "GOALS",
    "RECORDED",
    "fitted_base",
    "markdown",
    "read_measurement",
    "summary",
]

GOALS = {(8, 16): 20, (12, 24): 10, (16, 32): 40, (20, 40): 80, (24, 48): 100}
"""Wanted ratio to the faster peer, by (n, m), on a core with AVX-512."""

RECORDED = {
    "ORCA loop-progressive-simulator": {(8, 16): 374.0, (16, 32): 242.0},
    "ORCA PT-2, the device": {(16, 32): 500_000 / (40 * 60)},
}
"""Shots a second of `1-1` interferometers, NOT measured here. The simulator: per CPU-second,
one thread of an AVX-512 machine. The device: 500,000 shots in 40 minutes (arXiv 2508.19857)."""

TIME_BIN_GOAL = 1000
THREADS_GOAL = 1.9
WARM_START_GOAL, COLD_START_GOAL = 2.0, 30.0


def read_measurement(path: Path, bench: str | None = None) -> dict[str, Any]:
    """Read what ``qlat bench ... --json`` printed.

    Args:
        path: the file.
        bench: `samplers`, `training` or `gpu`; None takes any.

    Raises:
        ValueError: the file is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] == 1 and isinstance(content["rows"], list):
            found = content.get("bench", "samplers")
            if bench is None or found == bench:
                return content
            raise ValueError(f"{path} holds {found}: qlat bench {found} --rows {path}")
    except (
        *(json.JSONDecodeError, UnicodeDecodeError, RecursionError),
        *(KeyError, TypeError, AttributeError),
    ):
        pass
    raise ValueError(f"{path} is not the output of qlat bench {bench or 'samplers'} --json")


def fitted_base(photons: Sequence[int], costs: Sequence[float]) -> float | None:
    """Return b of ``cost ~ b^n``, by least squares on the logarithm over the upper half of n.

    None with fewer than three points there.

    >>> round(fitted_base([4, 5, 6, 7, 8, 9], [1.8**n for n in range(4, 10)]), 6)
    1.8
    """
    pairs = sorted(zip(photons, costs, strict=True))[len(photons) // 2 :]
    if len(pairs) < 3:
        return None
    n, cost = np.array(pairs).T
    return float(np.exp(np.polyfit(n, np.log(cost), 1)[0]))


def summary(measurement: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from the rows, as JSON values.

    Of training, see `training_summary`; of a GPU, `gpu_summary`.

    Keys: `ratios` to the faster peer, `threads`, `time_bin`, `growth`, `starts`; each a list
    of objects that name their goal or theory. `disturbed` is set where any figure that went
    into a number was. `cores` is what two cores make of multiply-adds in registers over one,
    about the most that `threads` can be; None in rows that are older than it.
    """
    if measurement.get("bench") == "training":
        return training_summary(measurement)
    if measurement.get("bench") == "gpu":
        return gpu_summary(measurement)
    rows = measurement["rows"]
    return {
        "ratios": _ratios(rows, measurement["peak_gflops"] * 1e9),
        "threads": _threads(rows),
        "cores": _cores(rows),
        "time_bin": _time_bins(rows),
        "growth": _growth(rows),
        "starts": [row for row in rows if row["what"] == "start"],
    }


def _rates(rows: list[dict[str, Any]], interferometer: str, threads: int = 1) -> dict:
    """Return rate rows by (n, m) and contender."""
    found: dict[tuple[int, int], dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["what"] == "rate" and row["interferometer"] == interferometer:
            place = found.setdefault((row["photons"], row["modes"]), {})
            if row["threads"] == threads:
                place[row["contender"]] = row
    return found


def _measured(row: dict[str, Any] | None) -> bool:
    return row is not None and row["status"] in ("measured", "disturbed")


def _ratios(rows: list[dict[str, Any]], peak: float) -> list[dict[str, Any]]:
    told = []
    for size, row_of in _rates(rows, "haar").items():
        peers = [row for row in row_of.values() if row["peer"] and "per_cpu_second" in row]
        best = max(peers, key=lambda row: row["per_cpu_second"], default=None)
        own, chain = row_of.get("default"), row_of.get("clifford-clifford")
        entry: dict[str, Any] = {
            "photons": size[0],
            "modes": size[1],
            "faster_peer": best and best["contender"],
            "ratio": None,
            "at_least": bool(best) and best["status"] == "slower",
            "goal": GOALS.get(size),
            "disturbed": False,
            "absent": [row["contender"] for row in row_of.values() if row["status"] == "absent"],
            "peak_share": None,
        }
        if best and own is not None and _measured(own):
            entry["ratio"] = own["per_cpu_second"] / best["per_cpu_second"]
            entry["disturbed"] = "disturbed" in (own["status"], best["status"])
        if chain is not None and _measured(chain):
            entry["peak_share"] = chain["per_cpu_second"] * chain["flops_per_shot"] / peak
        told.append(entry)
    return told


def _threads(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    one, two = _rates(rows, "haar", 1), _rates(rows, "haar", 2)
    told = []
    for size, row_of in two.items():
        both = one[size].get("default"), row_of.get("default")
        if both[0] is None or both[1] is None or not (_measured(both[0]) and _measured(both[1])):
            continue
        told.append(
            {
                "photons": size[0],
                "modes": size[1],
                "ratio": both[1]["per_second"] / both[0]["per_second"],
                "goal": THREADS_GOAL,
                "disturbed": any(row["status"] == "disturbed" for row in both if row),
            }
        )
    return told


def _cores(rows: list[dict[str, Any]]) -> float | None:
    gflops = {row["threads"]: row["gflops"] for row in rows if row["what"] == "cores"}
    return gflops[2] / gflops[1] if {1, 2} <= gflops.keys() else None


def _time_bins(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    recorded = RECORDED["ORCA loop-progressive-simulator"]
    return [
        {
            "photons": size[0],
            "modes": size[1],
            "path": row["path"],
            "per_cpu_second": row["per_cpu_second"],
            "recorded": recorded.get(size),
            "ratio": row["per_cpu_second"] / recorded[size] if size in recorded else None,
            "goal": TIME_BIN_GOAL if size == (16, 32) else None,
            "disturbed": row["status"] == "disturbed",
        }
        for size, row_of in _rates(rows, "time-bin").items()
        for row in row_of.values()
        if _measured(row)
    ]


def _growth(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = []
    for filling, theory in GROWTH.items():
        points = [
            row
            for row in rows
            if row["what"] == "cost"
            and row["interferometer"] == "haar"
            and row["modes"] == filling * row["photons"]
            and _measured(row)
        ]
        photons = [row["photons"] for row in points]
        counted = [flops_per_shot(filling * n, n) for n in photons]
        told.append(
            {
                "modes_per_photon": filling,
                "photons": photons,
                "fitted": fitted_base(photons, [1 / row["per_cpu_second"] for row in points]),
                "counted": fitted_base(photons, counted),
                "theory": theory,
                "disturbed": any(row["status"] == "disturbed" for row in points),
            }
        )
    return told


def markdown(measurement: dict[str, Any]) -> str:
    """Return the tables of a measurement in markdown."""
    if measurement.get("bench") == "training":
        return training_markdown(measurement)
    if measurement.get("bench") == "gpu":
        return gpu_markdown(measurement)
    told, machine = summary(measurement), measurement["machine"]
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, vectors of "
        f"{machine['vector_bits']} bits; one core's peak of multiply-adds in float64, measured in "
        f"the same run: {measurement['peak_gflops']:.1f} GFLOP/s.",
        _rate_table(measurement, told),
        _other_tables(told),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rate_table(measurement: dict[str, Any], told: dict[str, Any]) -> str:
    rates, ratios = _rates(measurement["rows"], "haar"), told["ratios"]
    if not rates:
        return ""
    versions = measurement["machine"]["libraries"]
    contenders = {name: row for row_of in rates.values() for name, row in row_of.items()}
    lines = [["shots a CPU-second, one thread", *(f"({n}, {m})" for n, m in rates)]]
    for name, some in contenders.items():
        known = {"Perceval": "perceval-quandela", "piquasso": "piquasso"}.get(name, "")
        label = f"{name} {versions.get(known) or ''}".strip()
        label = label if some["peer"] else f"this library, {label}"
        lines.append([label, *(_cell(row_of.get(name)) for row_of in rates.values())])
    lines.append(["default over the faster peer", *(_ratio_cell(entry) for entry in ratios)])
    lines.append(["goal", *(f"{e['goal']} x" if e["goal"] else "" for e in ratios)])
    flops = (flops_per_shot(m, n) for n, m in rates)
    lines.append(["operations a shot, collisions counted", *(f"{f:.1e}" for f in flops)])
    shares = ("" if e["peak_share"] is None else f"{e['peak_share']:.0%}" for e in ratios)
    lines.append(["clifford-clifford, share of the peak", *(s.replace("%", " %") for s in shares)])
    absent = sorted(
        {
            f"{row['contender']}: {row['detail']}."
            for row_of in rates.values()
            for row in row_of.values()
            if row["status"] in ("absent", "failed")
        }
    )
    return "\n\n".join([_table(lines), *absent])


def _other_tables(told: dict[str, Any]) -> str:
    parts = []
    if told["threads"]:
        lines = [["two threads over one, wall time", "measured", "goal"]]
        lines += [
            [f"({e['photons']}, {e['modes']})", f"{e['ratio']:.2f}{_mark(e)}", f"{e['goal']}"]
            for e in told["threads"]
        ]
        if told["cores"] is not None:
            lines.append(["multiply-adds in registers", f"{told['cores']:.2f}", ""])
        parts.append(_table(lines))
    if told["time_bin"]:
        lines = [["time bins `1-1`", "path", "shots a CPU-second", "ORCA's, recorded", "ratio"]]
        for e in told["time_bin"]:
            ratio = "" if e["ratio"] is None else f"{e['ratio']:,.0f} x{_mark(e)}"
            goal = f" (goal {e['goal']:,} x)" if e["goal"] else ""
            size, recorded = f"({e['photons']}, {e['modes']})", e["recorded"]
            recorded = "" if recorded is None else f"{recorded:g}"
            rate = f"{_number(e['per_cpu_second'])}{_mark(e)}"
            lines.append([size, e["path"], rate, recorded, ratio + goal])
        parts.append(_table(lines))
    if any(entry["photons"] for entry in told["growth"]):
        lines = [["seconds a shot ~ b^n", "n", "b measured", "b of the count", "b in the limit"]]
        for e in told["growth"]:
            bases = ("" if b is None else f"{b:.2f}" for b in (e["fitted"], e["counted"]))
            photons = sorted(e["photons"])[len(e["photons"]) // 2 :]
            span = f"{photons[0]} to {photons[-1]}" if photons else ""
            m = "m = 2 n" if e["modes_per_photon"] == 2 else "m = n"
            fitted, counted = bases
            lines.append([m, span, fitted + _mark(e), counted, f"{e['theory']}"])
        parts.append(_table(lines))
    if told["starts"]:
        goals = {"warm": WARM_START_GOAL, "cold": COLD_START_GOAL}
        lines = [["new process, import and first shot at (16, 32)", "seconds", "goal below"]]
        lines += [
            [f"{e['cache']} cache", f"{e['wall_seconds']:.1f}", f"{goals[e['cache']]:g}"]
            for e in told["starts"]
        ]
        parts.append(_table(lines))
    return "\n\n".join(parts)


def _table(lines: list[list[str]]) -> str:
    head, *body = lines
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["status"] in ("absent", "failed"):
        return row["status"]
    if row["status"] == "slower":
        return f"below {row['per_cpu_second']:.2g}"
    return _number(row["per_cpu_second"]) + ("*" if row["status"] == "disturbed" else "")


def _ratio_cell(entry: dict[str, Any]) -> str:
    if entry["ratio"] is None:
        return "no peer" if entry["faster_peer"] is None else ""
    sign = "above " if entry["at_least"] else ""
    return f"{sign}{entry['ratio']:.3g} x{_mark(entry)}"


def _mark(entry: dict[str, Any]) -> str:
    return "*" if entry["disturbed"] else ""


def _number(value: float) -> str:
    """Return two digits, in full up to a thousand.

    >>> _number(17234.0), _number(15.04), _number(8.02), _number(0.731)
    ('1.7e4', '15', '8.0', '0.73')
    """
    if value < 1000:
        return f"{value:#.2g}".removesuffix(".") if value < 99.5 else f"{value:.0f}"
    exponent = math.floor(math.log10(value))
    digits = f"{value / 10**exponent:.1f}"
    return f"{digits}e{exponent}" if digits != "10.0" else f"1.0e{exponent + 1}"
