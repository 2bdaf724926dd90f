"""Generated samples as files."""

import csv

import numpy as np
import pytest

from quantum_latents.evaluation.export import check_suffix, write_samples
from quantum_latents.molecules import GraphLayout

LAYOUT = GraphLayout(num_atoms=3, elements=("C", "O"))
CODES = np.array(
    [
        [1, 1, 0, 1, 1, 2],  # bonds 0-1 and 0-2: C, C, O
        [0, 2, 0, 2, 2, 1],  # two pieces
        [1, 0, 1, 1, 2, 1],  # C, O, C in a row
        [1, 1, 0, 1, 1, 2],
    ],
    dtype=np.uint8,
)


def test_vectors(tmp_path):
    samples = np.array([[1.5, -2.25], [1e-8, 3.0]], dtype=np.float32)
    assert write_samples(tmp_path / "x.npy", samples) == (2, None)
    assert np.array_equal(np.load(tmp_path / "x.npy"), samples)
    assert write_samples(tmp_path / "x.csv", samples) == (2, None)
    text = (tmp_path / "x.csv").read_text()
    assert text.splitlines()[0] == "x0,x1"
    read = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(read, samples), "nine digits hold a float32"
    assert {path.name for path in tmp_path.iterdir()} == {"x.npy", "x.csv"}


def test_smiles_are_the_valid_draws_in_order(tmp_path):
    assert write_samples(tmp_path / "m.smi", CODES, LAYOUT) == (3, 3)
    assert (tmp_path / "m.smi").read_text().splitlines() == ["CCO", "COC", "CCO"]


def test_a_table_holds_every_draw_with_its_reason(tmp_path):
    assert write_samples(tmp_path / "m.csv", CODES, LAYOUT) == (4, 3)
    with open(tmp_path / "m.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["index"] for line in lines] == ["0", "1", "2", "3"]
    assert [line["valid"] for line in lines] == ["true", "false", "true", "true"]
    assert lines[1]["smiles"] == ""
    assert lines[1]["reason"]
    assert lines[0]["reason"] == ""


def test_structures_read_back_as_the_same_molecules(tmp_path):
    from rdkit import Chem

    assert write_samples(tmp_path / "m.sdf", CODES, LAYOUT) == (3, 3)
    read = list(Chem.SDMolSupplier(str(tmp_path / "m.sdf")))
    assert [Chem.MolToSmiles(molecule) for molecule in read] == ["CCO", "COC", "CCO"]
    assert [molecule.GetIntProp("index") for molecule in read] == [0, 2, 3]
    assert read[0].GetProp("_Name") == "CCO"
    places = read[0].GetConformer().GetPositions()
    assert np.ptp(places[:, 0]) > 1, "drawn in the plane"
    assert (places[:, 2] == 0).all()


def test_codes_as_they_are(tmp_path):
    assert write_samples(tmp_path / "m.npy", CODES, LAYOUT) == (4, None)
    assert np.array_equal(np.load(tmp_path / "m.npy"), CODES)


def test_nothing_valid_is_an_empty_file(tmp_path):
    assert write_samples(tmp_path / "m.smi", CODES[1:2], LAYOUT) == (0, 0)
    assert (tmp_path / "m.smi").read_bytes() == b""
    assert write_samples(tmp_path / "m.sdf", CODES[1:2], LAYOUT) == (0, 0)


@pytest.mark.parametrize("name", ["m.smi", "m.sdf", "m.csv"])
def test_without_rdkit_the_install_line_is_told_and_nothing_written(tmp_path, monkeypatch, name):
    monkeypatch.setitem(__import__("sys").modules, "rdkit", None)
    with pytest.raises(ImportError, match=r"quantum-latents\[molecules\]"):
        write_samples(tmp_path / name, CODES, LAYOUT)
    assert not list(tmp_path.iterdir())
    check_suffix(tmp_path / "m.npy", LAYOUT)


@pytest.mark.parametrize(
    ("name", "layout", "said"),
    [
        ("m.smi", None, "vectors are written to .npy or .csv"),
        ("m.xyz", LAYOUT, "molecules are written to .smi, .sdf, .csv or .npy"),
        ("m", LAYOUT, "not to 'm'"),
    ],
)
def test_another_suffix_is_refused(name, layout, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        check_suffix(tmp_path / name, layout)
