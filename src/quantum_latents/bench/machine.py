"""What a measurement was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quantum_latents.simd import VECTOR_BYTES

__all__ = ["facts", "load_before", "num_cores"]


def num_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_before() -> list[float] | None:
    """Return the load averages of 1, 5 and 15 minutes; None where there are none."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else None


def facts(distributions: Iterable[str], load: list[float] | None) -> dict[str, Any]:
    """Return processor, cores, width of its vectors, load, and versions, as JSON values.

    Args:
        distributions: what pip calls the libraries; None is the version of a missing one.
        load: the load averages before the measurement.

    >>> facts(["no-such-library"], None)["libraries"]
    {'no-such-library': None}
    """
    return {
        "processor": _processor(),
        "cores": num_cores(),
        "vector_bits": 8 * VECTOR_BYTES,
        "load_before": load,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in distributions},
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2] for line in text.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()
