"""Sets of molecules: from any kind of file to the same set, split by each molecule alone."""

import csv
import gzip
import io
import itertools
import json
import os
import random
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

import quantum_latents.data.molecule_sets as sets
import quantum_latents.data.molecules as module
from quantum_latents.data import MoleculesSpec, load, molecules_spec, write_prepared
from quantum_latents.data.molecules import load_molecules
from quantum_latents.data.smiles_files import read_archive, read_smiles
from quantum_latents.molecules import GraphLayout, graphs_from_smiles
from quantum_latents.random import stream

BY_HAND = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "molecules" / "by_hand.smi").read_text().splitlines()
    if not line.startswith("#")
]
CHARGED = "C[NH3+]"


def save(folder, name, smiles):
    """Write SMILES to a file of any kind; return its path."""
    path = folder / name
    if name.endswith(".tar.bz2"):
        with tarfile.open(path, "w:bz2") as archive:
            for number, text in enumerate(smiles, 1):
                content = xyz(text).encode()
                member = tarfile.TarInfo(f"dsgdb9nsd_{number:06d}.xyz")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path
    stream_ = io.StringIO()
    if ".csv" in name or ".tsv" in name:
        writer = csv.writer(stream_, delimiter="\t" if ".tsv" in name else ",")
        writer.writerow(["mol_id", "smiles", "u0"])
        writer.writerows([f"gdb_{k}", text, -0.5] for k, text in enumerate(smiles))
    else:
        stream_.write("# written by hand\n\nSMILES name\n")
        stream_.writelines(f"{text}\tmolecule {k}\n" for k, text in enumerate(smiles))
    content = stream_.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return path


def xyz(smiles):
    atoms = Chem.AddHs(Chem.MolFromSmiles(smiles)).GetAtoms()
    rows = [f"{atom.GetSymbol()}\t0.0\t1.0*^-6\t0.0\t-0.1" for atom in atoms]
    return "\n".join(
        [str(len(rows)), "gdb 1\t1.0", *rows, "100.0\t200.0", f"{smiles}\tOTHER", "InChI=1S\tInChI"]
    )


def codes_of(text, layout):
    """Return the row of one molecule in the layout of a larger set."""
    alone = graphs_from_smiles([text])
    size, n = alone.layout.num_atoms, layout.num_atoms
    bonds = np.zeros((1, n, n), dtype=np.uint8)
    bonds[:, :size, :size] = alone.layout.bonds(alone.codes)
    nodes = np.zeros((1, n), dtype=np.uint8)
    for place, node in enumerate(alone.layout.nodes(alone.codes)[0]):
        if node:
            nodes[0, place] = 1 + layout.elements.index(alone.layout.elements[node - 1])
    return layout.codes(bonds, nodes)[0]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def spec(cache, tmp_path_factory):
    return molecules_spec(save(tmp_path_factory.mktemp("mine"), "by hand.smi", BY_HAND), cache)


KINDS = ["x.csv", "x.csv.gz", "x.tsv", "x.smi", "x.smi.gz", "x.smiles", "x.txt", "X.CSV.GZ"]


@pytest.mark.parametrize("name", [*KINDS, "x.tar.bz2"])
def test_every_kind_of_file_gives_the_same_set(tmp_path, cache, spec, name):
    if name == "X.CSV.GZ":
        path = save(tmp_path, "x.csv.gz", BY_HAND).rename(tmp_path / name)
    else:
        path = save(tmp_path, name, BY_HAND)
    assert read_smiles(path) == tuple(BY_HAND)
    found = molecules_spec(path, cache)
    assert found == replace(spec, name="X" if name[0] == "X" else "x")
    assert found.elements == ("C", "N", "O", "F")
    assert found.num_atoms == 9


def test_the_order_and_the_writing_of_a_file_leave_no_trace(tmp_path, cache, spec):
    shuffled = [Chem.CanonSmiles(text) for text in BY_HAND]
    random.Random(0).shuffle(shuffled)
    found = molecules_spec(save(tmp_path, "by hand.smi", shuffled), tmp_path / "other cache")
    assert found == spec


def test_a_data_set_of_graphs(spec, cache):
    data = load(spec, stream(0, "data"), cache)
    assert data.name == "by hand"
    assert data.layout == data.facts["layout"] == GraphLayout(num_atoms=9, elements=spec.elements)
    assert data.train.dtype == data.held_out.dtype == data.floor_reference.dtype == np.uint8
    parts = (data.facts["train_smiles"], data.facts["held_out_smiles"], data.facts["floor_smiles"])
    assert sorted(itertools.chain(*parts)) == sorted(map(Chem.CanonSmiles, BY_HAND))
    assert [len(part) for part in parts] == [
        len(data.train),
        len(data.held_out),
        len(data.floor_reference),
    ]
    for codes, text in zip(data.held_out, data.facts["held_out_smiles"], strict=True):
        assert np.array_equal(codes, codes_of(text, data.layout))
    train = {row.tobytes() for row in data.layout.to_codes(data.train)}
    assert train == {codes_of(text, data.layout).tobytes() for text in parts[0]}
    assert data.facts["reference_cache"] == cache / "molecules"
    assert data.notes[-1].endswith("a held-out molecule counts as novel.")
    # Runs of every seed share one copy of it.
    assert load(spec, stream(1, "data"), cache) is data
    other = load(replace(spec, held_out_fraction=0.4), stream(0, "data"), cache)
    assert other.facts["reference_key"] != data.facts["reference_key"]
    assert set(data.facts["held_out_smiles"]) < other.facts["train_smiles"] | set(
        other.facts["held_out_smiles"]
    ) | set(other.facts["floor_smiles"])


def test_another_order_of_the_atoms_moves_atoms_and_no_molecule(spec, cache):
    data, placed = (
        load_molecules(replace(spec, order=order), cache) for order in ("canonical", "rings_first")
    )
    for part in ("train_smiles", "held_out_smiles", "floor_smiles", "reference_key"):
        assert placed.facts[part] == data.facts[part]
    assert not np.array_equal(placed.train, data.train)
    assert np.array_equal(
        np.sort(placed.layout.to_codes(placed.train), axis=1),
        np.sort(data.layout.to_codes(data.train), axis=1),
    )


def test_where_a_molecule_goes_depends_on_itself_alone(tmp_path, cache, spec):
    full = load_molecules(spec, cache)
    some = load_molecules(molecules_spec(save(tmp_path, "x.smi", BY_HAND[::-2]), cache), cache)
    for part in ("train_smiles", "held_out_smiles", "floor_smiles"):
        kept = set(map(Chem.CanonSmiles, BY_HAND[::-2]))
        assert set(some.facts[part]) == set(full.facts[part]) & kept


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_shares_are_near_the_fractions_and_disjoint(tmp_path, fraction):
    chains = [f"{'C' * left}{middle}{'C' * right}"
              for left in range(1, 30) for right in range(left + 1)
              for middle in ("O", "N", "C(F)", "C(=O)O", "C#C", "C(O)=C")]  # fmt: skip
    spec = molecules_spec(
        save(tmp_path, "chains.smi", chains), tmp_path, held_out_fraction=fraction, max_atoms=64
    )
    data = load_molecules(spec, tmp_path)
    sizes = np.array([len(data.train), len(data.held_out), len(data.floor_reference)])
    expected = len(chains) * np.array([1 - fraction, fraction / 2, fraction / 2])
    # Five standard deviations of a multinomial count.
    assert (abs(sizes - expected) < 5 * np.sqrt(expected)).all()
    train, held_out, floor = (
        set(data.facts[part]) for part in ("train_smiles", "held_out_smiles", "floor_smiles")
    )
    assert not (train & held_out or train & floor or held_out & floor)


def test_repeats_stay_and_stay_together(tmp_path):
    spec = molecules_spec(save(tmp_path, "x.smi", BY_HAND * 3), tmp_path)
    data = load_molecules(spec, tmp_path)
    assert len(data.train) == 3 * len(data.facts["train_smiles"])
    assert f"{2 * len(BY_HAND):,} molecules repeat" in " ".join(data.notes)
    assert not set(data.facts["held_out_smiles"]) & data.facts["train_smiles"]


def test_what_was_dropped_is_told_and_belongs_to_the_content(tmp_path, spec):
    written = [*BY_HAND, CHARGED, "C.O", "C(", "C" * 39, "C[C@H](O)F"]
    found = molecules_spec(save(tmp_path, "x.smi", written), tmp_path)
    notes = load_molecules(found, tmp_path).notes
    total = len(written)
    for reason in (
        "charged",
        "several fragments",
        "not readable as SMILES",
        "more than 38 heavy atoms",
    ):
        assert f"1 of {total} molecules were dropped: {reason}." in notes
    assert "Stereochemistry was left out of 1 molecules." in notes
    assert found.sha256 != spec.sha256


def test_a_limit_on_atoms(tmp_path):
    path = save(tmp_path, "x.smi", BY_HAND)
    found = molecules_spec(path, tmp_path, max_atoms=4)
    assert found.num_atoms == 4
    notes = load_molecules(found, tmp_path).notes
    assert any("more than 4 heavy atoms" in note for note in notes)
    with pytest.raises(ValueError, match="max_atoms is 1 to 64, not 0"):
        molecules_spec(path, tmp_path, max_atoms=0)


def test_a_second_call_converts_nothing(tmp_path, monkeypatch):
    path = save(tmp_path, "x.csv", BY_HAND)
    first = molecules_spec(path, tmp_path)
    monkeypatch.setattr(module, "graphs_from_smiles", None)
    assert molecules_spec(path, tmp_path) == first
    moved = path.rename(tmp_path / "y.csv")
    assert molecules_spec(moved, tmp_path) == replace(first, name="y")


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "index", "renamed"])
def test_a_damaged_set_is_made_again_from_its_source_and_refused_without(tmp_path, damage):
    path = save(tmp_path, "x.csv", BY_HAND)
    spec = molecules_spec(path, tmp_path)
    file = tmp_path / "molecules" / f"{spec.sha256}.npz"
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "gone":
        file.unlink()
    elif damage == "index":
        for entry in (tmp_path / "molecules" / "sources").iterdir():
            entry.write_text("[1")
    else:  # an undamaged set under another's name
        other = molecules_spec(save(tmp_path, "y.csv", BY_HAND[1:]), tmp_path)
        (tmp_path / "molecules" / f"{other.sha256}.npz").replace(file)
    if damage != "index":
        with pytest.raises(ValueError, match=r"--data FILE") as failure:
            load_molecules(spec, tmp_path)
        assert str(file) in str(failure.value)
    assert molecules_spec(path, tmp_path) == spec
    assert len(load_molecules(spec, tmp_path).train) > 50


def test_smiles_of_another_rdkit_are_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "rdkit_version", lambda: "2020.01.1")
    spec = molecules_spec(save(tmp_path, "x.smi", BY_HAND), tmp_path)
    monkeypatch.undo()
    calls = []
    monkeypatch.setattr(Chem, "MolToSmiles", lambda molecule: calls.append(molecule) or "C")
    assert load_molecules(spec, tmp_path).facts["train_smiles"] == {"C"}
    assert len(calls) == len(BY_HAND)


def test_uncharacterised_molecules_can_be_left_out(tmp_path, monkeypatch):
    listed = tmp_path / "uncharacterized.txt"
    listed.write_text("Index  SMILES  Error\n=====\n     2  N  x\n    10  CC=C  1.0\n====\n2 ids\n")
    monkeypatch.setattr(module, "fetch", lambda remote, folder, on_progress: listed)
    path = save(tmp_path, "x.tar.bz2", BY_HAND)
    spec = molecules_spec(path, tmp_path, keep_uncharacterised=False)
    assert spec != molecules_spec(path, tmp_path)
    data = load_molecules(spec, tmp_path)
    left = [text for k, text in enumerate(BY_HAND, 1) if k not in (2, 10)]
    found = [*data.facts["train_smiles"], *data.facts["held_out_smiles"]]
    found += data.facts["floor_smiles"]
    assert sorted(found) == sorted(map(Chem.CanonSmiles, left))
    assert data.notes[0].startswith("2 molecules that QM9's authors list as uncharacterised")
    with pytest.raises(ValueError, match="archive"):
        molecules_spec(save(tmp_path, "x.smi", BY_HAND), tmp_path, keep_uncharacterised=False)


def test_qm9_is_fetched_into_the_cache_and_what_is_no_whole_qm9_is_not_called_so(
    tmp_path, monkeypatch
):
    archive = save(tmp_path, "dsgdb9nsd.xyz.tar.bz2", BY_HAND)
    asked = []

    def fetch(remote, folder, on_progress):
        asked.append((remote.name, folder))
        return archive

    monkeypatch.setattr(module, "fetch", fetch)
    spec = molecules_spec("qm9", tmp_path)
    assert asked == [("dsgdb9nsd.xyz.tar.bz2", tmp_path / "molecules")]
    assert spec.name == "qm9-part"
    assert molecules_spec(save(tmp_path, "qm9.csv", BY_HAND), tmp_path) == spec


def test_the_archive_numbers_its_molecules(tmp_path):
    path = save(tmp_path, "x.tar.bz2", BY_HAND)
    assert read_archive(path) == tuple(enumerate(BY_HAND, 1))


def test_progress_is_told(tmp_path):
    seen = []
    path = save(tmp_path, "x.tar.bz2", BY_HAND)
    molecules_spec(path, tmp_path, on_progress=lambda *progress: seen.append(progress))
    assert [what for what, _, _ in seen] == [f"reading {path.name}"] + ["converting molecules"] * 2


def test_an_archive_that_is_cut_short_is_refused(tmp_path):
    path = save(tmp_path, "x.tar.bz2", BY_HAND)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged, cut short"):
        molecules_spec(path, tmp_path)


def test_too_few_molecules_to_split(tmp_path):
    spec = molecules_spec(save(tmp_path, "x.smi", ["C", "CO", "CN"]), tmp_path)
    with pytest.raises(ValueError, match="each needs at least 2"):
        load_molecules(spec, tmp_path)


def test_a_set_of_another_shape_is_refused(spec, cache):
    with pytest.raises(ValueError, match="9 places"):
        load_molecules(replace(spec, num_atoms=10), cache)


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", ""),
        ("sha256", "abc"),
        ("held_out_fraction", 0.0),
        ("held_out_fraction", 1.0),
        ("num_atoms", 1),
        ("elements", ("C", "C")),
    ],
)
def test_fields_are_checked(spec, field, value):
    with pytest.raises(ValueError, match=field.split("_")[0].removesuffix("s")):
        replace(spec, **{field: value})


def test_the_spec_names_no_path(spec, cache):
    assert str(cache) not in json.dumps(vars(spec))
    assert isinstance(spec, MoleculesSpec)
    assert hash(spec) == hash(replace(spec))


def test_loading_needs_no_rdkit():
    # A set in the cache is read, split and trained on by processes that never load a chemistry
    # library; `import quantum_latents.data` loads none either.
    import subprocess
    import sys

    code = "import sys, quantum_latents.data; print('rdkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


QM9 = Path(os.environ.get("QLAT_QM9") or "nowhere")


@pytest.mark.slow
@pytest.mark.skipif(not QM9.is_file(), reason="QLAT_QM9 names no file of QM9")
def test_all_of_qm9(tmp_path):
    spec = molecules_spec(QM9, tmp_path)
    assert (spec.name, spec.num_atoms, spec.elements) == ("qm9", 9, ("C", "N", "O", "F"))
    data = load_molecules(spec, tmp_path)
    sizes = [len(data.train), len(data.held_out), len(data.floor_reference)]
    assert sum(sizes) == 132_040
    assert np.allclose(np.array(sizes) / 132_040, [0.8, 0.1, 0.1], atol=0.005)
    assert data.notes[0] == "1,845 of 133,885 molecules were dropped: charged."
    # Small ones that other preparations lose are there.
    everything = data.facts["train_smiles"] | {
        *data.facts["held_out_smiles"],
        *data.facts["floor_smiles"],
    }
    assert {"C", "N", "O"} <= everything


def test_a_prepared_set_is_the_same_set_without_rdkit(tmp_path, cache, spec, monkeypatch):
    prepared = write_prepared(spec, cache, tmp_path / f"{spec.name}.npz")
    monkeypatch.setattr(module, "_convert", lambda *arguments: pytest.fail("it read SMILES"))
    monkeypatch.setattr(module, "rdkit_version", lambda: None)
    there = tmp_path / "there"
    assert molecules_spec(prepared, there) == spec
    kept = there / "molecules" / f"{spec.sha256}.npz"
    assert kept.read_bytes() == prepared.read_bytes()
    kept.write_bytes(b"damaged")
    assert molecules_spec(prepared, there) == spec
    assert kept.read_bytes() == prepared.read_bytes()
    ours, theirs = load_molecules(spec, cache), load_molecules(spec, there)
    np.testing.assert_array_equal(ours.train, theirs.train)
    assert ours.facts["held_out_smiles"] == theirs.facts["held_out_smiles"]


def test_what_is_no_prepared_set_is_refused(tmp_path, cache, spec):
    with pytest.raises(ValueError, match="qlat prepare writes one"):
        molecules_spec(tmp_path / "absent.npz", tmp_path)
    np.savez(tmp_path / "other.npz", codes=np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        molecules_spec(tmp_path / "other.npz", tmp_path)
    with pytest.raises(ValueError, match=r"written to \.npz, not to 'set.smi'"):
        write_prepared(spec, cache, tmp_path / "set.smi")
    prepared = write_prepared(spec, cache, tmp_path / "set.npz")
    with pytest.raises(ValueError, match="is prepared"):
        molecules_spec(prepared, tmp_path, max_atoms=3)
