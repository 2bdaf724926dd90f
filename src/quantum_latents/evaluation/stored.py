"""What a run leaves on disk besides its row: generated samples and the generator's weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quantum_latents.disk import write_atomically
from quantum_latents.training import Outcome, any_run_spec
from quantum_latents.training.generator import OFFSET, SCALE, decoder_tensors

__all__ = ["read_milestones", "read_samples", "run_folder", "write_pictures", "write_run"]

_PICTURES_SCHEMA = 1
_MILESTONE = "after {} steps"


def run_folder(directory: Path, digest: str) -> Path:
    """Return the folder of a run inside a study's directory.

    Raises:
        ValueError: a name, such as a stranger's row may have, that leads elsewhere.
    """
    if digest in ("", ".", "..") or any(sign in digest for sign in "/\\\0"):
        raise ValueError(f"{digest!r:.80} names no run of {directory}")
    return directory / "runs" / digest


def write_run(directory: Path, outcome: Outcome) -> None:
    """Write `samples.safetensors` (unless diverged) and `generator.safetensors`, atomically.

    Samples of milestones lie beside the final ones, named by their step. A run without weights,
    whose training was the user's own, has no generator here.
    """
    folder = run_folder(directory, outcome.spec.digest)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"spec": json.dumps(outcome.spec.to_json())}
    if outcome.samples is not None:
        tensors = {"samples": np.ascontiguousarray(outcome.samples)}
        for step, samples in outcome.milestones.items():
            tensors[_MILESTONE.format(step)] = np.ascontiguousarray(samples)
        write_atomically(folder / "samples.safetensors", save(tensors, metadata=metadata))
    if not outcome.weights:
        return
    weights = {name: np.ascontiguousarray(w.numpy()) for name, w in outcome.weights.items()}
    if outcome.offset is not None and outcome.scale is not None:
        weights |= {OFFSET: outcome.offset, SCALE: outcome.scale}
    if outcome.decoder is not None:
        weights |= decoder_tensors(outcome.decoder)
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
    return _read(directory, digest)["samples"]


def read_milestones(directory: Path, digest: str) -> dict[int, np.ndarray]:
    """Return the samples that a run stored on its way, by the number of its steps, ascending.

    Raises:
        FileNotFoundError, ValueError: as `read_samples`.
    """
    before, after = _MILESTONE.split("{}")
    found = {
        int(name.removeprefix(before).removesuffix(after)): samples
        for name, samples in _read(directory, digest).items()
        if name.startswith(before)
    }
    return dict(sorted(found.items()))


def _read(directory: Path, digest: str) -> dict[str, np.ndarray]:
    """Return all samples of a run by their names."""
    path = run_folder(directory, digest) / "samples.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"run {digest} stored no samples in {directory}")
    try:
        with safe_open(path, framework="np") as file:
            samples = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete the study's directory to train anew, "
            "or restore the file"
        ) from error
    if "samples" not in samples:
        raise ValueError(f"{path} holds no tensor 'samples': restore the file")
    if "spec" in metadata:
        try:
            made_by = any_run_spec(json.loads(metadata["spec"])).digest
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({error}): restore the file") from error
        if made_by != digest:
            raise ValueError(f"{path} holds the samples of another run, {made_by}")
    return samples
