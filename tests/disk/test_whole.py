"""A file is the old one or the new one, whole, and nothing lies beside it."""

import pytest

from quantum_latents.disk import replacing, write_atomically


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    return path


@pytest.mark.parametrize("has_one_writer", [False, True])
def test_a_file_is_replaced_and_its_part_is_gone(path, has_one_writer):
    with replacing(path, has_one_writer=has_one_writer) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"half")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_overwritten(path):
    path.with_name(".weights.new").write_bytes(b"left by a killed writer, and longer")
    write_atomically(path, b"new", has_one_writer=True)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
