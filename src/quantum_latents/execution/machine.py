"""What a row says of where it was made, and where this machine keeps what is made once."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["commit_of_source", "default_cache", "machine"]


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
