"""How much memory this machine has free, and how a lack of it shows.

All sizes are bytes. On Linux what is free is the least of `MemAvailable` and of what every cgroup
around this process leaves; on a GPU it is what CUDA says.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Free",
    "forget_peak",
    "free_memory",
    "gib",
    "is_out_of_memory",
    "num_oom_kills",
    "peak_resident",
]

_UNLIMITED = 2**60
"""What version 1 of cgroups writes for no limit is a little below 2^63."""

_SIGNS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""What torch's plain RuntimeErrors say when memory ran out."""


class Free(NamedTuple):
    """Memory that nobody uses, and who says so."""

    num_bytes: int
    source: str


def free_memory(root: Path = Path("/")) -> Free | None:
    """Return what this process may still take of the machine's memory; None if nothing says it.

    Args:
        root: where `proc` and `sys` are.
    """
    found = list(_limits(root))
    return min(found, key=lambda free: free.num_bytes) if found else None


def _limits(root: Path) -> Iterator[Free]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield Free(1024 * int(line.split()[1]), "MemAvailable")
    groups = ""
    with contextlib.suppress(OSError):
        groups = (root / "proc/self/cgroup").read_text()
    for line in groups.splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
            version, reclaimed = "cgroup v2", "inactive_file"
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            version, reclaimed = "cgroup v1", "total_inactive_file"
        else:
            continue
        # A container may see its own group as the root: whatever of the path is not there is
        # somebody else's, and the groups around it bind just as much.
        own = Path(path.lstrip("/"))
        for group in (own, *own.parents):
            folder = mount / group
            with contextlib.suppress(OSError, ValueError):
                limit, used = (int((folder / name).read_text()) for name in names)
                if limit < _UNLIMITED:
                    free = limit - used + _statistic(folder / "memory.stat", reclaimed)
                    yield Free(max(0, free), f"{version} {names[0]}")


def _statistic(path: Path, name: str) -> int:
    """Return a number of memory.stat; 0 where it is not there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            if line.split()[0] == name:
                return int(line.split()[1])
    return 0


def peak_resident(root: Path = Path("/")) -> int | None:
    """Return the most memory that this process has held at once; None where nothing says it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None


def forget_peak() -> None:
    """Let the kernel begin anew with this process's peak, where it lets us."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def num_oom_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes the kernel has killed for want of memory; None if it is not told.

    It counts those of every cgroup, and is what tells such a kill from somebody's `kill -9`.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, of the machine or of a GPU.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("no such file"))
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # torch.OutOfMemoryError is a RuntimeError, and torch need not be there to know it.
    if isinstance(error, RuntimeError):
        return type(error).__name__ == "OutOfMemoryError" or any(s in str(error) for s in _SIGNS)
    return False


def gib(num_bytes: float) -> str:
    """Return a size in words.

    >>> gib(3 * 2**30), gib(5 * 2**20)
    ('3.0 GiB', '5 MiB')
    """
    if num_bytes < 2**30:
        return f"{num_bytes / 2**20:.0f} MiB"
    return f"{num_bytes / 2**30:.1f} GiB"
