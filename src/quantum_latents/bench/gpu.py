"""Clifford-Clifford on an NVIDIA GPU beside the same shots on this machine's cores, in one run.

    qlat bench gpu --json > gpu.json
    python -m quantum_latents.bench.gpu --json gpu.json

Notation: m modes, n photons, a *system* (n, m) is the other benches' (`System`), Haar; rates are
shots a second of wall time, the copy back to the host included, compiling not. A share is of the
peak of multiply-adds of the GPU in the same precision (`peak_operations`).

The second needs numpy, scipy, numba and CuPy alone, and keeps rows as they come.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.bench.contenders import System
from quantum_latents.bench.gpu_summary import (
    GOAL_SECONDS,
    GOAL_SHOTS,
    differing_shots,
    gpu_markdown,
)
from quantum_latents.bench.machine import facts, load_before, num_cores
from quantum_latents.bench.samplers import SIZES
from quantum_latents.random import stream
from quantum_latents.samplers import BosonSampler
from quantum_latents.samplers.arithmetic import flops_per_shot
from quantum_latents.samplers.kernels.cuda import check_device, gpu_name, peak_operations

__all__ = ["main", "measure_gpu"]

_SCHEMA = 1

_PATH = "clifford-clifford"

_STREAM = stream(0, "bench", "shots")


def measure_gpu(
    sizes: Sequence[tuple[int, int]] = SIZES,
    *,
    seconds: float = 2.0,
    rounds: int = 3,
    most_compared: int = 100_000,
    goal_shots: int = GOAL_SHOTS,
    note: Callable[[str], None] = lambda _: None,
    keep: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Return all rows, with the machine that they were measured on.

    Args:
        sizes: (n, m).
        seconds: about what a round takes; the best of the rounds counts.
        rounds: of the GPU; the cores have one.
        most_compared: shots that are held against those of the cores, at most.
        goal_shots: shots of the last row, of the largest system, in float64; left out where they
            would take more than twice the goal's minute.
        note: is told what is going on, a line at a time.
        keep: is given what there is after every system.

    Raises:
        ValueError: a length of time that is not positive, or no round.
        ImportError, RuntimeError: no CuPy, or no GPU.
    """
    if not seconds > 0 or rounds < 1:
        raise ValueError(f"{rounds} rounds of {seconds} s: both are positive")
    check_device("cuda", _PATH)
    rows: list[dict[str, Any]] = []
    peaks = {precision: peak_operations(precision) for precision in ("float64", "float32")}
    found = {
        "schema": _SCHEMA,
        "bench": "gpu",
        "machine": facts(("numba", "numpy", "cupy-cuda13x", "cupy-cuda12x"), load_before()),
        "gpu": gpu_name(),
        "peak_gflops": {precision: peak / 1e9 for precision, peak in peaks.items()},
        "rows": rows,
    }
    for photons, modes in sizes:
        note(f"{photons} photons in {modes} modes: {num_cores()} cores")
        cores = _sampler(photons, modes)
        cores.sample(num_cores(), _STREAM)  # compiled, or loaded
        ours, host_seconds = _timed(cores, seconds)
        cores_rate, ours = len(ours) / host_seconds, ours[:most_compared]
        for precision, peak in peaks.items():
            note(f"{photons} photons in {modes} modes: {precision} on the GPU")
            started = time.perf_counter()
            gpu = _sampler(photons, modes, precision=precision, device="cuda")
            theirs = gpu.sample(len(ours), _STREAM)
            first = time.perf_counter() - started
            rate = 0.0
            for _ in range(rounds):
                drawn, taken = _timed(gpu, seconds)
                rate = max(rate, len(drawn) / taken)
            flops = flops_per_shot(modes, photons)
            rows.append(
                {
                    "what": "rate",
                    "photons": photons,
                    "modes": modes,
                    "precision": precision,
                    "per_second": rate,
                    "share_of_peak": rate * flops / peak,
                    "flops_per_shot": flops,
                    "cores_per_second": cores_rate,
                    "first_seconds": first,
                    "compared_shots": len(ours),
                    "differing_shots": int((ours != theirs).any(axis=1).sum()),
                }
            )
        keep(found)
    rows += _goal(max(sizes), rows, goal_shots, note)
    return found


def _goal(
    size: tuple[int, int],
    rows: Sequence[dict[str, Any]],
    num_shots: int,
    note: Callable[[str], None],
) -> list[dict[str, Any]]:
    photons, modes = size
    rate = next(row["per_second"] for row in rows if (row["photons"], row["modes"]) == size)
    if num_shots / rate > 2 * GOAL_SECONDS:
        return []
    note(f"{num_shots:,} shots of {photons} photons in {modes} modes")
    gpu = _sampler(photons, modes, device="cuda")
    started = time.perf_counter()
    gpu.sample(num_shots, _STREAM)
    seconds = time.perf_counter() - started
    found = {"photons": photons, "modes": modes, "shots": num_shots, "wall_seconds": seconds}
    return [{"what": "goal", **found}]


def _sampler(photons: int, modes: int, **options: Any) -> BosonSampler:
    system = System("haar", modes, photons)
    return BosonSampler(system.build(), system.occupation, path=_PATH, **options)


def _timed(sampler: BosonSampler, seconds: float) -> tuple[np.ndarray, float]:
    """Return as many first shots as take about so long, and how long they took."""
    number = 64
    while True:
        started = time.perf_counter()
        drawn = sampler.sample(number, _STREAM)
        taken = time.perf_counter() - started
        if taken >= 0.7 * seconds:
            return drawn, taken
        number = int(number * min(8.0, max(1.5, seconds / max(taken, 1e-9))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the rows; 1 if a shot in float64 differs, 2 without a GPU."""
    parser = argparse.ArgumentParser(
        prog="python -m quantum_latents.bench.gpu", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", type=Path, help="File that the rows are written to.")
    parser.add_argument("--seconds", type=float, default=2.0, help="Length of a round (2).")
    parser.add_argument("--rounds", type=int, default=3, help="Rounds of the GPU (3).")
    given = parser.parse_args(arguments)

    def note(text: str) -> None:
        print(text, file=sys.stderr)

    def keep(found: dict[str, Any]) -> None:
        if given.json is not None:
            given.json.write_text(json.dumps(found, indent=1) + "\n")

    try:
        check_device("cuda", _PATH)
    except (ImportError, RuntimeError) as error:
        note(f"{parser.prog}: {error}")
        return 2
    measurement = measure_gpu(seconds=given.seconds, rounds=given.rounds, note=note, keep=keep)
    keep(measurement)
    print(gpu_markdown(measurement), end="")
    return int(differing_shots(measurement) > 0)


if __name__ == "__main__":
    sys.exit(main())
