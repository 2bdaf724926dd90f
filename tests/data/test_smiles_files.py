"""Files of SMILES: what cannot be read is named, and nothing unfolds without bounds."""

import bz2
import gzip
import io
import tarfile

import pytest

from quantum_latents.data import molecules_spec
from quantum_latents.data.smiles_files import read_archive, read_smiles


@pytest.mark.parametrize(
    "name, content, fault",
    [
        ("x.csv", None, "there is no file"),
        ("x.xlsx", b"", "of no kind that molecules are read from"),
        ("x.csv", b"", "is empty"),
        ("x.smi", b"\n# nothing\n", "is empty"),
        ("x.csv", b"smiles\n", "is empty"),
        ("x.csv", b"id,formula\n1,CO\n", "no column called smiles among id, formula"),
        ("x.csv", b"smiles,SMILES\nC,C\n", "two columns called smiles"),
        ("x.csv", b"id,x,smiles\n1,2,C\n1\n", "a row ends before its column"),
        ("x.csv", b'id,smiles\n1,"C\n', "cannot be read as a table"),
        ("x.csv.gz", b"id,smiles\n1,C\n", "not compressed by gzip"),
        (
            "x.csv.gz",
            gzip.compress(b"smiles\n" + b"CO\n" * 999, mtime=0)[:-9],
            "damaged, cut short",
        ),
        ("x.csv", gzip.compress(b"smiles\nC\n", mtime=0), "must end in .gz"),
        ("x.smi", b"[NH4+]\nC.C\n", "none of 2 molecules is left"),
        ("x.tar.bz2", b"no archive", "damaged, cut short or not QM9's archive"),
        ("x.tar.bz2", bz2.compress(b""), "QM9's archive"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, content, fault):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=fault) as failure:
        molecules_spec(path, tmp_path / "cache")
    assert str(path) in str(failure.value)
    assert not list((tmp_path / "cache").rglob("*.npz"))


@pytest.mark.parametrize("name", ["x.csv.gz", "x.smi.gz", "x.tar.bz2"])
def test_a_small_file_that_unfolds_to_a_large_one_is_not_read(tmp_path, monkeypatch, name):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(b"smiles\n" + b"C" * 4_000_000))
    else:
        with tarfile.open(path, "w:bz2") as archive:
            for number in range(8):
                member = tarfile.TarInfo(f"a_{number}.xyz")
                member.size = 500_000
                archive.addfile(member, io.BytesIO(b"\n" * member.size))
    assert path.stat().st_size < 20_000
    monkeypatch.setattr("quantum_latents.data.smiles_files.LARGEST_TEXT", 100_000)
    with pytest.raises(ValueError, match="unfolds to more than 100,000 bytes"):
        read_smiles(path)


def test_a_file_of_an_archive_is_no_larger_than_a_molecule(tmp_path):
    path = tmp_path / "x.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        member = tarfile.TarInfo("a_1.xyz")
        member.size = 3_000_000
        archive.addfile(member, io.BytesIO(b"\n" * member.size))
    with pytest.raises(ValueError, match=r"'a_1\.xyz' has 3,000,000 bytes"):
        read_archive(path)
