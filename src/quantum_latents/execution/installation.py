"""What of this package is installed here, and what it would compute on.

An *extra* is a group of optional requirements, as `pip install 'quantum-latents[NAME]'` names it.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.execution.machine import bf16_units, default_cache, machine
from quantum_latents.execution.memory import free_memory
from quantum_latents.samplers.shots import available_cores
from quantum_latents.simd import VECTOR_BYTES

__all__ = ["Extra", "installation", "installed_extras"]

_DISTRIBUTION = "quantum-latents"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_NOT_FOR_USERS = ("dev",)


@dataclass
class Extra:
    """A group of requirements.

    Attributes:
        name: of the extra; "" for what everyone needs.
        versions: of what is installed, by distribution.
        missing: distributions that are not.
    """

    name: str
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def hint(self) -> str:
        """What installs it."""
        return f"pip install '{_DISTRIBUTION}{f'[{self.name}]' if self.name else ''}'"


def installed_extras() -> list[Extra]:
    """Return what everyone needs, then each extra, as the installed package declares them.

    Raises:
        ValueError: the package is not installed, but only on the path.

    >>> [extra.name for extra in installed_extras()][:3]
    ['', 'data', 'molecules']
    """
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"{_DISTRIBUTION} is on the path and not installed: pip install . in its folder"
        ) from error
    extras: dict[str, Extra] = {"": Extra("")}
    for requirement in required:
        name = _NAME.match(requirement)
        extra = _EXTRA.search(requirement)
        of = extra[1] if extra else ""
        if name is None or of in _NOT_FOR_USERS or name[0] == _DISTRIBUTION:
            continue
        group = extras.setdefault(of, Extra(of))
        try:
            group.versions[name[0]] = importlib.metadata.version(name[0])
        except importlib.metadata.PackageNotFoundError:
            group.missing.append(name[0])
    return list(extras.values())


def installation() -> dict[str, Any]:
    """Return versions, devices and folders, as JSON values.

    Keys: `version`, `python`, `system`, `extras` (of each its `versions`, what is `missing` and
    the `hint` that installs it), `processor`, `cores` that this process may use, `vector_bits` of
    compiled kernels, `bf16_units`, `gpus` by name, `free_memory` and `free_disk` in bytes (of the
    cache; None where nothing says it), `cache`.
    """
    cache = default_cache()
    memory = free_memory()
    return {
        "version": quantum_latents.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "extras": {
            extra.name or "required": {
                "versions": extra.versions,
                "missing": extra.missing,
                "hint": extra.hint,
            }
            for extra in installed_extras()
        },
        "processor": machine()["processor"],
        "cores": available_cores(),
        "vector_bits": 8 * VECTOR_BYTES,
        "bf16_units": list(bf16_units()),
        "gpus": _gpus(),
        "free_memory": None if memory is None else memory.num_bytes,
        "cache": str(cache),
        "free_disk": _free_disk(cache),
    }


def _gpus() -> list[str]:
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]


def _free_disk(folder: Path) -> int | None:
    """Return the free bytes where a folder is, or would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free if os.access(folder, os.W_OK) else None
    except OSError:
        return None
