"""`qlat bench`: speed beside peers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from quantum_latents.cli.words import check_folder

__all__ = ["COMMANDS", "Bench"]


@dataclass(frozen=True)
class Bench:
    """Measure speed side by side with peers, as ratios within one run."""

    what: Annotated[Literal["samplers", "training", "gpu"], tyro.conf.Positional]
    """samplers: exact boson samplers; training: a GAN's iterations beside plain PyTorch; gpu:
    Clifford-Clifford on an NVIDIA GPU beside the cores."""
    network: Literal["table1", "mixture", "molgan"] | None = None
    """training: which networks (molgan by default, batch 256)."""
    seconds: float | None = None
    """Length of a round. samplers: 2 CPU seconds by default, a quarter of it for a cost curve;
    training: 5 seconds by default, and a step begun is ended; gpu: 2 seconds by default."""
    rounds: int = 3
    """Undisturbed rounds wanted of each contender; at most twice as many are tried. gpu: rounds,
    of which the best counts."""
    budget: float | None = None
    """samplers: CPU seconds that one shot may take, 20 by default; a slower one is stopped."""
    scaling: bool = False
    """training: time against the size of a stack and the number of processes instead of peers."""
    figure: Path | None = None
    """Also draw an SVG file. samplers: the cost against the number of photons; training
    --scaling: the time of an iteration against stacks and processes."""
    rows: Path | None = None
    """Tell the rows of an earlier run, what --json printed, and measure nothing."""
    json: bool = False
    """Print the rows and what follows from them alone."""


def _bench(command: Bench, arguments: Sequence[str]) -> int:
    from quantum_latents.bench import markdown, read_measurement, summary

    _check_bench(command)
    if command.figure is not None:
        check_folder(command.figure)
    if command.rows is not None:
        measurement = read_measurement(command.rows, command.what)
    else:
        measurement = _measured(command)
    if command.figure is not None:
        _draw(measurement, command.figure)
    told = summary(measurement)
    if command.json:
        print(json.dumps({**measurement, "summary": told}, indent=1))
    else:
        print(markdown(measurement), end="")
        if command.figure is not None:
            print(f"\nfigure: {command.figure}")
    if wrong := told.get("differing_shots"):
        print(f"error: {wrong:,} shots of the GPU in float64 are not the CPU's", file=sys.stderr)
        return 1
    return 0


def _draw(measurement: dict[str, Any], path: Path) -> None:
    from quantum_latents.bench.figure import write_cost_figure, write_scaling_figure
    from quantum_latents.bench.training_summary import is_scaling

    if measurement.get("bench") != "training":
        write_cost_figure(measurement, path)
    elif is_scaling(measurement):
        write_scaling_figure(measurement, path)
    else:
        raise ValueError("these rows are not of scaling: leave --figure out")


def _check_bench(command: Bench) -> None:
    owner = {"network": "training", "budget": "samplers", "scaling": "training"}
    for name, what in owner.items():
        if getattr(command, name) not in (None, False) and command.what != what:
            raise ValueError(f"--{name} belongs to qlat bench {what}: leave it out")
    is_drawn = command.what == "samplers" or command.scaling or command.rows is not None
    if command.figure is not None and command.what == "gpu":
        raise ValueError("there is no figure of a GPU's rows: leave --figure out")
    if command.figure is not None and not is_drawn:
        raise ValueError("--figure of training draws its scaling: add --scaling, or leave it out")
    if command.rows is not None and command.scaling:
        raise ValueError("--rows says what it holds: leave --scaling out")
    if command.rows is not None and command.network is not None:
        raise ValueError("--rows holds the rows of one network: leave --network out")


def _measured(command: Bench) -> dict[str, Any]:
    """Measure what a call of `qlat bench` asks for."""
    from quantum_latents.bench import Settings, TrainingSettings, measure, measure_training
    from quantum_latents.execution.machine import bf16_units

    started = time.monotonic()

    def note(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    given = {"network": command.network, "seconds": command.seconds, "budget": command.budget}
    settings: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
    if command.what == "training":
        made = TrainingSettings(rounds=command.rounds, scaling=command.scaling, **settings)
        return measure_training(made, note, bf16_units=bf16_units())
    if command.what == "gpu":
        from quantum_latents.bench.gpu import measure_gpu

        return measure_gpu(rounds=command.rounds, note=note, **settings)
    return measure(Settings(rounds=command.rounds, **settings), note)


COMMANDS = {"bench": (Bench, _bench)}
