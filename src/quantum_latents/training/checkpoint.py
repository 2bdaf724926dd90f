"""Checkpoints: named tensors and JSON in one safetensors file, replaced atomically.

No pickle: a crafted file cannot run code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

__all__ = ["CHECKPOINT_FORMAT", "read_checkpoint", "write_atomically", "write_checkpoint"]

CHECKPOINT_FORMAT = 1
"""The newest checkpoint format that this version reads, and the one it writes."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, also when the process or the machine dies."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON facts atomically."""
    metadata = {"format": str(CHECKPOINT_FORMAT), "facts": json.dumps(facts, sort_keys=True)}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, metadata=metadata))


def read_checkpoint(path: Path, facts: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint that was written with the same facts.

    Raises:
        ValueError: the file is damaged, of a newer format, or of other facts.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete it to train its runs anew"
        ) from error
    if "format" not in metadata or "facts" not in metadata:
        raise ValueError(f"{path} is not a checkpoint of quantum-latents: move it away")
    if not metadata["format"].isdecimal():
        raise ValueError(f"{path} is not a checkpoint of quantum-latents: move it away")
    if int(metadata["format"]) > CHECKPOINT_FORMAT:
        raise ValueError(
            f"{path} has format {metadata['format']}, newer than {CHECKPOINT_FORMAT} "
            "of this version: update quantum-latents to resume it"
        )
    if json.loads(metadata["facts"]) != json.loads(json.dumps(facts)):
        raise ValueError(
            f"{path} belongs to other runs: choose another --out, or delete it to train anew"
        )
    return tensors
