"""Photographs to their features in Inception, each set once.

Notation: images (N, d) in data units, levels 0 to 255; what is measured is rounded to whole levels,
as a file of the image would hold it.

Features of held-out images and of those of the floor do not change from run to run: they are kept
in the data set's folder, by the images, the weights, the libraries and the kind of device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from quantum_latents.data import Cifar10Spec, DataSet, DataSpec, download
from quantum_latents.data.cifar10 import cached_images
from quantum_latents.evaluation import inception
from quantum_latents.evaluation.kept import kept
from quantum_latents.metrics import lookup
from quantum_latents.metrics.features import ComparedFeatures
from quantum_latents.molecules import Progress

__all__ = ["check_network", "check_network_of", "facts_of", "measured_on"]

_FACT = "inception_features"
_VERSION = 1  # of what is kept


def check_network(data: DataSet) -> None:
    """Refuse to measure images where their network is missing; of other data nothing is missing.

    Raises:
        ImportError, ValueError, ConnectionError: see `inception.check_inception`.
    """
    if _needs_network(data):
        inception.check_inception(data.facts["reference_cache"])


def check_network_of(
    spec: DataSpec, cache: Path, on_progress: Progress = lambda what, done, total: None
) -> None:
    """Refuse what `check_network` does, before a study begins.

    Args:
        spec: of a data set.
        cache: the folder of data sets.
        on_progress: as of `inception.check_inception`.
    """
    if isinstance(spec, Cifar10Spec):
        inception.check_inception(cached_images(spec, cache).parent, on_progress)


def facts_of(data: DataSet, device: str = "cpu") -> Mapping[str, Any]:
    """Return the facts that the metrics of a data set read, its network among them.

    Args:
        data: whose metrics are computed.
        device: where the network is applied: `cuda` where there is one, else the CPU.
    """
    if not _needs_network(data):
        return data.facts
    return {**data.facts, _FACT: _Comparison(data, _computed_on(device))}


def measured_on(data: DataSet, device: str) -> dict[str, str]:
    """Return what a row's provenance says of the network that measured it; nothing without one."""
    return {"features_on": _computed_on(device)} if _needs_network(data) else {}


def _computed_on(device: str) -> str:
    return "cuda" if device.startswith("cuda") and torch.cuda.is_available() else "cpu"


def _needs_network(data: DataSet) -> bool:
    return any(_FACT in lookup(name).needs for name in data.metrics)


class _Comparison:
    """Takes two sets of images to their compared features, and remembers those that it has met."""

    def __init__(self, data: DataSet, device: str):
        self._folder = Path(data.facts["reference_cache"])
        self._shape, self._device = data.facts["image_shape"], device
        self._data, self._known = data, {self._digest(self._levels(data.held_out))}
        self._compared: dict[tuple[str, str], ComparedFeatures] = {}

    def __call__(self, x: ArrayLike, y: ArrayLike) -> ComparedFeatures:
        levels = [self._levels(images) for images in (x, y)]
        a, b = (self._digest(images) for images in levels)
        if (a, b) not in self._compared:
            floor = self._levels(self._data.floor_reference[: len(levels[0])])
            self._known.add(self._digest(floor))
            both = (self._features(images, d) for images, d in zip(levels, (a, b), strict=True))
            self._compared[a, b] = ComparedFeatures(*(rows.astype(np.float64) for rows in both))
        return self._compared[a, b]

    def _levels(self, images: ArrayLike) -> np.ndarray:
        rows = np.clip(np.rint(np.asarray(images)), 0, 255).astype(np.uint8)
        return rows.reshape(-1, *self._shape)

    @staticmethod
    def _digest(levels: np.ndarray) -> str:
        return hashlib.sha256(np.ascontiguousarray(levels).data).hexdigest()

    def _features(self, levels: np.ndarray, digest: str) -> np.ndarray:
        def build() -> dict[str, np.ndarray]:
            return {"features": inception.features(levels, self._folder, self._device)}

        if digest not in self._known:
            return build()["features"]
        identity = {
            "version": _VERSION,
            "images": digest,
            "weights": download.INCEPTION_WEIGHTS.sha256,
            "library": inception.fidelity_version(),
            "torch": torch.__version__,
            "device": self._device,
        }
        return kept(self._folder, "features", identity, build)["features"]
