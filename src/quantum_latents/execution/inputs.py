"""What a study reads that no stream can draw again: files for nodes that do not see them.

A bank of photon counts, a drawn data set and a learned fit follow from streams, so every node
makes its own. A user's file, a set of molecules, photographs with the weights of the network that
measures them, and a named bank do not: they are sent once, into the node's cache, under names that
follow from their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.data import ArraySpec, Cifar10Spec, EncodedSpec, MoleculesSpec
from quantum_latents.data.array import cached_array
from quantum_latents.data.cifar10 import cached_images
from quantum_latents.data.download import INCEPTION_WEIGHTS
from quantum_latents.data.tables import file_and_key
from quantum_latents.latents.kinds.bank import BankSpec, find_bank, note_bank
from quantum_latents.training import RunSpec

__all__ = ["files_of", "note_banks"]


def files_of(runs: Sequence[RunSpec], cache: Path) -> dict[str, Path]:
    """Return the files that runs read, by their names inside a node's cache.

    Args:
        runs: of a study.
        cache: of this machine.

    Raises:
        ValueError: a named bank cannot be found, see `find_bank`.
    """
    files: dict[str, Path] = {}
    for data in {run.data for run in runs}:
        if isinstance(data, EncodedSpec):
            data = data.data
        if isinstance(data, ArraySpec):
            files[str(cached_array(data, Path()))] = file_and_key(data.path)[0]
        elif isinstance(data, MoleculesSpec):
            name = f"molecules/{data.sha256}.npz"
            files[name] = cache / name
        elif isinstance(data, Cifar10Spec):
            images = cached_images(data, cache)
            files[str(images.relative_to(cache))] = images
            weights = images.with_name(INCEPTION_WEIGHTS.name)
            if weights.is_file():  # not where metrics are left to another machine
                files[str(weights.relative_to(cache))] = weights
    for latent in {run.latent for run in runs}:
        if isinstance(latent, BankSpec):
            for file in sorted(find_bank(latent, cache).folder.iterdir()):
                if not file.name.startswith("."):
                    files[f"{_folder_of(latent)}/{file.name}"] = file
    return files


def note_banks(runs: Sequence[RunSpec], cache: Path) -> None:
    """Note in a node's cache where the named banks lie that were sent there."""
    for latent in {run.latent for run in runs}:
        if isinstance(latent, BankSpec) and (cache / _folder_of(latent)).is_dir():
            note_bank(cache / _folder_of(latent), latent.checksum, cache)


def _folder_of(latent: BankSpec) -> str:
    return f"named-banks/{latent.checksum}"
