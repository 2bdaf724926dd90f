"""What a run leaves on disk besides its row: generated samples and the generator's weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quantum_latents.training import Outcome, RunSpec
from quantum_latents.training.checkpoint import write_atomically
from quantum_latents.training.generator import OFFSET, SCALE

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
    if outcome.offset is not None and outcome.scale is not None:
        weights |= {OFFSET: outcome.offset, SCALE: outcome.scale}
    write_atomically(folder / "generator.safetensors", save(weights, metadata=metadata))


def read_samples(directory: Path, digest: str) -> np.ndarray:
    """Return the generated samples of a run, float32 (num_samples, d_x), in data units.

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
