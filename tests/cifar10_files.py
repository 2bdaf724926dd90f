"""Files in the format of CIFAR-10's binary version, with few records of random images."""

import hashlib
import tarfile
from pathlib import Path

import numpy as np

from quantum_latents.data.cifar10_files import FILES
from quantum_latents.data.download import RemoteFile
from quantum_latents.random import stream

NUM_RECORDS = 20


def write_files(folder: Path, num_records: int = NUM_RECORDS) -> Path:
    """Write the six files into a folder, every class as often as every other."""
    folder.mkdir(parents=True)
    chance = stream(0, "test").generator()
    for name in FILES:
        levels = chance.integers(0, 256, size=(num_records, 3072), dtype=np.uint8)
        labels = chance.permutation((np.arange(num_records) % 10).astype(np.uint8))
        (folder / name).write_bytes(np.column_stack([labels, levels]).tobytes())
    return folder


def levels_of(folder: Path) -> np.ndarray:
    """The images of the files in a folder, in the order of the files."""
    records = [np.frombuffer((folder / name).read_bytes(), np.uint8) for name in FILES]
    return np.concatenate(records).reshape(-1, 3073)[:, 1:]


def pack(folder: Path, path: Path, inside: str = "cifar-10-batches-bin/") -> RemoteFile:
    """Pack the files as the published archive does; return what it is."""
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, inside + file.name)
    return remote(path)


def remote(path: Path) -> RemoteFile:
    """What a file is, as if it were the published archive."""
    content = path.read_bytes()
    return RemoteFile(
        name="cifar-10-binary.tar.gz",
        urls=("http://127.0.0.1:9/cifar-10-binary.tar.gz",),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
