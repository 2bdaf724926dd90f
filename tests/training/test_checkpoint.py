"""Checkpoints: what is read back, and every file that is refused."""

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from quantum_latents.training.checkpoint import (
    CHECKPOINT_FORMAT,
    read_checkpoint,
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


def test_damage_in_the_numbers_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"stack-0000.safetensors is damaged .*checksum"):
        read_checkpoint(path, FACTS)


def test_a_checkpoint_of_before_there_were_checksums_is_read(path):
    metadata = {"format": "1", "facts": json.dumps(FACTS)}
    save_file({"flat": TENSORS["flat"]}, path, metadata=metadata)
    assert torch.equal(read_checkpoint(path, FACTS)["flat"], TENSORS["flat"])


@pytest.mark.parametrize("facts", ["", "[" * 100_000, "NaN", '{"runs": '])
def test_facts_that_are_none_are_refused(path, facts):
    save_file({"flat": torch.zeros(3)}, path, metadata={"format": "1", "facts": facts})
    with pytest.raises(ValueError, match=r"stack-0000.safetensors (is damaged|belongs to other)"):
        read_checkpoint(path, FACTS)


@pytest.mark.parametrize("written", ["9" * 5000, "2", "0", "-1", "one", "\u0661"])
def test_formats_that_are_not_ours_are_refused(path, written):
    save_file({"flat": torch.zeros(3)}, path, metadata={"format": written, "facts": "{}"})
    with pytest.raises(ValueError, match=r"stack-0000.* (has format|is not a checkpoint)"):
        read_checkpoint(path, FACTS)


@pytest.mark.parametrize("length", [2**63 - 1, 2**64 - 1, 2**32, 10**8, 1])
def test_headers_of_any_length_are_refused(path, length):
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(ValueError, match=r"stack-0000.safetensors is damaged"):
        read_checkpoint(path, FACTS)


def test_a_header_that_promises_more_than_there_is_is_refused(path):
    header = json.dumps(
        {"flat": {"dtype": "F32", "shape": [2**60, 2**60], "data_offsets": [0, 2**62]}}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ValueError, match=r"stack-0000.safetensors is damaged"):
        read_checkpoint(path, FACTS)


DAMAGE = st.lists(st.tuples(st.integers(0, 2**32), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(damage=DAMAGE, cut=st.none() | st.integers(0, 2**32), more=st.binary(max_size=20))
def test_no_damaged_file_does_anything_but_being_refused(tmp_path_factory, damage, cut, more):
    """Bytes written over, the end cut off or lengthened: read as it was, or a ValueError."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    write_checkpoint(path, TENSORS, FACTS)
    content = bytearray(path.read_bytes())
    for place, byte in damage:
        # Half of them in the header, which is a tenth of the file.
        content[place // 2 % (len(content) if place % 2 else 600)] = byte
    del content[len(content) if cut is None else cut % (len(content) + 1) :]
    path.write_bytes(content + more)
    try:
        read = read_checkpoint(path, FACTS)
    except ValueError as error:
        assert "fuzzed.safetensors" in str(error)
        return
    # Only what leaves no trace in the content, such as a space in the header's padding.
    assert set(read) == set(TENSORS)
    for name, tensor in read.items():
        assert torch.equal(tensor.nan_to_num(7.0), TENSORS[name].nan_to_num(7.0))


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
def test_no_other_file_does_anything_but_being_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "noise.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"noise.safetensors is"):
        read_checkpoint(path, FACTS)
