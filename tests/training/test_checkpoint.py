"""Checkpoints: what is read back, and every file that is refused."""

import json

import pytest
import torch
from safetensors.torch import save_file

from quantum_latents.training.checkpoint import (
    CHECKPOINT_FORMAT,
    read_checkpoint,
    write_atomically,
    write_checkpoint,
)

FACTS = {"runs": ["a1", "b2"]}
TENSORS = {
    "step": torch.tensor(32),
    "flat": torch.linspace(-1, 1, 999),
    "losses": torch.tensor([float("nan"), 1e300], dtype=torch.float64),
    "transposed": torch.arange(6.0).view(2, 3).mT,
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "stack-0000.safetensors"
    write_checkpoint(path, TENSORS, FACTS)
    return path


def test_what_was_written_is_read(path):
    tensors = read_checkpoint(path, FACTS)
    assert set(tensors) == set(TENSORS)
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        assert torch.equal(tensor.nan_to_num(7.0), TENSORS[name].nan_to_num(7.0))


@pytest.mark.parametrize("keep", [0, 4, 100, 1000, -1])
def test_a_truncated_file_is_refused_by_name(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"stack-0000.safetensors is damaged .*: delete it"):
        read_checkpoint(path, FACTS)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    path = tmp_path / "stack.safetensors"
    torch.save({"flat": torch.zeros(3), "bomb": Bomb()}, path)
    with pytest.raises(ValueError, match="is damaged"):
        read_checkpoint(path, FACTS)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "pt", "facts": "{}"}])
def test_a_foreign_file_is_refused_by_name(tmp_path, metadata):
    path = tmp_path / "foreign.safetensors"
    save_file({"flat": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(ValueError, match=r"foreign.safetensors is not a checkpoint of quantum"):
        read_checkpoint(path, FACTS)


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "new.safetensors"
    metadata = {"format": str(CHECKPOINT_FORMAT + 1), "facts": json.dumps(FACTS)}
    save_file({"flat": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(ValueError, match=r"new.safetensors has format 2, newer than 1 .*update"):
        read_checkpoint(path, FACTS)


@pytest.mark.parametrize("facts", [{"runs": ["a1"]}, {"runs": ["b2", "a1"]}, {}])
def test_a_checkpoint_of_other_runs_is_refused(path, facts):
    with pytest.raises(ValueError, match=r"stack-0000.safetensors belongs to other runs"):
        read_checkpoint(path, facts)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"half")
    assert path.read_bytes() == before
