"""What a run leaves on disk besides its row: generated samples and the generator's weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quantum_latents.training import Outcome, RunSpec
from quantum_latents.training.checkpoint import write_atomically
from quantum_latents.training.generator import OFFSET, SCALE

__all__ = ["read_samples", "run_folder", "write_pictures", "write_run"]

_PICTURES_SCHEMA = 1


def run_folder(directory: Path, digest: str) -> Path:
    """Return the folder of a run inside a study's directory."""
    return directory / "runs" / digest


def write_run(directory: Path, outcome: Outcome) -> None:
    """Write `samples.safetensors` (unless diverged) and `generator.safetensors`, atomically."""
    folder = run_folder(directory, outcome.spec.digest)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"spec": json.dumps(outcome.spec.to_json())}
    if outcome.samples is not None:
        content = save({"samples": np.ascontiguousarray(outcome.samples)}, metadata=metadata)
        write_atomically(folder / "samples.safetensors", content)
    weights = {name: np.ascontiguousarray(w.numpy()) for name, w in outcome.weights.items()}
    if outcome.offset is not None and outcome.scale is not None:
        weights |= {OFFSET: outcome.offset, SCALE: outcome.scale}
    write_atomically(folder / "generator.safetensors", save(weights, metadata=metadata))


def write_pictures(directory: Path, digest: str, pictures: Sequence[Mapping[str, Any]]) -> str:
    """Write a run's pictures of molecules atomically; return the file's path in the directory.

    They are kept outside the run's folder, so that they can be published with the rows while
    weights and samples stay behind.

    Args:
        directory: the study's.
        digest: the run's.
        pictures: see `quantum_latents.evaluation.pictures`.
    """
    name = f"pictures/{digest}.json"
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"schema": _PICTURES_SCHEMA, "molecules": list(pictures)}
    write_atomically(path, json.dumps(content, indent=1).encode())
    return name


def read_samples(directory: Path, digest: str) -> np.ndarray:
    """Return the generated samples of a run, (num_samples, d_x), in data units.

    They are float32, and uint8 of graphs.

    Raises:
        FileNotFoundError: the run stored none (it diverged, or has not finished).
        ValueError: the file is damaged, or of another run.
    """
    path = run_folder(directory, digest) / "samples.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"run {digest} stored no samples in {directory}")
    try:
        with safe_open(path, framework="np") as file:
            samples, metadata = file.get_tensor("samples"), file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete the study's directory to train anew, "
            "or restore the file"
        ) from error
    if "spec" in metadata:
        made_by = RunSpec.from_json(json.loads(metadata["spec"])).digest
        if made_by != digest:
            raise ValueError(f"{path} holds the samples of another run, {made_by}")
    return samples
