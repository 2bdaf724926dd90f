"""A finished run as a row: metrics with their sampling floors, losses, and a small picture.

Everything in a row but its `provenance` is a function of the spec and of the stack.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.data import DataSet
from quantum_latents.evaluation.images import facts_of, measured_on
from quantum_latents.evaluation.molecules import evaluate_molecules
from quantum_latents.evaluation.stored import write_pictures
from quantum_latents.metrics import compute, floor, lookup
from quantum_latents.random import stream
from quantum_latents.results import ROW_SCHEMA, TRAINED
from quantum_latents.training import Outcome, OwnRunSpec, RunSpec, WGANSpec

__all__ = ["evaluate", "failed_row", "make_row", "remake_row"]

_NUM_SCATTER_POINTS = 400
_NUM_IMAGES = 16


def evaluate(
    samples: np.ndarray, data: DataSet, seed: int, device: str = "cpu"
) -> dict[str, dict[str, Any]]:
    """Return every metric of the data set, with its floor and what a table must know.

    Args:
        samples: generated, (N, d_x), in data units; codes of graphs (N, P + n).
        data: gives the reference (its held-out samples) and the names of the metrics.
        seed: the run's; random projections follow from it, so they are paired.
        device: where a network that measures is applied: `cpu`, or `cuda` where there is one.

    The floor puts as many fresh samples of the data itself in the generated samples' place.
    Molecules' entries say more, see `quantum_latents.evaluation.molecules`.
    """
    directions = stream(seed, "metrics")
    in_place = data.floor_reference[: len(samples)]
    if data.layout is not None:
        return evaluate_molecules(samples, data, seed)[0]
    facts = facts_of(data, device)
    metrics = {}
    for name in data.metrics:
        metrics[name] = {
            "value": compute(name, samples, data.held_out, facts, directions),
            "floor": floor(name, in_place, data.held_out, facts, directions),
            **lookup(name).declared,
        }
    return metrics


def _values(samples: np.ndarray, data: DataSet, seed: int, device: str) -> dict[str, float | None]:
    """Return every metric's value alone: the floors do not change on the way."""
    if data.layout is not None:
        found = evaluate_molecules(samples, data, seed)[0]
        return {name: entry.get("value") for name, entry in found.items()}
    directions, facts = stream(seed, "metrics"), facts_of(data, device)
    return {name: compute(name, samples, data.held_out, facts, directions) for name in data.metrics}


def make_row(
    outcome: Outcome,
    data: DataSet,
    *,
    study: str,
    stack: Mapping[str, Any],
    provenance: Mapping[str, Any],
    directory: Path | None = None,
    is_measured: bool = True,
) -> dict[str, Any]:
    """Return the row of a run, or the record of one that waits for its metrics.

    Args:
        outcome: what training left.
        data: the run's data set.
        study: name of the study the run belongs to.
        stack: how it was trained: the stack's size, the run's place in it, device, threads.
        provenance: when, where and with which version.
        directory: the study's, where pictures of molecules are written; None writes none.
        is_measured: False leaves the metrics to `remake_row`, see `results.trained`. A run that
            diverged has none, so its row is whole all the same.
    """
    samples, diverged_at = outcome.samples, outcome.diverged_at
    device = _device_of(stack)
    detail = "" if diverged_at is None else f"diverged at {_step_of(outcome.spec)} {diverged_at}"
    if samples is not None and not np.isfinite(samples).all():
        samples, detail = None, "generated samples are not finite"
    metrics, preview = {}, None
    on_the_way: dict[int, np.ndarray] = {}
    status = "diverged" if detail else "finished"
    if samples is not None and not is_measured:
        status = TRAINED
    elif samples is not None:
        spec, on_the_way = outcome.spec, outcome.milestones
        metrics, preview = _measured(samples, data, spec.seed, spec.digest, directory, device)
    return {
        "schema": ROW_SCHEMA,
        "run": outcome.spec.digest,
        "study": study,
        "spec": outcome.spec.to_json(),
        "status": status,
        "status_detail": detail,
        "metrics": metrics,
        **_budget(on_the_way, data, outcome.spec.seed, device),
        "curves": outcome.curves,
        "preview": preview,
        "notes": [*data.notes, *_reconstruction(data, outcome.spec.seed, device)],
        **({} if outcome.fit is None else {"fit": outcome.fit}),
        **({} if outcome.sampling is None else {"sampling": outcome.sampling}),
        "stack": dict(stack),
        "provenance": {**provenance, **(measured_on(data, device) if metrics else {})},
    }


def failed_row(
    spec: RunSpec | OwnRunSpec,
    data: DataSet,
    detail: str,
    *,
    study: str,
    stack: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the row of a run that ended in an error, which `detail` tells; as `make_row`."""
    return {
        "schema": ROW_SCHEMA,
        "run": spec.digest,
        "study": study,
        "spec": spec.to_json(),
        "status": "failed",
        "status_detail": detail,
        "metrics": {},
        "curves": {},
        "preview": None,
        "notes": list(data.notes),
        "stack": dict(stack),
        "provenance": dict(provenance),
    }


def _step_of(spec: RunSpec | OwnRunSpec) -> str:
    """Return what a run's steps are called."""
    return "generator step" if isinstance(spec.training, WGANSpec) else "step"


def remake_row(
    row: Mapping[str, Any],
    samples: np.ndarray,
    data: DataSet,
    *,
    milestones: Mapping[int, np.ndarray] | None = None,
    provenance: Mapping[str, Any],
    directory: Path | None = None,
) -> dict[str, Any]:
    """Return the row of a run with its metrics computed, or computed anew, from stored samples.

    Args:
        row: as it was; or the record of a run that waited for its metrics.
        samples: what the run stored.
        milestones: what it stored on its way, by steps.
        data: the run's data set.
        provenance: put over the row's own: when, and with which version.
        directory: the study's, where pictures of molecules are written; None writes none.

    What training left (spec, curves, stack) stays as it was.
    """
    seed, device = row["spec"]["seed"], _device_of(row["stack"])
    metrics, preview = _measured(samples, data, seed, row["run"], directory, device)
    return {
        **row,
        "status": "finished",
        "metrics": metrics,
        **_budget(milestones or {}, data, seed, device),
        "preview": preview,
        "notes": [*data.notes, *_reconstruction(data, seed, device)],
        "provenance": {
            **row.get("provenance", {}),
            **provenance,
            **measured_on(data, device),
        },
    }


def _device_of(stack: Mapping[str, Any]) -> str:
    """Return where a run was trained; the CPU where its training was the user's own."""
    return str(stack.get("device") or "cpu")


def _budget(
    milestones: Mapping[int, np.ndarray], data: DataSet, seed: int, device: str
) -> dict[str, Any]:
    """Return the metrics' values at the milestones of a run; nothing where it has none."""
    if not milestones:
        return {}
    values: dict[str, list[float | None]] = {name: [] for name in data.metrics}
    for samples in milestones.values():
        is_finite = bool(np.isfinite(samples).all())
        found = _values(samples, data, seed, device) if is_finite else {}
        for name, of_name in values.items():
            of_name.append(found.get(name))
    return {"budget": {"step": list(milestones), "metrics": values}}


def _measured(
    samples: np.ndarray,
    data: DataSet,
    seed: int,
    digest: str,
    directory: Path | None,
    device: str,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return metrics and preview; write pictures of molecules where there is a directory."""
    if data.layout is None:
        return evaluate(samples, data, seed, device), _preview(samples, data)
    metrics, preview, pictures = evaluate_molecules(samples, data, seed)
    if directory is not None:
        preview["pictures"] = write_pictures(directory, digest, pictures)
    return metrics, preview


def _reconstruction(data: DataSet, seed: int, device: str) -> list[str]:
    """Return what rows score that went through an autoencoder and back, where there is one."""
    if data.decoder is None:
        return []
    values = _values(data.facts["reconstructed"], data, seed, device)
    told = ", ".join(f"{lookup(name).label} {value:.3g}" for name, value in values.items())
    return [f"Data there and back through the autoencoder score: {told}."]


def _preview(samples: np.ndarray, data: DataSet) -> dict[str, Any]:
    """Return enough to draw generated samples beside data: kilobytes, of photographs 130."""
    if data.sample_dim == 2:
        return {
            "kind": "scatter",
            "data": _rounded(data.held_out[:_NUM_SCATTER_POINTS]),
            "generated": _rounded(samples[:_NUM_SCATTER_POINTS]),
        }
    shape = list(data.facts.get("image_shape", ()))
    if len(shape) == 3:
        # As levels, a byte each: numbers in words would make a row of half a megabyte.
        return {
            "kind": "photographs",
            "shape": shape,
            "data": _packed(data.held_out[:_NUM_IMAGES]),
            "generated": _packed(samples[:_NUM_IMAGES]),
        }
    if shape:
        return {
            "kind": "images",
            "shape": shape,
            "pixel_range": list(data.facts["pixel_range"]),
            "data": _rounded(data.held_out[:_NUM_IMAGES], decimals=2),
            "generated": _rounded(samples[:_NUM_IMAGES], decimals=2),
        }
    is_counts = bool((data.held_out == np.round(data.held_out)).all())
    return {
        "kind": "counts" if is_counts else "vector",
        "mean_data": _rounded(data.held_out.mean(0)),
        "mean_generated": _rounded(samples.mean(0)),
        "correlation_data": _rounded(_correlation(data.held_out)),
        "correlation_generated": _rounded(_correlation(samples)),
    }


def _correlation(samples: np.ndarray) -> np.ndarray:
    """Return Pearson's correlations (d, d), 0 where a coordinate does not vary."""
    centred = samples.astype(np.float64) - samples.mean(0, dtype=np.float64)
    deviation = np.sqrt((centred**2).mean(0))
    safe = np.where(deviation > 0, deviation, 1.0)
    return centred.T @ centred / len(samples) / np.outer(safe, safe)


def _packed(images: np.ndarray) -> str:
    """Return levels 0 to 255 as base64."""
    levels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return base64.b64encode(levels.tobytes()).decode()


def _rounded(values: np.ndarray, decimals: int = 4) -> list:
    return np.round(np.asarray(values, dtype=np.float64), decimals).tolist()
