"""Features of Inception, from which FID and KID are computed.

Notation: N images as levels uint8 (N, 3, H, W) from 0 to 255, red, green, blue; their features
(N, 2048) are the last pooling layer's, of images that are first enlarged to 299 x 299 pixels as in
the published FID.

The network is torch-fidelity's, with the weights of the published FID. Its weights are a pickle,
and a pickle can run code: so a file is held against a SHA-256 known here, is then read by torch's
reader that knows tensors alone, and only the very bytes that passed both are given on. Another
network never takes its place.

Source: Heusel et al. 2017, arXiv 1706.08500; Szegedy et al. 2016 (Inception v3).
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from quantum_latents.data import download
from quantum_latents.models.threads import one_thread
from quantum_latents.molecules import Progress
from quantum_latents.training.convolutions import exact_convolutions

__all__ = ["NUM_FEATURES", "check_inception", "features", "fidelity_version"]

NUM_FEATURES = 2048

_PACKAGE = "torch_fidelity"
_MODULE = f"{_PACKAGE}.feature_extractor_inceptionv3"
_KNOWN = "0.4.0"
_BATCH = {"cpu": 32, "cuda": 128}


def check_inception(folder: Path, on_progress: Progress = lambda what, done, total: None) -> Path:
    """Return the file of the weights, which is downloaded (96 MB) unless it is there.

    Args:
        folder: where the weights are kept.
        on_progress: called with what is being done, bytes done and bytes in all.

    Raises:
        ImportError: torch-fidelity is not installed.
        ValueError: a file of that name is there, and it is another one or damaged.
        ConnectionError: it could not be downloaded; the message says what to put where.
    """
    fidelity_version()
    return download.fetch(download.INCEPTION_WEIGHTS, folder, on_progress)


def fidelity_version() -> str:
    """Return the version of the library that brings the network.

    Raises:
        ImportError: it is not installed.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise ImportError(
            "FID and KID need the package torch-fidelity: pip install 'quantum-latents[images]', "
            "or leave the metrics to another machine with --evaluate-later"
        )
    return importlib.metadata.version(_PACKAGE)


@torch.inference_mode()
def features(levels: np.ndarray, folder: Path, device: str = "cpu") -> np.ndarray:
    """Return the features of images, float32 (N, 2048).

    Args:
        levels: uint8 (N, 3, H, W).
        folder: where the weights are kept.
        device: `cpu`, on one thread, so that their last digits do not depend on how many there
            are; or `cuda`, where they are others.

    Raises:
        ImportError, ValueError, ConnectionError: as `check_inception`.
    """
    assert levels.dtype == np.uint8 and levels.ndim == 4
    network = _network(check_inception(folder), device)
    parts = [np.zeros((0, NUM_FEATURES), np.float32)]
    with one_thread(), exact_convolutions():
        for part in torch.from_numpy(levels).split(_BATCH[device]):
            parts.append(network(part.to(device))[0].cpu().numpy())
    return np.concatenate(parts)


@functools.lru_cache(maxsize=1)
def _network(weights: Path, device: str) -> nn.Module:
    content = weights.read_bytes()
    remote = download.INCEPTION_WEIGHTS
    if (found := hashlib.sha256(content).hexdigest()) != remote.sha256:
        raise ValueError(f"{str(weights)!r} is damaged: SHA-256 {found}, not {remote.sha256}")
    _check_tensors(content, weights)
    return _extractor()(_PACKAGE, [str(NUM_FEATURES)], io.BytesIO(content)).to(device)


def _check_tensors(content: bytes, weights: Path) -> None:
    """Refuse a file that holds more than named tensors, without running anything of it.

    Raises:
        ValueError: as said.
    """
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # the reader's own kinds of error are not documented
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{str(weights)!r} holds more than tensors: {reason}") from error
    is_named = isinstance(found, Mapping) and all(isinstance(name, str) for name in found)
    if not is_named or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ValueError(f"{str(weights)!r} holds no tensors by name")


def _extractor() -> Any:
    """Return torch-fidelity's class of the network.

    Its module is imported without the package's own `__init__`: that imports torchvision, of which
    nothing is used here, and whose common build does not import beside torch's build for CPUs.
    """
    if not (is_whole := _PACKAGE in sys.modules):
        spec = importlib.util.find_spec(_PACKAGE)
        assert spec is not None
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(_MODULE).FeatureExtractorInceptionV3
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"torch-fidelity {fidelity_version()} has its network elsewhere than {_KNOWN} has: "
            f"pip install torch-fidelity=={_KNOWN}"
        ) from error
    finally:  # whoever imports the package later gets all of it
        for name in [n for n in sys.modules if n.partition(".")[0] == _PACKAGE and not is_whole]:
            del sys.modules[name]
