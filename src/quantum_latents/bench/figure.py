"""Figures of measurements for the docs, as SVG.

The cost of a shot against the number of photons: n photons in m modes; a cost is CPU seconds a
shot, one thread. The time of an iteration against the stack and the processes. A file stands on a
white ground, because a page shows it as an image and cannot lend it colours. The same rows
give the same text, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from quantum_latents.bench.summary import RECORDED, summary
from quantum_latents.bench.training import EACH

__all__ = ["write_cost_figure", "write_scaling_figure"]

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "quantum-latents",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_COLOURS = {"haar 2": "#0a6ebd", "haar 1": "#04936c", "time-bin": "#d55e01"}
_PEERS = {"Perceval": ("#6a51a4", "s"), "piquasso": ("#b8568f", "^")}
_RECORDED = {
    "ORCA loop-progressive-simulator": ("D", "1-1, ORCA's simulator (recorded, one thread)"),
    "ORCA PT-2, the device": ("*", "1-1, the PT-2 (recorded: 500,000 shots in 40 min)"),
}


def write_cost_figure(measurement: dict[str, Any], path: Path) -> None:
    """Draw cost against n: the paths of this library, the peers, and ORCA's recorded rates.

    Args:
        measurement: of `bench.samplers.measure`.
        path: the SVG file to write.
    """
    rows = [row for row in measurement["rows"] if row.get("per_cpu_second")]
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 5.2), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for growth in summary(measurement)["growth"]:
            filling = growth["modes_per_photon"]
            label = f"Haar, m = {'2 n' if filling == 2 else 'n'}, this library"
            colour = _COLOURS[f"haar {filling}"]
            n, cost = _curve(rows, "haar", filling)
            if not len(n):
                continue
            if growth["fitted"] is not None:
                label += f": {growth['fitted']:.2f}^n (limit {growth['theory']}^n)"
                upper = n[len(n) // 2 :]
                level = np.mean(np.log(cost[len(n) // 2 :]) - upper * np.log(growth["fitted"]))
                line = np.exp(level + upper * np.log(growth["fitted"]))
                axes.plot(upper, line, color=colour, linewidth=0.8, linestyle="--")
            axes.plot(n, cost, "o", color=colour, markersize=3.5, label=label)
        n, cost = _curve(rows, "time-bin", 2)
        if len(n):
            label = "Time bins 1-1, m = 2 n, this library"
            axes.plot(n, cost, "o-", color=_COLOURS["time-bin"], markersize=3.5, label=label)
        for name, (colour, marker) in _PEERS.items():
            points = [
                (row["photons"], 1 / row["per_cpu_second"])
                for row in rows
                if row["what"] == "rate"
                and row["contender"] == name
                and row["status"] in ("measured", "disturbed")
            ]
            if points:
                label = f"Haar, m = 2 n, {name}"
                x, y = zip(*points, strict=True)
                axes.plot(x, y, marker, color=colour, markersize=4.5, label=label)
        for name, (marker, label) in _RECORDED.items():
            x = [size[0] for size in RECORDED[name]]
            y = [1 / rate for rate in RECORDED[name].values()]
            size = 10 if marker == "*" else 4.5
            axes.plot(
                x,
                y,
                marker,
                color=_COLOURS["time-bin"],
                markerfacecolor="white",
                markersize=size,
                label=label,
            )
        axes.set_yscale("log")
        axes.set_xlabel("photons n")
        axes.set_ylabel("CPU time a shot (the PT-2: time)")
        axes.set_title("Cost of an exact shot")
        axes.yaxis.set_major_formatter(FuncFormatter(_duration))
        _ruled(axes)
        figure.legend(loc="outside lower left", ncols=2)
        _save(figure, path)


def write_scaling_figure(measurement: dict[str, Any], path: Path) -> None:
    """Draw the time of an iteration of one run against the stack's size, and the processes.

    Args:
        measurement: of `bench.measure_training` with `scaling`.
        path: the SVG file to write.

    Raises:
        ValueError: no row was measured.
    """
    told, network = summary(measurement), measurement["settings"]["network"]
    panels = {
        "stacks": ("stack", "runs in a stack, one thread"),
        "processes": ("processes", f"processes, a stack of {EACH} in each"),
    }
    if not any(told[key] for key in panels):
        raise ValueError("no contender was measured: nothing to draw")
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 3.0), layout="constrained", facecolor="white")
        both = figure.subplots(1, 2, sharey=True)
        for axes, (key, (name, label)) in zip(both, panels.items(), strict=True):
            x = [entry[name] for entry in told[key]]
            y = [1e-3 * entry["milliseconds"] for entry in told[key]]
            axes.plot(x, y, "o-", color=_COLOURS["haar 2"], markersize=4, label="measured")
            if key == "processes" and x:
                ideal = [y[0] * x[0] / processes for processes in x]
                axes.plot(x, ideal, "--", color="#666666", linewidth=0.8, label="in proportion")
                axes.legend()
            axes.set_xscale("log", base=2)
            axes.set_xticks(x, [str(value) for value in x])
            axes.set_xlabel(label)
            axes.yaxis.set_major_formatter(FuncFormatter(_duration))
            _ruled(axes)
        most = max(entry["milliseconds"] for key in panels for entry in told[key])
        both[0].set_ylim(0, 1.1e-3 * most)  # of both
        both[0].set_ylabel("time of an iteration of a run")
        both[0].set_title(network)
        _save(figure, path)


def _ruled(axes: Axes) -> None:
    axes.grid(color="#dde2ea", linewidth=0.6)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _duration(seconds: float, position: int | None = None) -> str:
    """Return a tick's label.

    >>> _duration(1e-5), _duration(0.1), _duration(10.0)
    ('10 µs', '100 ms', '10 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds > 0.99 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e9:g} ns"


def _curve(rows: list[dict[str, Any]], interferometer: str, filling: int):
    points = sorted(
        (row["photons"], 1 / row["per_cpu_second"])
        for row in rows
        if row["what"] == "cost"
        and row["interferometer"] == interferometer
        and row["modes"] == filling * row["photons"]
        and row["status"] in ("measured", "disturbed")
    )
    return np.array([n for n, _ in points]), np.array([cost for _, cost in points])
