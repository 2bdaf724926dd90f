"""CIFAR-10: 60,000 photographs of 32 x 32 pixels in ten classes, as images without labels.

Notation: d = 3072 numbers an image, 32 x 32 *levels* of red, then of green, then of blue, each row
by row, from 0 to 255. Data units are levels and model units levels / 255. The 50,000 training
images are trained on; the 10,000 test images are put in an order that `split_seed` fixes, the
first of which are held out and the next ones the floor's reference. Images cannot be drawn anew:
every run and every latent meets that split.

The images lie in the cache, byte by byte, under the SHA-256 of just these bytes, so that a run's
name does not depend on where they came from.

Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from quantum_latents.data.cifar10_files import FILES, NUM_PIXELS, NUM_RECORDS, read_cifar10
from quantum_latents.data.dataset import DataSet
from quantum_latents.data.download import CIFAR10_ARCHIVE, RemoteFile, fetch
from quantum_latents.data.sizes import check_integer, check_sizes
from quantum_latents.data.tables import file_sha256
from quantum_latents.disk import replacing
from quantum_latents.molecules import Progress
from quantum_latents.random import stream as root_stream

__all__ = ["Cifar10Spec", "cached_images", "cifar10_spec", "load_cifar10"]

_GREATEST = 255
_METRICS = (
    "frechet_inception_distance",
    "kernel_inception_distance",
    "inception_precision",
    "inception_recall",
    "inception_density",
    "inception_coverage",
    "mean_error",
    "energy_distance",
    "mmd",
    "sliced_wasserstein",
)


@dataclass(frozen=True, kw_only=True)
class Cifar10Spec:
    """CIFAR-10; `cifar10_spec` makes one from the files.

    Attributes:
        sha256: of the levels of all images, the test images last.
        num_train: images to train on, >= 2; fewer than there are is a random part of them.
        num_held_out: test images for the metrics, >= 2, and as many again for their floor.
        split_seed: which random orders of the images are split, >= 0.

    Raises:
        TypeError, ValueError: a field is out of its range.
    """

    name: ClassVar[str] = "cifar10"
    dim: ClassVar[int] = NUM_PIXELS
    image_shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)

    sha256: str
    num_train: int = 5 * NUM_RECORDS
    num_held_out: int = NUM_RECORDS // 2
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(
                f"sha256 is 64 hexadecimal digits, not {self.sha256!r}; "
                "cifar10_spec(SOURCE, cache) computes it"
            )
        check_sizes(self.num_train, self.num_held_out)
        check_integer("split_seed", self.split_seed, 0)


def cifar10_spec(
    source: str | Path,
    cache: Path,
    *,
    num_train: int | None = None,
    num_held_out: int | None = None,
    split_seed: int = 0,
    archive: RemoteFile = CIFAR10_ARCHIVE,
    num_records: int | None = None,
    on_progress: Progress = lambda what, done, total: None,
) -> Cifar10Spec:
    """Return the spec of the images in `source`, which are then in the cache (184 MB).

    Args:
        source: "cifar10" for the published archive, downloaded into `cache` / images (170 MB)
            unless it is there; or a file or folder, see `read_cifar10`. A folder of that name is
            ./cifar10.
        cache: where images are kept.
        num_train: as of `Cifar10Spec`; None is all.
        num_held_out: as of `Cifar10Spec`; None is half of the test images.
        split_seed: as of `Cifar10Spec`.
        archive: what the archive must be.
        num_records: images of a file; None is 10,000, and tests alone have others.
        on_progress: called with what is being done, how much is done and of how much.

    Raises:
        ValueError: the images are not whole or not CIFAR-10's, see `read_cifar10`; or there are
            fewer than asked for.
        ConnectionError: the archive could not be downloaded, with what to put where instead.
    """
    folder = Path(cache) / "images"
    num_records = NUM_RECORDS if num_records is None else num_records
    if source == Cifar10Spec.name:
        source = fetch(archive, folder, on_progress)
    levels = read_cifar10(Path(source), archive, num_records)
    sha256 = hashlib.sha256(levels.data).hexdigest()
    spec = Cifar10Spec(
        sha256=sha256,
        num_train=5 * num_records if num_train is None else num_train,
        num_held_out=num_records // 2 if num_held_out is None else num_held_out,
        split_seed=split_seed,
    )
    _check_enough(spec, len(levels))
    kept = cached_images(spec, cache)
    if not (kept.is_file() and file_sha256(kept) == sha256):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as file:
            file.write(levels.data)
    return spec


def cached_images(spec: Cifar10Spec, cache: Path) -> Path:
    """Return where the images of a spec lie in a cache."""
    return Path(cache) / "images" / f"{spec.sha256}.levels"


def load_cifar10(spec: Cifar10Spec, cache: Path) -> DataSet:
    """Return the images of `spec`, split; once in a process, so that runs share its memory.

    All training images take 614 MB, as float32, and as much again where a stack of runs trains on
    them; the levels themselves are read from the disk.

    Facts: `image_shape` = (3, 32, 32) and `pixel_range`, for pictures; `coordinate_scale` = 255 for
    every number, so that two-sample metrics are those of levels in [0, 1]; `reference_cache`, the
    folder of the weights of the network that measures the images, and of its features of those
    that are held out.

    Args:
        spec: made by `cifar10_spec`.
        cache: the folder of that call.

    Raises:
        ValueError: the images are not in the cache or are damaged, or fewer than the spec says.
    """
    return _load(spec, Path(cache).absolute())


@functools.lru_cache(maxsize=1)
def _load(spec: Cifar10Spec, cache: Path) -> DataSet:
    again = (
        "give the images again: qlat run ddgan --data FOLDER (or --data cifar10), or qlat prepare"
    )
    file = cached_images(spec, cache)
    if not file.is_file():
        raise ValueError(f"the images of CIFAR-10 are not at {str(file)!r}: {again}")
    if file_sha256(file) != spec.sha256:
        raise ValueError(f"{str(file)!r} is damaged: delete it, and {again}")
    levels = np.memmap(file, dtype=np.uint8, mode="r").reshape(-1, NUM_PIXELS)
    _check_enough(spec, len(levels))
    num_to_train_on = len(levels) // len(FILES) * 5
    to_train_on = levels[:num_to_train_on]
    if spec.num_train < num_to_train_on:
        to_train_on = to_train_on[np.sort(_order(spec, "train", num_to_train_on)[: spec.num_train])]
    order = num_to_train_on + _order(spec, "test", len(levels) - num_to_train_on)
    first, second = order[: spec.num_held_out], order[spec.num_held_out : 2 * spec.num_held_out]
    facts: dict[str, Any] = {
        "image_shape": Cifar10Spec.image_shape,
        "pixel_range": (0, _GREATEST),
        "coordinate_scale": np.full(spec.dim, float(_GREATEST)),
        "reference_cache": file.parent,
    }
    return DataSet(
        name=spec.name,
        train=np.divide(to_train_on, np.float32(_GREATEST), dtype=np.float32),
        held_out=levels[first].astype(np.float32),
        floor_reference=levels[second].astype(np.float32),
        metrics=_METRICS,
        facts=facts,
        notes=_notes(spec, num_to_train_on, len(levels) - num_to_train_on),
        offset=np.zeros(spec.dim),
        scale=np.full(spec.dim, float(_GREATEST)),
    )


def _order(spec: Cifar10Spec, part: str, number: int) -> np.ndarray:
    return root_stream(spec.split_seed, "split").child(part).generator(0).permutation(number)


def _check_enough(spec: Cifar10Spec, num_images: int) -> None:
    num_records = num_images // len(FILES)
    if spec.num_train > 5 * num_records:
        raise ValueError(
            f"num_train is at most {5 * num_records:,}, the training images, not {spec.num_train:,}"
        )
    if 2 * spec.num_held_out > num_records:
        raise ValueError(
            f"num_held_out is at most {num_records // 2:,}, half of the test images, "
            f"not {spec.num_held_out:,}"
        )


def _notes(spec: Cifar10Spec, num_train: int, num_test: int) -> tuple[str, ...]:
    part = "all" if spec.num_train == num_train else f"{spec.num_train:,}"
    return (
        f"CIFAR-10 (levels' SHA-256 {spec.sha256[:12]}): {part} of {num_train:,} training images "
        f"to train on, as they are and not mirrored; of {num_test:,} test images "
        f"{spec.num_held_out:,} held out and {spec.num_held_out:,} for the floor, in one split "
        "for all seeds.",
        f"Inception distances are of {spec.num_held_out:,} held-out images: they compare with "
        "none that is published, which are of 50,000, and fall with the number of images.",
    )
