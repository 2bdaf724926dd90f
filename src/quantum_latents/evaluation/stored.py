"""What a run leaves on disk besides its row: generated samples and the generator's weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quantum_latents.training import Outcome
from quantum_latents.training.checkpoint import write_atomically

__all__ = ["read_samples", "run_folder", "write_run"]


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
    write_atomically(folder / "generator.safetensors", save(weights, metadata=metadata))


def read_samples(directory: Path, digest: str) -> np.ndarray:
    """Return the generated samples of a run, float32 (num_samples, d_x), in data units.

    Raises:
        FileNotFoundError: the run stored none (it diverged, or has not finished).
        ValueError: the file is damaged.
    """
    path = run_folder(directory, digest) / "samples.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"run {digest} stored no samples in {directory}")
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor("samples")
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete the study's directory to train anew, "
            "or restore the file"
        ) from error
