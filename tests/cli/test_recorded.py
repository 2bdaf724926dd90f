"""`qlat import` and `qlat export` as a user types them."""

import json

import numpy as np
import pytest

from quantum_latents.banks import import_bank, open_bank
from quantum_latents.circuits import parse, rebuild
from quantum_latents.cli import main
from quantum_latents.random import stream


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def counts():
    return np.random.default_rng(0).integers(0, 4, size=(60, 4)).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet", "txt"])
def test_out_and_in_again(suffix, counts, folder, capsys):
    import_bank(counts, folder / "mine", {})
    assert main(["export", "mine", "--out", f"a.{suffix}"]) == 0
    assert f"60 shots of 4 modes: a.{suffix}" in capsys.readouterr().out
    assert main(["import", f"a.{suffix}", "--out", "again"]) == 0
    assert "bank: again" in capsys.readouterr().out
    assert np.array_equal(open_bank("again").counts, counts)


def test_what_the_photons_went_through_is_kept(counts, folder, capsys):
    np.save("a.npy", counts)
    call = ["import", "a.npy", "--interferometer", "haar:4", "--seed", "7", "--json"]
    for option, occupation in (
        (["--photons", "2"], [1, 0, 1, 0]),
        (["--fill", "all"], [1, 1, 1, 1]),
        (["--input", "0,2,0,0"], [0, 2, 0, 0]),
    ):
        out = f"out-{option[0]}"
        assert main([*call, *option, "--out", out]) == 0
        said = json.loads(capsys.readouterr().out)["provenance"]
        assert said["occupation"] == occupation
        assert "postselection" not in said
        # The interferometer of `qlat sample` with the same words.
        assert rebuild(said["interferometer"]) == parse("haar:4", stream(7, "interferometer"))


@pytest.mark.parametrize(("word", "kept"), [("3", {"at_least": 3}), ("=3", {"exactly": 3})])
def test_which_shots_were_kept_is_kept(word, kept, counts, folder, capsys):
    np.save("a.npy", counts)
    call = "import a.npy --out b --interferometer haar:4 --fill all --json --postselect".split()
    assert main([*call, word]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["postselection"] == kept


def test_machine_readable_output_is_alone(counts, folder, capsys):
    import_bank(counts, folder / "mine", {})
    assert main(["export", "mine", "--out", "a.csv", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["num_samples"], said["out"]) == (60, "a.csv")
    assert said["checksum"] == open_bank("mine").checksum


MISTAKES = [
    ("export mine", "--out FILE or --to-hub"),
    ("export mine --out b.npy --to-hub a/b", "--out FILE or --to-hub"),
    ("export mine --out there.npy", "already exists"),
    ("export mine --out no/b.npy", "no folder no"),
    ("export mine --out b.xls", ".npy, .csv"),
    ("export mine --out b.json", "loses the order"),
    ("export mine --out b.npy --license cc0-1.0", "belong to --to-hub"),
    ("export mine --to-hub a/b", "--license"),
    ("export absent --out b.npy", "absent is not a bank"),
    ("import absent.npy --out b", "no file"),
    ("import there.npy --out mine", "not empty"),
    ("import there.npy --out there.npy", "not empty"),
    ("import minus.csv --out b", "line 2: -1 is negative"),
    ("import there.npy --out b --reverse", "only strings"),
    ("import there.npy --out b --header yes", "only a .csv"),
    ("import there.npy --out b --photons 2", "--interferometer haar:16"),
    ("import there.npy --out b --interferometer haar:4", "photons once"),
    ("import there.npy --out b --interferometer haar:5 --photons 2", "interferometer has 5"),
    ("import there.npy --out b --interferometer haar:4 --input 1,x", "1,x"),
    ("import there.npy --out b --interferometer haar:4 --input 1,1", "4"),
    ("import there.npy --out b --interferometer haar:4 --fill all --postselect x", "not 'x'"),
    ("import there.npy --out b --postselect 3", "--interferometer haar:16"),
    ("import hub:a/b --out b --photons 2", "leave --photons out"),
]


@pytest.mark.parametrize(("call", "said"), MISTAKES, ids=[call for call, _ in MISTAKES])
def test_a_mistake_is_one_line_exit_code_2_and_nothing_written(call, said, folder, counts, capsys):
    import_bank(counts, folder / "mine", {})
    np.save("there.npy", counts)
    (folder / "minus.csv").write_text("1,0\n1,-1\n")
    before = sorted(path.name for path in folder.rglob("*"))
    assert main(call.split()) == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.startswith("qlat: ")
    assert printed.err.strip().count("\n") == 0
    assert printed.out == ""
    assert sorted(path.name for path in folder.rglob("*")) == before
