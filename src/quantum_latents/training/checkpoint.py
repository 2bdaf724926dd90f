"""Checkpoints: named tensors and JSON in one safetensors file, replaced atomically.

No pickle: a crafted file cannot run code. Metadata say which runs it is of, and keep a checksum:
what the disk has damaged since is refused, not trained on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from quantum_latents.disk import write_atomically

__all__ = [
    "CHECKPOINT_FORMAT",
    "damaged",
    "read_checkpoint",
    "write_checkpoint",
]

CHECKPOINT_FORMAT = 1
"""The newest checkpoint format that this version reads, and the one it writes."""


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON facts atomically."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {
        "format": str(CHECKPOINT_FORMAT),
        "facts": json.dumps(facts, sort_keys=True),
        "checksum": _checksum(contiguous),
    }
    write_atomically(path, save(contiguous, metadata=metadata))


def read_checkpoint(path: Path, facts: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint that was written with the same facts.

    Raises:
        ValueError: the file is damaged, of a newer format, or of other facts.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            written = json.loads(metadata["facts"])
    except (SafetensorError, OSError, RecursionError, json.JSONDecodeError) as error:
        raise damaged(path, error) from error
    # Checkpoints of before there were checksums have none, and nothing in its place.
    if len(metadata) > 2 and metadata.get("checksum") != _checksum(tensors):
        raise damaged(path, "its checksum is another")
    if written != json.loads(json.dumps(facts)):
        raise ValueError(
            f"{path} belongs to other runs: choose another --out, or delete it to train anew"
        )
    return tensors


def damaged(path: Path, why: object) -> ValueError:
    """Return the error of a checkpoint that cannot be resumed."""
    return ValueError(f"{path} is damaged ({why}): delete it to train its runs anew")


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuse what is no checkpoint, or a newer one.

    Raises:
        ValueError: as said.
    """
    written = metadata.get("format", "")
    # A number of any length could be written there; ours are short.
    if "facts" not in metadata or not (written.isascii() and written.isdecimal()) or written == "0":
        raise ValueError(f"{path} is not a checkpoint of quantum-latents: move it away")
    if len(written) > 9 or int(written) > CHECKPOINT_FORMAT:
        raise ValueError(
            f"{path} has format {written[:9]}, newer than {CHECKPOINT_FORMAT} "
            "of this version: update quantum-latents to resume it"
        )


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and content."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
