"""What a row says of where it was made, and where this machine keeps what is made once."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantum_latents.training import Precision

__all__ = ["check_precision", "commit_of_source", "default_cache", "machine"]

_BF16_UNITS = ("amx_bf16", "avx512_bf16")
"""What the kernel calls matrix units for bfloat16 of an x86 processor."""


def default_cache() -> Path:
    """Return the folder of banks: `$QLAT_CACHE`, or quantum-latents in the user's cache."""
    if path := os.environ.get("QLAT_CACHE"):
        return Path(path)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "quantum-latents"


def commit_of_source() -> str:
    """Return the commit of the source tree this package runs from, or "" outside one.

    It ends in -dirty where tracked sources differ from the commit. Taken when a study starts
    or goes on: later commits are not what its processes have loaded.
    """
    source = Path(__file__).resolve().parents[3]
    if not (source / ".git").exists():
        return ""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = ["git", "-C", str(source), *arguments]
        return subprocess.run(call, capture_output=True, text=True, check=False)

    try:
        head = git("rev-parse", "--short=12", "HEAD").stdout.strip()
        dirty = git("diff", "--quiet", "HEAD", "--", "src", "pyproject.toml").returncode == 1
    except OSError:  # no git on this machine
        return ""
    return f"{head}-dirty" if dirty else head


def machine() -> dict[str, Any]:
    """Return what this machine is, without its name."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system()}


def check_precision(precision: Precision, device: str) -> None:
    """Refuse a precision that a device computes more slowly than float32, or not at all.

    A spec with any precision is valid and trains anywhere it can be computed; this is asked before
    a study starts.

    Raises:
        ValueError: as said, with what to write instead.
    """
    if precision not in ("tf32", "bf16"):
        return
    if precision == "tf32" and device != "cuda":
        raise ValueError("--precision tf32 needs --device cuda: leave it out, or train there")
    if device == "cuda":
        import torch

        if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):
            name = torch.cuda.get_device_name()
            raise ValueError(
                f"--precision {precision}: {name} has no matrix units for it (compute capability "
                "8.0 and later have), it would be slower than fp32; leave it out"
            )
    elif not bf16_units():
        raise ValueError(
            f"--precision bf16: this processor has no bf16 matrix units ({', '.join(_BF16_UNITS)}),"
            " it would be slower than fp32; leave it out, or train where there are"
        )


def bf16_units() -> tuple[str, ...]:
    """Return which matrix units for bfloat16 this processor has, as Linux names them."""
    flags: set[str] = set()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("flags"):
                flags = set(line.split(":", 1)[1].split())
                break
    return tuple(unit for unit in _BF16_UNITS if unit in flags)
