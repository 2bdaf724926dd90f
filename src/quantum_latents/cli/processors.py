"""`qlat processors`: who can be asked; and `qlat sample --processor`: banks from a device."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quantum_latents.cli.photons import selection_of
from quantum_latents.cli.progress import ShotsLine
from quantum_latents.cli.words import duration

if TYPE_CHECKING:
    from quantum_latents.circuits import Interferometer
    from quantum_latents.cli.sample import Sample
    from quantum_latents.processors import Estimate, Processor

__all__ = ["COMMANDS", "Processors", "sample_from_processor"]

_SIMULATION_ALONE = {
    "distinguishable": False,
    "interference": 1.0,
    "g2": 0.0,
    "transmission": 1.0,
    "detector_efficiency": 1.0,
    "dark_counts": 0.0,
    "threshold": False,
    "path": None,
    "precision": "float64",
}
"""Options of `qlat sample` that describe a simulated device, at their defaults."""


@dataclass(frozen=True)
class Processors:
    """List the photonic processors: configured, reachable, limits, queue."""

    processor: str | None = None
    """One alone: orca, orca:PT-2, quandela:sim:altair or scaleway:QPU-ALTAIR-10PQ."""
    url: str | None = None
    """Where its service is, instead of what its environment variable says."""
    json: bool = False
    """Print a list of objects alone."""


def _processors(command: Processors, arguments: Sequence[str]) -> int:
    from quantum_latents.processors.names import KINDS, split_name

    if command.url is not None and command.processor is None:
        raise ValueError("--url belongs to one processor: name it, such as --processor orca")
    if command.processor is None:
        rows = [_row(kind, None) for kind in KINDS]
    else:
        split_name(command.processor)
        rows = [_row(command.processor, command.url)]
    if command.json:
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print(f"{row['processor']:<22} {_told(row)}")
    return 1 if command.processor is not None and not rows[0]["reachable"] else 0


def _row(name: str, url: str | None) -> dict[str, Any]:
    """What is known of a processor; never a token."""
    from quantum_latents.processors import ProcessorError
    from quantum_latents.processors.names import open_processor

    row: dict[str, Any] = {
        "processor": name,
        "configured": False,
        "token": _has_token(name),
        "reachable": False,
        "address": None,
        "limits": None,
        "queue": None,
        "problem": None,
    }
    try:
        processor = open_processor(name, url=url)
        row["configured"] = True
        row["processor"] = processor.name
        limits = processor.limits()
    except (ValueError, ImportError, ProcessorError) as error:
        row["problem"] = " ".join(str(error).split())
        return row
    row["reachable"] = True
    row["address"] = processor.describe().get("address")
    row["queue"] = limits.queue
    row["limits"] = {
        "max_modes": limits.max_modes,
        "max_photons": limits.max_photons,
        "max_shots_per_job": limits.max_shots_per_job,
    }
    return row


def _has_token(name: str) -> bool | None:
    """Whether a token is set, None where none is needed."""
    from quantum_latents.processors.names import token_variables

    variables = token_variables(name)
    if not variables:
        return None
    return any(os.environ.get(variable, "").strip() for variable in variables)


def _told(row: dict[str, Any]) -> str:
    token = {None: "", True: ", token set", False: ", no token set"}[row["token"]]
    if not row["configured"]:
        return f"not configured{token}: {row['problem']}"
    if not row["reachable"]:
        return f"not reachable{token}: {row['problem']}"
    if row["processor"] == "simulate":
        return "ready, here"
    limits = [
        f"{value:,} {what}"
        for value, what in (
            (row["limits"]["max_modes"], "modes"),
            (row["limits"]["max_photons"], "photons"),
            (row["limits"]["max_shots_per_job"], "shots a job"),
        )
        if value is not None
    ]
    most = f"at most {', '.join(limits)}" if limits else "limits not stated"
    queue = "queue not stated" if row["queue"] is None else f"{row['queue']} jobs wait"
    place = f" at {row['address']}" if row["address"] else ""
    return f"reachable{place}{token}; {most}; {queue}"


def sample_from_processor(
    command: Sample, interferometer: Interferometer, occupation: tuple[int, ...]
) -> int:
    """Draw the bank of a call from a processor."""
    from quantum_latents.banks import collect_bank
    from quantum_latents.processors import Order
    from quantum_latents.processors.names import open_processor

    for name, default in _SIMULATION_ALONE.items():
        if getattr(command, name) != default:
            option = name.replace("_", "-")
            raise ValueError(
                f"--{option} describes a simulated device, and {command.processor} is measured: "
                "leave it out"
            )
    order = Order(
        interferometer=interferometer,
        occupation=occupation,
        num_samples=command.num_samples,
        extra_photons=_extra_photons(command, sum(occupation)),
        seed=command.seed,
        shots_per_job=command.shots_per_job,
        **selection_of(command.postselect),
    )
    if command.max_jobs is not None and command.max_jobs < 1:
        raise ValueError(f"--max-jobs is at least 1, not {command.max_jobs}")
    processor = open_processor(
        command.processor, url=command.url, phase_shifters=command.phases == "drawn"
    )
    show = ShotsLine(quiet=command.json)
    bank = collect_bank(
        processor,
        order,
        command.out,
        max_jobs=command.max_jobs,
        resend=command.yes,
        confirm=_asking(command, processor, show),
        progress=show,
    )
    show.close()
    told = bank.manifest["provenance"]
    if command.json:
        print(json.dumps(bank.manifest, indent=1))
    else:
        print(
            f"{len(bank)} shots of {sum(occupation)} photons in {bank.num_modes} modes from "
            f"{told['processor']}, {bank.counts.sum() / len(bank):.4g} counts a shot; "
            f"{told['num_discarded']:,} of {told['num_received']:,} shots discarded"
        )
        print(f"bank: {command.out}")
    return 0


def _extra_photons(command: Sample, num_photons: int) -> int:
    """How many photons more than went in a shot may show.

    Where sources emit two now and then, a bank of any size has such shots: each of its jobs would
    be refused, sent again, and paid again.
    """
    if command.extra_photons is not None:
        return command.extra_photons
    emits_two = command.processor.partition(":")[0] in ("quandela", "scaleway")
    return min(num_photons, 255) if emits_two else 0


def _asking(command: Sample, processor: Processor, show: ShotsLine) -> Callable[[Estimate], bool]:
    """Return what says the estimate and asks for consent."""

    def confirm(estimate: Estimate) -> bool:
        for line in _estimate_lines(estimate, processor.name):
            show.announce(line)
        if command.yes:
            return True
        if not sys.stdin.isatty():
            raise ValueError(
                f"{estimate.least_jobs or len(estimate.possibly_paid)} jobs or more would be sent "
                f"to {processor.name}, which may cost money: add --yes to send them unasked"
            )
        return input("Send? [y/N] ").strip().lower() in ("y", "yes")

    return confirm


def _estimate_lines(estimate: Estimate, name: str) -> list[str]:
    time = "time not known" if estimate.seconds is None else f"about {duration(estimate.seconds)}"
    more = "more " if estimate.num_jobs_sent else ""
    lines = [
        f"{name}: at least {estimate.least_jobs:,} {more}jobs of {estimate.shots_per_job:,} shots, "
        f"{time} without the queue; at most {estimate.most_jobs:,} {more}jobs (--max-jobs)"
    ]
    if estimate.num_jobs_sent:
        lines.append(f"{estimate.num_jobs_sent:,} sent before, {estimate.num_jobs_pending} pending")
    lines += [f"possibly paid, and sent again: {line}" for line in estimate.possibly_paid]
    return lines


COMMANDS = {"processors": (Processors, _processors)}
