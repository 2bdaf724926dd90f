"""Banks from files and to files: what goes out comes back, and a bad file is one clear line."""

import json
import pickle

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from quantum_latents.banks import (
    BankError,
    export_bank,
    import_bank,
    import_file,
    open_bank,
    read_counts,
    recorded,
    strings,
    tables,
)

SMALL_BLOCK = 7
"""Rows of a block, so that small files have several."""


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (recorded, strings, tables):
        monkeypatch.setattr(module, "BLOCK_ROWS", SMALL_BLOCK)
    monkeypatch.setattr("quantum_latents.banks.files.BLOCK_ROWS", SMALL_BLOCK)
    monkeypatch.setattr("quantum_latents.banks.imported.IMPORTED_CHUNK_ROWS", 10)


@pytest.fixture
def counts():
    return np.random.default_rng(0).integers(0, 10, size=(53, 5)).astype(np.uint8)


@pytest.fixture
def bank(tmp_path, counts):
    return import_bank(counts, tmp_path / "mine", {"from": "a test"})


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet", ".txt"])
def test_what_is_exported_comes_back_in_order(suffix, bank, counts, tmp_path, small_blocks):
    seen = []
    file = export_bank(bank, tmp_path / f"out{suffix}", progress=lambda *at: seen.append(at))
    assert seen[-1] == (53, 53)
    assert len(seen) == 8
    again = import_file(file, tmp_path / "again")
    assert np.array_equal(again.counts, counts)
    assert len(again.manifest["checksums"]) == 6  # chunks of ten: several blocks, several chunks
    said = again.manifest["provenance"]
    assert said["shot_order"] == "kept"
    assert said["source"]["file"] == file.name
    assert str(tmp_path) not in json.dumps(again.manifest)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet"])
def test_counts_of_two_digits_keep_their_digits(suffix, tmp_path):
    counts = np.array([[0, 255, 10], [9, 0, 1]])
    bank = import_bank(counts, tmp_path / "mine", {})
    file = export_bank(bank, tmp_path / f"out{suffix}")
    assert np.array_equal(import_file(file, tmp_path / "again").counts, counts)
    with pytest.raises(ValueError, match=r"shot 1 .* 255 counts in mode 1"):
        export_bank(bank, tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_other_libraries_read_what_is_exported(bank, counts, tmp_path):
    assert np.array_equal(np.load(export_bank(bank, tmp_path / "o.npy")), counts)
    for frame in (
        pandas.read_csv(export_bank(bank, tmp_path / "o.csv")),
        pandas.read_parquet(export_bank(bank, tmp_path / "o.parquet")),
    ):
        assert list(frame.columns) == [f"mode_{mode}" for mode in range(5)]
        assert np.array_equal(frame.to_numpy(), counts)
    lines = export_bank(bank, tmp_path / "o.txt").read_text().split()
    assert lines == ["".join(map(str, row)) for row in counts.tolist()]


def test_strings_keep_leading_zeros_and_may_be_reversed(tmp_path):
    (tmp_path / "shots.txt").write_text("0012\r\n0100\r\n\n")
    assert import_file(tmp_path / "shots.txt", tmp_path / "a").counts.tolist() == [
        [0, 0, 1, 2],
        [0, 1, 0, 0],
    ]
    reverse = import_file(tmp_path / "shots.txt", tmp_path / "b", reverse=True)
    assert reverse.counts.tolist() == [[2, 1, 0, 0], [0, 0, 1, 0]]


def test_a_dictionary_of_counts_gives_all_shots_and_says_what_it_lost(tmp_path, small_blocks):
    (tmp_path / "counts.json").write_text('{"001": 20, "110": 3}')
    bank = import_file(tmp_path / "counts.json", tmp_path / "a")
    assert bank.counts.tolist() == 20 * [[0, 0, 1]] + 3 * [[1, 1, 0]]
    assert bank.manifest["provenance"]["shot_order"] == "lost"
    assert "order" in bank.manifest["provenance"]["notes"][0]
    turned = import_file(tmp_path / "counts.json", tmp_path / "b", reverse=True)
    assert turned.counts[0].tolist() == [1, 0, 0]


def test_a_header_is_seen_or_said(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("first,second,third\n1,0,2\n")
    assert import_file(file, tmp_path / "1").counts.tolist() == [[1, 0, 2]]
    file.write_text("1,0,2\n1.0,0.0,3e0\n")
    assert import_file(file, tmp_path / "2").counts.tolist() == [[1, 0, 2], [1, 0, 3]]
    # What pandas writes for columns without names could also be a shot.
    pandas.DataFrame([[4, 5, 6]]).to_csv(file, index=False)
    with pytest.raises(ValueError, match="--header yes or --header no"):
        import_file(file, tmp_path / "3")
    assert import_file(file, tmp_path / "3", header=True).counts.tolist() == [[4, 5, 6]]
    assert import_file(file, tmp_path / "4", header=False).counts.tolist() == [[0, 1, 2], [4, 5, 6]]
    notes = [open_bank(tmp_path / n).manifest["provenance"]["notes"] for n in ("1", "2", "3")]
    assert notes[0] and "first, second, third" in notes[0][0] and not notes[1] and notes[2]


def test_whole_numbers_of_every_dtype_are_counts(tmp_path):
    for number, dtype in enumerate(("bool", "int64", "uint8", "float32", "float16")):
        np.save(tmp_path / "a.npy", np.asfortranarray(np.array([[1, 0], [1, 1]], dtype=dtype)))
        assert import_file(tmp_path / "a.npy", tmp_path / f"{number}").counts.sum() == 3
        frame = pandas.DataFrame({"a": np.array([1, 0], dtype), "b": np.array([1, 1], dtype)})
        frame.to_parquet(tmp_path / "a.parquet", index=False)
        assert import_file(tmp_path / "a.parquet", tmp_path / f"p{number}").counts.sum() == 3


def _npy(path, array):
    np.save(path / "a.npy", array)


def _parquet(path, frame, **options):
    frame.to_parquet(path / "a.parquet", **options)


def _cut(path, name):
    whole = (path / name).read_bytes()
    (path / name).write_bytes(whole[: len(whole) * 2 // 3])


def _long_csv(path, spoilt):
    lines = ["1,0"] * 20
    lines[16] = spoilt
    (path / "a.csv").write_text("\n".join(lines) + "\n")


BAD = {
    "npy empty": ("a.npy", lambda p: (p / "a.npy").touch(), "is empty"),
    "npy no rows": ("a.npy", lambda p: _npy(p, np.zeros((0, 3))), r"shape \(0, 3\)"),
    "npy one axis": ("a.npy", lambda p: _npy(p, np.zeros(3)), r"reshape\(-1, NUM_MODES\)"),
    "npy negative": ("a.npy", lambda p: _npy(p, np.array([[0, 1], [0, -1]])), "shot 2, mode 1: -1"),
    "npy fraction": ("a.npy", lambda p: _npy(p, np.array([[0.5]])), "shot 1, mode 0: 0.5 is no wh"),
    "npy 256": ("a.npy", lambda p: _npy(p, np.array([[0], [256]])), "shot 2, mode 0: 256 does not"),
    "npy NaN": ("a.npy", lambda p: _npy(p, np.array([[0], [np.nan]])), "shot 2, mode 0: a missing"),
    "npy infinite": ("a.npy", lambda p: _npy(p, np.array([[np.inf]])), "inf does not fit"),
    "npy text": ("a.npy", lambda p: _npy(p, np.array([["1"]])), "array of <U1"),
    "npy cut": ("a.npy", lambda p: (_npy(p, np.zeros((99, 9))), _cut(p, "a.npy")), "cut short"),
    "npy no npy": ("a.npy", lambda p: (p / "a.npy").write_bytes(b"PK\3\4more"), "no .npy file"),
    "npy pickled": ("a.npy", lambda p: _npy(p, np.array([[{}]])), "pickled Python objects"),
    "npy a pickle": ("a.npy", lambda p: (p / "a.npy").write_bytes(pickle.dumps([1])), "no .npy"),
    "parquet cut": (
        "a.parquet",
        lambda p: (_parquet(p, pandas.DataFrame({"a": range(999)})), _cut(p, "a.parquet")),
        "cut short or no Parquet",
    ),
    "parquet empty": (
        "a.parquet",
        lambda p: _parquet(p, pandas.DataFrame({"a": np.zeros(0, int)})),
        "is empty",
    ),
    "parquet text": (
        "a.parquet",
        lambda p: _parquet(p, pandas.DataFrame({"shots": ["0011"]})),
        "column 'shots' holds",
    ),
    "parquet null": (
        "a.parquet",
        lambda p: _parquet(p, pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64")})),
        "column 'a' holds missing values",
    ),
    "parquet negative": (
        "a.parquet",
        lambda p: _parquet(p, pandas.DataFrame({"a": [0] * 9 + [-2]})),
        "shot 10, mode 0: -2 is negative",
    ),
    "parquet index": (
        "a.parquet",
        lambda p: _parquet(p, pandas.DataFrame({"a": [1, 2]}, index=[3, 7])),
        "saved row index",
    ),
    "csv empty": ("a.csv", lambda p: (p / "a.csv").write_text("\n\n"), "is empty"),
    "csv header alone": ("a.csv", lambda p: (p / "a.csv").write_text("a,b\n"), "header and no sh"),
    "csv header mixed": ("a.csv", lambda p: (p / "a.csv").write_text("a,1\n"), "'a' is no count"),
    "csv header short": (
        "a.csv",
        lambda p: (p / "a.csv").write_text("a\n1,2\n"),
        "header has 1 names and line 2 2 cells",
    ),
    "csv index": (
        "a.csv",
        lambda p: pandas.DataFrame([[1, 2, 3]]).to_csv(p / "a.csv"),
        "saved row index",
    ),
    "csv ragged": ("a.csv", lambda p: _long_csv(p, "1,0,0"), "line 17 has 3 cells"),
    "csv short": ("a.csv", lambda p: _long_csv(p, "1"), "line 17 has 1 cells"),
    "csv negative": ("a.csv", lambda p: _long_csv(p, "1,-3"), "line 17: -3 is negative"),
    "csv fraction": ("a.csv", lambda p: _long_csv(p, "1,0.25"), "line 17: 0.25 is no whole"),
    "csv 256": ("a.csv", lambda p: _long_csv(p, "1,256"), "line 17: 256 does not fit"),
    "csv NaN": ("a.csv", lambda p: _long_csv(p, "1,nan"), "line 17: a missing value"),
    "csv no cell": ("a.csv", lambda p: _long_csv(p, "1,"), "line 17: an empty cell"),
    "csv word": ("a.csv", lambda p: _long_csv(p, "1,x"), "line 17: 'x' is no count"),
    "csv no line": ("a.csv", lambda p: _long_csv(p, ""), "line 17 is empty: a shot is missing"),
    "csv semicolons": ("a.csv", lambda p: (p / "a.csv").write_text("1;0\n"), "separated by ';'"),
    "csv binary": ("a.csv", lambda p: (p / "a.csv").write_bytes(b"\xff\xfe\0"), "is no text"),
    "csv endless": (
        "a.csv",
        lambda p: (p / "a.csv").write_text("1," * 600_000),
        "line of over a million",
    ),
    "txt empty": ("a.txt", lambda p: (p / "a.txt").write_text(""), "is empty"),
    "txt ragged": ("a.txt", lambda p: (p / "a.txt").write_text("001\n01\n"), "line 2 has 2 digits"),
    "txt word": ("a.txt", lambda p: (p / "a.txt").write_text("001\n0x1\n"), "line 2: '0x1' is no"),
    "txt minus": ("a.txt", lambda p: (p / "a.txt").write_text("-01\n"), "line 1: '-01' is no"),
    "txt registers": ("a.txt", lambda p: (p / "a.txt").write_text("01 10\n"), "'01 10' is no shot"),
    "txt other digits": (
        "a.txt",
        lambda p: (p / "a.txt").write_text("0٣\n", encoding="utf-8"),
        "is no shot",
    ),
    "txt header": (
        "a.txt",
        lambda p: (p / "a.txt").write_text("shots\n01\n"),
        "'shots' is no shot",
    ),
    "txt hole": ("a.txt", lambda p: (p / "a.txt").write_text("01\n\n01\n"), "line 2 is empty"),
    "json cut": ("a.json", lambda p: (p / "a.json").write_text('{"01": 5'), "damaged or no JSON"),
    "json list": ("a.json", lambda p: (p / "a.json").write_text("[1]"), "no dictionary of counts"),
    "json empty": ("a.json", lambda p: (p / "a.json").write_text("{}"), "is empty"),
    "json ragged": (
        "a.json",
        lambda p: (p / "a.json").write_text('{"01":1,"1":1}'),
        "not 2 digits",
    ),
    "json hex": ("a.json", lambda p: (p / "a.json").write_text('{"0x1":1}'), "'0x1' is no shot"),
    "json twice": ("a.json", lambda p: (p / "a.json").write_text('{"1":1,"1":2}'), "'1' twice"),
    "json share": ("a.json", lambda p: (p / "a.json").write_text('{"1":0.5}'), "0.5 times"),
    "json negative": ("a.json", lambda p: (p / "a.json").write_text('{"1":-5}'), "-5 times"),
    "json deep": (
        "a.json",
        lambda p: (p / "a.json").write_text("[" * 99_999),
        "damaged or no JSON",
    ),
    "suffix": ("a.pkl", lambda p: (p / "a.pkl").write_bytes(b"x"), "must end in .npy, .csv"),
    "missing": ("a.npy", lambda p: None, "there is no file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_nothing_is_left(name, tmp_path, small_blocks):
    file, spoil, said = BAD[name]
    spoil(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=said) as caught:
        import_file(tmp_path / file, tmp_path / "bank")
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_every_block_is_of_one_width_and_the_interferometers(tmp_path):
    with pytest.raises(ValueError, match="a shot has 2 counts, one a mode, not 3"):
        import_bank(iter([np.ones((2, 2)), np.ones((2, 3))]), tmp_path / "a", {})
    with pytest.raises(ValueError, match="no counts"):
        import_bank(iter([]), tmp_path / "a", {})
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    with pytest.raises(ValueError, match="shots of 2 modes, and the interferometer has 3"):
        import_file(tmp_path / "a.npy", tmp_path / "a", num_modes=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy"]


def test_what_the_disk_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "a.json").write_text('{"01": 1000000000000000}')
    with pytest.raises(ValueError, match="takes 2,000,000,000,000,000 bytes"):
        import_file(tmp_path / "a.json", tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json"]


def test_a_callers_array_may_be_filled_again(tmp_path):
    def blocks():
        block = np.zeros((3, 2), np.uint8)
        for number in range(5):
            block[:] = number
            yield block

    bank = import_bank(blocks(), tmp_path / "a", {})
    assert bank.counts[:, 0].tolist() == [n for n in range(5) for _ in range(3)]


def test_nothing_is_overwritten(bank, tmp_path):
    file = export_bank(bank, tmp_path / "a.npy")
    with pytest.raises(FileExistsError, match="already exists"):
        export_bank(bank, file)
    (tmp_path / "link.npy").symlink_to(tmp_path / "nowhere.npy")
    with pytest.raises(FileExistsError, match="already exists"):
        export_bank(bank, tmp_path / "link.npy")
    with pytest.raises(BankError, match="not empty"):
        import_file(file, bank.folder)
    with pytest.raises(FileNotFoundError, match="no folder"):
        export_bank(bank, tmp_path / "no" / "a.npy")
    with pytest.raises(ValueError, match="loses the order"):
        export_bank(bank, tmp_path / "a.json")


def test_an_export_that_breaks_off_leaves_nothing(bank, tmp_path, small_blocks):
    def stop(done, total):
        if done > 20:
            raise KeyboardInterrupt

    for suffix in (".npy", ".csv", ".parquet", ".txt"):
        with pytest.raises(KeyboardInterrupt):
            export_bank(bank, tmp_path / f"a{suffix}", progress=stop)
    with pytest.raises(KeyboardInterrupt):
        import_file(export_bank(bank, tmp_path / "b.csv"), tmp_path / "bank", progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv", "mine"]


def test_no_more_than_a_block_is_in_memory(tmp_path, small_blocks):
    np.save(tmp_path / "a.npy", np.ones((50, 3), np.uint8))
    pyarrow.parquet.write_table(
        pyarrow.table({"a": [1] * 50, "b": [2] * 50}), tmp_path / "a.parquet", row_group_size=20
    )
    (tmp_path / "a.csv").write_text("1,2\n" * 50)
    (tmp_path / "a.txt").write_text("12\n" * 50)
    (tmp_path / "a.json").write_text('{"12": 50}')
    for suffix in (".npy", ".parquet", ".csv", ".txt", ".json"):
        sizes = [len(block) for block in read_counts(tmp_path / f"a{suffix}").blocks]
        assert sum(sizes) == 50
        assert max(sizes) <= SMALL_BLOCK
