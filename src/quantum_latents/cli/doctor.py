"""`qlat doctor`: what is installed here, on what it runs, whether it computes what it should."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["COMMANDS", "Doctor"]


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, which devices there are, and check samplers against exact laws.

    Exit code 0: all that everyone needs is there and every check is right; 1: something is not.
    """

    self_check: bool = True
    """Also draw, train and compare for about a minute; --no-self-check leaves it out."""
    json: bool = False
    """Print machine-readable output alone."""


def _doctor(command: Doctor, arguments: Sequence[str]) -> int:
    from quantum_latents.execution.installation import installation

    found = installation()
    if not command.json:
        print(_told(found), flush=True)
    checks = []
    if command.self_check:
        from quantum_latents.execution.self_check import self_check

        if not command.json:
            print("\nself-check (kernels are compiled once for each installation)", flush=True)
        for checked in self_check():
            checks.append(checked)
            if not command.json:
                mark = "right" if checked.is_right else "WRONG"
                said = f"{checked.name}: {checked.said} ({checked.seconds:.1f} s)"
                print(f"  {mark}  {said}", flush=True)
    is_whole = not found["extras"]["required"]["missing"]
    is_right = is_whole and all(checked.is_right for checked in checks)
    if command.json:
        told = {**found, "checks": [asdict(checked) for checked in checks], "is_right": is_right}
        print(json.dumps(told, indent=1, allow_nan=False))
    elif not is_right:
        print("\nqlat: something is not as it should be, see above", file=sys.stderr)
    return 0 if is_right else 1


def _told(found: dict[str, Any]) -> str:
    from quantum_latents.execution.memory import gib

    lines = [
        f"quantum-latents {found['version']}, Python {found['python']}, {found['system']}",
        "",
        "what is installed",
    ]
    width = max(len(name) for name in found["extras"])
    for name, extra in found["extras"].items():
        there = ", ".join(f"{package} {version}" for package, version in extra["versions"].items())
        lacks = ""
        if extra["missing"]:
            lacks = f"{'; ' if there else ''}not {', '.join(extra['missing'])}: {extra['hint']}"
        lines.append(f"  {name:<{width}}  {there}{lacks}")
    gpus, units = found["gpus"], found["bf16_units"]
    memory, disk = found["free_memory"], found["free_disk"]
    lines += [
        "",
        "devices",
        f"  {found['processor']}, {found['cores']} cores, vectors of {found['vector_bits']} bits",
        f"  matrix units for bf16: {', '.join(units) if units else 'none'}",
        f"  GPU: {', '.join(gpus) if gpus else 'none that torch sees'}",
        f"  free memory: {'unknown' if memory is None else gib(memory)}",
        f"  cache: {found['cache']} "
        f"({'it cannot be written to' if disk is None else f'{gib(disk)} free'})",
    ]
    return "\n".join(lines)


COMMANDS = {"doctor": (Doctor, _doctor)}
