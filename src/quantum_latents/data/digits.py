"""Handwritten digits of 8 x 8 pixels, the images that ship with scikit-learn.

Notation: N = 1797 images, d = 64 pixels row by row, each a grey level g from 0 to 16. With a
threshold T a pixel is the bit [g >= T], and so are the data; without, data units are grey levels
and model units g / 16. Images cannot be drawn anew: they are split once, by `split_seed`, and every
run and every latent meets that split.

Source: Alpaydin and Kaynak, *Optical recognition of handwritten digits*, UCI Machine Learning
Repository 1998, doi 10.24432/C50P49 (its test images); `load_digits` of scikit-learn.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from safetensors.numpy import load_file

from quantum_latents.data.dataset import DataSet
from quantum_latents.data.sizes import check_integer
from quantum_latents.data.split import split_rows

__all__ = [
    "DIGITS_SHA256",
    "FEATURES_FILE",
    "NUM_IMAGES",
    "DigitsSpec",
    "check_digits_installed",
    "load_digits",
]

NUM_IMAGES = 1797
"""N, of all ten digits."""

DIGITS_SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
"""Of the grey levels as bytes, image by image: what a spec without a file's hash means."""

FEATURES_FILE = Path(__file__).with_name("digit_features.safetensors")
"""Weights of the network whose features measure grey digits, see `scripts/digit_features.py`."""

_MAX_LEVEL = 16
_FEATURE_METRICS = (
    "frechet_feature_distance",
    "kernel_feature_distance",
    "feature_precision",
    "feature_recall",
    "feature_density",
    "feature_coverage",
)
_NOT_INSTALLED = (
    "the digits ship with scikit-learn, which is not installed: "
    "pip install 'quantum-latents[data]' (or scikit-learn), or leave them out of --data"
)


@dataclass(frozen=True, kw_only=True)
class DigitsSpec:
    """The digits.

    Attributes:
        threshold: T from 1 to 16, the least grey level that is a 1; None keeps grey levels.
        num_held_out: images for the metrics, >= 2, and as many again for their floor; all others,
            997 by default, are trained on.
        split_seed: which random order of the images is split, >= 0.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is out of its range, or nothing is left to train on.
    """

    dim: ClassVar[int] = 64
    image_shape: ClassVar[tuple[int, int, int]] = (1, 8, 8)

    threshold: int | None
    num_held_out: int = 400
    split_seed: int = 0

    def __post_init__(self) -> None:
        if self.threshold is not None:
            check_integer("threshold", self.threshold, 1)
            if self.threshold > _MAX_LEVEL:
                raise ValueError(
                    f"threshold is a grey level from 1 to {_MAX_LEVEL}, or None, "
                    f"not {self.threshold}"
                )
        check_integer("num_held_out", self.num_held_out, 2)
        check_integer("split_seed", self.split_seed, 0)
        if self.num_train < 2:
            raise ValueError(
                f"twice num_held_out={self.num_held_out} of {NUM_IMAGES} images leaves "
                "fewer than 2 to train on"
            )

    @property
    def is_binary(self) -> bool:
        """Whether the pixels are bits."""
        return self.threshold is not None

    @property
    def name(self) -> str:
        """`binary_digits` or `grey_digits`."""
        return "binary_digits" if self.is_binary else "grey_digits"

    @property
    def num_train(self) -> int:
        """Images that are trained on."""
        return NUM_IMAGES - 2 * self.num_held_out


def check_digits_installed() -> None:
    """Refuse to begin where the images are not to be had.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ImportError(_NOT_INSTALLED)


def load_digits(spec: DigitsSpec) -> DataSet:
    """Read, check and split the images; grey ones are also measured by a network's features.

    Pixels that never change among the training images (the corners) are kept, and counted in the
    notes. Facts: `image_shape` = (8, 8) and `pixel_range`, for pictures; of grey levels also
    `coordinate_scale` = 16 for every pixel, so that two-sample metrics and moments are those of
    pixels in [0, 1], and `feature_network`,
    weights of a network that takes such pixels.

    Raises:
        ImportError: scikit-learn is not installed, or has other images.

    >>> digits = load_digits(DigitsSpec(threshold=8))
    >>> digits.train.shape, digits.held_out.shape, sorted(set(digits.train.ravel().tolist()))
    ((997, 64), (400, 64), [0.0, 1.0])
    """
    levels = _grey_levels()
    values = levels if spec.threshold is None else (levels >= spec.threshold).astype(np.uint8)
    train, held_out, floor_reference = split_rows(values, spec.num_held_out, spec.split_seed)
    scale = np.full(spec.dim, 1.0 if spec.is_binary else float(_MAX_LEVEL))
    facts: dict[str, Any] = {"image_shape": (8, 8), "pixel_range": (0, int(scale[0]))}
    if not spec.is_binary:
        facts |= {"coordinate_scale": scale, "feature_network": _feature_network()}
    metrics = (
        *("l1_to_integer", "mean_error", "covariance_error"),
        *("energy_distance", "mmd", "sliced_wasserstein"),
        *(() if spec.is_binary else _FEATURE_METRICS),
    )
    return DataSet(
        name=spec.name,
        train=(train / scale).astype(np.float32),
        held_out=held_out.astype(np.float32),
        floor_reference=floor_reference.astype(np.float32),
        metrics=metrics,
        facts=facts,
        notes=_notes(spec, train),
        offset=np.zeros(spec.dim),
        scale=scale,
    )


@functools.cache
def _feature_network() -> dict[str, np.ndarray]:
    return load_file(FEATURES_FILE)


def _grey_levels() -> np.ndarray:
    """Return the images uint8 (N, d), in scikit-learn's order."""
    check_digits_installed()
    from sklearn.datasets import load_digits as load_images

    levels = load_images().data.astype(np.uint8)  # type: ignore[union-attr]
    if hashlib.sha256(levels.tobytes()).hexdigest() != DIGITS_SHA256:
        raise ImportError(
            "scikit-learn's digits are not the images that this version knows (another SHA-256): "
            "install a release of scikit-learn from 1.5 on"
        )
    return levels


def _notes(spec: DigitsSpec, train: np.ndarray) -> tuple[str, ...]:
    what = "grey levels" if spec.threshold is None else f"1 from grey level {spec.threshold} on"
    num_constant = int((train == train[0]).all(axis=0).sum())
    return (
        f"{NUM_IMAGES:,} images ({what}): {spec.num_train} to train on, {spec.num_held_out} held "
        f"out, {spec.num_held_out} for the floor, in one split for all seeds.",
        f"{num_constant} of {spec.dim} pixels are constant among the training images, and kept.",
    )
